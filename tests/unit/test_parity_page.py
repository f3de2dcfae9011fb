"""The account of differences from R: the page follows its table, and citations find their entry."""

from __future__ import annotations

import re

from tests.support.parity_page import PAGE, ROOT, known, rendered

CITED = re.compile(r"\bP(?:0\d\d)\b")
FOLDERS = {
    "src": "*.py", "tests": "*.py", "benchmarks": "*.py", "docs": "*.md", "r-wrapper": "*.[RM]*",
}  # fmt: skip


def test_page_is_what_the_table_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert rendered(text) == text


def test_differences_are_numbered_without_a_gap() -> None:
    entries = known()["differs"]
    assert [entry["id"] for entry in entries] == [f"P{k:03d}" for k in range(1, len(entries) + 1)]
    assert all(entry["cause"] and entry["size"] for entry in entries)


def test_every_cited_difference_is_in_the_table() -> None:
    ids = {entry["id"] for entry in known()["differs"]}
    cited = {
        found
        for folder, pattern in FOLDERS.items()
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file()
        for found in CITED.findall(path.read_text(encoding="utf-8"))
    }
    assert cited <= ids
    # Not a search that finds nothing.
    assert {"P001", "P030"} <= cited
