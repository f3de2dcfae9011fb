"""Faults planted in losses, parameters and training logs are found; a sound training is silent."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.special import gammaln

import countglm
from countglm.likelihood import (
    check_nb_loss,
    gradient,
    inverse_softplus,
    log_likelihood,
    parameters,
)
from tests.support.nb_training import drawn, train


@cache
def study() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return drawn(120, 25, seed=0)


@cache
def trained() -> dict[str, Any]:
    return train(study()[0], steps=80)


def sound() -> dict[str, Any]:
    """Everything that may be told of a loss in which nothing is wrong."""
    counts, mean, alpha = study()
    law = parameters(mean=mean, dispersion=alpha)
    return {
        "counts": counts, "mean": mean, **law.to("torch"),
        "clamps": {"log_alpha": (-12.0, 12.0), "mean": (1e-8, 1e8), "logits": (None, 60.0)},
        "loss_clamp": (None, 1e3), "loss": -log_likelihood(counts, law.eta, law.log_alpha),
        "gradients": {"eta": gradient(counts, law.eta, law.log_alpha).d_eta}, "link": "softplus",
        "start": inverse_softplus(10.0), "start_mean": 10.0, "log": trained()["log"],
        "eps": {"log": 1e-12},
    }  # fmt: skip


def test_a_sound_training_is_silent() -> None:
    report = check_nb_loss(**sound())
    assert report.findings == (), str(report)
    assert report.ok
    assert report.codes == ()
    assert "Nothing is wrong" in str(report)
    assert set(report.checked) >= {"clamps", "training log", "values of the loss", "eps"}
    # And so are its last parameters, in either precision.
    last = {"counts": study()[0], "mean": trained()["mean"], "dispersion": trained()["dispersion"]}
    assert check_nb_loss(**last, library="scvi").findings == ()
    assert check_nb_loss(**last, dtype="float32").findings == ()


def planted() -> dict[str, tuple[str, str, dict[str, Any], str]]:
    """Return faults: code, severity, arguments, and words of the finding."""
    counts, mean, alpha = study()
    r = 1.0 / alpha
    eta, theta = np.log(mean), np.log(alpha)
    loss = -log_likelihood(counts, eta, theta)
    plain = {"counts": counts, "mean": mean, "total_count": r}
    log = trained()["log"]
    steps = np.arange(80)
    constant = gammaln(counts + 1.0)
    where = np.broadcast_to(r, counts.shape)
    eps = gammaln(counts + where + 1e-3) - gammaln(counts + where)
    eps -= gammaln(where + 1e-3) - gammaln(where)

    def logged(**columns: Any) -> dict[str, Any]:
        return {"log": {**log, **columns}}

    return {
        "at a clamp": ("clamped", "warning", {
            "counts": counts, "mean": mean, "log_alpha": np.clip(theta, -1.0, 1.0),
            "clamps": {"log_alpha": (-1.0, 1.0)}}, "log_alpha is at its lower clamp -1 in"),
        "at a clamp by another name": ("clamped", "warning", {
            **plain, "total_count": np.minimum(r, 2.5), "clamps": {"dispersion": (0.4, None)}},
            "dispersion is at its lower clamp 0.4"),
        "at a clamp nobody told of": ("clamped", "warning", {
            **plain, "mean": np.minimum(mean, 15.0)}, "mean is at its largest value 15"),
        "beyond reach": ("unreachable", "error", {
            **plain, "mean": np.minimum(mean, 8.0), "clamps": {"mean": (None, 8.0)}},
            "Means can go no higher than 8"),
        "beyond the reach of eta": ("unreachable", "error", {
            "counts": counts, "clamps": {"eta": (1.0, 30.0)}}, "Means can go no lower than 2.7"),
        "beyond a sigmoid": ("unreachable", "error", {"counts": counts, "link": "sigmoid"},
                             "no higher than 1,"),
        "swapped in torch": ("swapped", "error", {
            "mean": mean, "total_count": r, "probs": r / (r + mean)},
            r"In torch the mean is total_count probs/(1 - probs)"),
        "swapped against data": ("swapped", "error", {
            "counts": counts, "total_count": r, "probs": r / (r + mean)}, "instead of"),
        "swapped in scipy": ("swapped", "error", {"mean": mean, "n": r, "p": mean / (r + mean)},
                             "In scipy the mean is n (1 - p)/p"),
        "swapped logits": ("swapped", "error", {
            "mean": mean, "total_count": r, "logits": np.log(r / mean), "library": "pyro"},
            "logits is the log odds of the other outcome"),
        "another mean": ("disagree", "error", {
            "mean": mean, "total_count": r, "logits": np.log(1.5 * mean / r)}, "another than"),
        "softplus(2.3)": ("start", "error", {
            "link": "softplus", "start": 2.3, "start_mean": 10.0},
            "softplus(2.3) is 2.396, not 10 (2.3 would be right for the link exp)"),
        "a start of a log": ("start", "error", {
            "log": {"mean_mean": [2.4, 2.5], "loss": [3.0, 2.9]}, "start_mean": 10.0},
            "mean_mean is 2.4 at the first step, not 10"),
        "eps": ("eps-in-lgamma", "warning", {"eps": 1e-8, **plain}, "eps=1e-08 stands inside"),
        "large eps": ("eps-in-lgamma", "error", {
            "eps": {"lgamma": 0.01}, **plain, "total_count": 0.01 * r}, "up to 0."),
        "eps in log": ("eps-in-log", "warning", {**plain, "eps": {"log": 0.5}}, "inside log"),
        "eps found in the loss": ("eps-in-lgamma", "error", {**plain, "loss": loss - eps},
                                  "eps=0.001 stands inside the lgammas of y + r and r"),
        "robust clamp": ("zero-gradient", "error", {**plain, "loss_clamp": (None, 5.0)},
                         "With a clamp of the loss to [-inf, 5] the loss lies beyond it in"),
        "robust clamp in the loss": ("zero-gradient", "error", {
            **plain, "loss": np.minimum(loss, 4.0)}, "The loss never exceeds 4"),
        "robust clamp told": ("zero-gradient", "error", {
            "loss": np.minimum(loss, 4.0), "loss_clamp": (None, 4.0)}, "the loss given is at its"),
        "dead gradients": ("zero-gradient", "warning", {
            "gradients": np.where(steps < 8, 0.0, 1.0)}, "is exactly 0 in 8 of 80 values (10%)"),
        "gradients that are lost": ("not-finite", "error", {
            "gradients": {"eta": np.where(steps < 1, np.nan, 1.0)}}, "The gradient eta is NaN"),
        "a parameter is NaN": ("not-finite", "error", {
            **plain, "mean": np.where(mean > 40.0, np.nan, mean)}, "mean is NaN in"),
        "lgamma overflows": ("not-finite", "error", {
            "counts": counts, "mean": mean.astype(np.float32),
            "total_count": np.full(25, 1e38, np.float32)}, "lgamma(y + r), -lgamma(r)"),
        "a mean of 0": ("not-finite", "error", {**plain, "mean": np.maximum(mean - 2.0, 0.0)},
                        "The mean is 0 and the count is not"),
        "a size of 0": ("out-of-range", "error", {**plain, "total_count": 0.0 * r},
                        "total_count is not positive in 25 of 25"),
        "rounding": ("precision", "warning", {
            "counts": counts, "mean": mean, "total_count": np.full(25, 1e7), "dtype": "float32"},
            "In single precision the loss is wrong by up to"),
        "inverted": ("inverted", "error", {
            "counts": counts, "mean": mean, "inverse_dispersion": alpha}, "nearly its inverse"),
        "no depth": ("depth", "warning", {**plain, "mean": counts.mean(axis=0)}, "with a slope of"),
        "normalised counts": ("counts", "error", {"counts": np.log1p(counts / 3.0)},
                              "They look like logarithms"),
        "counts that are lost": ("counts", "error", {
            "counts": np.where(counts > 60, np.nan, counts)}, "The counts are NaN"),
        "sign": ("sign", "error", {**plain, "loss": -loss}, "the wrong sign"),
        "no constant": ("constant", "note", {**plain, "loss": loss - constant},
                        "the term lgamma(y + 1) is missing"),
        "poisson": ("formula", "error", {**plain, "loss": -log_likelihood(counts, eta, -np.inf)},
                    "it is the Poisson's"),
        "no gammas": ("formula", "error", {
            **plain, "loss": loss + gammaln(counts + where) - gammaln(where) - constant},
            "the three lgammas are missing"),
        "swapped loss": ("swapped", "error", {
            **plain, "loss": -log_likelihood(counts, -2.0 * theta - eta, theta)}, "are swapped"),
        "inverted loss": ("inverted", "error", {
            **plain, "loss": -log_likelihood(counts, eta, -theta)}, "inverse of the dispersion"),
        "another loss": ("formula", "error", {**plain, "loss": (counts - mean) ** 2},
                         "none of the usual slips"),
        "NaN in the log": ("not-finite", "error", logged(
            log_alpha_max=np.where(steps > 58, np.inf, 1.0), loss=np.where(steps > 60, np.nan, 2.0)
        ),
            "log_alpha_max is not finite from step 59 of 80 on, then loss at step 61"),
        "a jump": ("gradient-norm", "warning", logged(
            grad_norm=np.where(steps == 50, 1e6, log["grad_norm"])), "the first at 50"),
        "no gradient": ("gradient-norm", "warning", logged(
            grad_norm=np.where(steps > 50, 0.0, log["grad_norm"])), "died away to 0"),
        "divergence": ("rising", "warning", logged(
            loss=np.array(log["loss"]) + np.maximum(0, steps - 40) / 10.0), "loss ends at"),
        "frozen": ("frozen", "warning", logged(total_count=np.full(80, 3.0)),
                   "total_count is 3 at all 80 steps"),
        "too good": ("too-low", "error", {
            "counts": counts, **logged(loss=0.1 + np.exp(-steps / 9.0))}, "the best that any mean"),
        "levels off": ("unreachable", "error", {
            "counts": counts * 20, **logged(mean_max=np.minimum(steps, 25.0))}, "levels off at 25"),
        "a clamp in the log": ("clamped", "warning", {
            "clamps": {"log_alpha": (-10, 10)}, **logged(log_alpha_max=np.minimum(10.0, steps))},
            "log_alpha_max is at its clamp 10 at 70 of 80 steps"),
        "dead share": ("zero-gradient", "warning", logged(share_zero_grad=steps / 200.0),
                       "share_zero_grad reaches 39.5% (above 1% from step 3 on)"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(planted()))
def test_a_planted_fault_is_found(name: str) -> None:
    code, severity, arguments, words = planted()[name]
    report = check_nb_loss(**arguments)
    assert code in report.codes, str(report)
    found = [finding for finding in report.findings if words in f"{finding.what} {finding.why}"]
    assert found, str(report)
    assert (found[0].code, found[0].severity) == (code, severity)
    assert found[0].remedy
    assert found[0].why
    assert report.ok == (severity == "note")
    assert f"{severity} [{code}]" in str(report)
    # One fault, one finding: nothing else is blamed.
    assert len(set(report.codes)) <= 2, str(report)


def test_the_faults_are_of_twenty_kinds() -> None:
    assert len({code for code, *_ in planted().values()}) >= 20


def test_logs_of_every_kind_are_read(tmp_path) -> None:
    log = {"loss": [2.0, 1.5, np.nan], "eta": [np.ones(3), np.arange(3.0), np.arange(3.0)]}
    frame = pd.DataFrame({"loss": log["loss"], "stage": ["a", "b", "c"]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    rows = [{"loss": v, "note": "x"} for v in log["loss"]]
    for given in (log, frame, rows, str(tmp_path / "log.csv"), tmp_path / "log.csv"):
        (finding,) = check_nb_loss(log=given).findings
        assert "loss is not finite from step 2 of 3 on" in finding.what
    report = check_nb_loss(log={"eta": [np.arange(2.0), np.arange(3.0)]}, clamps={"eta": (0, 2)})
    assert report.codes == ("clamped", "clamped")


def test_what_looks_like_a_fault_in_a_log_and_is_none() -> None:
    steps = np.arange(60)
    loss = 2.5 + np.exp(-steps / 9.0) + 0.02 * np.cos(steps)
    rows = np.where(steps % 5 == 4, np.nan, loss)
    rows[-1] = np.nan
    log = pd.DataFrame({
        "step": steps, "train_loss": rows, "val_loss": np.where(np.isnan(rows), loss + 1.0, np.nan),
        "kl_loss": np.minimum(0.02 * steps, 0.3), "n": np.full(60, 128), "l2_loss": 1e-9 * steps,
        "grad_norm": 0.1 + np.exp(-steps / 9.0),
    })  # fmt: skip
    assert check_nb_loss(study()[0] * 0 + 3, log=log).findings == ()
    # Genes without counts share their start, and one number for all genes is no clamp.
    counts = np.where(np.arange(25) < 10, 0, study()[0])
    mean = np.where(np.arange(25) < 10, 1e-4, study()[1])
    report = check_nb_loss(counts, mean=mean, dispersion=np.full(25, 0.4))
    assert report.findings == ()


def test_the_report_as_a_table() -> None:
    report = check_nb_loss(start=2.3, start_mean=10.0)
    table = report.to_frame()
    assert table.loc[0, "code"] == "start"
    assert list(table.columns) == ["code", "severity", "what", "why", "remedy"]
    assert str(report).startswith("1 error:\nerror [start] Start values")
    assert "Do: start at 9.999955" in str(report)
    assert check_nb_loss(start=np.log(10.0), start_mean=10.0, link="exp").to_frame().empty
    first = check_nb_loss(start=[1.0, 2.3], start_mean=[1.3132617, 10.0]).findings[0]
    assert "1 of 2 values (50%), the first at [1]" in first.what


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "There is nothing to look at"),
        ({"counts": [1, 2], "mean": [1.0, 2.0, 3.0], "n": 1.0}, r"do not fit: counts \(2,\)"),
        ({"mean": 1.0, "n": 1.0, "dispersion": 2.0}, r"given twice \(dispersion, n\)"),
        ({"mean": 1.0, "n": 1.0, "library": "keras"}, "library='keras' is unknown"),
        ({"p": 0.5, "n": 1.0, "library": "torch"}, "p is no parameter of torch"),
        ({"probs": 0.5, "n": 1.0, "library": "scipy"}, "probs is no parameter of scipy"),
        ({"link": "tanh"}, "link='tanh' is unknown"),
        ({"clamps": {"log_alfa": (0, 1)}}, r"'log_alfa' \(did you mean 'log_alpha'\?\)"),
        ({"clamps": {"mean": 3.0}}, r"The clamp of mean is 3.0; give \(low, high\)"),
        ({"clamps": {"mean": (3.0, 1.0)}}, "whose low end is not below"),
        ({"loss_clamp": "5"}, "The clamp of loss_clamp is '5'"),
        ({"eps": "small"}, "eps='small' is not understood"),
        ({"eps": {"sqrt": 1e-8}}, "is not understood"),
        ({"log": 3}, "log of type int is no training log"),
        ({"log": "gone.csv"}, "There is no training log 'gone.csv'"),
        ({"log": {"stage": ["a", "b"]}}, "has no column of numbers"),
        ({"counts": [1, 2], "loss": [1.0]}, r"loss has shape \(1,\), the counts have \(2,\)"),
    ],
)
def test_mistakes(arguments: dict, words: str) -> None:
    with pytest.raises(countglm.InputError, match=words):
        check_nb_loss(**arguments)


def test_odd_shapes_and_containers() -> None:
    counts, mean, alpha = study()
    arguments = {"mean": mean, "dispersion": alpha}
    frames = {"mean": pd.DataFrame(mean), "dispersion": pd.Series(alpha)}
    for same in (counts.tolist(), csr_matrix(counts), pd.DataFrame(counts), AnnData(counts)):
        assert check_nb_loss(same, **frames).findings == ()
    assert check_nb_loss(counts[0], mean=mean[0], dispersion=alpha).findings == ()
    assert check_nb_loss(3, mean=4.0, dispersion=0.5).findings == ()
    # Genes without a known count have no mean to be reached.
    lost = np.where(np.arange(25) == 3, np.nan, counts)
    assert check_nb_loss(lost, **arguments, clamps={"mean": (1e-9, 1e9)}).codes == ("counts",)
    with pytest.raises(countglm.InputError, match="counts is empty; give a batch"):
        check_nb_loss([], mean=1.0, n=1.0)
