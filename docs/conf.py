"""How the documentation site is built by ``make docs``; docs/contributing.md tells how to write."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "_extensions"))
# Cells find the package beside this folder, and hidden ones the studies simulated for the tests.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])

from countglm import __version__  # noqa: E402


def digest_of_sources() -> str:
    """Return a digest of all that can change what a cell prints: the package's sources."""
    digest = hashlib.sha256()
    for source in sorted((ROOT / "src").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


project = "countglm"
author = "The countglm developers"
project_copyright = author
release = version = __version__
language = "en"
# Quotation marks in code-like words of docstrings are to be copied.
smartquotes = False

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "needed_data",
    "offline_links",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_*", "**/_*"]
nitpicky = True

# Cells run in a folder of their own and must not warn. A cell that raises fails the build; one that
# should raise says so (":tags: [raises-exception]").
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "docs-cells" / digest_of_sources())
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "error"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/svg+xml", 5)]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline", "attrs_block"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Types stand in the docstrings, written for readers.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"countglm {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"


def complete(app: Sphinx, name: str, source: list[str]) -> None:
    """Say what pages need not: links to CHANGELOG.md lead to its page, cells are Python."""
    source[0] = source[0].replace(
        "\n  name: python3\n", "\n  name: python3\n  language: python\n", 1
    )
    source[0] = re.sub(r"\]\((?:\.\./)+CHANGELOG\.md\)", "](/changes.md)", source[0])


def without_arguments(
    app: Sphinx, what: str, name: str, value: object, options: object, *text: str | None
) -> tuple[str, None] | None:
    """Leave out how a result is made: users get it from a function, its attributes are listed."""
    return ("", None) if what == "class" else None


def setup(app: Sphinx) -> None:
    """Register what is above; Sphinx calls this."""
    app.connect("autodoc-process-signature", without_arguments)
    app.connect("source-read", complete)
