"""The report in Chromium: what it shows, finds, marks and loads, by mouse, by keys, without script.

The pages are of the two embedded studies: airway, with 64,102 genes, and pasilla with an annotation
made up for it and two contrasts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.datasets import airway, pasilla
from countglm.plots._points import ma_points, volcano_points
from countglm.report import write_de_report
from countglm.report.explorer_columns import gene_order, written
from countglm.report.explorer_pack import shortened
from tests.support.browsing import Opened, opened

pytestmark = [pytest.mark.browser, pytest.mark.compiled]

READY = "document.documentElement.dataset.explorer"
LARGE, SMALL = "airway.html", "pasilla.html"
FIRST = '.explorer[data-contrast="0"]'
SECOND = '.explorer[data-contrast="1"]'


@pytest.fixture(scope="module")
def large() -> countglm.DEResult:
    return countglm.differential_expression(airway(), "~ cell + dex", ["dex", "trt", "untrt"])


@pytest.fixture(scope="module")
def small() -> dict[str, countglm.DEResult]:
    study = pasilla()
    study.var["length"] = np.arange(study.n_vars) * 37 % 10_007
    study.var["symbol"] = [f"sym<{place}>" for place in range(study.n_vars)]
    asked = {
        "treatment": ["condition", "treated", "untreated"],
        "library": ["type", "single-read", "paired-end"],
    }
    return countglm.differential_expression(study, "~ type + condition", asked)


@pytest.fixture(scope="module")
def pages(
    large: countglm.DEResult,
    small: dict[str, countglm.DEResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    large.report(folder / LARGE)
    write_de_report(small, folder / SMALL)
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, pages: Path) -> Iterator[Opened]:
    """The small page; whatever a test does there, nothing is loaded and nothing complains."""
    with opened(browser, pages / SMALL) as shown:
        yield shown
        assert shown.complaints == []
        assert [url for url in shown.requests if url.startswith(("http", "ws"))] == []


def ordered(result: countglm.DEResult) -> list[str]:
    return [str(gene) for gene in result.table.index[gene_order(result.table)]]


def dots(page: Opened, kind: str, contrast: int = 0) -> dict[str, float]:
    box: dict[str, float] = page.page.locator(
        f'figure[data-contrast="{contrast}"][data-points="{kind}"] img'
    ).bounding_box()
    return box


def move_to(page: Opened, kind: str, row: int, contrast: int = 0) -> tuple[float, float]:
    """Put the pointer where the page says that a gene is drawn, and return that place."""
    figure = f'figure[data-contrast="{contrast}"][data-points="{kind}"]'
    page.page.locator(f"{figure} img").scroll_into_view_if_needed()
    across, down = page.page.evaluate(
        """async ([place, kind, row]) => {
            const { contrasts, segments } = JSON.parse(
                document.getElementById("explorer-data").textContent);
            const read = async (at) => {
                const packed = Uint8Array.from(atob(segments[at].data), (c) => c.charCodeAt(0));
                const plain = new Blob([packed]).stream()
                    .pipeThrough(new DecompressionStream("deflate"));
                const bytes = new Uint8Array(await new Response(plain).arrayBuffer());
                return (bytes[row] + 256 * bytes[row + bytes.length / 2]) / 4094;
            };
            return Promise.all(contrasts[place].figures[kind].map(read));
        }""",
        [contrast, kind, row],
    )
    box = dots(page, kind, contrast)
    place = box["x"] + across * box["width"], box["y"] + down * box["height"]
    page.page.mouse.move(*place)
    return place


def test_opens_from_disk_with_all_genes_and_loads_nothing(
    browser: Any, pages: Path, large: countglm.DEResult
) -> None:
    path = pages / LARGE
    assert path.stat().st_size < 5_000_000
    with opened(browser, path) as shown:
        assert shown.page.evaluate(READY) == "ready"
        assert shown.complaints == []
        assert shown.requests[0] == path.as_uri()
        assert all(url.startswith(("data:", "blob:")) for url in shown.requests[1:])
        assert shown.count() == "Genes 1 to 25 of 64,102, sorted by pvalue, ascending."
        assert shown.column("gene") == ordered(large)[:25]


def test_the_first_rows_are_those_without_script(browser: Any, pages: Path) -> None:
    rows = []
    for scripts in (False, True):
        with opened(browser, pages / SMALL, java_script_enabled=scripts) as shown:
            rows.append(shown.texts(f"{FIRST} tbody tr > *"))
    assert rows[0] == rows[1]
    assert len(rows[0]) == 25 * 10


def expected_order(result: countglm.DEResult, name: str, down: bool) -> list[str]:
    """Names of the genes by a column: missing ones last, ties in the order of the test."""
    table = result.table.iloc[gene_order(result.table)]
    keys = pd.Series(table.index, index=table.index) if name == "gene" else table[name]
    if keys.dtype.kind == "f":
        keys = pd.Series(shortened(keys.to_numpy()), keys.index)
    found = keys.sort_values(kind="stable", ascending=not down, na_position="last")
    return [str(gene) for gene in found.index]


@pytest.mark.parametrize(
    ("name", "down"),
    [
        ("gene", False), ("length", False), ("baseMean", True), ("log2FoldChange", True),
        ("lfcSE", False), ("stat", True), ("padj", False),
    ],
)  # fmt: skip
def test_sorts_by_a_column_and_back(
    page: Opened, small: dict[str, countglm.DEResult], name: str, down: bool
) -> None:
    result = small["treatment"]
    for way in (down, not down):
        page.page.click(f'{FIRST} th[data-column="{name}"] button')
        heading = page.page.locator(f'{FIRST} th[data-column="{name}"]')
        assert heading.get_attribute("aria-sort") == ("descending" if way else "ascending")
        others = page.page.locator(f'{FIRST} thead th:not([data-column="{name}"])[aria-sort=none]')
        assert others.count() == 9
        assert page.column("gene", FIRST) == expected_order(result, name, way)[:25]
    # The other contrast keeps its own order.
    assert page.column("gene", SECOND) == ordered(small["library"])[:25]


def test_sorts_texts_by_the_numbers_in_them(page: Opened) -> None:
    page.page.click(f'{FIRST} th[data-column="symbol"] button')
    assert page.column("symbol", FIRST)[:12] == [f"sym<{number}>" for number in range(12)]


def test_missing_values_come_last_both_ways(page: Opened) -> None:
    for _ in range(2):
        page.page.click(f'{FIRST} th[data-column="lfcSE"] button')
        assert "NA" not in page.column("lfcSE", FIRST)
        page.page.click(f'{FIRST} [aria-label="Last page"]')
        assert set(page.column("lfcSE", FIRST)) == {"NA"}


def test_searches_names_and_annotation(page: Opened, small: dict[str, countglm.DEResult]) -> None:
    table = small["treatment"].table
    search = page.page.get_by_label("Search gene, symbol, length").first
    for text, found in (
        ("fbgn00264", table.index.str.lower().str.contains("fbgn00264")),
        ("SYM<12> ", table["symbol"].str.contains("sym<12>", regex=False)),
        (
            "FBgn002 sym<1 ",
            table.index.str.contains("FBgn002") & table["symbol"].str.contains("<1"),
        ),
    ):
        search.fill(text)
        page.settled()
        kept = dict(zip(table.index, found, strict=True))
        genes = [gene for gene in ordered(small["treatment"]) if kept[gene]]
        assert page.column("gene", FIRST) == genes[:25]
        assert f"of {len(genes):,} found among {len(table):,}" in page.count(FIRST)
    search.fill("nothing like this")
    page.settled()
    assert page.count(FIRST) == f"No gene found among {len(table):,}."
    assert page.column("gene", FIRST) == []
    search.fill("")
    page.settled()
    assert page.column("gene", FIRST) == ordered(small["treatment"])[:25]


def test_few_genes_that_a_search_finds_are_marked_in_the_figures(page: Opened) -> None:
    gene = page.column("gene", FIRST)[0]
    marks = 'figure[data-contrast="0"] .found .ring'
    assert page.page.locator(marks).count() == 0
    page.page.fill(f"{FIRST} input[type=search]", gene)
    page.settled()
    assert page.page.locator(marks).count() == 3
    page.page.fill(f"{FIRST} input[type=search]", "FB")
    page.settled()
    assert page.page.locator(marks).count() == 0


def test_shows_significant_genes_by_their_direction(
    page: Opened, small: dict[str, countglm.DEResult]
) -> None:
    table = small["treatment"].table
    below = table["padj"] < 0.1
    up = int((below & (table["log2FoldChange"] > 0)).sum())
    down = int(below.sum()) - up
    choice = page.page.get_by_label("Show").first
    assert choice.locator("option").all_text_contents() == [
        f"all genes ({len(table):,})",
        f"significant ({up + down:,})",
        f"significant, up ({up:,})",
        f"significant, down ({down:,})",
    ]
    for value, n in (("found", up + down), ("up", up), ("down", down)):
        choice.select_option(value)
        assert f"of {n:,} found" in page.count(FIRST)
    assert all(text.startswith("\N{MINUS SIGN}") for text in page.column("log2FoldChange", FIRST))


def test_turns_pages(page: Opened, small: dict[str, countglm.DEResult]) -> None:
    genes = ordered(small["treatment"])
    press = f"{FIRST} .pages [aria-label='{{}} page']"
    page.page.click(press.format("Previous"), force=True)
    assert page.column("gene", FIRST) == genes[:25]
    page.page.click(press.format("Next"))
    assert page.column("gene", FIRST) == genes[25:50]
    page.page.locator(f"{FIRST} .pages").get_by_label("Rows").select_option("10")
    assert page.column("gene", FIRST) == genes[20:30]
    page.page.click(press.format("Last"))
    assert page.column("gene", FIRST) == genes[(len(genes) - 1) // 10 * 10 :]
    assert page.page.get_attribute(press.format("Next"), "aria-disabled") == "true"
    page.page.click(press.format("First"))
    assert page.column("gene", FIRST) == genes[:10]


def test_saves_the_rows_that_are_found(page: Opened, small: dict[str, countglm.DEResult]) -> None:
    result = small["treatment"]
    page.page.select_option(f"{FIRST} .controls select", "down")
    page.page.click(f'{FIRST} th[data-column="baseMean"] button')
    with page.page.expect_download() as waiting:
        page.page.click(f"{FIRST} .controls button")
    assert waiting.value.suggested_filename == "genes_condition_treated_vs_untreated.tsv"
    saved = pd.read_csv(
        io.StringIO(Path(waiting.value.path()).read_text()), sep="\t", index_col=0,
        keep_default_na=False, na_values=["NA"],
    )  # fmt: skip
    table = result.table
    wanted = table[(table["padj"] < 0.1) & (table["log2FoldChange"] < 0)]
    wanted = wanted.sort_values("baseMean", ascending=False)
    assert sorted(saved.index) == sorted(wanted.index)
    assert (saved["baseMean"].diff().dropna() <= 0).all()
    own = table.loc[saved.index]
    for name in ("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj"):
        # Six digits: half a unit of the sixth, and the rounding of the packed number.
        np.testing.assert_allclose(saved[name], own[name], rtol=6e-6)
    assert saved["symbol"].tolist() == own["symbol"].tolist()
    assert saved["length"].tolist() == own["length"].tolist()
    assert saved["status"].tolist() == [
        each.name if hasattr(each, "name") else each for each in own["status"]
    ]


@pytest.mark.parametrize("kind", ["ma", "volcano"])
def test_names_the_gene_under_the_pointer(
    page: Opened, small: dict[str, countglm.DEResult], kind: str
) -> None:
    result = small["treatment"]
    points = ma_points(result) if kind == "ma" else volcano_points(result)
    order = gene_order(result.table)
    tip = page.page.locator(f'figure[data-contrast="0"][data-points="{kind}"] .tip')
    assert not tip.is_visible()
    for row in order[:4]:
        assert row in points.rows
        move_to(page, kind, int(row))
        told = tip.inner_text()
        values = result.table.iloc[row]
        assert str(result.table.index[row]) in told
        assert str(values["symbol"]) in told
        assert f"mean {written('baseMean', float(values['baseMean']))}" in told
        assert f"{values['log2FoldChange']:.2f}".replace("-", "\N{MINUS SIGN}") in told
        assert f"padj {values['padj']:.2e}" in told
    page.page.mouse.move(5, 5)
    assert not tip.is_visible()


def test_a_pointer_far_from_every_gene_names_none(page: Opened) -> None:
    box = dots(page, "ma")
    page.page.locator(
        'figure[data-contrast="0"][data-points="ma"] img'
    ).scroll_into_view_if_needed()
    box = dots(page, "ma")
    page.page.mouse.move(box["x"] + 3, box["y"] + box["height"] - 3)
    assert not page.page.locator('figure[data-contrast="0"][data-points="ma"] .tip').is_visible()


def test_genes_are_drawn_where_the_page_says(
    browser: Any, pages: Path, large: countglm.DEResult
) -> None:
    from matplotlib.image import imread

    points = volcano_points(large)
    rows = [row for row in gene_order(large.table)[:40] if row in points.rows]
    with opened(browser, pages / LARGE) as shown:
        for row in rows:
            x, y = move_to(shown, "volcano", int(row))
            shown.page.mouse.move(5, 5)
            clip = {"x": x - 3, "y": y - 3, "width": 6, "height": 6}
            picture = imread(io.BytesIO(shown.page.screenshot(clip=clip)))[..., :3]
            # A point, or the ring around one that the picture names; all else there is white.
            assert picture.min() < 0.85, f"nothing at gene {large.table.index[row]}"


def test_a_point_that_is_clicked_is_found_in_the_table(
    page: Opened, small: dict[str, countglm.DEResult]
) -> None:
    result = small["treatment"]
    row = int(gene_order(result.table)[70])
    gene = str(result.table.index[row])
    page.page.fill(f"{FIRST} input[type=search]", "no such gene")
    page.settled()
    page.page.mouse.click(*move_to(page, "ma", row))
    assert "All genes are shown again." in page.count(FIRST)
    pressed = page.page.locator(f"{FIRST} .gene[aria-pressed=true]")
    assert pressed.all_text_contents() == [gene]
    assert page.page.evaluate("document.activeElement.textContent") == gene
    assert pressed.is_visible()
    for kind in ("volcano", "dispersion"):
        ring = page.page.locator(f'figure[data-contrast="0"][data-points="{kind}"] .ring.chosen')
        assert ring.text_content() == result.table["symbol"].iloc[row]
    assert page.page.locator(f"{SECOND} .gene[aria-pressed=true]").count() == 0


def test_a_row_that_is_chosen_is_marked_in_the_figures(
    page: Opened, small: dict[str, countglm.DEResult]
) -> None:
    row = int(gene_order(small["treatment"].table)[2])
    page.page.click(f"{FIRST} tbody tr:nth-child(3) td:nth-child(4)")
    ring = page.page.locator('figure[data-contrast="0"][data-points="ma"] .ring.chosen')
    x, y = move_to(page, "ma", row)
    box = ring.bounding_box()
    assert abs(box["x"] + box["width"] / 2 - x) < 1
    assert abs(box["y"] + box["height"] / 2 - y) < 1
    page.page.click(f"{FIRST} tbody tr:nth-child(3) td:nth-child(4)")
    assert not ring.is_visible()


def test_everything_can_be_done_by_keys(page: Opened, small: dict[str, countglm.DEResult]) -> None:
    genes = ordered(small["treatment"])
    press = page.page.keyboard.press
    page.page.locator(f"{FIRST} input[type=search]").focus()
    page.page.keyboard.type("FBgn")
    page.settled()
    press("Tab")  # choice
    press("Tab")  # download
    press("Tab")  # the region that scrolls
    for _ in range(4):
        press("Tab")
    assert page.page.evaluate("document.activeElement.textContent").strip() == "baseMean"
    press("Enter")
    largest = expected_order(small["treatment"], "baseMean", True)
    assert page.column("gene", FIRST) == largest[:25]
    for _ in range(7):
        press("Tab")
    focused = "document.activeElement.textContent"
    assert page.page.evaluate(focused) == largest[0]
    press("ArrowDown")
    press("ArrowDown")
    assert page.page.evaluate(focused) == largest[2]
    press("Enter")
    assert page.page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    press("End")
    press("ArrowDown")
    assert page.page.evaluate(focused) == largest[25]
    press("PageDown")
    assert page.page.evaluate(focused) == largest[50]
    press("PageUp")
    press("ArrowUp")
    assert page.page.evaluate(focused) == largest[24]
    assert sorted(genes) == sorted(largest)


@pytest.mark.parametrize("name", [LARGE, SMALL])
def test_a_narrow_window_scrolls_down_only(browser: Any, pages: Path, name: str) -> None:
    with opened(browser, pages / name, width=360, height=740) as shown:
        wide = "document.documentElement.scrollWidth"
        assert shown.page.evaluate(wide) <= 360
        box = dots(shown, "volcano")
        shown.page.locator('figure[data-points="volcano"] img').first.scroll_into_view_if_needed()
        box = dots(shown, "volcano")
        for part in (0.15, 0.5, 0.95):
            shown.page.mouse.move(box["x"] + part * box["width"], box["y"] + 0.8 * box["height"])
            assert shown.page.evaluate(wide) <= 360
        shown.page.click(".explorer tbody .gene >> nth=0")
        assert shown.page.evaluate(wide) <= 360
        small = [
            each
            for each in shown.page.locator(".explorer .controls *, .explorer .pages *").all()
            if each.evaluate("node => node.matches('button, input, select')")
            and each.bounding_box()["height"] < 24
        ]
        assert small == []


def test_names_of_any_kind_are_shown_found_and_saved(browser: Any, tmp_path: Path) -> None:
    study = pasilla()
    study = study[:, :400].copy()
    study.var["gene"] = [f"symbol{place}" for place in range(400)]
    study.var["note"] = [f"remark{place}" for place in range(400)]
    names = [str(name) for name in study.var_names]
    names[7], names[8] = '"quoted" gene', "long" * 40
    study.var_names = names
    result = countglm.differential_expression(
        study, "~ condition", ["condition", "treated", "untreated"]
    )
    result.report(tmp_path / "page.html", title="A" * 200)
    with opened(browser, tmp_path / "page.html", width=320, height=740) as shown:
        shown.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true })"
        )
        assert shown.page.evaluate("document.documentElement.scrollWidth") == 320
        assert shown.column("gene") == ordered(result)[:25]
        symbols = [f"symbol{names.index(gene)}" for gene in ordered(result)[:25]]
        assert shown.column("var_gene") == symbols
        shown.page.fill(".explorer input[type=search]", "symbol7 ")
        shown.settled()
        assert '"quoted" gene' in shown.column("gene")
        assert "remark7" in shown.column("var_note")
        with shown.page.expect_download() as waiting:
            shown.page.click(".explorer .controls button")
        saved = pd.read_csv(Path(waiting.value.path()), sep="\t", index_col=0)
        assert saved.loc['"quoted" gene', "var_gene"] == "symbol7"


def test_without_script_there_are_figures_and_first_genes(browser: Any, pages: Path) -> None:
    with opened(browser, pages / SMALL, java_script_enabled=False) as shown:
        assert shown.page.locator(".explorer tbody tr").count() == 50
        assert "smallest pvalue" in shown.count(FIRST)
        assert shown.page.locator(".explorer button, .explorer input").count() == 0
        images = shown.page.locator("figure img")
        assert images.count() > 4
        assert all(
            each.evaluate("image => image.complete && image.naturalWidth > 100")
            for each in images.all()
        )


def test_a_browser_too_old_keeps_the_first_genes(browser: Any, pages: Path) -> None:
    with opened(browser, pages / SMALL, before="delete globalThis.DecompressionStream") as shown:
        assert shown.page.evaluate(READY) == "failed"
        assert shown.count(FIRST).endswith("The other genes need a browser of 2023 or later.")
        assert shown.page.locator(f"{FIRST} tbody tr").count() == 25
        assert shown.complaints == []


def test_prints_without_what_only_a_screen_needs(page: Opened) -> None:
    page.page.click(f"{FIRST} tbody .gene >> nth=0")
    page.page.emulate_media(media="print")
    for selector in (".controls", ".pages", ".arrow", ".tip"):
        assert not page.page.locator(f"{FIRST} {selector}, figure {selector}").first.is_visible()
    assert page.page.locator(f"{FIRST} tbody tr").first.is_visible()
    assert page.page.locator("figure .ring.chosen").first.is_visible()
    paper = page.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 3


# The name of an element as a screen reader finds it: a label, a text, or an image's words.
NAMELESS = """() => [...document.querySelectorAll(
    'a, button, input, select, summary, img, [role=region], nav, figure.points .plot img')]
    .filter((each) => {
        const said = each.getAttribute('aria-label') || each.alt || each.textContent.trim()
            || [...(each.labels ?? [])].map((label) => label.textContent.trim()).join('');
        return !said;
    }).map((each) => each.outerHTML.slice(0, 120))"""

# Texts whose colour differs too little from what lies behind: 4.5 to 1, or 3 to 1 for large ones.
PALE = """() => {
    const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const pale = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('script')) {
            continue;
        }
        const style = getComputedStyle(node);
        const sides = [light(style.color), light(behind(node))].sort((a, b) => b - a);
        const ratio = (sides[0] + 0.05) / (sides[1] + 0.05);
        const large = parseFloat(style.fontSize) >= 24
            || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) pale.push([walker.currentNode.data.trim(), ratio]);
    }
    return pale;
}"""


@pytest.mark.parametrize("name", [LARGE, SMALL])
def test_can_be_used_without_eyes_or_with_weak_ones(browser: Any, pages: Path, name: str) -> None:
    with opened(browser, pages / name) as shown:
        shown.page.click(".explorer tbody .gene >> nth=1")
        assert shown.page.evaluate(NAMELESS) == []
        assert shown.page.evaluate(PALE) == []
        levels = [int(tag[1]) for tag in shown.page.eval_on_selector_all(
            "h1, h2, h3, h4, h5", "all => all.map(each => each.tagName)")]  # fmt: skip
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        ids = shown.page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
        assert len(ids) == len(set(ids))
        targets = shown.page.eval_on_selector_all(
            "a[href^='#']", "all => all.map(each => each.hash.slice(1))"
        )
        assert set(targets) <= set(ids)
        assert shown.page.locator("main").count() == 1
        status = shown.page.locator(".explorer .count").first
        assert status.get_attribute("role") == "status"
        assert status.get_attribute("aria-live") == "polite"
        # One row of each table takes part in the order of the Tab key.
        for root in shown.page.locator(".explorer").all():
            assert root.locator(".gene[tabindex='0']").count() == 1
