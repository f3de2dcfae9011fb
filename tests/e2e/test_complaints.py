"""What users of other engines complained about, one test each, named after the complaint."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import InputError, Status, differential_expression, fit_glm
from tests.support.reduced import analyse, reduced
from tests.support.simulated import simulate


@pytest.fixture(scope="module")
def pasilla() -> Any:
    """Every fifth gene of pasilla."""
    return countglm.datasets.pasilla()[:, ::5].copy()


@pytest.fixture(scope="module")
def treated(pasilla: Any) -> Any:
    return differential_expression(
        pasilla, "~ type + condition", ["condition", "treated", "untreated"]
    )


def test_lrt_with_a_reduced_model(pasilla: Any) -> None:
    """https://github.com/scverse/PyDESeq2/issues/176"""
    result = differential_expression(
        pasilla, "~ type + condition", "condition[T.untreated]", test="lrt", reduced="~ type"
    )
    table = result.table.dropna(subset=["padj"])
    assert (table["test"] == "LRT").all()
    assert 50 < (table["padj"] < 0.1).sum() < 500
    assert (table["stat"] >= -1e-9).all()


def test_results_that_are_those_of_r_to_the_call() -> None:
    """https://github.com/scverse/PyDESeq2/issues/217"""
    theirs, _ = reduced("pasilla")
    ours = analyse("pasilla", "replay").table.loc[theirs.index]
    np.testing.assert_array_equal(ours["padj"] < 0.1, theirs["padj"] < 0.1)
    np.testing.assert_array_equal(ours["padj"].isna(), theirs["padj"].isna())


def test_tximport_normalisation_factors() -> None:
    """https://github.com/scverse/PyDESeq2/issues/305"""
    counts, obs = simulate(genes=200, samples=8, seed=1)
    lengths = np.exp(np.random.default_rng(2).normal(7.0, 0.3, counts.shape))
    made = countglm.from_tximport(counts * 1.0, lengths)
    result = differential_expression(
        made.counts, "~ group", ["group", "b", "a"], obs=obs,
        normalization_factors=made.normalization_factors,
    )  # fmt: skip
    factors = np.asarray(made.normalization_factors)
    assert factors.shape == counts.shape
    np.testing.assert_allclose(
        result.table["baseMean"], (counts.to_numpy() / factors).mean(axis=0), rtol=1e-12
    )
    # The same factors as size factors and offset give the same fit.
    fit = fit_glm(
        counts, "~ group", obs=obs, size_factors="none", offset=np.log(factors),
        dispersion=result.fit.dispersion,
    )  # fmt: skip
    np.testing.assert_array_equal(fit.coefficients, result.fit.coefficients)


def test_threshold_test_does_not_depend_on_the_reference(pasilla: Any) -> None:
    """https://github.com/scverse/PyDESeq2/pull/468"""
    tables = [
        differential_expression(
            pasilla, "~ type + condition", ["condition", "treated", "untreated"],
            lfc_threshold=0.5, reference={"condition": level},
        ).table
        for level in ("treated", "untreated")
    ]  # fmt: skip
    z, other = (table["stat"].to_numpy() for table in tables)
    known = np.isfinite(z)
    assert known.sum() > 2000
    assert (np.abs(z - other)[known] <= 1e-9 * (1.0 + np.abs(z[known]))).all()
    assert (tables[0]["na_reason"].isna() == tables[1]["na_reason"].isna()).all()


def test_threads_change_nothing_and_start_no_process(pasilla: Any) -> None:
    """https://github.com/scverse/PyDESeq2/issues/288"""
    # Other tests of this process may have left theirs.
    before = set(threading.enumerate())
    results = [
        differential_expression(pasilla, "~ type + condition", threads=threads)
        for threads in (1, 2, 4)
    ]
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0].table, other.table, check_exact=True)
    assert multiprocessing.active_children() == []
    # Threads are kept for the next call, no more of them than were asked for.
    started = [t for t in threading.enumerate() if t not in before]
    assert len([t for t in started if t.name.startswith("countglm")]) <= 2 + 4


