"""The site: every public name is in the reference, links are checked, data may be absent."""

from __future__ import annotations

import importlib.util
import inspect
import re
import types
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import countglm
from tests.support.documents import FENCE, documents
from tests.support.fresh import REPOSITORY

DOCS = REPOSITORY / "docs"
DIRECTIVE = re.compile(r"^\.\. auto(?:function|class|exception):: countglm\.([.\w]+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


def extension(name: str) -> types.ModuleType:
    """Load an extension of the site; none imports Sphinx before it has to."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_extensions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public_names() -> set[str]:
    """Return what a user may call: the façade's names and what its modules define."""
    names = set()
    for name in countglm.__all__:
        value = getattr(countglm, name)
        if not isinstance(value, types.ModuleType):
            names |= {name} - {"__version__"}
            continue
        for inner, function in vars(value).items():
            public = inner in getattr(value, "__all__", [inner]) and not inner.startswith("_")
            if public and inspect.isfunction(function):
                names |= (
                    {f"{name}.{inner}"} if function.__module__.startswith(value.__name__) else set()
                )
    return names


def test_every_public_name_is_in_the_reference() -> None:
    pages = [path.read_text() for path in (DOCS / "reference").glob("*.md")]
    documented = [name for page in pages for name in DIRECTIVE.findall(page)]
    assert len(documented) == len(set(documented))
    assert public_names() - set(documented) == set()
    # The table that leads a page lists what the page has.
    for page in pages:
        listed = re.findall(r"^   ([.\w]+)$", page, re.M)
        assert listed == DIRECTIVE.findall(page)


def slug(heading: str) -> str:
    """Return the anchor that Markdown viewers and the site give a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
    return kept.strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(heading) for heading in HEADING.findall(FENCE.sub("", path.read_text()))}


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document: str) -> None:
    path = REPOSITORY / document
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text()))
    ill_formed = extension("offline_links").ill_formed
    for url in LINK.findall(text):
        parts = urlsplit(url)
        if parts.scheme:
            assert not ill_formed(url), url
            continue
        target = (path.parent / parts.path).resolve() if parts.path else path
        assert target.is_file(), url
        if parts.fragment and target.suffix == ".md":
            assert parts.fragment in anchors(target), url


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ('<a href="other.html#there">x</a><img src="a.png" alt="words">', None),
        ('<a href="https://example.org/a?b=c#d">x</a>', None),
        ('<a href="other.html#gone">x</a>', "no such place"),
        ('<a href="#gone">x</a>', "no such place"),
        ('<a href="gone.html">x</a>', "nothing at gone.html"),
        ('<a href="http://example.org">x</a>', "ill-formed"),
        ('<a href="https://example">x</a>', "ill-formed"),
        ('<img src="a.png" alt="a.png">', "picture without words"),
        ('<script src="https://cdn.example.org/a.js"></script>', "needs the network"),
    ],
)
def test_complaints_about_a_built_page(html: str, complaint: str | None, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html)
    (tmp_path / "other.html").write_text('<h2 id="there">There</h2>')
    (tmp_path / "a.png").write_bytes(b"")
    found = extension("offline_links").complaints(tmp_path)
    if complaint is None:
        assert found == []
    else:
        assert len(found) == 1
        assert complaint in found[0]


def test_a_page_says_which_of_its_data_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = extension("needed_data")
    text = "---\nfile_format: mystnb\nneeds_data: [here, there]\n---\n\n# Title\n\nText.\n"
    monkeypatch.delenv("COUNTGLM_TEST_DATA", raising=False)
    assert needed.missing(text) == ["here", "there"]
    monkeypatch.setenv("COUNTGLM_TEST_DATA", str(tmp_path))
    (tmp_path / "here").mkdir()
    assert needed.missing(text) == ["there"]
    assert needed.missing("# Title\n") == []
    source = [text]
    needed.tell(None, "page", source)
    assert "were not run when the site was built, because their data were not there: there." in (
        source[0].replace("\n", " ")
    )
