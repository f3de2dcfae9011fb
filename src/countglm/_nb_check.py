"""Find what people trip over when they train a negative binomial model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from countglm.errors import InputError

from . import (
    _nb_clamps,
    _nb_data_faults,
    _nb_faults,
    _nb_gradient_faults,
    _nb_log_faults,
    _nb_loss_faults,
)
from ._nb_facts import Facts, read_facts
from ._nb_findings import Finding, NBLossReport, in_order
from ._nb_log import is_known, read_log

Finder = Callable[[Facts], Iterator[Finding]]

# What is looked at, what has to be known for it, and who looks.
_CHECKS: tuple[tuple[str, str, tuple[Finder, ...]], ...] = (
    ("counts", "counts", (_nb_faults.bad_counts,)),
    ("range of the parameters", "given", (_nb_faults.impossible_values,)),
    ("clamps", "given", (_nb_clamps.at_clamps,)),
    ("reach of the means", "reach", (_nb_faults.unreachable_means,)),
    ("meaning of the probability", "handed", (_nb_faults.swapped_probabilities,)),
    ("what was given twice", "twice", (_nb_faults.contradictions,)),
    ("start values", "start", (_nb_faults.false_start,)),
    ("scale of the means", "fit", (_nb_data_faults.other_scale,)),
    ("dispersion against the counts", "fit", (
        _nb_data_faults.inverted_dispersion, _nb_data_faults.other_dispersion)),
    ("depth of the samples", "fit", (_nb_data_faults.missing_depth,)),
    ("terms of the loss", "aligned", (_nb_loss_faults.lost_terms, _nb_loss_faults.lost_digits)),
    ("eps", "eps", (_nb_loss_faults.eps_in_gammas,)),
    ("clamped losses and zero gradients", "clamped", (_nb_loss_faults.dead_losses,)),
    ("losses that are not finite", "loss", (_nb_loss_faults.lost_losses,)),
    ("values of the loss", "compared", (_nb_loss_faults.other_formulas,)),
    ("training log", "log", (
        _nb_log_faults.first_not_finite, _nb_gradient_faults.gradient_norms,
        _nb_log_faults.zero_shares,
        _nb_log_faults.logged_clamps, _nb_log_faults.frozen, _nb_log_faults.rising_loss,
        _nb_log_faults.too_low, _nb_log_faults.logged_reach, _nb_log_faults.logged_start,
        _nb_log_faults.unread_columns,
    )),
)  # fmt: skip


def check_nb_loss(
    counts: Any = None,
    *,
    mean: Any = None,
    eta: Any = None,
    probs: Any = None,
    logits: Any = None,
    p: Any = None,
    dispersion: Any = None,
    log_alpha: Any = None,
    inverse_dispersion: Any = None,
    total_count: Any = None,
    n: Any = None,
    library: str | None = None,
    dtype: Any = None,
    clamps: Mapping[str, tuple[float | None, float | None]] | None = None,
    loss_clamp: tuple[float | None, float | None] | None = None,
    eps: float | Mapping[str, float] | None = None,
    loss: Any = None,
    gradients: Any = None,
    link: str | None = None,
    start: Any = None,
    start_mean: Any = None,
    log: Any = None,
) -> NBLossReport:
    """Find what is wrong with a negative binomial loss, its parameters or its training.

    Give what you have, under the names by which your library gets it, and print what comes back.
    Arrays may be NumPy's, lists, frames or tensors on any device.

    Parameters
    ----------
    counts : array_like (cells, genes), optional
        What the loss is evaluated at. An AnnData or sparse matrix is taken as a dense matrix: a
        batch is enough.
    mean, eta : array_like, optional
        The mean that you mean, size factor included, or its logarithm. Beside ``probs``,
        ``logits`` or ``p`` it is compared with what the library makes of those.
    probs, logits : array_like, optional
        What torch, Pyro or TensorFlow gets.
    p, n : array_like, optional
        What SciPy or NumPy gets.
    dispersion, log_alpha, inverse_dispersion, total_count : array_like, optional
        The dispersion in your library's form; one of them, or ``n``. Shapes broadcast to that of
        the counts.
    library : str, optional
        "torch", "pyro", "tensorflow", "numpyro", "scvi", "scipy", "numpy", "jax", "pymc", "stan",
        "r"; otherwise told from the names.
    dtype : optional
        Precision of the loss, as "float32"; otherwise that of the arrays.
    clamps : dict of str to (low, high), optional
        Clamps of parameters, by the names above: ``{"log_alpha": (-10, 10), "mean": (None, 1e4)}``.
    loss_clamp : (low, high), optional
        A clamp of the loss of each entry (often called robust).
    eps : float or dict, optional
        What is added inside ``lgamma``; ``{"log": 1e-8}`` for inside ``log``.
    loss : array_like (cells, genes), optional
        Your loss of every entry before it is averaged: says which slip makes it.
    gradients : array_like or dict of str to array_like, optional
        Gradients of single entries or parameters: tells how many are 0, NaN or infinite.
    link : {"softplus", "exp", "identity", "relu", "sigmoid"}, optional
        What makes the mean of the network's output.
    start, start_mean : array_like, optional
        A raw start value (a bias), and the mean that it is meant to give through ``link``
        (softplus, if that is not given).
    log : dict, list of dicts, DataFrame or path of a CSV file, optional
        The training: one value a step. Columns are known by their names: "loss", "grad_norm",
        "log_alpha_min", "train/mu_max", and so on; the report names those that are not. Entries
        that are arrays are reduced to their ends.

    Returns
    -------
    NBLossReport
        ``print`` it. ``findings`` holds one `Finding` a fault, ``ok`` is True where there is
        neither an error nor a warning, ``checked`` says what could be looked at.

    Raises
    ------
    InputError
        Nothing was given, names that are not known, shapes that do not fit, a size given twice.

    Notes
    -----
    The kinds of faults, by code: "counts", "not-finite", "out-of-range", "clamped", "unreachable",
    "swapped", "disagree", "start", "scale", "inverted", "dispersion", "depth", "precision",
    "eps-in-lgamma", "eps-in-log", "zero-gradient", "sign", "constant", "formula", "gradient-norm",
    "frozen", "rising", "too-low", "log".
    Thresholds: docs/math.md, 20.10.

    Examples
    --------
    >>> r, mu = 5.0, np.array([1.0, 10.0])
    >>> print(countglm.likelihood.check_nb_loss(mean=mu, total_count=r, probs=r / (r + mu)))
    >>> print(countglm.likelihood.check_nb_loss(link="softplus", start=2.3, start_mean=10.0))
    """
    given = {
        "mean": mean, "eta": eta, "probs": probs, "logits": logits, "p": p,
        "dispersion": dispersion, "log_alpha": log_alpha, "inverse_dispersion": inverse_dispersion,
        "total_count": total_count, "n": n,
    }  # fmt: skip
    facts = read_facts(
        counts=counts, given=given, library=library, dtype=dtype, clamps=clamps,
        loss_clamp=loss_clamp, eps=eps, loss=loss, gradients=gradients, link=link, start=start,
        start_mean=start_mean,
    )  # fmt: skip
    if log is not None:
        facts.log = read_log(log)
    findings: list[Finding] = []
    checked = []
    for words, needed, finders in _CHECKS:
        # Parameters that are wrong already need no comparison with the counts.
        wrong = needed == "fit" and any(finding.severity == "error" for finding in findings)
        if _known(facts, needed) and not wrong:
            checked.append(words)
            if needed == "log":
                checked += _unread(facts)
            with np.errstate(all="ignore"):
                findings += [finding for finder in finders for finding in finder(facts)]
    if not checked:
        raise InputError(
            "There is nothing to look at. Give counts and parameters, as in check_nb_loss(counts, "
            "mean=mu, total_count=r), or a training log, as in check_nb_loss(log=history)."
        )
    return NBLossReport(in_order(findings), tuple(checked))


def _unread(facts: Facts) -> list[str]:
    """Say which columns of a log were looked through for NaN alone."""
    names = [name for name in facts.log if not is_known(name, facts.library)]
    return [f"for NaN alone the columns {', '.join(names)}"] if names else []


def _known(facts: Facts, needed: str) -> bool:
    """Tell whether what a check needs was given."""
    if needed == "reach":
        return facts.counts is not None and bool(facts.clamps or facts.link)
    if needed == "fit":
        return facts.aligned is not None
    if needed == "start":
        return facts.start is not None and facts.start_mean is not None
    if needed == "clamped":
        return facts.loss_clamp is not None or bool(facts.gradients or facts.no_gradients)
    if needed == "twice":
        return len({"mean", "eta"} & facts.given.keys()) == 2 or (
            len({"logits", "probs", "p"} & facts.given.keys()) > 1
        )
    if needed == "compared":
        return facts.loss is not None and facts.aligned is not None
    if needed == "handed":
        probability = bool({"probs", "p", "logits"} & facts.given.keys())
        return probability and facts.parameters is not None
    value = getattr(facts, needed)
    return value is not None and not (isinstance(value, dict) and not value)
