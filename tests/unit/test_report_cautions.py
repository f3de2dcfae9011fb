"""Cautions of the page: each rule finds what it is for, and says nothing where it should not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.report.caution_genes import p_shape
from countglm.report.caution_rules import Caution
from countglm.report.cautions import cautions_section, find_cautions, rules
from countglm.report.quality import quality_section
from countglm.report.sample_facts import left_by, sample_facts
from countglm.status import Status
from tests.support.pages import Page

pytestmark = pytest.mark.compiled
N_GENES, N_SAMPLES = 400, 12


def counts(seed: int = 1) -> pd.DataFrame:
    """Two groups of six, moderate counts, a tenth of the genes different."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.uniform(3.0, 7.0, N_GENES))
    effect = np.where(np.arange(N_GENES) % 10 == 0, rng.normal(0, 1.5, N_GENES), 0.0)
    group = np.repeat([0.0, 1.0], N_SAMPLES // 2)
    # Dispersions scatter about their trend.
    alpha = 0.1 * np.exp(rng.normal(0.0, 0.9, N_GENES)) + 0.5 / mean
    mu = mean * np.exp(group[:, None] * effect)
    table = rng.negative_binomial(1 / alpha, 1 / (1 + alpha * mu))
    names = [f"s{i}" for i in range(N_SAMPLES)]
    return pd.DataFrame(table, names, [f"g{j}" for j in range(N_GENES)])


def samples() -> pd.DataFrame:
    labels = list("aaaaaabbbbbb")
    return pd.DataFrame({"group": labels}, [f"s{i}" for i in range(N_SAMPLES)])


def analysed(table: pd.DataFrame, obs: pd.DataFrame | None = None, **options):
    obs = samples() if obs is None else obs
    return countglm.differential_expression(
        table, "~ group", ["group", "b", "a"], obs=obs, threads=1, **options
    )


@cache
def usual():
    return analysed(counts())


def headings(result) -> list[str]:
    return [each.heading for each in cautions_of(result)]


def cautions_of(result) -> list[Caution]:
    return find_cautions({"": result}, sample_facts(result))


def only(result, heading: str) -> Caution:
    found = [each for each in cautions_of(result) if each.heading == heading]
    assert len(found) == 1
    assert found[0].remedy
    return found[0]


def test_nothing_to_say_of_an_ordinary_study() -> None:
    assert headings(usual()) == []


@pytest.mark.parametrize("name", ["airway", "pasilla"])
def test_nothing_to_say_of_the_studies_that_come_along(name: str) -> None:
    adata = getattr(countglm.datasets, name)()
    contrast = {"airway": ["dex", "trt", "untrt"], "pasilla": ["condition", "treated", "untreated"]}
    result = countglm.differential_expression(adata, adata.uns["design"], contrast[name], threads=1)
    assert headings(result) == []


# The design


def test_few_replicates_and_none() -> None:
    table, obs = counts(), samples()
    few = analysed(table.iloc[[0, 1, 2, 6, 7]], obs.iloc[[0, 1, 2, 6, 7]])
    assert "2 samples of b and 3 samples of a" in only(few, "Few replicates").told
    one = analysed(table.iloc[[0, 1, 2, 6]], obs.iloc[[0, 1, 2, 6]])
    assert "1 sample of b" in only(one, "A side with a single sample").told
    assert "Hardly a sample to spare" in headings(one)
    assert "A coefficient that rests on one sample" in headings(one)


def test_columns_that_nearly_say_the_same() -> None:
    obs = samples().assign(time=np.repeat([0.0, 1.0], 6) + 0.001 * np.arange(12.0))
    result = countglm.differential_expression(
        counts(), "~ group + time", ["group", "b", "a"], obs=obs, threads=1
    )
    told = only(result, "A design that can hardly tell its terms apart").told
    assert "group[T.b]" in told
    assert "time" in told


# The samples


def test_a_sample_of_little_depth() -> None:
    table = counts()
    table.iloc[3] //= 8
    assert "s3 is 0.1" in only(analysed(table), "Samples of very different depth").told


def test_a_gene_that_takes_most_of_a_sample() -> None:
    table = counts()
    table.iloc[4, 0] = 3 * int(table.iloc[4].sum())
    heading = "Total counts that say something else than size factors"
    assert "s4 is" in only(analysed(table), heading).told


def test_a_sample_unlike_its_group() -> None:
    table = counts()
    noise = np.random.default_rng(3).lognormal(0.0, 1.5, N_GENES)
    table.iloc[2] = np.round(table.iloc[2] * noise).astype(int)
    assert (
        "s2 is"
        in only(analysed(table, fit_type="mean"), "Samples unlike the rest of their group").told
    )


def test_composition_is_told_by_how_the_factors_were_made() -> None:
    heading = "Total counts that say something else than size factors"
    table = counts()
    table.iloc[4, 0] = 3 * int(table.iloc[4].sum())
    assert heading not in headings(analysed(table, size_factors="none"))
    given = np.where(np.arange(N_SAMPLES) == 4, 3.0, 1.0)
    assert "that were given" in only(analysed(counts(), size_factors=given), heading).told
    controls = analysed(table, control_genes=np.arange(1, 50))
    assert "the control genes changed" in only(controls, heading).told


def test_a_sample_that_is_fitted_exactly_has_no_outlying_counts() -> None:
    places = [0, 1, 2, 3, 4, 5, 6]
    obs = samples().iloc[places].assign(batch=list("xyxyxyx"))
    result = countglm.differential_expression(
        counts().iloc[places], "~ batch + group", ["group", "b", "a"], obs=obs, threads=1
    )
    far = sample_facts(result).far_counts
    assert np.isnan(far[6])
    assert np.isfinite(far[:6]).all()
    assert "Samples with many outlying counts" not in headings(result)
    axes = countglm.plots.cooks(result)
    assert [text.get_text() for text in axes.texts].count("no distance") == 1


def test_the_same_sample_twice() -> None:
    table = counts()
    table.iloc[1] = table.iloc[0]
    assert "s0 and s1" in only(analysed(table), "The same sample twice").told


def test_a_sample_with_most_outliers() -> None:
    table = counts()
    struck = np.arange(0, N_GENES, 8)
    table.iloc[5, struck] = 60 * table.iloc[5, struck] + 3000
    result = analysed(table, min_replicates_for_replacement=6, fit_type="mean")
    assert "s5 (" in only(result, "Samples with many outlying counts").told


def test_variance_left_by_a_design() -> None:
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    values = rng.normal(size=(8, 4000)) + 5.0 * design[:, 1:] * rng.normal(size=4000)
    values[6] *= 3.0
    left = left_by(design, values)
    assert left.argmax() == 6
    assert left[6] > 4.0
    assert np.delete(left, 6).max() < 2.0
    alone = np.column_stack([np.ones(4), [0.0, 0, 0, 1]])
    assert np.isnan(left_by(alone, rng.normal(size=(4, 50)))[3])


# The genes


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (lambda u: u, None),
        (lambda u: np.where(np.arange(u.size) % 3 == 0, u / 50, u), None),
        (lambda u: np.sqrt(u), "rises to the right"),
        (lambda u: u**4, "falls on the right"),
        (lambda u: np.where(np.arange(u.size) % 9 == 0, 1.0, u), "above 0.95"),
    ],
)
def test_shapes_of_p_values(shape, told: str | None) -> None:
    p = shape(np.random.default_rng(4).uniform(size=20_000))
    found = p_shape(p)
    assert (found is None) == (told is None)
    assert found is None or told in found[0]


