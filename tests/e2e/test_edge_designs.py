"""Small, odd and degenerate studies: each gives a result, or one clear error."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from countglm import (
    CountglmWarning,
    InputError,
    Status,
    datasets,
    differential_expression,
    fit_glm,
)
from tests.support.simulated import simulate

MODES = pytest.mark.parametrize("mode", ["exact", "replay"])
B_OVER_A = ["group", "b", "a"]


@MODES
def test_three_against_three(mode: str) -> None:
    counts, obs = simulate(genes=300, samples=6, seed=21)
    result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)
    assert np.isfinite(result.table["pvalue"]).mean() > 0.95
    assert 5 < (result.table["padj"] < 0.1).sum() < 120
    assert result.dispersion.residual_df == 4


@MODES
@pytest.mark.parametrize("samples", [3, 4, 5])
def test_one_to_three_residual_degrees_of_freedom(mode: str, samples: int) -> None:
    counts, obs = simulate(genes=300, samples=samples, seed=22)
    result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)
    assert result.dispersion.residual_df == samples - 2
    assert result.dispersion.prior_variance >= 0.25
    assert np.isfinite(result.table["pvalue"]).mean() > 0.9


@MODES
def test_one_sample_in_a_group(mode: str) -> None:
    counts, obs = simulate(genes=200, samples=6, seed=23)
    obs["group"] = pd.Categorical(["a"] * 5 + ["b"])
    result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)
    assert np.isfinite(result.table["pvalue"]).mean() > 0.9


@MODES
def test_no_residual_degree_of_freedom_is_an_error(mode: str) -> None:
    counts, obs = simulate(genes=50, samples=2, seed=24)
    with pytest.raises(InputError, match="as many columns as samples"):
        differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)


def test_no_residual_degree_of_freedom_with_dispersions_given() -> None:
    counts, obs = simulate(genes=50, samples=2, seed=24)
    result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, dispersion=0.1)
    assert np.isfinite(result.table["pvalue"]).all()
    assert result.dispersion.trend_kind == "none"


def test_one_gene() -> None:
    counts, obs = simulate(genes=1, samples=8, seed=25)
    result = differential_expression(
        counts, "~ group", B_OVER_A, obs=obs, size_factors="none", fit_type="mean"
    )
    assert result.table.shape[0] == 1
    assert np.isfinite(result.table["pvalue"].iloc[0])


@pytest.mark.parametrize("genes", [1, 2, 5])
def test_a_trend_of_few_genes_falls_back(genes: int) -> None:
    counts, obs = simulate(genes=genes, samples=8, seed=26)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = differential_expression(counts, "~ group", obs=obs, size_factors="library")
    assert len([w for w in caught if w.category is CountglmWarning]) <= 1
    assert result.dispersion.trend_kind in ("parametric", "local", "mean")
    assert np.isfinite(result.table["pvalue"]).all()


@MODES
def test_all_genes_tiny(mode: str) -> None:
    rng = np.random.default_rng(27)
    counts = rng.poisson(0.3, (8, 200))
    counts[:, 0] = 3
    obs = pd.DataFrame({"group": pd.Categorical(np.repeat(["a", "b"], 4))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CountglmWarning)
        result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)
    missing = result.table["pvalue"].isna()
    assert result.table.loc[missing, "na_reason"].notna().all()
    assert (result.table["padj"].dropna() > 0.01).mean() > 0.9


@MODES
def test_less_variable_than_poisson_counts(mode: str) -> None:
    counts = np.full((8, 30), 10) + (np.arange(8)[:, None] + np.arange(30)) % 2
    obs = pd.DataFrame({"group": pd.Categorical(np.repeat(["a", "b"], 4))})
    with pytest.warns(CountglmWarning, match="no trend can be fitted"):
        result = differential_expression(counts, "~ group", B_OVER_A, obs=obs, mode=mode)
    assert np.isfinite(result.table["pvalue"]).all()


@MODES
def test_continuous_covariate_only(mode: str) -> None:
    counts, obs = simulate(genes=200, samples=10, seed=28)
    obs["year"] = 1950.0 + np.arange(10) * 5
    result = differential_expression(counts, "~ year", "year", obs=obs, mode=mode)
    assert np.isfinite(result.table["pvalue"]).mean() > 0.9


def test_forty_columns() -> None:
    counts, obs = simulate(genes=60, samples=78, seed=29)
    obs["patient"] = pd.Categorical([f"p{i:02d}" for i in np.repeat(np.arange(39), 2)])
    obs["time"] = pd.Categorical(np.tile(["before", "after"], 39), ["before", "after"])
    result = differential_expression(
        counts, "~ patient + time", ["time", "after", "before"], obs=obs
    )
    assert len(result.fit.coef_names) == 40
    assert np.isfinite(result.table["pvalue"]).mean() > 0.95


def test_sixty_six_donors_of_whom_one_expresses_a_gene() -> None:
    counts = np.random.default_rng(1).poisson(20.0, (132, 3))
    counts[:, 0] = 0
    counts[:2, 0] = 5, 9
    donors = np.repeat([f"d{i:02d}" for i in range(66)], 2)
    obs = pd.DataFrame({"donor": donors, "t": np.tile(["a", "b"], 66)})
    fit = fit_glm(counts, "~ donor + t", obs=obs, size_factors="none", dispersion=0.1)
    assert [Status(status).name for status in fit.status] == ["SEPARATED", "CONVERGED", "CONVERGED"]
    (gene,) = fit.coefficients[:1]
    # Of the donor with counts both samples are fitted: log 5, and log 9 at the other time.
    np.testing.assert_allclose(gene[[0, -1]], np.log([5.0, 9.0 / 5.0]), rtol=1e-9)
    assert (gene[1:-1] == -np.inf).all()


def test_a_level_without_samples() -> None:
    counts, obs = simulate(genes=100, samples=8, seed=30)
    obs["group"] = obs["group"].cat.add_categories(["never"])
    result = differential_expression(counts, "~ group", B_OVER_A, obs=obs)
    assert result.fit.coef_names == ("Intercept", "group[T.b]")
    with pytest.raises(InputError, match="'never' is no level of 'group'"):
        differential_expression(counts, "~ group", ["group", "never", "a"], obs=obs)


def test_a_sample_of_zeros_is_an_error() -> None:
    counts, obs = simulate(genes=100, samples=8, seed=31)
    counts.iloc[3] = 0
    with pytest.raises(InputError, match="s3"):
        differential_expression(counts, "~ group", B_OVER_A, obs=obs)
    result = differential_expression(
        counts, "~ group", B_OVER_A, obs=obs, size_factors=np.ones(8), fit_type="mean"
    )
    assert result.table["pvalue"].notna().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fast"}, "choose 'exact' or 'replay'"),
        ({"method": "edger"}, "choose 'deseq2'"),
        ({"test": "score"}, "choose 'wald' or 'lrt'"),
        ({"test": "lrt"}, "needs reduced="),
        ({"reduced": "~ 1"}, "belongs to test='lrt'"),
        ({"alpha": 5}, "between 0 and 1"),
        ({"fit_type": "spline"}, "parametric, local, mean"),
        ({"fit_type": np.ones(3)}, "100 positive finite dispersions"),
        ({"prior_variance": 0.0}, "must be positive"),
        ({"cooks_cutoff": -1.0}, "positive number"),
        ({"independent_filtering": "old"}, "'new' or '1.38'"),
        ({"p_adjust": "holm"}, "'BH', 'BY', 'none'"),
        ({"interval": "exact"}, "'wald' or 'profile'"),
        ({"filter_statistic": np.ones(3)}, "100 finite numbers"),
        ({"contrast": {}}, "empty dict"),
        ({"contrast": [["group[T.b]"], ["group[T.b]"]]}, "adds up to nothing"),
        ({"contrast": [["nothing"]]}, "no column 'nothing'"),
        ({"reference": {"grup": "a"}}, "does not have"),
        ({"reference": {"group": "z"}}, "no level of 'group'"),
        ({"normalization_factors": np.zeros((8, 100))}, "must be positive"),
        ({"normalization_factors": np.ones((8, 100)), "offset": np.ones(8)}, "leave"),
        ({"size_factors": np.ones(8), "control_genes": [1]}, "belong to a method"),
        ({"lfc_threshold": -1.0}, ">= 0"),
        ({"alternative": "lessAbs"}, "needs lfc_threshold > 0"),
    ],
)  # fmt: skip
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    counts, obs = simulate(genes=100, samples=8, seed=32)
    with pytest.raises(InputError, match=message):
        differential_expression(counts, "~ group", **{"contrast": B_OVER_A, "obs": obs, **options})


def test_an_intercept_alone_has_nothing_to_test() -> None:
    counts, obs = simulate(genes=50, samples=6, seed=35)
    with pytest.raises(InputError, match="no difference to test"):
        differential_expression(counts, "~ 1", obs=obs)
    table = differential_expression(counts, "~ 1", "Intercept", obs=obs, fit_type="mean").table
    assert np.isfinite(table["pvalue"]).all()


def test_a_function_adjusts_the_p_values() -> None:
    counts, obs = simulate(genes=100, samples=8, seed=33)
    seen = []

    def bonferroni(p: np.ndarray) -> np.ndarray:
        seen.append(p)
        return np.minimum(p * np.isfinite(p).sum(), 1.0)

    result = differential_expression(
        counts, "~ group", B_OVER_A, obs=obs, p_adjust=bonferroni, independent_filtering=False
    )
    assert len(seen) == 1
    np.testing.assert_array_equal(result.table["padj"], bonferroni(result.table["pvalue"]))


def test_intervals_contain_the_estimate() -> None:
    counts, obs = simulate(genes=60, samples=8, seed=34)
    wald = differential_expression(counts, "~ group", B_OVER_A, obs=obs, interval="wald").table
    profile = differential_expression(
        counts, "~ group", B_OVER_A, obs=obs, interval="profile"
    ).table
    for table in (wald, profile):
        assert (table["ciLower"] < table["log2FoldChange"]).all()
        assert (table["ciUpper"] > table["log2FoldChange"]).all()
    half = 1.959963984540054 * wald["lfcSE"]
    np.testing.assert_allclose(wald["ciUpper"] - wald["log2FoldChange"], half, rtol=1e-9)


def test_an_intercept_by_name_has_the_error_of_its_fit_in_replay() -> None:
    # results(name = "Intercept") of DESeq2 1.38.3 on genes 100 to 259 of pasilla, "~ 1": no mean is
    # raised to 1/2 there, as it is for contrast = c(1), whose error of FBgn0000355 is 1.18475.
    theirs = {"FBgn0000281": 0.745883752106, "FBgn0000287": 1.02486659164,
              "FBgn0000320": 0.827143902407, "FBgn0000355": 1.27537775872}  # fmt: skip
    adata = datasets.pasilla()[:, 100:260].copy()
    errors = [
        differential_expression(adata, "~ 1", contrast, mode="replay").table["lfcSE"]
        for contrast in ("Intercept", [1.0])
    ]
    for gene, error in theirs.items():
        assert abs(errors[0][gene] / error - 1.0) < 1e-9
    assert abs(errors[1]["FBgn0000355"] / 1.1847535322794 - 1.0) < 1e-9
