"""The report: one page, no network, readable structure, bounded size, any text escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm.errors import InputError
from countglm.plots._style import logarithmic
from countglm.report import render_report, words, write_report
from countglm.report.drawing import draw
from countglm.status import Status
from tests.support.fits import synthetic_fit, synthetic_table
from tests.support.pages import Page

LABEL = "dex: trt against untrt"


@pytest.fixture(scope="module")
def page_text() -> str:
    fit = synthetic_fit(300)
    return render_report(fit, {LABEL: synthetic_table(fit)}, title="A title")


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    return Page(page_text)


def test_tags_nest(page: Page) -> None:
    assert page.open == []


def test_language_viewport_and_title(page_text: str) -> None:
    assert page_text.startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in page_text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page_text
    assert "<title>A title</title>" in page_text


def test_needs_no_network(page: Page, page_text: str) -> None:
    assert page.foreign() == []
    assert "@import" not in page_text
    assert "url(" not in page_text


def test_every_figure_has_an_alternative_text(page: Page) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4
    assert all(len(attributes["alt"] or "") > 40 for attributes in images)


def test_figures_need_no_network_either(page: Page) -> None:
    svgs = page.figures()
    assert len(svgs) == 4
    for svg in svgs:
        links = re.findall(r"(?:xlink:)?href=\"([^\"]{0,60})", svg)
        assert all(link.startswith(("#", "data:image/png")) for link in links)


def test_every_status_has_its_sentence(page: Page) -> None:
    text = " ".join(page.text)
    for status in Status:
        assert status.name in text
        assert status.sentence in text


def test_sections_stand_in_order(page_text: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", page_text)
    assert headings == [
        "What was fitted",
        "How the genes ended",
        "Certificate",
        f"Test: {LABEL}",
        "Versions and options",
    ]


def test_the_top_table_has_the_smallest_p_values(page: Page) -> None:
    fit = synthetic_fit(300)
    top = words.top_genes(synthetic_table(fit), 25)
    text = page.text
    places = [text.index(str(gene)) for gene in top.index]
    assert len(places) == 25
    assert places == sorted(places)


def test_equal_fits_give_equal_pages(page_text: str) -> None:
    fit = synthetic_fit(300)
    assert render_report(fit, {LABEL: synthetic_table(fit)}, title="A title") == page_text


def test_names_are_escaped() -> None:
    names = np.array([f"<script>x{i}</script>" for i in range(30)], dtype=object)
    fit = synthetic_fit(30, gene_names=names)
    text = render_report(fit, {'"<b>&': synthetic_table(fit)}, title="<i>")
    assert "<script>" not in text
    assert "<b>" not in text
    assert Page(text).open == []


def test_sixty_thousand_genes_stay_below_two_megabytes() -> None:
    fit = synthetic_fit(60_000)
    text = render_report(fit, {LABEL: synthetic_table(fit)})
    assert len(text.encode()) < 2_000_000


def test_poisson_shows_no_dispersion() -> None:
    fit = synthetic_fit(30, family="poisson", dispersion=np.zeros(30))
    text = render_report(fit)
    assert text.count("<img") == 1
    assert "Poisson model" in text


@pytest.mark.parametrize("status", [Status.ALL_ZERO, Status.MAX_ITER])
def test_a_fit_without_any_usable_gene(status: Status) -> None:
    fit = synthetic_fit(5)
    nothing = np.full(5, np.nan)
    fit = synthetic_fit(
        5,
        status=np.full(5, status, dtype=np.int8),
        newton_decrement=nothing,
        distance_bound=nothing,
        base_mean=np.zeros(5),
        dispersion=nothing,
    )
    table = synthetic_table(fit).assign(pvalue=np.nan, padj=np.nan, log2FoldChange=np.nan)
    text = render_report(fit, {LABEL: table})
    assert "0 of 5 genes stand at the optimum" in text


def test_a_reference_level_is_named() -> None:
    sentences = words.design_sentences(synthetic_fit(10))
    assert sentences[1:] == [
        "Factor cell: a (reference), b.",
        "Factor dex: untrt (reference), trt.",
    ]


def test_counts_of_a_contrast() -> None:
    table = pd.DataFrame(
        {
            "log2FoldChange": [1.0, -1.0, np.inf, 0.1, np.nan],
            "pvalue": [0.001, 0.001, 0.001, 0.9, np.nan],
            "padj": [0.01, 0.01, 0.01, 0.9, np.nan],
        }
    )
    assert words.contrast_counts(table) == {
        "n_tested": 4,
        "n_below_level": 3,
        "n_up": 2,
        "n_down": 1,
    }


def test_certificate_names_the_worst_gene() -> None:
    decrement = np.full(20, 1e-12)
    decrement[9] = 5e-9
    facts = words.certificate(synthetic_fit(20, newton_decrement=decrement))
    assert facts["max_newton_decrement"] == 5e-9
    assert facts["max_newton_decrement_gene"] == "gene9"


def test_a_gene_without_a_bound_is_told() -> None:
    bound = np.full(20, 1e-12)
    bound[9] = np.inf
    fit = synthetic_fit(20, distance_bound=bound)
    facts = words.certificate(fit)
    assert (facts["n_without_bound"], facts["max_distance_bound"]) == (1, 1e-12)
    assert "1 gene among them without a proven distance, first gene9" in " ".join(
        words.certificate_sentences(fit)
    )


def test_writing_respects_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    fit = synthetic_fit(10)
    with pytest.raises(InputError, match="exists already"):
        write_report(fit, path)
    assert path.read_text() == "mine"
    write_report(fit, path, force=True)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")


def test_powers_of_ten_are_plain_text() -> None:
    def paint(axes: Any) -> None:
        axes.plot([1e-12, 1e3], [2.0, 7.0])
        logarithmic(axes, "x", "y")

    labels = re.findall(r"<text [^>]*>([^<]*)</text>", draw(paint))
    assert {"10⁻¹²", "10⁻⁶", "10⁰"} <= {*labels}
    assert {"4", "6"} <= {*labels}, "within a decade the steps between are named"
    assert not any("$" in label or "{" in label for label in labels)
