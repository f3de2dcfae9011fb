"""Pages of reports in a real browser, with what it asked for and complained about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Opened:
    """A page, and what its browser has noted so far."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """Texts of all elements, as they stand."""
        found: list[str] = self.page.eval_on_selector_all(
            selector, "all => all.map(each => each.textContent)"
        )
        return found

    def column(self, name: str, root: str = ".explorer") -> list[str]:
        """Cells of a column of the table that is shown."""
        names = self.texts(f"{root} thead th")
        return self.texts(f"{root} tbody tr > :nth-child({names.index(name) + 1})")

    def count(self, root: str = ".explorer") -> str:
        """What the table says of itself."""
        text: str = self.page.text_content(f"{root} .count")
        return text

    def settled(self) -> None:
        """Wait until a search has been carried out."""
        self.page.wait_for_timeout(200)


@contextmanager
def opened(browser: Any, path: Path, width: int = 1200, **context: Any) -> Iterator[Opened]:
    """Open a file; scripts have done their work when the page comes."""
    height = context.pop("height", 900)
    before = context.pop("before", None)
    with browser.new_context(viewport={"width": width, "height": height}, **context) as own:
        page = own.new_page()
        noted = Opened(page)
        page.on("request", lambda request: noted.requests.append(request.url))
        page.on("console", lambda message: noted.complaints.append(message.text))
        page.on("pageerror", lambda error: noted.complaints.append(str(error)))
        if before:
            page.add_init_script(before)
        page.goto(path.as_uri())
        if context.get("java_script_enabled", True):
            page.wait_for_function("document.documentElement.dataset.explorer")
        yield noted
