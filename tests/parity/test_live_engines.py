"""Other engines run now beside ours: DESeq2 stage by stage, edgeR, glmGamPoi and limma-voom.

DESeq2 against ``mode="replay"``: what is left between the two is rounding that their stopping
rules enlarge, 1e-6 in the logarithm of a dispersion being where DESeq2's line search stops.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import countglm
from countglm import Status
from countglm.adapters.r import run_r
from tests.support.deseq2 import cost_terms

pytestmark = [pytest.mark.r, pytest.mark.compiled]

DESIGN = {"design": "~ type + condition", "contrast": ["condition", "treated", "untreated"]}
# Below, DESeq2 reports the noise of a likelihood that is flat down to zero.
FLOOR = 1e-7
STAGES = ["baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj"]


def shift(n_samples: int, n_genes: int) -> np.ndarray:
    return np.random.default_rng(3).normal(scale=0.2, size=(n_samples, n_genes))


OFFSET = shift(7, 1217)
# Name, R's options, ours where they are called otherwise.
ANALYSES = {
    "default": ({"shrink": "normal"}, {}),
    "local trend": ({"fit_type": "local"}, None),
    "mean": ({"fit_type": "mean"}, None),
    "poscounts, threshold": (
        {"sfType": "poscounts", "lfcThreshold": 1.0},
        {"size_factors": "poscounts", "lfc_threshold": 1.0},
    ),
    "inside a threshold": (
        {"lfcThreshold": 1.0, "altHypothesis": "lessAbs"},
        {"lfc_threshold": 1.0, "alternative": "lessAbs"},
    ),
    "likelihood ratio": ({"test": "lrt", "reduced": "~ type"}, None),
    "normalisation factors": (
        {"offset": OFFSET, "size_factors": "none"},
        {"normalization_factors": np.exp(OFFSET)},
    ),
    "t, numbers, no filter": (
        {
            "use_t": True, "cooks_cutoff": False, "independent_filtering": False,
            "contrast": [0, 1, -0.5],
        },
        None,
    ),
}  # fmt: skip


@cache
def some_genes():
    return countglm.datasets.pasilla()[:, ::12].copy()


@pytest.fixture
def adata():
    return some_genes()


@cache
def deseq2(name: str):
    """Run DESeq2 once for the tests that look at the same analysis; R takes seconds to load it."""
    return run_r("DESeq2", some_genes(), **{**DESIGN, **ANALYSES[name][0]})


def relative(ours, theirs) -> np.ndarray:
    """Relative differences; NaN must stand in the same places."""
    ours = np.atleast_1d(np.asarray(ours, dtype=float))
    theirs = np.atleast_1d(np.asarray(theirs, dtype=float))
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    both = np.isfinite(theirs) & (ours != theirs)
    return np.abs(ours[both] - theirs[both]) / np.abs(theirs[both])


def assert_close(what: str, ours, theirs, typical: float, worst: float) -> None:
    """99% of the values within ``typical``, all within ``worst``."""
    difference = relative(ours, theirs)
    if difference.size:
        found = np.quantile(difference, 0.99), difference.max()
        assert (np.array(found) <= [typical, worst]).all(), (what, found)


@pytest.mark.parametrize("name", ANALYSES)
def test_replay_is_deseq2_stage_by_stage(adata, name) -> None:
    asked, ours = ANALYSES[name]
    theirs = deseq2(name)
    result = countglm.differential_expression(
        adata, mode="replay", **{**DESIGN, **(asked if ours is None else ours)}
    )
    if theirs.size_factors is None:
        expected = np.exp(OFFSET)
        assert_close("factors", expected, theirs.normalization_factors, 1e-15, 1e-15)
    else:
        assert_close("size factors", result.fit.size_factors, theirs.size_factors, 2e-15, 2e-15)
    fitted, genes = result.dispersion, theirs.genes
    above = ~(genes["dispGeneEst"].to_numpy() < FLOOR)
    assert np.array_equal(above, ~(fitted.genewise < FLOOR))
    genewise = genes["dispGeneEst"].to_numpy()
    assert_close("gene-wise", fitted.genewise[above], genewise[above], 1e-10, 1e-5)
    # The local trend carries the tolerance of locfit's solver, 1e-7, to all that follows.
    typical = 1e-7
    assert_close("trend", fitted.trend, genes["dispFit"], typical, typical)
    assert_close("MAP", fitted.map, genes["dispMAP"], typical, 1e-5)
    assert_close("final", fitted.final, genes["dispersion"], typical, 1e-5)
    prior = theirs.info["prior_variance"]
    assert_close("prior variance", fitted.prior_variance, prior, 1e-10, 1e-10)
    for column in STAGES:
        # A p-value far out multiplies the difference of its statistic.
        worst = 1e-4 if column in ("pvalue", "padj") else 1e-5
        assert_close(column, result.table[column], theirs.table[column], typical, worst)


def test_normal_shrinkage_is_deseq2s(adata) -> None:
    theirs = deseq2("default").tables["shrunken"]
    result = countglm.differential_expression(adata, mode="replay", **DESIGN)
    ours = result.shrink(method="normal").table
    for column in ("log2FoldChange", "lfcSE"):
        assert_close(column, ours[column], theirs[column], 1e-8, 1e-5)


def test_replaced_outliers_are_deseq2s() -> None:
    rng = np.random.default_rng(5)
    mean = rng.lognormal(4, 1.6, size=600)
    counts = rng.negative_binomial(5, 1 / (1 + mean / 5), size=(16, 600))
    for gene in range(0, 60, 3):
        counts[gene % 16, gene] += int(40 * mean[gene]) + 500
    obs = pd.DataFrame({"condition": ["a", "b"] * 8})
    asked = {"obs": obs, "design": "~ condition", "contrast": ["condition", "b", "a"]}
    theirs = run_r("DESeq2", counts, **asked, fit_type="mean")
    result = countglm.differential_expression(counts, **asked, fit_type="mean", mode="replay")
    changed = counts.T.astype(float)
    out = result.outliers
    changed[out.replaced_gene, out.replaced_sample] = out.replaced_count
    genes = np.unique(out.replaced_gene)
    assert list(theirs.replaced.index) == [str(gene) for gene in genes]
    assert np.array_equal(theirs.replaced.to_numpy(), changed[genes])
    assert theirs.genes["replace"].sum() == 20
    assert_close("p", result.table["pvalue"], theirs.table["pvalue"], 1e-8, 1e-4)


def test_what_is_given_comes_back_with_all_its_bits(adata) -> None:
    size_factors = np.exp(shift(7, 1)[:, 0])
    theirs = run_r("glmGamPoi", adata, **DESIGN, size_factors=size_factors)
    assert theirs.size_factors.tobytes() == size_factors.tobytes()
    assert theirs.contrast.tolist() == [0.0, 0.0, -1.0]
    again = run_r("glmGamPoi", adata, **DESIGN, size_factors=size_factors)
    for one, other in ((theirs.table, again.table), (theirs.coefficients, again.coefficients)):
        assert one.to_numpy().tobytes() == other.to_numpy().tobytes()


def test_a_matrix_and_a_formula_give_the_same_numbers(adata) -> None:
    by_formula = deseq2("likelihood ratio")
    by_matrix = run_r(
        "DESeq2", adata, design=by_formula.design, contrast=by_formula.contrast,
        test="LRT", reduced=by_formula.design.iloc[:, :2],
    )  # fmt: skip
    assert list(by_matrix.design.columns) == list(by_formula.design.columns)
    for column in ("baseMean", "log2FoldChange", "lfcSE", "pvalue"):
        assert_close(column, by_matrix.table[column], by_formula.table[column], 1e-12, 1e-12)
    # Without one coefficient, named; the contrast stays a comparison of levels.
    by_name = run_r("DESeq2", adata, **DESIGN, test="LRT", reduced=["-condition[T.untreated]"])
    assert by_name.label == by_formula.label
    assert by_name.info["options"]["reduced"] == "given"
    assert_close("p", by_name.table["pvalue"], by_formula.table["pvalue"], 1e-12, 1e-12)


def test_names_that_need_backticks_and_flags(adata) -> None:
    obs = adata.obs.assign(flag=adata.obs["condition"] == "treated")
    design = "~ flag + `number of lanes`"
    asked = {"obs": obs, "design": design, "contrast": ["flag", True, False]}
    result = countglm.differential_expression(adata.X, mode="replay", **asked)
    theirs = run_r("DESeq2", adata.X, **asked)
    assert theirs.label == "flag True vs False"
    assert list(theirs.design.columns)[1:] == ["flagTRUE", "`number of lanes`"]
    for column in ("log2FoldChange", "lfcSE"):
        assert_close(column, result.table[column], theirs.table[column], 1e-7, 1e-5)
    alone = run_r("DESeq2", adata.X, obs, "~ flag", ["flag", "True", "False"], fit_type="mean")
    assert alone.label == theirs.label
    asked_for = {"test": "Wald", "fit_type": "mean", "reduced": None, "size_factors": None}
    assert alone.info["options"] | asked_for == alone.info["options"]


def judge(theirs, adata, dispersion: pd.Series):
    """Fit at an engine's dispersions and offsets; its coefficients against ours.

    Returns our fit, which genes have an optimum, how much lower their log-likelihood is, the
    rounding of that, and the largest distance in our standard errors.
    """
    alpha = dispersion.to_numpy()
    scale = {"size_factors": theirs.size_factors}
    factors = theirs.size_factors
    if theirs.normalization_factors is not None:
        factors = theirs.normalization_factors.T
        scale = {"size_factors": "none", "offset": np.log(theirs.normalization_factors)}
    fit = countglm.fit_glm(adata.X, theirs.design.to_numpy(), dispersion=alpha, **scale)
    y = np.asarray(adata.to_df(), dtype=float).T
    # Genes without a count have no finite estimate.
    b = theirs.coefficients.to_numpy()
    b = np.where(np.isfinite(b), b, np.nan)
    ours = cost_terms(y, fit.mu().T, alpha)
    loss = (cost_terms(y, factors * np.exp(b @ theirs.design.T.to_numpy()), alpha) - ours).sum(1)
    noise = 1e-14 * np.abs(ours).sum(axis=1) + 1e-12
    distance = np.full(len(b), np.nan)
    optimum = fit.converged
    distance[optimum] = np.max(
        np.abs(fit.coefficients - b)[optimum] / fit.standard_errors[optimum], axis=1
    )
    return fit, optimum, loss, noise, distance


@pytest.mark.parametrize("offset", [None, OFFSET], ids=["size factors", "offsets"])
def test_edger_at_its_dispersions(adata, offset) -> None:
    theirs = run_r("edgeR", adata, **DESIGN, test="LRT", offset=offset)
    fit, optimum, loss, noise, distance = judge(theirs, adata, theirs.genes["dispersion"])
    assert optimum.sum() > 850
    assert (loss[optimum] >= -noise[optimum]).all()
    assert loss[optimum].max() < 1e-7
    assert np.quantile(distance[optimum], 0.99) < 5e-4
    assert distance[optimum].max() < 2e-3
    separated = fit.status == Status.SEPARATED
    assert separated.sum() > 50
    # Where the optimum is at infinity, edgeR stops where its deviance no longer changes.
    assert (loss[separated] > 0).all()
    tested = countglm.likelihood_ratio_test(fit, theirs.design.iloc[:, :2])
    ratio = np.abs(tested["stat"].to_numpy() - theirs.table["LR"].to_numpy())
    assert np.nanquantile(ratio, 0.99) < 1e-4
    assert np.nanmax(ratio) < 1e-3


def test_edger_quasi_likelihood_at_its_trend(adata) -> None:
    theirs = run_r("edgeR", adata, **DESIGN, norm="TMM")
    _, optimum, loss, noise, distance = judge(theirs, adata, theirs.genes["dispersion"])
    assert (loss[optimum] >= -noise[optimum]).all()
    assert np.quantile(distance[optimum], 0.99) < 5e-4
    ours = countglm.estimate_size_factors(adata, "tmm")
    typical = np.exp(np.mean(np.log(theirs.size_factors)))
    assert_close("TMM", ours, theirs.size_factors / typical, 1e-14, 1e-14)


def test_glmgampoi_at_its_trend(adata) -> None:
    theirs = run_r("glmGamPoi", adata, **DESIGN, offset=OFFSET)
    trend = theirs.genes["dispersion_trend"]
    _, optimum, loss, noise, distance = judge(theirs, adata, trend)
    assert optimum.sum() > 850
    assert (loss[optimum] >= -noise[optimum]).all()
    assert np.quantile(distance[optimum], 0.99) < 5e-4
    assert distance[optimum].max() < 2e-3


def test_limma_voom_is_weighted_least_squares(adata) -> None:
    theirs = run_r("limma-voom", adata, **DESIGN, keep_voom=True)
    x = theirs.design.to_numpy()
    z, w = theirs.tables["E"].to_numpy(), theirs.tables["weights"].to_numpy()
    y = np.asarray(adata.to_df(), dtype=float).T
    # Law et al. (2014), Genome Biology 15:R29: log2 counts per million with half a count added.
    np.testing.assert_allclose(
        z, np.log2((y + 0.5) / (theirs.size_factors + 1) * 1e6), rtol=1e-13, atol=1e-14
    )
    info = np.einsum("gi,ij,ik->gjk", w, x, x)
    beta = np.linalg.solve(info, np.einsum("gi,ij->gj", w * z, x)[:, :, None])[:, :, 0] * np.log(2)
    np.testing.assert_allclose(theirs.coefficients, beta, rtol=1e-10, atol=1e-12)
    unscaled = np.sqrt(np.diagonal(np.linalg.inv(info), axis1=1, axis2=2))
    error = unscaled * np.sqrt(theirs.genes["s2.post"].to_numpy())[:, None] * np.log(2)
    np.testing.assert_allclose(theirs.standard_errors, error, rtol=1e-10)
    t = theirs.coefficients.to_numpy() @ theirs.contrast / error[:, 2]
    np.testing.assert_allclose(theirs.table["t"], t, rtol=1e-9, atol=1e-12)
    p = 2 * stats.t.sf(np.abs(t), theirs.genes["df.total"])
    np.testing.assert_allclose(theirs.table["P.Value"], p, rtol=1e-8)
    ours = countglm.differential_expression(adata, **DESIGN).table
    clear = (ours["baseMean"] > 20) & np.isfinite(ours["log2FoldChange"])
    pair = ours.loc[clear, "log2FoldChange"], theirs.table.loc[clear, "logFC"]
    assert len(theirs.table) == adata.n_vars
    assert np.corrcoef(*pair)[0, 1] > 0.98
