"""The loss as others write it: term by term in their precision, and with the usual slips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_precision import rounded
from ._nb_terms import softplus
from ._nb_values import log_likelihood

Floats = NDArray[np.float64]


def exact_loss(y: Floats, eta: Floats, theta: Floats) -> Floats:
    """Return minus the log-likelihood."""
    return -log_likelihood(y, eta, theta)


def textbook_terms(facts: Facts) -> dict[str, tuple[Floats, str]]:
    """Return the terms of the loss as libraries compute it, and what their failure means."""
    from scipy.special import gammaln, xlogy

    if facts.entries is None:
        return {}

    def held(values: Any) -> Any:
        return rounded(values, facts.precision)

    with np.errstate(all="ignore"):
        y, eta, theta = (held(a) for a in facts.entries)
        r, mu = held(np.exp(-theta)), held(np.exp(eta))
        if "logits" in facts.given or "eta" in facts.given:
            logits = held(eta + theta)
            chosen = y * held(-softplus(-logits))
            rest = r * held(-softplus(logits))
        else:
            total = held(r + mu)
            chosen = xlogy(y, held(mu / total))
            rest = r * held(np.log(held(r / total)))
        terms = {
            "lgamma(y + r)": (gammaln(held(y + r)), "A size this large (the Poisson, nearly) or "
                              "a count this large overflows lgamma."),
            "-lgamma(r)": (-gammaln(r), "A total count that is 0 or too large: lgamma is inf, and "
                           "inf - inf is NaN."),
            "-lgamma(y + 1)": (-gammaln(held(y + 1)), "The count itself overflows."),
            "y log(probs)": (chosen, "A mean that has become 0 beside r: log(0), which a count of "
                             "0 multiplies to NaN in some libraries."),
            "r log(1 - probs)": (rest, "probs has rounded to 1 or r to inf: r log(0) or inf times "
                                 "0, and its gradient is NaN too."),
        }  # fmt: skip
        return {
            name: (held(values).astype(np.float64), why) for name, (values, why) in terms.items()
        }


def lgamma_with_eps(y: Floats, theta: Floats, eps: float, *, only_first: bool = False) -> Floats:
    """Return what eps in lgamma(y + r), and in lgamma(r) too, adds to the log-likelihood."""
    from scipy.special import gammaln

    with np.errstate(all="ignore"):
        r = np.exp(-theta)
        first = gammaln(y + r + eps) - gammaln(y + r)
        second = 0.0 if only_first else gammaln(r + eps) - gammaln(r)
        return np.where(np.isfinite(first - second), first - second, 0.0)


@dataclass(frozen=True)
class Formula:
    """A slip that makes another loss."""

    code: str
    severity: str
    words: str
    why: str
    remedy: str
    loss: Callable[[Floats, Floats, Floats], Floats]


def with_eps(eps: float, only_first: bool) -> Formula:
    """Return the formula with eps inside lgamma(y + r), and inside lgamma(r) too."""

    def loss(y: Floats, eta: Floats, theta: Floats) -> Floats:
        return exact_loss(y, eta, theta) - lgamma_with_eps(y, theta, eps, only_first=only_first)

    place = "lgamma(y + r)" if only_first else "the lgammas of y + r and r"
    return Formula(
        "eps-in-lgamma", "error", f"eps={eps:g} stands inside {place}",
        "It makes another function, whose probabilities do not add up to 1.",
        "leave eps out: lgamma has no trouble with positive arguments.", loss,
    )  # fmt: skip


def _without_constant(y: Floats, eta: Floats, theta: Floats) -> Floats:
    from scipy.special import gammaln

    return exact_loss(y, eta, theta) - gammaln(y + 1.0)


def _without_gammas(y: Floats, eta: Floats, theta: Floats) -> Floats:
    from scipy.special import gammaln

    r = np.exp(-theta)
    return exact_loss(y, eta, theta) + gammaln(y + r) - gammaln(r) - gammaln(y + 1.0)


def _poisson(y: Floats, eta: Floats, theta: Floats) -> Floats:
    return exact_loss(y, eta, np.full_like(theta, -np.inf))


def _poisson_without_constant(y: Floats, eta: Floats, theta: Floats) -> Floats:
    return np.exp(eta) - y * eta


_DISPERSION_NEEDS = "the dispersion is then not estimated at all, or runs off"

FORMULAS = (
    Formula(
        "sign", "error", "it has the wrong sign, the log-likelihood itself",
        "Minimising it makes the counts as improbable as possible.", "return -log_prob.",
        lambda y, eta, theta: -exact_loss(y, eta, theta),
    ),
    Formula(
        "constant", "note", "the term lgamma(y + 1) is missing",
        "Gradients are right, since it depends on counts alone; but values are no longer "
        "-log P, cannot be compared between programs, and may be negative.",
        "add lgamma(y + 1), or compare differences only.", _without_constant,
    ),
    Formula(
        "formula", "error", "the three lgammas are missing",
        f"They hold what is known of the dispersion: {_DISPERSION_NEEDS}.",
        "add -lgamma(y + r) + lgamma(r) + lgamma(y + 1).", _without_gammas,
    ),
    Formula(
        "swapped", "error", "success and failure are swapped, so that the mean is r²/mean",
        "torch's probs is mean/(r + mean), SciPy's p is r/(r + mean).",
        "pass logits = log(mean/r) to torch, p = r/(r + mean) to SciPy; see "
        "countglm.likelihood.parameters(...).to(library).",
        lambda y, eta, theta: exact_loss(y, -2.0 * theta - eta, theta),
    ),
    Formula(
        "inverted", "error", "the inverse of the dispersion is taken for the dispersion",
        "The variance is mean + alpha mean², with alpha = 1/r.",
        "pass 1/alpha where the library wants r (total_count, theta, size).",
        lambda y, eta, theta: exact_loss(y, eta, -theta),
    ),
    Formula(
        "formula", "error", "it is the Poisson's", f"Variance beyond the mean is ignored: "
        f"{_DISPERSION_NEEDS}.", "use the negative binomial with r.", _poisson,
    ),
    Formula(
        "formula", "error", "it is the Poisson's without its constant",
        f"Variance beyond the mean is ignored: {_DISPERSION_NEEDS}.",
        "use the negative binomial with r.", _poisson_without_constant,
    ),
)  # fmt: skip
