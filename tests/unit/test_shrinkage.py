"""Shrunken results: codings, contrasts without a finite estimate, tables, messages."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm._apeglm import apeglm_exact
from countglm._contrast_fit import contrast_values
from countglm._efron_morris import prior_scale
from countglm._shrinkers import Shrunk
from countglm.deresult import DEResult
from countglm.errors import InputError

N = 12
RNG = np.random.default_rng(11)
OBS = pd.DataFrame({"level": list("aaaabbbbcccc"), "t": RNG.uniform(0, 2, N)})
FACTORS = np.linspace(0.7, 1.5, N)


def simulated(genes=30):
    effect = RNG.standard_t(3, (3, genes)) * 0.7
    mean = np.exp(RNG.uniform(0.5, 6.0, genes)) * np.exp(np.repeat(effect, 4, axis=0))
    alpha = np.exp(RNG.uniform(-4.0, 0.0, genes))
    mu = mean * FACTORS[:, None]
    counts = RNG.negative_binomial(1 / alpha, 1 / (1 + alpha * mu)).astype(float)
    counts[:4, 0] = 0.0  # level a silent
    counts[8:, 1] = 0.0  # level c silent
    counts[:8, 2] = 0.0  # levels a and b silent
    counts[:, 3] = 0.0
    return counts, alpha


COUNTS, ALPHA = simulated()


def fitted(design="~ level + t", obs=OBS, counts=COUNTS, **options):
    chosen = {"dispersion": ALPHA, "size_factors": FACTORS, "obs": obs} | options
    return countglm.fit_glm(counts, design, **chosen)


def result_of(fit, contrast) -> DEResult:
    """A result with as much as shrinkage looks at."""
    vector, label = fit.design.contrast(contrast)
    return DEResult(
        table=countglm.wald_test(fit, contrast), fit=fit, contrast=vector, label=label,
        dispersion=SimpleNamespace(trend=np.full(fit.n_genes, 0.1)), settings={"mode": "exact"},
    )  # fmt: skip


def shrunken(design, contrast, obs=OBS, **options):
    method = options.pop("method", "apeglm")
    result = result_of(fitted(design, obs, **options), contrast)
    return countglm.shrink(result, method=method).table


CODINGS = {
    "treatment": ("~ level + t", OBS),
    "other reference": ("~ C(level, contr.treatment('c')) + t", OBS),
    "cell means": ("~ 0 + level + t", OBS),
    "sum to zero, shifted and scaled covariate": (
        "~ C(level, contr.sum) + t", OBS.assign(t=1000.0 * OBS["t"] - 7.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("coding", list(CODINGS)[1:])
@pytest.mark.parametrize("method", ["apeglm", "ash", "normal"])
def test_complaint_4_a_shrunken_contrast_depends_on_no_coding(coding, method) -> None:
    contrast = ["level", "b", "c"]
    # The normal prior of a covariate knows its scale.
    obs = OBS if method == "normal" else CODINGS[coding][1]
    first = shrunken(*CODINGS["treatment"][:1], contrast, method=method)
    other = shrunken(CODINGS[coding][0], contrast, obs, method=method)
    for column in ("log2FoldChange", "lfcSE"):
        np.testing.assert_allclose(other[column], first[column], rtol=1e-9, atol=1e-9)
    assert other["na_reason"].tolist() == first["na_reason"].tolist()


def test_reversed_contrasts_and_reordered_samples_shrink_alike() -> None:
    first = shrunken("~ level + t", ["level", "b", "a"])
    back = shrunken("~ level + t", ["level", "a", "b"])
    np.testing.assert_allclose(back["log2FoldChange"], -first["log2FoldChange"], rtol=1e-10)
    order = RNG.permutation(N)
    mixed = shrunken(
        "~ level + t", ["level", "b", "a"], OBS.iloc[order].reset_index(drop=True),
        counts=COUNTS[order], size_factors=FACTORS[order],
    )  # fmt: skip
    np.testing.assert_allclose(mixed["log2FoldChange"], first["log2FoldChange"], rtol=1e-9)


@pytest.mark.parametrize("method", ["apeglm", "ash", "normal"])
def test_infinite_estimates_become_finite_and_missing_ones_say_why(method) -> None:
    result = result_of(fitted(), ["level", "b", "a"])
    assert result.table["log2FoldChange"].iloc[0] == np.inf
    assert np.isnan(result.table["log2FoldChange"].iloc[2])
    table = countglm.shrink(result, method=method).table
    assert 0.0 < table["log2FoldChange"].iloc[0] < 20.0
    assert table["lfcSE"].iloc[0] > 0.0
    reasons = table["na_reason"].iloc[[2, 3]].tolist()
    assert reasons == ["not_estimable", "all_zero"]
    assert table["log2FoldChange"].isna().tolist() == [gene in (2, 3) for gene in range(30)]
    assert table.loc[~table["log2FoldChange"].isna(), "lfcSE"].notna().all()


def test_a_silent_bystander_is_left_out() -> None:
    # Level c has no counts in gene 1: b against a is that of a fit without c.
    fit = fitted()
    vector, _ = fit.design.contrast(["level", "b", "a"])
    whole = apeglm_exact(fit, fit.require_counts(), vector, contrast_values(fit, vector)[0], 0.3)
    part = fitted(
        obs=OBS.iloc[:8], counts=COUNTS[:8, [1]], dispersion=ALPHA[[1]], size_factors=FACTORS[:8]
    )
    vector, _ = part.design.contrast(["level", "b", "a"])
    alone = apeglm_exact(part, part.require_counts(), vector, contrast_values(part, vector)[0], 0.3)
    assert whole.t[1] == pytest.approx(alone.t[0], rel=1e-11)
    assert whole.sd[1] == pytest.approx(alone.sd[0], rel=1e-11)


def test_complaint_4_the_error_is_that_of_the_posterior() -> None:
    # Far from 0 the prior is flat: the error is that of the observed information.
    fit = fitted()
    shrunk = countglm.shrink(result_of(fit, ["level", "b", "c"]), prior_scale=1e6).table
    observed = fit.observed_covariance()
    vector, _ = fit.design.contrast(["level", "b", "c"])
    for gene in range(4, 30):
        error = np.sqrt(vector @ observed[gene] @ vector) / np.log(2)
        assert shrunk["lfcSE"].iloc[gene] == pytest.approx(error, rel=1e-6)
    # And with the matched prior it is never larger.
    matched = countglm.shrink(result_of(fit, ["level", "b", "c"])).table
    lower = np.abs(matched["log2FoldChange"]) < 0.3
    assert lower.any()
    assert (matched["lfcSE"][lower] <= shrunk["lfcSE"][lower]).all()


def test_offsets_and_weights_enter() -> None:
    shift = RNG.normal(0.0, 0.3, COUNTS.shape)
    weights = RNG.uniform(0.4, 1.6, COUNTS.shape)
    plain = shrunken("~ level + t", ["level", "b", "c"])
    moved = shrunken("~ level + t", ["level", "b", "c"], offset=shift, weights=weights)
    assert not np.allclose(plain["log2FoldChange"][4:], moved["log2FoldChange"][4:], rtol=1e-3)
    # Whole weights are repeated samples.
    twice = np.repeat(np.arange(N), 2)
    doubled = shrunken("~ level + t", ["level", "b", "c"], weights=np.full(N, 2.0))
    repeated = shrunken(
        "~ level + t", ["level", "b", "c"], OBS.iloc[twice].reset_index(drop=True),
        counts=COUNTS[twice], size_factors=FACTORS[twice],
    )  # fmt: skip
    np.testing.assert_allclose(
        doubled["log2FoldChange"], repeated["log2FoldChange"], rtol=1e-9, atol=1e-12
    )


def test_blocks_and_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    result = result_of(fitted(), ["level", "b", "c"])
    whole = {m: countglm.shrink(result, method=m, threads=1).table for m in ("apeglm", "ash")}
    for module in ("_apeglm", "_shrinkers", "_normal_prior"):
        monkeypatch.setattr(f"countglm.{module}.ENTRIES", 7 * N)
    for method, table in whole.items():
        again = countglm.shrink(result, method=method, threads=2).table
        pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_table_and_record() -> None:
    result = result_of(fitted(), ["level", "b", "c"])
    shrunk = countglm.shrink(result)
    assert list(shrunk.table) == [name for name in result.table if name != "stat"]
    assert shrunk.table["pvalue"].equals(result.table["pvalue"])
    record = shrunk.settings["shrinkage"]
    estimate, error = contrast_values(result.fit, result.contrast)
    assert record["prior_scale"] == prior_scale(estimate, error)
    assert record["method"], record["mode"] == ("apeglm", "exact")
    assert record["largest_residual"] < 1e-8
    assert "shrinkage" not in result.settings
    assert list(countglm.shrink(result, method="normal").table) == list(result.table)
    scale = countglm.shrink(result, prior_scale=0.5).settings["shrinkage"]
    assert (scale["prior_scale"], scale["prior_scale_given"]) == (0.5, True)


@pytest.mark.parametrize("method", ["apeglm", "ash"])
def test_svalues_replace_pvalues(method) -> None:
    result = result_of(fitted(), ["level", "b", "c"])
    table = countglm.shrink(result, method=method, svalue=True).table
    assert list(table)[:4] == ["baseMean", "log2FoldChange", "lfcSE", "svalue"]
    assert "padj" not in table
    strict = countglm.shrink(result, method=method, svalue=True, lfc_threshold=1.0).table
    known = table["svalue"].notna()
    assert (strict["svalue"][known] >= table["svalue"][known]).all()
    assert (known == table["log2FoldChange"].notna()).all()
    assert table["na_reason"][known].isna().all()


def test_svalues_are_running_means_that_treat_equals_alike() -> None:
    rate = np.array([0.3, 0.01, np.nan, 0.1, 0.01])
    expected = [0.42 / 4, 0.01, np.nan, 0.12 / 3, 0.01]
    np.testing.assert_allclose(countglm.svalues(rate), expected)
    assert countglm.svalues([]).shape == (0,)
    with pytest.raises(InputError, match=r"outside \[0, 1\]"):
        countglm.svalues([0.5, 1.5])


MISTAKES = [
    ({"method": "ashr"}, "method='ashr' is not known; choose from apeglm, ash, normal"),
    ({"mode": "fast"}, "mode='fast' is not known"),
    ({"coef": "t", "contrast": "t"}, "coef and contrast were both given"),
    ({"coef": 2}, "coef=2 must be the name of a column"),
    ({"lfc_threshold": -1.0}, "lfc_threshold=-1.0 must be a log2 fold change >= 0"),
    ({"lfc_threshold": 1.0}, "changes s-values only; add svalue=True"),
    ({"method": "normal", "svalue": True}, "method='normal' has no s-values"),
    ({"method": "ash", "prior_scale": 1.0}, "prior_scale belongs to method='apeglm'"),
    ({"prior_scale": 0.0}, "prior_scale=0.0 must be positive"),
    ({"contrast": "nothing"}, "The design has no column 'nothing'"),
    ({"mode": "replay"}, "shrinks a single coefficient.*use mode='exact' or method='ash'"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_have_one_clear_message(options, message) -> None:
    result = result_of(fitted(counts=COUNTS[:, :6], dispersion=ALPHA[:6]), ["level", "b", "c"])
    with pytest.raises(InputError, match=message):
        countglm.shrink(result, **options)


def test_genes_that_are_not_reached_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Shrunk(np.full(30, np.nan), np.full(30, np.nan), np.full(30, np.nan))
    monkeypatch.setattr("countglm.shrinkage.by_cauchy", lambda *_: lost)
    reasons = countglm.shrink(result_of(fitted(), "t")).table["na_reason"]
    assert set(reasons) == {"not_converged", "not_estimable", "all_zero"} - (
        set() if "not_estimable" in set(reasons) else {"not_estimable"}
    )