def test_p_values_of_a_threshold_are_not_expected_to_be_flat() -> None:
    settings = {**usual().settings, "lfc_threshold": 1.0}
    table = usual().table.copy()
    table["pvalue"] = np.sqrt(np.random.default_rng(0).uniform(size=len(table)))
    assert "P-values of an unusual shape" in headings(replace(usual(), table=table))
    assert headings(replace(usual(), table=table, settings=settings)) == []


def test_a_trend_other_than_asked_for_and_a_prior_at_its_least() -> None:
    stages = replace(usual().dispersion, trend_kind="local", prior_variance=0.25)
    result = replace(usual(), dispersion=stages)
    told = only(result, "Another trend of the dispersion than asked for").told
    assert "A parametric trend could not be fitted, so a local one was used" in told
    assert not only(result, "Dispersions as close to their trend as can be told").grave


def test_ends_of_fits_and_outliers() -> None:
    status = usual().fit.status.copy()
    status[:3], status[100:200] = Status.MAX_ITER, Status.SEPARATED
    table = usual().table.copy()
    table.iloc[:40, table.columns.get_loc("na_reason")] = "outlier"
    result = replace(usual(), fit=replace(usual().fit, status=status), table=table)
    assert (
        "3 genes did not reach an optimum: g0, g1, g2." in only(result, "Genes without a fit").told
    )
    assert "100 genes of" in only(result, "Many genes without a finite fold change").told
    assert "40 genes (10.0%" in only(result, "Many genes with an outlying count").told


