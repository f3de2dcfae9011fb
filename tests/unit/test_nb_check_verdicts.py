"""Verdicts of check_nb_loss that were once wrong: broken called sound, and sound called broken."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.likelihood import (
    check_nb_loss,
    log_likelihood,
    parameters,
    start_values,
)
from tests.support.nb_training import drawn


@cache
def study() -> dict[str, Any]:
    counts, mean, alpha = drawn(200, 40, seed=5)
    loss = -log_likelihood(counts, np.log(mean), np.log(alpha))
    return {"counts": counts, "mean": mean, "alpha": alpha, "r": 1.0 / alpha, "loss": loss}


def faults() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Return code, arguments and words of what must be found."""
    y, mean, alpha, r, loss = study().values()
    plain = {"counts": y, "mean": mean, "dispersion": alpha}
    lost = np.where(np.arange(200)[:, None] < 100, np.nan, loss)
    torch = {"counts": y, "total_count": r}
    return {
        "half the losses NaN": ("not-finite", {**plain, "loss": lost}, "4,000 of 8,000"),
        "all NaN": ("not-finite", {**plain, "loss": loss * np.nan}, "8,000 of 8,000"),
        "all inf": ("not-finite", {**plain, "loss": loss + np.inf}, "NaN or infinite"),
        "probs rounded to 1": ("out-of-range", {
            **torch, "probs": np.where(mean > 30.0, 1.0, mean / (mean + r))}, "probs is not in"),
        "infinite size": ("not-finite", {**torch, "total_count": np.inf, "logits": np.log(mean)},
                          "The mean of total_count and logits is not finite"),
        "means 100 times": ("scale", {**plain, "mean": mean * 100.0}, "times the counts, in all"),
        "means / 1000": ("scale", {**plain, "mean": mean / 1000.0}, "0.001"),
        "log2": ("scale", {"counts": y, "eta": np.log2(mean), "dispersion": alpha}, "base 2"),
        "log10": ("scale", {"counts": y, "eta": np.log10(mean), "dispersion": alpha}, "base 10"),
        "r left out": ("scale", {**torch, "logits": np.log(mean)}, "They are r times too large"),
        "alpha as size": ("scale", {"counts": y, "total_count": alpha, "logits": np.log(mean / r)},
                          "They are r² times too large"),
        "genes in another order": ("scale", {**plain, "mean": mean[:, ::-1]}, "another order"),
        "small dispersion": ("dispersion", {**plain, "dispersion": 0.001}, "vary more"),
        "large dispersion": ("dispersion", {**plain, "dispersion": 5.0 * alpha}, "vary less"),
        "variance": ("dispersion", {**plain, "dispersion": y.var(axis=0)}, "vary less"),
        "half precision": ("not-finite", {
            "counts": [[7e4, 3], [1, 2]], "mean": [[6.9e4, 3], [1, 2]], "dispersion": 0.5,
            "dtype": "float16"}, "In half precision"),
        "bfloat16": ("precision", {**plain, "dtype": "bfloat16"}, "In bfloat16 precision"),
        "both ends of the loss": ("zero-gradient", {**plain, "loss": np.clip(loss, 1.5, 3.0)},
                                  "stays within 1.5 and 3"),
        "lower end of the loss": ("zero-gradient", {**plain, "loss": np.maximum(loss, 2.5)},
                                  "never falls below 2.5"),
        "no gradient": ("frozen", {"gradients": {"a": None, "b": [1.0]}}, "The gradient a is None"),
        "mean and eta": ("disagree", {**plain, "mean": 3.0 * mean, "eta": np.log(mean)},
                         "mean and eta are not of one distribution"),
        "probs and logits": ("disagree", {
            **torch, "logits": np.log(mean / r), "probs": r / (r + mean)}, "logits and probs"),
        "chance is no swap": ("disagree", {
            "counts": y, "mean": mean, "total_count": r, "logits": np.log(mean)}, "another than"),
        "scvi's clamp": ("clamped", {
            "counts": y, "mean": mean, "inverse_dispersion": np.minimum(r, 3.0),
            "clamps": {"theta": (None, 3.0)}}, "inverse_dispersion is at its upper clamp 3"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(faults()))
def test_a_broken_loss_is_not_called_sound(name: str) -> None:
    code, arguments, words = faults()[name]
    report = check_nb_loss(**arguments)
    assert code in report.codes, str(report)
    assert words in " ".join(str(report).split())
    assert not report.ok
    assert name != "chance is no swap" or "swapped" not in report.codes


def test_what_is_sound_is_not_called_broken() -> None:
    y, mean, alpha, _, loss = study().values()
    rng = np.random.default_rng(2)
    # The package's own start, at the lower end of its range for Poisson counts.
    poisson = rng.poisson(5.0, (300, 150))
    start = start_values(poisson)
    report = check_nb_loss(poisson, mean=start.mean, dispersion=start.dispersion)
    assert report.ok, str(report)
    assert check_nb_loss(poisson, mean=start.mean, log_alpha=start.log_alpha).ok
    assert check_nb_loss(poisson, mean=start.mean, n=start.inverse_dispersion).ok
    # A floor that is above what the counts say is a clamp.
    floor = np.where(np.arange(150) < 75, 0.5, start.dispersion + 0.5 + np.arange(150) / 1e3)
    assert "clamped" in check_nb_loss(poisson, mean=start.mean, dispersion=floor).codes
    # Few counts in cells of different depth.
    depth = np.exp(rng.normal(0.0, 0.4, (500, 1)))
    law = np.exp(rng.normal(0.0, 1.0, 200))
    few = depth * np.exp(rng.normal(-3.0, 1.0, 200))
    drops = rng.poisson(few * rng.gamma(law, 1.0 / law, few.shape))
    begin = start_values(drops, depth.ravel())
    assert check_nb_loss(drops, mean=begin.mean * depth, dispersion=begin.dispersion).ok
    # Totals of three genes differ by their dispersion; there is no depth to be missed.
    three = rng.poisson(50.0 * rng.gamma(2.0, 0.5, (150, 3)))
    assert check_nb_loss(three, mean=np.full((150, 3), 50.0), dispersion=0.5).findings == ()
    # Two and three levels of a factor, no bound at either end.
    for levels in ([3.0, 9.0], [3.0, 5.0, 9.0]):
        group = np.resize(levels, 210)
        one = rng.poisson(group * rng.gamma(3.0, 1.0 / 3.0, 210))[:, None]
        assert check_nb_loss(one, mean=group[:, None], dispersion=1.0 / 3.0).findings == ()
    # Python's float is a double, and a right loss in single precision is right.
    assert check_nb_loss(y, mean=mean, dispersion=alpha, loss=loss, dtype=float).findings == ()
    single = loss.astype(np.float32)
    assert check_nb_loss(y, mean=mean, dispersion=alpha, loss=single, dtype="fp32").findings == ()
    assert check_nb_loss(y, mean=mean, eta=np.log(mean), dispersion=alpha).findings == ()
    law = parameters(mean=mean, dispersion=alpha)
    assert check_nb_loss(y, n=law.n, p=law.p, probs=law.probs, logits=law.logits).findings == ()


def test_a_dispersion_of_minus_zero_is_the_poisson() -> None:
    law = parameters(mean=3.0, dispersion=-0.0)
    assert (float(law.n), float(law.p), float(law.logits)) == (np.inf, 1.0, -np.inf)
    with pytest.raises(countglm.InputError, match=r"probs must be in \[0, 1\)"):
        parameters(total_count=2.0, probs=1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"clamps": [("mean", (0, 1))]}, "is no dict"),
        ({"start": [1, 2, 3], "start_mean": [1, 2]}, r"start has shape \(3,\)"),
        ({"start": 1.0, "start_mean": -1.0}, "start_mean has the value -1"),
        ({"start": 2.3, "link": "exp"}, "without start_mean"),
        ({"counts": [1], "mean": 1.0, "n": 1.0, "dtype": "foo"}, "dtype='foo' is no precision"),
        ({"counts": [1], "mean": None, "eta": [None], "n": 1.0}, "eta is no array of real numbers"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(countglm.InputError, match=words):
        check_nb_loss(**arguments)


def test_ranges_and_missing_numbers_are_refused() -> None:
    for given in (5, None, (1,), ("a", "b")):
        with pytest.raises(countglm.InputError, match="dispersion_range="):
            start_values(np.ones((3, 2), dtype=int), dispersion_range=given)  # type: ignore[arg-type]
    with pytest.raises(countglm.InputError, match="eta is no array"):
        log_likelihood([1, 2], None, 0.0)
    eps = {"lgamma": np.float32(1e-8)}
    assert check_nb_loss([[1, 2]], mean=1.0, n=1.0, eps=eps).codes == ("eps-in-lgamma",)


def logs() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return broken logs, and the code of what is wrong."""
    steps = np.arange(300)
    loss = 2.0 + np.exp(-steps / 20.0)
    diverges = loss + np.maximum(0, steps - 100) / 20.0
    return {
        "bound untold": ("clamped", {"loss": loss, "log_alpha_min": np.maximum(-steps / 10, -10)}),
        "scvi's name": ("frozen", {"loss": loss, "theta_mean": np.ones(300)}),
        "a slash": ("frozen", {"loss": loss, "train/dispersion_mean": np.ones(300)}),
        "capitals": ("rising", {"trainLoss": diverges}),
        "not reg": ("rising", {"nb_regression_loss": diverges}),
        "not test": ("rising", {"latest_loss": diverges}),
        "a total": ("rising", {"total_loss": diverges}),
        "percent": ("zero-gradient", {"zero_grad_percent": [60] * 200}),
        "explosion": ("gradient-norm", {"grad_norm": 10.0 ** (steps / 30.0)}),
        "late spike": ("gradient-norm", {
            "grad_norm": np.where(steps == 250, 1e3, 10.0 ** (-steps / 60.0))}),
        "one NaN": ("not-finite", {"loss": np.where(steps == 100, np.nan, loss)}),
        "NaN after gaps": ("not-finite", {
            "loss": np.where((steps % 5 == 4) & (steps < 200), loss, np.nan)}),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(logs()))
def test_a_broken_log_is_broken_in_every_container(name: str, tmp_path: Any) -> None:
    code, log = logs()[name]
    pd.DataFrame(log).to_csv(tmp_path / "log.csv", index=False)
    for given in (log, pd.DataFrame(log), tmp_path / "log.csv"):
        report = check_nb_loss(log=given)
        assert set(report.codes) == {code}, str(report)
        assert not report.ok
        assert name != "one NaN" or "at step 100 of 300 but finite again" in str(report)


def test_sound_logs_are_silent() -> None:
    steps = np.arange(300)
    loss = 2.0 + np.exp(-steps / 20.0)
    for columns in (
        {"zeros_frac": np.full(300, 0.9)}, {"zero_fraction_counts": np.full(300, 0.9)},
        {"log_alpha_mean": np.minimum(steps / 50.0, 1.0)}, {"kl_weight": np.minimum(1, steps / 99)},
        {"log_alpha_min": np.round(-1.0 + np.exp(-steps / 20.0), 3)},
        {"loss": np.where(steps % 5 == 4, loss, np.nan)},
        {"grad_norm": np.exp(-steps / 20.0) * 1e5},
    ):  # fmt: skip
        report = check_nb_loss(log={"loss": loss, **columns})
        assert report.findings == (), str(report)
    # Converged, and a prior that is warmed up: worth a note.
    for log in (
        {"loss": loss, "grad_norm": 10.0 ** (-steps / 20.0)},
        {"total_loss": 2.0 + np.exp(-steps / 10.0) + 0.5 * np.minimum(1.0, steps / 200.0)},
    ):
        assert check_nb_loss(log=log).ok


def test_columns_that_nobody_knows_are_named(tmp_path: Any) -> None:
    report = check_nb_loss(log={"foo": [3] * 200})
    assert report.codes == ("log",)
    assert "Nothing is wrong" not in str(report)
    known = check_nb_loss(log={"loss": 3.0, "lr": [1.0], "gone": None})
    assert known.checked == ("training log", "for NaN alone the columns lr")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(countglm.InputError, match="is no table"):
        check_nb_loss(log=tmp_path / "empty.csv")
