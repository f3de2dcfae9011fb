"""Confidence intervals: ends by other arithmetic, coverage, and genes without a finite estimate."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from mpmath import mp, mpf
from scipy import optimize, stats

import countglm
from countglm import _profile_bounds
from countglm.errors import InputError
from countglm.intervals import confidence_intervals
from countglm.likelihood_ratio import likelihood_ratio_test
from tests.support import reference as ref
from tests.support.groups import ALPHA, FACTORS, GROUPS, LN2, OBS, counts, fitted

Z = stats.norm.ppf(0.975)


def profile_fall(y, design, vector, value, alpha, **options) -> float:
    """Twice the fall of the profile log-likelihood at ``vector @ beta == value``, in 40 digits.

    The constraint takes out the last coefficient that it holds.
    """
    last = int(np.flatnonzero(vector)[-1])
    others = [j for j in range(len(vector)) if j != last]
    smaller = design[:, others] - design[:, [last]] * vector[others] / vector[last]
    shift = design[:, last] * value / vector[last] + options.pop("offset", 0.0)
    with mp.workdps(40):
        a = mpf(float(alpha))
        values = []
        for x, o in ((design, shift - design[:, last] * value / vector[last]), (smaller, shift)):
            problem = ref.make_problem(y, x, offset=o, **options)
            values.append(ref.log_likelihood(problem, ref.maximise(problem, a), a))
        return float(2 * (values[0] - values[1]))


@pytest.mark.parametrize("contrast", ["group[T.b]", ["group", "c", "b"], [0.5, 1.0, -2.0, 0.3]])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_profile_falls_by_the_quantile_at_both_ends(contrast, level: float) -> None:
    fit = fitted(formula="~ group + x")
    table = confidence_intervals(fit, contrast, level=level, method="profile")
    vector, _ = fit.design.contrast(contrast)
    quantile = stats.chi2.ppf(level, 1)
    assert (table["lower"] < table["log2FoldChange"]).all()
    assert (table["log2FoldChange"] < table["upper"]).all()
    assert (table["method"] == "profile").all()
    for gene in (0, 6):
        for end in ("lower", "upper"):
            value = table[end].iloc[gene] * LN2
            fall = profile_fall(
                counts()[:, gene], fit.design.matrix, vector, value, ALPHA, size_factors=FACTORS
            )
            # In standard errors: the slope of the fall at the end is 2 sqrt(quantile).
            assert abs(fall - quantile) / (2 * math.sqrt(quantile)) < 1e-9


def test_offsets_weights_and_the_poisson_family() -> None:
    rng = np.random.default_rng(5)
    offset, weights = rng.normal(0, 0.3, (12, 12)), rng.uniform(0.5, 2.0, (12, 12))
    for options in (
        {"offset": offset, "weights": weights},
        {"offset": offset[:, 0], "weights": weights[:, 0]},
        {"family": "poisson", "dispersion": None},
    ):
        fit = fitted(formula="~ group + x", **options)
        table = confidence_intervals(fit, "x", method="profile")
        given = {name: np.broadcast_to(np.reshape(v, (12, -1)), (12, 12))[:, 3]
                 for name, v in options.items() if name in ("offset", "weights")}  # fmt: skip
        alpha = 0.0 if "family" in options else ALPHA
        for end in ("lower", "upper"):
            fall = profile_fall(
                counts()[:, 3], fit.design.matrix, np.eye(4)[3], table[end].iloc[3] * LN2, alpha,
                size_factors=FACTORS, **given,
            )  # fmt: skip
            assert fall == pytest.approx(Z**2, abs=4e-9)


def test_wald_is_the_estimate_and_its_error() -> None:
    fit = fitted()
    table = confidence_intervals(fit, "group[T.c]", level=0.9)
    wald = countglm.wald_test(fit, "group[T.c]")
    half = stats.norm.ppf(0.95) * wald["lfcSE"]
    np.testing.assert_allclose(table["lower"], wald["log2FoldChange"] - half, rtol=1e-12)
    np.testing.assert_allclose(table["upper"], wald["log2FoldChange"] + half, rtol=1e-12)
    assert (table["method"] == "Wald").all()
    assert table["na_reason"].isna().all()
    assert list(table.columns) == [
        "baseMean", "log2FoldChange", "lower", "upper", "method", "status", "na_reason",
    ]  # fmt: skip


def test_student_takes_the_residual_degrees_of_freedom() -> None:
    weights = np.tile([1.0, 0.5, 1.0], 4)
    fit, plain = fitted(weights=weights), fitted()
    for one, df in ((fit, weights.sum() - 3), (plain, 9)):
        wald = confidence_intervals(one, "group[T.b]", use_t=True)
        error = countglm.wald_test(one, "group[T.b]")["lfcSE"]
        np.testing.assert_allclose(
            wald["upper"] - wald["lower"], 2 * stats.t.ppf(0.975, df) * error, rtol=1e-10
        )
        level = 2 * stats.norm.cdf(stats.t.ppf(0.975, df)) - 1
        student = confidence_intervals(one, "group[T.b]", method="profile", use_t=True)
        normal = confidence_intervals(one, "group[T.b]", method="profile", level=level)
        np.testing.assert_allclose(student["lower"], normal["lower"], rtol=1e-9)
    saturated = fitted(formula="~ 0 + C(k)", obs=OBS.assign(k=range(12)))
    for method in ("wald", "profile"):
        none = confidence_intervals(saturated, "C(k)[0]", use_t=True, method=method)
        assert none["lower"].isna().all()
        assert (none["na_reason"] == "no_residual_df").all()


def test_profile_agrees_with_wald_for_large_counts() -> None:
    rng = np.random.default_rng(1)
    y = rng.poisson(1e8, (12, 4))
    fit = countglm.fit_glm(y, "~ group", obs=OBS, family="poisson", size_factors="none")
    wald, profile = (confidence_intervals(fit, "group[T.b]", method=m) for m in ("wald", "profile"))
    width = (wald["upper"] - wald["lower"]).to_numpy()
    for end in ("lower", "upper"):
        assert (np.abs(wald[end] - profile[end]) / width < 1e-4).all()


def test_inverts_the_likelihood_ratio_test() -> None:
    fit = fitted()
    p = likelihood_ratio_test(fit, ["-group[T.b]"])["pvalue"]
    for gene in (0, 3, 8):
        table = confidence_intervals(fit, "group[T.b]", level=1 - p.iloc[gene], method="profile")
        nearest = table[["lower", "upper"]].iloc[gene].abs().min()
        assert nearest < 1e-8


def test_the_same_in_every_coding() -> None:
    contrast = ["group", "c", "a"]
    off = np.column_stack([counts(), np.where(GROUPS == "c", 0.0, counts()[:, 0])])
    expected = confidence_intervals(fitted(off, "~ group + x"), contrast, method="profile")
    relevelled = OBS.assign(group=pd.Categorical(GROUPS, ["b", "c", "a"]), x=OBS["x"] * 30 + 1e4)
    for formula, obs in (("~ group + x", relevelled), ("~ 0 + group + x", OBS)):
        found = confidence_intervals(fitted(off, formula, obs=obs), contrast, method="profile")
        for end in ("lower", "upper"):
            np.testing.assert_allclose(found[end], expected[end], rtol=1e-8, atol=1e-9)


def test_genes_and_tiles_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted(weights=np.linspace(0.5, 2.0, 144).reshape(12, 12))
    whole = confidence_intervals(fit, "group[T.b]", method="profile")
    alone = fitted(counts()[:, [4]], weights=fit.weights[:, [4]])
    one = confidence_intervals(alone, "group[T.b]", method="profile")
    np.testing.assert_array_equal(
        one[["lower", "upper"]].iloc[0], whole[["lower", "upper"]].iloc[4]
    )
    monkeypatch.setattr(_profile_bounds, "_TILE", 1)
    pd.testing.assert_frame_equal(
        whole,
        confidence_intervals(fit, "group[T.b]", method="profile", threads=1),
        check_exact=True,
    )


OFF = np.array([30, 22, 41, 35, 0, 0, 0, 0, 12, 9, 15, 30.0])[:, None]


@pytest.mark.parametrize("method", ["wald", "profile"])
def test_one_end_where_a_group_is_silent(method: str) -> None:
    fit = fitted(OFF)
    row = confidence_intervals(fit, "group[T.b]", method=method).iloc[0]
    a, b = GROUPS == "a", GROUPS == "b"
    r = 1 / ALPHA

    def fall(difference: float) -> float:
        def loss(level: float) -> float:
            mu = FACTORS[a | b] * np.exp(level + np.where(b[a | b], difference, 0.0))
            return -float(np.sum(stats.nbinom.logpmf(OFF[a | b, 0], r, 1 / (1 + ALPHA * mu))))

        options = {"bounds": (-12, 12), "method": "bounded", "options": {"xatol": 1e-10}}
        alone = optimize.minimize_scalar(
            lambda t: (
                -float(
                    np.sum(
                        stats.nbinom.logpmf(OFF[a, 0], r, 1 / (1 + ALPHA * FACTORS[a] * np.exp(t)))
                    )
                )
            ),
            **options,
        ).fun
        return 2 * (optimize.minimize_scalar(loss, **options).fun - alone)

    expected = optimize.brentq(lambda t: fall(t) - Z**2, -12, 0, xtol=1e-10)
    assert row["log2FoldChange"] == row["lower"] == -np.inf
    assert row["upper"] * LN2 == pytest.approx(expected, abs=1e-6)
    assert (row["method"], row["na_reason"]) == ("profile", None)
    mirrored = confidence_intervals(fit, ["group", "a", "b"], method=method).iloc[0]
    assert mirrored["upper"] == np.inf
    assert mirrored["lower"] == pytest.approx(-row["upper"], rel=1e-9)


def test_finite_contrast_of_a_separated_gene() -> None:
    fit = fitted(OFF)
    part = GROUPS != "b"
    alone = countglm.fit_glm(
        OFF[part], "~ group", obs=OBS.assign(group=GROUPS)[part].reset_index(drop=True),
        dispersion=ALPHA, size_factors=FACTORS[part],
    )  # fmt: skip
    for method in ("wald", "profile"):
        row = confidence_intervals(fit, "group[T.c]", method=method).iloc[0]
        other = confidence_intervals(alone, "group[T.c]", method=method).iloc[0]
        assert row["lower"] == pytest.approx(other["lower"], rel=1e-8)
        assert row["upper"] == pytest.approx(other["upper"], rel=1e-8)
        assert row["status"] == "SEPARATED"


def test_ends_far_from_the_estimate() -> None:
    # One count in one sample and a large dispersion: the likelihood falls slowly.
    y = np.zeros((12, 3))
    y[0] = 1.0
    y[4:] = 1.0
    y[[4, 8], 2] = 1e7
    fit = fitted(y, dispersion=np.array([0.0, 5.0, 40.0]))
    table = confidence_intervals(fit, "group[T.b]", method="profile", level=0.99)
    assert np.isfinite(table[["lower", "upper"]].to_numpy()).all()
    for gene in range(3):
        fall = profile_fall(
            y[:, gene], fit.design.matrix, np.eye(3)[1], table["upper"].iloc[gene] * LN2,
            fit.dispersion[gene], size_factors=FACTORS,
        )  # fmt: skip
        assert fall == pytest.approx(stats.chi2.ppf(0.99, 1), abs=1e-7)


def test_an_end_beyond_all_numbers_is_not_made_up() -> None:
    # At a dispersion of 1e6 the likelihood hardly changes with the mean.
    fit = fitted(np.where(np.arange(12) % 4 == 0, 3.0, 0.0)[:, None], dispersion=1e6)
    row = confidence_intervals(fit, "group[T.b]", method="profile").iloc[0]
    assert np.isnan(row["lower"])
    assert np.isnan(row["upper"])
    assert row["na_reason"] == "not_converged"


def test_genes_without_an_interval_say_why() -> None:
    y, weights = counts()[:, :5], np.ones((12, 5))
    y[:, 0] = 0.0
    weights[:, 1] = 0.0
    weights[GROUPS == "b", 2] = 0.0
    y[GROUPS != "a", 3] = 0.0
    fit = fitted(y, weights=weights)
    status = fit.status.copy()
    status[4] = countglm.Status.MAX_ITER
    fit = dataclasses.replace(fit, status=status)
    reasons = ["all_zero", "no_weight", "not_estimable", "not_estimable", "not_converged"]
    for method in ("wald", "profile"):
        table = confidence_intervals(fit, ["group", "c", "b"], method=method)
        assert table["na_reason"].tolist() == reasons
        assert table[["lower", "upper"]].isna().all(axis=None)


def test_coverage_of_poisson_counts() -> None:
    rng = np.random.default_rng(11)
    genes, truth = 400, 0.7
    mean = 6.0 * np.where(GROUPS == "b", np.exp(truth), 1.0)
    y = rng.poisson(mean[:, None], (12, genes))
    fit = countglm.fit_glm(y, "~ group", obs=OBS, family="poisson", size_factors="none")
    for method in ("wald", "profile"):
        table = confidence_intervals(fit, "group[T.b]", method=method, level=0.9)
        inside = (table["lower"] < truth / LN2) & (truth / LN2 < table["upper"])
        assert abs(inside.mean() - 0.9) < 0.05


def test_counts_after_loading(tmp_path) -> None:
    fit = fitted()
    fit.save(tmp_path / "fit.npz")
    loaded = countglm.GLMFit.load(tmp_path / "fit.npz")
    pd.testing.assert_frame_equal(
        confidence_intervals(loaded, "group[T.b]"), confidence_intervals(fit, "group[T.b]")
    )
    with pytest.raises(InputError, match="pass them as counts="):
        confidence_intervals(loaded, "group[T.b]", method="profile")
    pd.testing.assert_frame_equal(
        confidence_intervals(loaded, "group[T.b]", method="profile", counts=counts()),
        confidence_intervals(fit, "group[T.b]", method="profile"),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "exact"}, "method='exact' is not known"),
        ({"level": 1.0}, "level=1.0 must lie between"),
        ({"level": "95%"}, "level='95%' must lie between"),
        ({"contrast": "group[T.z]"}, "no column"),
    ],
)
def test_mistakes_are_named(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        confidence_intervals(fitted(), **({"contrast": "group[T.b]"} | options))