def test_a_table_of_mostly_zeros_comes_to_an_end() -> None:
    """https://github.com/scverse/PyDESeq2/issues/453"""
    rng = np.random.default_rng(3)
    counts = (rng.random((60, 400)) < 0.03) * rng.poisson(2.0, (60, 400))
    group = pd.DataFrame({"group": pd.Categorical(np.repeat(["a", "b"], 30))})
    result = differential_expression(
        counts, "~ group", ["group", "b", "a"], obs=group, size_factors="none"
    )
    assert set(result.table["status"]) <= {status.name for status in Status}
    assert result.table["na_reason"][result.table["padj"].isna()].notna().all()


def test_every_missing_p_value_has_a_reason(treated: Any) -> None:
    """https://github.com/scverse/PyDESeq2/issues/35"""
    table = treated.table
    missing = table[["pvalue", "padj"]].isna().any(axis=1)
    words = {"all_zero", "outlier", "low_mean", "not_estimable", "not_converged"}
    assert missing.sum() > 100
    assert set(table.loc[missing, "na_reason"]) <= words
    assert table.loc[~missing, "na_reason"].isna().all()


def test_a_group_of_zeros_has_no_absurd_fold_change() -> None:
    """https://support.bioconductor.org/p/119925"""
    counts, obs = simulate(genes=150, samples=8, seed=5)
    counts.iloc[:, 0] = [0, 0, 0, 0, 50, 60, 40, 55]
    counts.iloc[:, 1] = [0, 0, 0, 0, 0, 0, 0, 0]
    result = differential_expression(counts, "~ group", ["group", "b", "a"], obs=obs)
    on_off = result.table.iloc[0]
    assert on_off["log2FoldChange"] == np.inf
    assert np.isnan(on_off["lfcSE"])
    assert on_off["test"] == "LRT"
    assert on_off["padj"] < 1e-6
    assert result.table.iloc[1]["na_reason"] == "all_zero"


def test_results_are_pickled_and_saved(treated: Any, tmp_path: Any) -> None:
    """https://github.com/scverse/PyDESeq2/issues/330"""
    again = pickle.loads(pickle.dumps(treated))
    pd.testing.assert_frame_equal(again.table, treated.table, check_exact=True)
    treated.save(tmp_path / "result.h5")
    loaded = countglm.DEResult.load(tmp_path / "result.h5")
    pd.testing.assert_frame_equal(loaded.table, treated.table, check_exact=True)


@pytest.mark.parametrize("fit_type", ["parametric", "local", "mean"])
def test_every_kind_of_trend_serves_the_transformation(pasilla: Any, fit_type: str) -> None:
    """https://github.com/scverse/PyDESeq2/issues/154"""
    values = np.asarray(countglm.vst(pasilla, fit_type=fit_type))
    assert values.shape == pasilla.shape
    assert np.isfinite(values).all()
    counts = pasilla.X.toarray() if hasattr(pasilla.X, "toarray") else np.asarray(pasilla.X)
    order = np.argsort(counts[0] / countglm.estimate_size_factors(pasilla)[0])
    assert (np.diff(values[0][order]) >= -1e-9).all()


def test_many_samples_need_no_more_steps_per_gene() -> None:
    """https://github.com/thelovelab/DESeq2/issues/128"""
    steps = []
    for samples in (8, 400):
        counts, obs = simulate(genes=40, samples=samples, seed=6)
        fit = fit_glm(counts, "~ group", obs=obs)
        assert fit.converged.all()
        steps.append(np.median(fit.n_iter))
    assert steps[1] <= steps[0] + 1


def test_a_design_without_full_rank_is_named() -> None:
    """https://support.bioconductor.org/p/9136325"""
    counts, obs = simulate(genes=20, samples=8, seed=7)
    obs["batch"] = pd.Categorical(np.where(obs["group"] == "a", "one", "two"))
    with pytest.raises(InputError, match=r"batch\[T.two\].*group\[T.b\]|group\[T.b\].*batch"):
        differential_expression(counts, "~ batch + group", obs=obs)


