"""Likelihood ratio tests: against 50 digits, at the supremum, whatever the coding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from mpmath import mp, mpf
from scipy import stats

import countglm
from countglm._reduced import reduced_design
from countglm.errors import InputError
from countglm.likelihood_ratio import likelihood_ratio_test
from tests.support import reference as ref
from tests.support.groups import ALPHA, FACTORS, GROUPS, LN2, OBS, brute_force_bh, counts, fitted

COLUMNS = [
    "baseMean",
    "log2FoldChange",
    "lfcSE",
    "stat",
    "pvalue",
    "padj",
    "test",
    "status",
    "na_reason",
]


def exact_statistic(y, full, reduced, alpha, **options) -> float:
    value = []
    with mp.workdps(50):
        for design in (full, reduced):
            problem = ref.make_problem(y, design, **options)
            best = ref.maximise(problem, mpf(float(alpha)))
            value.append(ref.log_likelihood(problem, best, mpf(float(alpha))))
        return float(2 * (value[0] - value[1]))


def test_statistic_against_fifty_digits() -> None:
    fit = fitted(formula="~ group + x")
    table = likelihood_ratio_test(fit, "~ x")
    full = fit.design.matrix
    for gene in (0, 5, 9):
        exact = exact_statistic(
            counts()[:, gene], full, full[:, [0, 3]], ALPHA, size_factors=FACTORS
        )
        assert table["stat"].iloc[gene] == pytest.approx(exact, rel=1e-11)
        assert table["pvalue"].iloc[gene] == pytest.approx(stats.chi2(2).sf(exact), rel=1e-10)
    assert (table["test"] == "LRT").all()
    assert list(table.columns) == COLUMNS
    np.testing.assert_allclose(table["padj"], brute_force_bh(table["pvalue"].to_numpy()))


def test_offsets_weights_and_the_poisson_family() -> None:
    rng = np.random.default_rng(5)
    offset, weights = rng.normal(0, 0.3, (12, 12)), rng.uniform(0.5, 2.0, (12, 12))
    weights[[1, 5], 2] = 0.0
    for options in (
        {"offset": offset, "weights": weights},
        {"offset": offset[:, 0], "weights": weights[:, 0]},
        {"family": "poisson", "dispersion": None},
    ):
        fit = fitted(formula="~ group + x", **options)
        table = likelihood_ratio_test(fit, ["Intercept", "x"])
        for gene in (2, 7):
            given = {"size_factors": FACTORS}
            for name in {"offset", "weights"} & set(options):
                value = options[name]
                given[name] = value if value.ndim == 1 else value[:, gene]
            alpha = 0.0 if "family" in options else ALPHA
            full = fit.design.matrix
            exact = exact_statistic(counts()[:, gene], full, full[:, [0, 3]], alpha, **given)
            assert table["stat"].iloc[gene] == pytest.approx(exact, rel=1e-10)


def test_gene_on_in_one_group_and_off_in_the_other() -> None:
    """PyDESeq2#176 and glmGamPoi#13: the supremum has a likelihood ratio, and it is 120.3."""
    y = np.array([0, 0, 0, 0, 50, 60, 40, 55.0])[:, None]
    obs = pd.DataFrame({"group": np.repeat(["a", "b"], 4)})
    fit = countglm.fit_glm(y, "~ group", obs=obs, dispersion=0.1, size_factors="none")
    row = likelihood_ratio_test(fit, "~ 1").iloc[0]
    assert row["stat"] == pytest.approx(120.3, abs=0.05)
    assert row["pvalue"] == pytest.approx(5.5e-28, rel=0.02)
    on = float(np.sum(stats.nbinom.logpmf(y[4:, 0], 10, 1 / (1 + 0.1 * y[4:].mean()))))
    null = float(np.sum(stats.nbinom.logpmf(y[:, 0], 10, 1 / (1 + 0.1 * y.mean()))))
    assert row["stat"] == pytest.approx(2 * (on - null), rel=1e-12)
    assert row["log2FoldChange"] == np.inf
    assert np.isnan(row["lfcSE"])
    assert (row["status"], row["na_reason"]) == ("SEPARATED", None)
    wald = countglm.wald_test(fit, "group[T.b]").iloc[0]
    assert row["stat"] == pytest.approx(wald["stat"] ** 2, rel=1e-9)


