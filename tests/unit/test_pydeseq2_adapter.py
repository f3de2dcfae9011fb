"""PyDESeq2's pipeline on this engine: what it asks is answered as it asks it, and never worse."""

from __future__ import annotations

import abc
import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from countglm.adapters.pydeseq2 import Inference
from countglm.errors import InputError
from tests.support import pydeseq2 as pipeline
from tests.support import pydeseq2_calls as objective

# Hundreds of genes: minutes in plain Python, and nothing about a kernel.
pytestmark = pytest.mark.compiled

# Rounding of PyDESeq2's own likelihood at a dispersion of 1e-8 and counts of 1e5.
ROUNDING = 2e-5
DESIGNS = pytest.mark.parametrize("design", pipeline.DESIGNS)
ENGINE = Inference(n_cpus=2)


def calls(design: str, name: str) -> list[objective.Call]:
    return pipeline.theirs(design).calls[name]


def separated(counts: Any) -> Any:
    """Return the genes without a count in one of the two groups."""
    treated = (pipeline.samples()["condition"] == "treated").to_numpy()
    y = np.asarray(counts)
    return (y[treated] == 0).all(axis=0) | (y[~treated] == 0).all(axis=0)


def test_is_an_inference_of_pydeseq2() -> None:
    from pydeseq2.inference import Inference as Interface

    assert isinstance(ENGINE, Interface)
    assert all(callable(getattr(ENGINE, name)) for name in Interface.__abstractmethods__)


@DESIGNS
@pytest.mark.parametrize("name", ["fit_rough_dispersions", "fit_moments_dispersions"])
def test_moment_estimates_are_the_same(design: str, name: str) -> None:
    for call in calls(design, name):
        np.testing.assert_allclose(
            getattr(ENGINE, name)(**call.asked), call.answer, rtol=1e-10, atol=1e-12
        )


def test_means_of_a_linear_regression_are_the_same() -> None:
    for call in calls("~ condition", "lin_reg_mu"):
        np.testing.assert_allclose(ENGINE.lin_reg_mu(**call.asked), call.answer, rtol=1e-10)


@DESIGNS
def test_dispersions_are_never_worse(design: str) -> None:
    for call in calls(design, "alpha_mle"):
        low, high = call.asked["min_disp"], call.asked["max_disp"]
        found, converged = ENGINE.alpha_mle(**call.asked)
        theirs = np.clip(call.answer[0], low, high)
        assert converged.all()
        assert ((found >= low) & (found <= high)).all()
        gain = objective.dispersion_loss(call.asked, theirs)
        gain -= objective.dispersion_loss(call.asked, found)
        assert gain.min() > -ROUNDING
        # Where its search did not stay at the floor it started from, it found the same.
        moved = (theirs > 2.0 * low) & (theirs < high) & (gain < 1e-6)
        assert np.quantile(np.abs(np.log(found / theirs))[moved], 0.9) < 1e-4
        if not call.asked.get("prior_reg") and found.size > 100:
            stuck = (theirs < 2.0 * low) & (gain > 1e-3)
            assert stuck.sum() > 50


def test_without_the_cox_reid_term() -> None:
    asked = calls("~ condition", "alpha_mle")[0].asked | {"cr_reg": False}
    found, _ = ENGINE.alpha_mle(**asked)
    alpha = np.clip(found * np.array([[0.99], [1.0], [1.01]]), 1e-8, 10.0)
    below, best, above = (
        objective.negative_log_likelihood(asked, np.asarray(asked["mu"]), a) for a in alpha
    )
    assert (best - np.minimum(below, above)).max() < ROUNDING


