"""The page about agreement with R: every stage, reason and figure; any name; bounded size."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm.adapters.parity import REASONS, ParityCertificate, stages
from countglm.errors import InputError
from countglm.report import parity, write_parity_report
from countglm.report import parity_figures as figures
from countglm.report.html import document
from tests.support.analyses import N_GENES, N_SAMPLES, ON_OFF, ZERO, analysis
from tests.support.pages import Page
from tests.support.parity import FILTERED, NAMES, SHORT, certificate


def page_of(*certificates: ParityCertificate) -> Page:
    body = [part for each in certificates for part in parity.sections(each)]
    return Page(document("A title", body))


@pytest.fixture(scope="module")
def text() -> str:
    return parity.render(certificate(), analysis(), "A title")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_one_page_that_stands_alone(page: Page, text: str) -> None:
    assert page.open == []
    assert page.foreign() == []
    assert "url(" not in text
    assert len(page.figures()) >= 6 + 4
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert all(len(attributes["alt"] or "") > 40 for attributes in images)


def test_parity_comes_before_the_analysis(text: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert headings[:5] == [
        "Agreement with DESeq2 1.38.3",
        "Why genes deviate",
        "countglm against DESeq2 1.38.3",
        "Genes that deviate most",
        "Summary",
    ]


def test_every_stage_with_its_verdict(page: Page) -> None:
    words = page.words()
    for name, row in certificate().stages.iterrows():
        assert f"{name} {row['verdict']} {row['compared']:,} {row['beyond']:,}" in words
    # One of them is infinite on one side.
    assert "log2 fold change unexplained 89 3 1 " in words


def test_reasons_with_their_words_and_their_genes(page: Page) -> None:
    words = page.words()
    for code in ("stuck", "separated", "early_stop", "unknown", "filter"):
        assert f"{code.replace('_', ' ')} {REASONS[code]}" in words
    assert "DESeq2 stopped 0.0003 SE short" in words
    assert "log2 fold change 8.12 is an artefact of its clamp" in words
    assert "+\N{INFINITY}" in page.text
    assert f"5 of {N_GENES - 1} genes with a count deviate at one stage or more" in words
    assert "1 of them without a reason" in words


def test_calls_of_both(page: Page) -> None:
    calls = certificate().calls
    words = page.words()
    for count, who in (("only_ours", "only countglm"), ("both", "both")):
        assert f"{calls[count]} {who}" in words
    assert f"countglm {calls['ours']}, DESeq2 {calls['theirs']}." in words


def test_calls_of_one_side_only_have_their_reasons() -> None:
    given = certificate()
    values = given.values.copy()
    values.loc[NAMES[FILTERED], f"{stages.PADJ} ours"] = 0.01
    told = "why one side only only countglm only DESeq2"
    page = page_of(replace(given, values=values))
    assert f"{told} {REASONS['filter']} 1 0" in page.words()
    assert told not in page_of(given).words()


def test_full_agreement_is_one_sentence() -> None:
    page = page_of(certificate(False))
    words = page.words()
    assert "All 89 genes with a count agree within tolerance at every stage." in words
    assert "Why genes deviate" not in words
    assert len(page.figures()) == 6
    assert "Shared: 100.00% of all called" in words


def test_replay_needs_no_word_about_exactness() -> None:
    told = "Mode exact solves every step to its optimum"
    assert told in page_of(certificate()).words()
    assert told not in page_of(replace(certificate(), mode="replay")).words()


def test_explained_deviations_pass() -> None:
    given = certificate()
    explained = replace(
        given, reasons=given.reasons.replace("unknown", "clamp"),
        stages=given.stages.replace({"verdict": {"unexplained": "explained"}}),
    )  # fmt: skip
    assert "Stages without a reason: log2 fold change, p-value." in page_of(given).words()
    assert "each with a reason found by computation" in page_of(explained).words()


def test_names_are_escaped_and_may_repeat() -> None:
    names = np.where(np.arange(N_GENES) < 20, "<script>x", NAMES).astype(object)
    given = certificate()
    renamed = replace(
        given, label="<b>&", values=given.values.set_axis(names),
        reasons=given.reasons.set_axis(names), evidence=given.evidence.set_axis(names),
    )  # fmt: skip
    page = page_of(renamed)
    assert page.open == []
    assert page.foreign() == []
    assert page.text.count("<script>x") == 5


def test_a_stage_that_r_does_not_have() -> None:
    given = certificate()
    values = given.values.copy()
    values[[f"{name} theirs" for name in (stages.ERROR, stages.FINAL)]] = np.nan
    assert (
        "0 genes, DESeq2 across and countglm up." in page_of(replace(given, values=values)).words()
    )


def test_equal_certificates_give_equal_pages() -> None:
    assert parity.sections(certificate()) == parity.sections(certificate())


class TestMarks:
    def test_the_most_frequent_reason_comes_first(self) -> None:
        marks = figures.marks(certificate().reasons)
        assert next(iter(marks)) == "separated"
        assert len(set(marks.values())) == len(marks) == 5

    def test_no_two_reasons_look_alike(self) -> None:
        codes = pd.DataFrame({"stage": [code for code in REASONS if code != "unknown"]})
        marks = figures.marks(codes)
        assert len(set(marks.values())) == len(REASONS) - 1

    def test_what_has_no_reason_is_black_and_on_top(self) -> None:
        marks = figures.marks(certificate().reasons)
        assert list(marks)[-1] == "unknown"
        assert marks["unknown"].colour == "#1B1F24"


class TestPoints:
    def panel(self, stage: str) -> Any:
        return next(panel for panel in figures.PANELS if panel.stage == stage)

    def test_infinite_and_missing_values_are_counted(self) -> None:
        given = certificate()
        points = figures.stage_points(given.values, given.reasons, self.panel(stages.LFC))
        assert points.x.size == N_GENES - 1
        assert points.n_beyond == 1
        assert points.y[ON_OFF - 1] == np.inf
        assert points.x[ON_OFF - 1] == 8.12
        error = figures.stage_points(given.values, given.reasons, self.panel(stages.ERROR))
        assert error.n_one_sided == 1
        caption, alt = figures.captions(self.panel(stages.ERROR), error, "DESeq2")
        assert "1 with a value on one side only is not drawn." in caption
        assert caption in alt

    def test_dispersions_of_zero_stand_at_the_margin(self) -> None:
        given = certificate()
        values = given.values.copy()
        values.iloc[20:24, values.columns.get_loc(f"{stages.GENEWISE} ours")] = 0.0
        points = figures.stage_points(values, given.reasons, self.panel(stages.GENEWISE))
        assert points.limits[0] > 0
        assert points.n_beyond >= 4

    def test_p_values_of_zero_stand_at_the_margin(self) -> None:
        given = certificate()
        values = given.values.copy()
        values.iloc[20, values.columns.get_loc(f"{stages.P} ours")] = 0.0
        points = figures.stage_points(values, given.reasons, self.panel(stages.P))
        assert np.isfinite(points.limits[1])
        assert points.n_beyond == 1

    def test_differences_of_fold_changes(self) -> None:
        given = certificate()
        points = figures.difference_points(given.values, given.reasons)
        assert points.x.size == N_GENES - 1
        assert np.isinf(points.y).sum() == 1
        assert points.y[SHORT - 1] > 0
        assert points.y[0] == 0.0

    def test_genes_without_any_count_are_not_drawn(self) -> None:
        values = certificate().values.iloc[[ZERO]]
        reasons = certificate().reasons.iloc[[ZERO]]
        for panel in figures.PANELS:
            points = figures.stage_points(values, reasons, panel)
            assert points.x.size == 0
            assert "<svg" in figures.against(points, panel, "DESeq2", {})
        assert "<svg" in figures.difference(figures.difference_points(values, reasons), {})


def test_sixty_thousand_genes_stay_small() -> None:
    given, n = certificate(), 60_000
    rng = np.random.default_rng(3)
    rows = rng.integers(0, N_GENES, n)
    values = given.values.iloc[rows].to_numpy() * np.exp(rng.normal(0, 0.3, (n, 1)))
    noise = np.exp(rng.normal(0, 0.05, values.shape))
    codes = rng.choice(["", "trend", "clamp", "stuck", "ranks"], (n, len(stages.BY_NAME)))
    many = replace(
        given, values=pd.DataFrame(values * noise, columns=given.values.columns),
        reasons=pd.DataFrame(codes.astype(object), columns=given.reasons.columns),
        evidence=given.evidence.iloc[rows],
    )  # fmt: skip
    assert len("".join(parity.sections(many)).encode()) < 500_000


def test_writing_respects_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_parity_report(certificate(), analysis(), path)
    assert path.read_text() == "mine"
    write_parity_report(certificate(), analysis(), path, force=True)
    page = Page(path.read_text(encoding="utf-8"))
    assert "countglm against DESeq2" in page.text
    assert f"{N_SAMPLES} samples" in page.words()
