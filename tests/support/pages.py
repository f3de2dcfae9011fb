"""A page of the report, taken apart."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import unquote

VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Collects tags and text, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["script"]:
            self.text.append(data)

    def foreign(self) -> list[str]:
        """What would make a browser load something else: links, frames, sources outside."""
        loading = [tag for tag, _ in self.tags if tag in ("link", "iframe")]
        sources = [
            attributes.get(name) or "data:"
            for _, attributes in self.tags
            for name in ("src", "href", "srcset")
        ]
        return loading + [source for source in sources if not source.startswith(("data:", "#"))]

    def links(self) -> list[str]:
        """Where the links of the page lead."""
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]

    def figures(self) -> list[str]:
        """The SVG of every image."""
        sources = [attributes["src"] or "" for tag, attributes in self.tags if tag == "img"]
        svgs = [unquote(source.removeprefix("data:image/svg+xml,")) for source in sources]
        assert all(svg.startswith("<svg") and svg.rstrip().endswith("</svg>") for svg in svgs)
        return svgs

    def words(self) -> str:
        """The text of the page, white space as one blank."""
        return " ".join(" ".join(self.text).split())