@DESIGNS
def test_coefficients_are_never_worse(design: str) -> None:
    for call in calls(design, "irls"):
        beta, mu, leverage, converged = ENGINE.irls(**call.asked)
        their_beta, their_mu, their_leverage, _ = call.answer
        alpha = call.asked["disp"]
        assert beta.shape == their_beta.shape
        assert mu.shape == leverage.shape == np.asarray(call.asked["counts"]).shape
        assert converged.all()
        assert np.isfinite(beta).all()
        ours = objective.negative_log_likelihood(call.asked, mu, alpha)
        assert (ours - objective.negative_log_likelihood(call.asked, their_mu, alpha)).max() < (
            ROUNDING
        )
        factors, x = call.asked["size_factors"], call.asked["design_matrix"]
        np.testing.assert_allclose(mu, factors[:, None] * np.exp((beta @ x.T).T), rtol=1e-12)
        # Without means that PyDESeq2 raises to 0.5 both solve one problem.
        plain = (mu >= 0.5).all(axis=0) & (their_mu >= 0.5).all(axis=0)
        np.testing.assert_allclose(beta[plain], their_beta[plain], atol=2e-3)
        np.testing.assert_allclose(leverage[:, plain], their_leverage[:, plain], atol=1e-4)
        zero = separated(call.asked["counts"])
        np.testing.assert_allclose(beta[zero], their_beta[zero], rtol=1e-6, atol=1e-6)


@DESIGNS
@pytest.mark.parametrize("alternative", [None, "greaterAbs", "lessAbs", "greater", "less"])
@pytest.mark.parametrize("null", [0.0, 0.4, -0.4])
def test_wald_tests_are_the_same(design: str, alternative: str | None, null: float) -> None:
    if null < 0.0 and alternative in {"greaterAbs", "lessAbs"}:
        # The pipeline lets no such hypothesis through.
        null = -null
    (call,) = calls(design, "wald_test")
    fitted = np.isfinite(call.asked["disp"])
    last = np.eye(call.asked["lfc"].shape[1])[-1]
    asked = call.asked | {"contrast": last, "lfc_null": null, "alt_hypothesis": alternative}
    theirs = pipeline.default_inference().wald_test(**asked)
    for mine, other in zip(ENGINE.wald_test(**asked), theirs, strict=True):
        np.testing.assert_allclose(mine[fitted], other[fitted], rtol=1e-9, atol=1e-300)
        assert np.isnan(mine[~fitted]).all()
    assert (~fitted).sum() > 10


def test_a_threshold_applies_to_the_contrast() -> None:
    (call,) = calls("~ type + condition", "wald_test")
    asked = call.asked | {"lfc_null": 0.4, "alt_hypothesis": "greater"}
    there = ENGINE.wald_test(**asked | {"contrast": np.array([0.0, 0.0, 1.0])})
    back = ENGINE.wald_test(
        **asked | {"contrast": np.array([0.0, 0.0, -1.0]), "lfc": -asked["lfc"]}
    )
    for one, other in zip(there, back, strict=True):
        np.testing.assert_array_equal(one, other)


@DESIGNS
def test_the_trend_is_never_worse(design: str) -> None:
    for call in calls(design, "dispersion_trend_gamma_glm"):
        found, predicted, converged = ENGINE.dispersion_trend_gamma_glm(**call.asked)
        z = call.asked["covariates"].to_numpy()
        assert converged
        gap = objective.trend_loss(call.asked, found)
        gap -= objective.trend_loss(call.asked, call.answer[0])
        assert gap <= 1e-12 * z.size
        np.testing.assert_allclose(found, call.answer[0], rtol=1e-2)
        np.testing.assert_allclose(predicted, found[0] + found[1] * z, rtol=1e-12)


def test_a_trend_that_nothing_determines_is_reported_as_pydeseq2_does() -> None:
    import pandas as pd

    found, predicted, converged = ENGINE.dispersion_trend_gamma_glm(
        pd.Series([0.1, 0.1, 0.1]), pd.Series([0.2, 0.3, 0.4])
    )
    assert not converged
    assert np.isnan(found).all()
    assert np.isnan(predicted).all()