def test_zinbwave_weights_stand_with_their_own_genes() -> None:
    """https://github.com/thelovelab/DESeq2/issues/130"""
    counts, obs = simulate(genes=120, samples=12, seed=8)
    rng = np.random.default_rng(9)
    weights = np.where(counts.to_numpy() == 0, rng.uniform(0.05, 1.0, counts.shape), 1.0)
    alone = differential_expression(
        counts, "~ group", ["group", "b", "a"], obs=obs, weights=weights, size_factors="poscounts"
    )
    empty = pd.DataFrame(0, index=counts.index, columns=[f"empty{i}" for i in range(5)])
    wider = np.hstack([np.ones((12, 5)), weights])
    for mode in ("exact", "replay"):
        results = [
            differential_expression(
                table, "~ group", [0.0, 1.0], obs=obs, weights=w, mode=mode,
                size_factors=alone.fit.size_factors,
            ).table
            for table, w in ((counts, weights), (pd.concat([empty, counts], axis=1), wider))
        ]  # fmt: skip
        pd.testing.assert_frame_equal(results[0], results[1].iloc[5:], check_exact=True)


def test_several_contrasts_share_one_fit() -> None:
    """https://github.com/nf-core/differentialabundance/issues/452"""
    counts, obs = simulate(genes=150, samples=12, seed=10, groups=3)
    contrasts = {"b over a": ["group", "b", "a"], "c over b": ["group", "c", "b"]}
    results = differential_expression(counts, "~ group", contrasts, obs=obs)
    assert list(results) == list(contrasts)
    first, second = results.values()
    assert first.fit is second.fit
    assert first.dispersion is second.dispersion
    alone = differential_expression(counts, "~ group", ["group", "c", "b"], obs=obs)
    pd.testing.assert_frame_equal(second.table, alone.table, check_exact=True)
    later = first.test(["group", "c", "b"])
    pd.testing.assert_frame_equal(later.table, alone.table, check_exact=True)


def test_a_large_cohort_without_differences_has_no_calls() -> None:
    """https://genomebiology.biomedcentral.com/articles/10.1186/s13059-022-02648-4"""
    counts, obs = simulate(genes=400, samples=120, seed=11, changed=0.0)
    rng = np.random.default_rng(12)
    # One sample in a hundred genes is wildly off, as in real cohorts.
    values = counts.to_numpy().copy()
    values[rng.integers(0, 120, 100), np.arange(100)] *= 1000
    noisy = pd.DataFrame(values, index=counts.index, columns=counts.columns)
    result = differential_expression(noisy, "~ group", ["group", "b", "a"], obs=obs)
    assert (result.table["padj"] < 0.1).sum() <= 4
    assert result.outliers.refitted[:100].sum() >= 90


@pytest.mark.parametrize("factor", [1, 10**6])
def test_counts_beyond_integers_of_32_bits(factor: int) -> None:
    """https://github.com/thelovelab/DESeq2/issues/66"""
    counts = np.array([[3000, 4100, 2500, 9000, 8000, 9900]], dtype=np.int64).T * factor
    other = np.array([[5, 9, 7, 4, 12, 6]]).T
    table = np.hstack([counts, other])
    group = pd.DataFrame({"group": pd.Categorical(list("aaabbb"))})
    fit = fit_glm(table, "~ group", obs=group, size_factors="none")
    expected = np.log(counts[3:].mean() / counts[:3].mean())
    np.testing.assert_allclose(fit.coefficients[0, 1], expected, rtol=1e-9)
    assert fit.converged[0]
    np.testing.assert_allclose(fit.dispersion[0], 0.03, atol=0.03)


def test_shrinkage_of_a_contrast_that_is_no_coefficient() -> None:
    """https://github.com/scverse/PyDESeq2/issues/361"""
    counts, obs = simulate(genes=150, samples=12, seed=13, groups=3)
    results = [
        differential_expression(
            counts, "~ group", ["group", "c", "b"], obs=obs, reference={"group": level}
        ).shrink()
        for level in ("a", "b")
    ]
    one, other = (result.table["log2FoldChange"].to_numpy() for result in results)
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
    assert (
        np.abs(one) <= np.abs(results[0].test(["group", "c", "b"]).table["log2FoldChange"]) + 1e-9
    ).all()
