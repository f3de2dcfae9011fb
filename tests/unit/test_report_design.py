"""The picture of the model matrix and the words beside it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from countglm.design import Design
from countglm.report.design_picture import model_matrix, picture_words
from countglm.report.design_section import design_section
from countglm.report.sample_groups import coefficient_meanings, sample_groups, sample_names
from tests.support.analyses import analysis
from tests.support.fits import synthetic_design
from tests.support.pages import Page

CONTRAST = {"dex": np.array([0.0, 0.0, -1.0])}


def texts(svg: str) -> list[str]:
    found = re.findall(r"<(?:text|tspan)[^>]*>([^<]*)</(?:text|tspan)>", svg)
    return [re.sub(r"\s+", " ", text) for text in found]


def made_of_numbers(n: int, p: int = 2) -> Design:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(n), *rng.normal(size=(p - 1, n))])
    return Design(matrix=matrix, names=tuple(f"c{j}" for j in range(p)))


def test_every_group_has_the_sum_that_its_mean_is() -> None:
    groups = sample_groups(synthetic_design())
    assert [(group.label, group.total, group.samples.tolist()) for group in groups] == [
        ("cell a, dex untrt", "Intercept", [0, 1]),
        ("cell a, dex trt", "Intercept + dex[T.trt]", [2, 3]),
        ("cell b, dex untrt", "Intercept + cell[T.b]", [4, 5]),
        ("cell b, dex trt", "Intercept + cell[T.b] + dex[T.trt]", [6, 7]),
    ]


def test_the_picture_names_samples_columns_sums_and_contrasts() -> None:
    shown = texts(model_matrix(synthetic_design(), CONTRAST))
    for text in ("s0", "s7", "Intercept", "dex[T.trt]", "dex", "\N{MINUS SIGN}1"):
        assert text in shown
    assert "Intercept + cell[T.b] + dex[T.trt]" in shown
    assert shown.count("1") == int(synthetic_design().matrix.sum())


def test_many_samples_of_few_groups_are_drawn_by_group() -> None:
    half = np.repeat([0.0, 1.0], 250)
    design = Design(matrix=np.column_stack([np.ones(500), half]), names=("a", "b"))
    shown = texts(model_matrix(design, {"b": np.array([0.0, 1.0])}))
    assert shown.count("250 samples") == 2
    assert "a + b" in shown


@pytest.mark.parametrize(("n", "p"), [(500, 3), (60, 45), (3, 1)])
def test_any_size_is_drawn_within_bounds(n: int, p: int) -> None:
    svg = model_matrix(made_of_numbers(n, p), {})
    width, height = (float(x) for x in re.findall(r'="([\d.]+)pt"', svg[:300])[:2])
    assert width < 72 * 13
    assert height < 72 * 12
    assert len(svg) < 300_000


def test_what_cannot_be_seen_is_said() -> None:
    told = picture_words(synthetic_design(), CONTRAST)
    assert "8 samples and 3 coefficients" in told
    assert "cell b, dex trt: Intercept + cell[T.b] + dex[T.trt]" in told
    assert told.endswith("Below: the weights of dex.")


def test_coefficients_in_words() -> None:
    assert coefficient_meanings(synthetic_design()) == [
        "level of expression at cell a, dex untrt",
        "cell b compared with a",
        "dex trt compared with untrt",
    ]
    matrix = np.column_stack([np.ones(4), [0.0, 1, 0, 1], [1.0, 2, 3, 5]])
    given = Design(matrix=matrix, names=("mean", "mark", "age"))
    assert coefficient_meanings(given) == [
        "level of expression", "samples marked by mark", "change per unit of age",
    ]  # fmt: skip
    assert sample_names(given)[:2] == ["sample 1", "sample 2"]


def test_a_level_each_without_a_reference() -> None:
    design = Design(
        matrix=np.repeat(np.eye(2), 2, axis=0), names=("g[a]", "g[b]"),
        factors={"g": ("a", "b")}, codings={"g": np.eye(2)},
    )  # fmt: skip
    assert coefficient_meanings(design) == ["g a", "g b"]


@pytest.mark.compiled
def test_the_section_says_which_groups_differ_by_the_contrast() -> None:
    page = Page(design_section({"": analysis()}))
    told = page.words()
    assert page.open == []
    assert "the log2 fold change is group[T.b]" in told
    assert "It is the difference between" in told
    assert "taken to be the same in all" in told
    assert "group b compared with a" in told
    assert "Variance inflation" in told
    alternative = next(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    assert "Model matrix of 14 samples and 3 coefficients" in (alternative or "")