@DESIGNS
def test_shrunken_estimates_are_never_worse(design: str) -> None:
    (call,) = calls(design, "lfc_shrink_nbinom_glm")
    beta, inverse, converged = ENGINE.lfc_shrink_nbinom_glm(**call.asked)
    coef = call.asked["shrink_index"]
    assert converged.all()
    gaps = [
        objective.shrinkage_loss(call.asked, g, beta[g])
        - objective.shrinkage_loss(call.asked, g, call.answer[0][g])
        for g in range(len(beta))
    ]
    assert max(gaps) < 1e-8
    distance = np.abs(beta - call.answer[0])[:, coef]
    assert np.quantile(distance, 0.9) < 1e-3
    # The inverse Hessian is that of the objective, here by differences of it.
    for g in range(0, len(beta), 60):
        p, step = beta.shape[1], 1e-3
        steps = step * np.eye(p)

        def loss(b: Any, g: int = g) -> float:
            return objective.shrinkage_loss(call.asked, g, b)

        hessian = np.array(
            [
                [
                    loss(beta[g] + a + b) - loss(beta[g] + a - b)
                    - loss(beta[g] - a + b) + loss(beta[g] - a - b)
                    for b in steps
                ]
                for a in steps
            ]
        ) / (4.0 * step**2)  # fmt: skip
        np.testing.assert_allclose(inverse[g] @ hessian, np.eye(p), atol=2e-2)


@DESIGNS
def test_the_pipeline_runs_to_its_end(design: str) -> None:
    ours, theirs = pipeline.ours(design), pipeline.theirs(design).run
    np.testing.assert_array_equal(ours.dds.obs["size_factors"], theirs.dds.obs["size_factors"])
    for name in ("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue"):
        mine, other = ours.table[name].to_numpy(), theirs.table[name].to_numpy()
        np.testing.assert_array_equal(np.isfinite(mine), np.isfinite(other))
    known = ours.table["pvalue"].notna().to_numpy()
    change = ours.table["log2FoldChange"].to_numpy()[known]
    # With a handful of counts small means matter, which PyDESeq2 raises.
    enough = (ours.table["baseMean"] > 5.0).to_numpy()[known]
    other = theirs.table["log2FoldChange"].to_numpy()[known]
    np.testing.assert_allclose(change[enough], other[enough], atol=0.05)
    called = [set(table.index[table["padj"] < 0.1]) for table in (ours.table, theirs.table)]
    assert len(called[0] & called[1]) >= 0.9 * len(called[1])
    # On/off genes: finite, and no discovery on a handful of counts.
    zero = separated(pipeline.counts()) & known_of(ours.table)
    assert zero.sum() > 20
    assert (ours.table["pvalue"].to_numpy()[zero & (ours.table["baseMean"] < 1.0)] > 0.01).all()
    # PyDESeq2 shrinks with the counts as they were before outliers were replaced.
    kept = ~ours.dds.var["replaced"].to_numpy()[known]
    shrunken = ours.shrunken["log2FoldChange"].to_numpy()[known]
    assert (np.abs(shrunken)[kept] <= np.abs(change)[kept] + 1e-3).all()


def test_a_sample_alone_in_its_cell_has_a_cooks_distance() -> None:
    # Its leverage is below 1 by the ridge alone, and Cook's distance divides by what is left.
    design = "~ type * condition"
    for call in pipeline.theirs(design).calls["irls"]:
        leverage, theirs = ENGINE.irls(**call.asked)[2], call.answer[2]
        assert (theirs[4] > 1.0 - 1e-4).all()
        assert (leverage < 1.0).all()
        np.testing.assert_allclose(1.0 - leverage[4], 1.0 - theirs[4], rtol=0.05)
        np.testing.assert_allclose(leverage, theirs, atol=5e-3)
    dds = pipeline.ours(design).dds
    counted = dds.var["non_zero"].to_numpy()
    assert np.isfinite(dds.layers["cooks"][:, counted]).all()
    assert not dds.var["replaced"].any()


def known_of(table: Any) -> Any:
    return np.isfinite(table["log2FoldChange"].to_numpy())