@pytest.mark.parametrize("silent", [4, 3], ids=["whole groups", "but one sample"])
def test_two_silent_groups_cannot_be_told_apart(silent: int) -> None:
    """Both designs leave b and c at 0, so the likelihood says nothing of their difference."""
    y = counts()[:, :6]
    y[4:8, 1] = y[8 : 8 + silent, 1] = 0.0
    merged = np.column_stack([np.ones(12), GROUPS != "a"]).astype(float)
    for formula in ("~ group", "~ 0 + group"):
        fit = fitted(y, formula)
        table = likelihood_ratio_test(fit, merged, contrast=["group", "c", "b"])
        lost, row = table["pvalue"].isna(), table.iloc[1]
        if silent == 4:
            assert row["status"] == "SEPARATED"
            assert row[["stat", "pvalue", "padj"]].isna().all()
            assert row["na_reason"] == "not_estimable"
            again = likelihood_ratio_test(fit, merged, contrast=["group", "b", "a"]).iloc[1]
            assert again["log2FoldChange"] == -np.inf
            assert again["na_reason"] == "not_estimable"
        # One sample with a count tells c from b, and the test is that of the other genes.
        assert lost.tolist() == [False, silent == 4, False, False, False, False]
        np.testing.assert_allclose(
            table["padj"][~lost], brute_force_bh(table["pvalue"][~lost].to_numpy())
        )
        # Against one level for all groups both silent groups are a finding.
        whole = likelihood_ratio_test(fit, "~ 1", contrast=["group", "c", "b"]).iloc[1]
        assert whole["pvalue"] < 1e-3
        assert whole["na_reason"] is None


def test_silent_samples_of_weight_zero_tell_nothing_either() -> None:
    y, weights = counts()[:, :3], np.ones((12, 3))
    y[4:11, 1], weights[11, 1] = 0.0, 0.0
    fit = fitted(y, weights=weights)
    merged = np.column_stack([np.ones(12), GROUPS != "a"]).astype(float)
    table = likelihood_ratio_test(fit, merged)
    assert table["na_reason"].tolist() == [None, "not_estimable", None]
    assert np.isnan(table["stat"].iloc[1])


def test_separated_in_both_models() -> None:
    # Group a is silent in the full model and in the one without x.
    y = counts()[:, :2]
    y[GROUPS == "a"] = 0.0
    table = likelihood_ratio_test(fitted(y, "~ group + x"), "~ group")
    part = GROUPS != "a"
    alone = countglm.fit_glm(
        y[part], "~ group + x", obs=OBS[part].reset_index(drop=True), dispersion=ALPHA,
        size_factors=FACTORS[part],
    )  # fmt: skip
    expected = likelihood_ratio_test(alone, "~ group")
    np.testing.assert_allclose(table["stat"], expected["stat"], rtol=1e-10)
    np.testing.assert_allclose(table["pvalue"], expected["pvalue"], rtol=1e-9)


