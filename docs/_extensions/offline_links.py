"""After a build: links lead somewhere, pictures have words, and no page needs a network.

Links to other sites are not followed; their form is looked at.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
# Links that a browser follows only when asked to, and that load nothing.
POINTERS = {"canonical", "index", "search", "next", "prev", "author", "license"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.without_words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what an element names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in POINTERS:
            self.loaded.append(given[LOADED[tag]])
        # A picture drawn by a cell for which nobody wrote words has its file's name.
        if tag == "img" and given.get("alt", "").strip() in {"", given.get("src"), "image"}:
            self.without_words.append(given.get("src", ""))


def ill_formed(url: str) -> bool:
    """Return whether the address of another site cannot be right."""
    parts = urlsplit(url)
    if parts.scheme == "mailto":
        return "@" not in parts.path
    host = parts.hostname or ""
    dotted = "." in host and not host.startswith(".") and not host.endswith(".")
    return parts.scheme != "https" or not dotted or any(c in url for c in " <>{}|\\^`")


def complaints(folder: Path) -> list[str]:
    """Return what is wrong with the pages of a folder, a line each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in sorted(pages.items()):
        name = path.relative_to(folder).as_posix()
        found += [f"{name}: picture without words: {source}" for source in page.without_words]
        for url in [*page.links, *page.loaded]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                if url in page.loaded and parts.scheme != "data":
                    found.append(f"{name}: needs the network for {url}")
                elif url in page.links and ill_formed(url):
                    found.append(f"{name}: ill-formed {url}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists():
                found.append(f"{name}: nothing at {url}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{name}: no such place: {url}")
    return found


def check(app: Sphinx, exception: Exception | None) -> None:
    """End the build where there is a complaint; a page built alone links to what is not there."""
    if exception or app.builder.name != "html" or app.config.root_doc != "index":
        return
    found = complaints(Path(app.outdir))
    if found:
        from sphinx.errors import SphinxError

        raise SphinxError("\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the check."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