def test_outliers_are_replaced_and_fitted_again() -> None:
    ours, theirs = pipeline.ours("~ condition"), pipeline.theirs("~ condition").run
    replaced = ours.dds.var["replaced"].to_numpy()
    assert replaced.sum() >= 3
    np.testing.assert_array_equal(replaced, theirs.dds.var["replaced"])
    np.testing.assert_array_equal(ours.dds.var["refitted"], theirs.dds.var["refitted"])
    # The outlier was 400 times the count; what is left of it is no fold change.
    assert (np.abs(ours.table["log2FoldChange"].to_numpy()[replaced]) < 3.0).all()


def test_variance_stabilised_counts() -> None:
    from pydeseq2.dds import DeseqDataSet

    found = []
    for inference in (ENGINE, pipeline.default_inference()):
        dds = DeseqDataSet(
            counts=pipeline.counts(), metadata=pipeline.samples(), design="~ condition",
            inference=inference, quiet=True,
        )  # fmt: skip
        dds.vst(use_design=False, fit_type="mean")
        found.append(dds.layers["vst_counts"])
    assert np.isfinite(found[0]).all()
    assert np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1] > 0.99


def test_bits_do_not_depend_on_threads() -> None:
    one, two = Inference(n_cpus=1), Inference(n_cpus=2)
    recorded = pipeline.theirs("~ type + condition").calls
    for name in ("irls", "alpha_mle", "wald_test", "lfc_shrink_nbinom_glm"):
        for call in recorded[name]:
            pairs = zip(
                getattr(one, name)(**call.asked), getattr(two, name)(**call.asked), strict=True
            )
            for mine, other in pairs:
                np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_and_pickles(clone: Any) -> None:
    engine = Inference(n_cpus=2)
    call = calls("~ condition", "irls")[0]
    before = engine.irls(**call.asked)
    again = clone(engine)
    assert again.n_cpus == 2
    np.testing.assert_array_equal(again.irls(**call.asked)[0], before[0])
    assert repr(again) == "countglm.adapters.pydeseq2.Inference(n_cpus=2)"


def test_the_pipeline_sets_the_threads() -> None:
    from pydeseq2.dds import DeseqDataSet

    engine = Inference()
    DeseqDataSet(
        counts=pipeline.counts(), metadata=pipeline.samples(), design="~ condition",
        inference=engine, n_cpus=1, quiet=True,
    )  # fmt: skip
    assert engine.n_cpus == 1
    with pytest.raises(InputError, match="threads=0"):
        Inference(n_cpus=0)


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydeseq2", None)
    with pytest.raises(InputError, match=r"not installed: pip install 'pydeseq2>=0\.5\.4'\."):
        Inference()


def test_another_interface_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import pydeseq2
    from pydeseq2 import inference

    class Later(inference.Inference):
        @abc.abstractmethod
        def likelihood_ratio_test(self) -> None: ...

        @abc.abstractmethod
        def wald_test(self, design_matrix: Any, observed: Any) -> None: ...

    monkeypatch.setattr(inference, "Inference", Later)
    monkeypatch.setattr(pydeseq2, "__version__", "9.1")
    expected = (
        r"PyDESeq2 9\.1 is not supported: .* likelihood_ratio_test\(\), wald_test\(observed=\)"
    )
    with pytest.raises(InputError, match=expected):
        Inference()
    monkeypatch.setitem(sys.modules, "pydeseq2.inference", None)
    with pytest.raises(InputError, match=r"the class pydeseq2\.inference\.Inference"):
        Inference()


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("alpha_mle", {"prior_reg": True, "prior_disp_var": None}, "prior_disp_var=None"),
        ("wald_test", {"alt_hypothesis": "more"}, "alt_hypothesis='more' is not known"),
        ("wald_test", {"ridge_factor": np.ones((2, 2))}, "ridge_factor must be a diagonal"),
        ("fit_rough_dispersions", {"design_matrix": np.eye(7)}, "7 samples and 7 coefficients"),
        ("irls", {"design_matrix": np.ones((7, 2))}, "rank"),
    ],
)
def test_wrong_use_is_one_clear_error(name: str, changed: dict[str, Any], message: str) -> None:
    call = calls("~ condition", name)[0]
    with pytest.raises(InputError, match=message):
        getattr(ENGINE, name)(**call.asked | changed)