def test_the_same_in_every_coding_and_order() -> None:
    fit = fitted(formula="~ group * x")
    table = likelihood_ratio_test(fit, "~ group + x")
    cells = fitted(formula="~ 0 + group + group:x")
    relevelled = OBS.assign(group=pd.Categorical(GROUPS, ["c", "a", "b"]), x=OBS["x"] * 1e3 - 7e4)
    order = np.random.default_rng(2).permutation(12)
    moved = fitted(
        counts()[order], "~ group * x", obs=OBS.iloc[order].reset_index(drop=True),
        size_factors=FACTORS[order],
    )  # fmt: skip
    others = [
        likelihood_ratio_test(cells, "~ group + x", obs=OBS),
        likelihood_ratio_test(fitted(formula="~ group * x", obs=relevelled), "~ x + group"),
        likelihood_ratio_test(moved, "~ group + x"),
        likelihood_ratio_test(fit, fit.design.matrix[:, :4] @ np.triu(np.ones((4, 4)))),
    ]
    for other in others:
        np.testing.assert_allclose(other["stat"], table["stat"], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(other["pvalue"], table["pvalue"], rtol=1e-9)


def test_every_way_to_write_the_reduced_design() -> None:
    fit = fitted(formula="~ group + x")
    frame = pd.DataFrame({"Intercept": 1.0, "x": OBS["x"]})
    ways = [
        "~ x", "x", frame, frame.to_numpy(), ["Intercept", "x"], ("x", "Intercept"),
        ["-group[T.b]", "-group[T.c]"], reduced_design(fit, "~ x"),
    ]  # fmt: skip
    expected = likelihood_ratio_test(fit, "~ x", obs=OBS)
    for way in ways:
        found = likelihood_ratio_test(fit, way)
        np.testing.assert_allclose(found["stat"], expected["stat"], rtol=1e-12)


def statistic_or_message(*args, **options):
    try:
        return likelihood_ratio_test(*args, **options)["stat"].to_numpy()
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("full", ["~ group * C(k) + x", "~ 0 + group + x", "~ bs(x, df=3) + k"])
@pytest.mark.parametrize("reduced", ["~ 1", "~ group", "~ x", "~ 0 + group", "~ C(k) + x", "~ k"])
def test_formula_without_a_table_means_the_same_as_with_it(full: str, reduced: str) -> None:
    obs = OBS.assign(k=np.repeat([1, 2], 6))
    if full.startswith("~ group"):
        obs["group"] = pd.Categorical(np.tile(["a", "b", "c"], 4))
    fit = fitted(formula=full, obs=obs)
    found = statistic_or_message(fit, reduced)
    if isinstance(found, str):
        assert "pass the sample table as obs=" in found
    else:
        wanted = statistic_or_message(fit, reduced, obs=obs)
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


def test_contrast_is_reported_and_takes_no_part() -> None:
    fit = fitted()
    last, first = likelihood_ratio_test(fit, "~ 1"), likelihood_ratio_test(
        fit, "~ 1", contrast=["group", "a", "b"]
    )  # fmt: skip
    np.testing.assert_array_equal(last["pvalue"], first["pvalue"])
    np.testing.assert_allclose(last["log2FoldChange"], fit.coefficients[:, 2] / LN2)
    np.testing.assert_allclose(first["log2FoldChange"], -fit.coefficients[:, 1] / LN2)
    np.testing.assert_allclose(first["lfcSE"], fit.standard_errors[:, 1] / LN2)


def test_genes_without_a_test_say_why() -> None:
    y, weights = counts()[:, :5], np.ones((12, 5))
    y[:, 0] = 0.0
    weights[:, 1] = 0.0
    weights[GROUPS == "b", 2] = 0.0
    weights[GROUPS != "a", 3] = 0.0
    fit = fitted(y, weights=weights)
    status = fit.status.copy()
    status[4] = countglm.Status.MAX_ITER
    table = likelihood_ratio_test(dataclasses.replace(fit, status=status), "~ 1")
    reasons = ["all_zero", "no_weight", None, "not_estimable", "not_converged"]
    assert table["na_reason"].tolist() == reasons
    assert table["pvalue"].isna().tolist() == [True, True, False, True, True]
    # Without group b one coefficient is left to test.
    row = table.iloc[2]
    assert row["pvalue"] == pytest.approx(stats.chi2(1).sf(row["stat"]), rel=1e-12)


def test_error_rate_under_the_null() -> None:
    rng = np.random.default_rng(9)
    y = rng.poisson(30.0, (12, 300))
    fit = countglm.fit_glm(y, "~ group", obs=OBS, family="poisson", size_factors="none")
    p = likelihood_ratio_test(fit, "~ 1")["pvalue"]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_counts_after_loading(tmp_path) -> None:
    fit = fitted(formula="~ group + x")
    fit.save(tmp_path / "fit.npz")
    loaded = countglm.GLMFit.load(tmp_path / "fit.npz")
    with pytest.raises(InputError, match="pass them as counts="):
        likelihood_ratio_test(loaded, ["Intercept", "x"])
    with pytest.raises(InputError, match=r"cannot be read off.*obs="):
        likelihood_ratio_test(loaded, "~ x", counts=counts())
    expected = likelihood_ratio_test(fit, "~ x")
    for found in (
        likelihood_ratio_test(loaded, "~ x", counts=counts(), obs=OBS),
        likelihood_ratio_test(loaded, ["Intercept", "x"], counts=counts()),
    ):
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)
    null = likelihood_ratio_test(loaded, "~ 1", counts=counts())
    np.testing.assert_array_equal(null["stat"], likelihood_ratio_test(fit, "~ 1")["stat"])


def test_table_of_an_anndata_serves_the_formula() -> None:
    import anndata

    index = [f"s{i}" for i in range(12)]
    adata = anndata.AnnData(counts(), obs=OBS.assign(k=np.arange(12.0) // 6).set_axis(index))
    # k lies in the span of the full design, which does not name it.
    full = pd.DataFrame({"one": 1.0, "k": np.arange(12.0) // 6, "x": OBS["x"]}).set_axis(index)
    fit = countglm.fit_glm(adata, full, dispersion=ALPHA, size_factors=FACTORS)
    found = likelihood_ratio_test(fit, "~ k")
    np.testing.assert_allclose(found["stat"], likelihood_ratio_test(fit, ["one", "k"])["stat"])


@pytest.mark.parametrize(
    ("reduced", "message"),
    [
        ("~ group + x", "spans as much as the full one"),
        (np.column_stack([np.ones(12), np.arange(12.0) ** 2]), r"not nested.*1 column \('x1'\)"),
        (["Intercept", "z"], "no column 'z'"),
        (["-Intercept", "x"], "both keeps and leaves out"),
        (["-" + c for c in ("Intercept", "group[T.b]", "group[T.c]", "x")], "keeps no column"),
        ("~ batch", r"cannot be read off.*obs="),
        (np.ones((11, 1)), "11 rows"),
        (np.ones(12), "1 dimension"),
        (np.column_stack([np.ones(12), np.ones(12)]), "rank 1"),
    ],
)
def test_reduced_designs_that_are_none(reduced, message: str) -> None:
    with pytest.raises(InputError, match=message):
        likelihood_ratio_test(fitted(formula="~ group + x"), reduced)