def test_few_counts_and_few_genes() -> None:
    fit = replace(usual().fit, base_mean=usual().fit.base_mean / 200.0)
    assert "Few counts" in headings(replace(usual(), fit=fit))
    assert "Few genes" in headings(analysed(counts().iloc[:, :90]))


# What the analysis said


def test_recorded_warnings_are_told_with_a_remedy() -> None:
    said = ["2 gene names occur more than once ('a', 'b'); all rows are kept.", "Something else."]
    result = replace(usual(), provenance={**usual().provenance, "warnings": said})
    found = cautions_of(result)
    assert [each.heading for each in found] == ["Repeated gene names", "A warning of the analysis"]
    assert [each.told for each in found] == said
    assert all(each.remedy for each in found)


def test_a_warning_that_a_rule_tells_is_not_told_twice() -> None:
    stages = replace(usual().dispersion, trend_kind="local")
    said = ["The parametric dispersion trend a0 + a1 / mean has no positive estimate"]
    result = replace(
        usual(), dispersion=stages, provenance={**usual().provenance, "warnings": said}
    )
    assert headings(result) == ["Another trend of the dispersion than asked for"]


# The sections


def test_every_caution_has_its_remedy_and_every_rule_is_listed() -> None:
    grave, note = Caution("Bad", "Seen <so>.", "Mend it."), Caution("Fine", "Seen.", "No.", False)
    page = Page(cautions_section([grave, note], sample_facts(usual())))
    told = page.words()
    assert page.open == []
    assert "Bad Seen <so>. What to do: Mend it." in told
    assert all(rule.looked_at in told for rule in rules())
    kinds = [attributes.get("class") for tag, attributes in page.tags if tag == "div"]
    assert kinds == ["caution", "caution note"]


def test_without_counts_the_page_says_what_it_cannot_show() -> None:
    result = replace(usual(), fit=replace(usual().fit, counts=None))
    facts = sample_facts(result)
    assert (facts.totals, facts.values, facts.unexplained) == (None, None, None)
    page = Page(quality_section(facts))
    assert page.figures() == []
    assert "countglm report FOLDER --counts FILE" in page.words()
    assert "size factors" in page.words()
    assert "counts were not at hand" in Page(cautions_section([], facts)).words()


def test_the_samples_are_listed_with_what_is_known_of_them() -> None:
    page = Page(quality_section(sample_facts(usual())))
    told = page.words()
    assert len(page.figures()) == 4
    assert all(f"s{i} " in told for i in range(N_SAMPLES))
    assert "variance left" in told
    assert page.open == []
