"""One negative binomial in every library's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._names import did_you_mean

Floats = NDArray[np.float64]

SIZES = ("dispersion", "log_alpha", "inverse_dispersion", "n", "total_count")
PLACES = ("mean", "eta", "p", "probs", "logits")
# What every library calls its arguments, and which of ours they are.
LIBRARIES: dict[str, dict[str, str]] = {
    "countglm": {"eta": "eta", "log_alpha": "log_alpha"},
    "scipy": {"n": "n", "p": "p"},
    "numpy": {"n": "n", "p": "p"},
    "jax": {"n": "n", "p": "p"},
    "torch": {"total_count": "total_count", "logits": "logits"},
    "pyro": {"total_count": "total_count", "logits": "logits"},
    "tensorflow": {"total_count": "total_count", "logits": "logits"},
    "numpyro": {"mean": "mean", "concentration": "inverse_dispersion"},
    "scvi": {"mu": "mean", "theta": "inverse_dispersion"},
    "pymc": {"mu": "mean", "alpha": "inverse_dispersion"},
    "stan": {"mu": "mean", "phi": "inverse_dispersion"},
    "r": {"mu": "mean", "size": "inverse_dispersion"},
}
# Names of libraries' arguments whose meaning does not hang on the library; dispersions are called
# alpha here.
_COMMON = {
    "mu": "mean", "theta": "inverse_dispersion", "concentration": "inverse_dispersion",
    "phi": "inverse_dispersion", "size": "inverse_dispersion", "alpha": "dispersion",
}  # fmt: skip


def our_name(name: str, library: str | None) -> str:
    """Return the parameter that a library, if one is named, calls so; else the name itself."""
    return LIBRARIES.get(library or "", {}).get(name, _COMMON.get(name, name))


@dataclass(frozen=True, eq=False)
class NBParameters:
    """One negative binomial, or an array of them, in all parametrisations.

    Made by `parameters`; every attribute is a float64 array of the broadcast shape.

    Attributes
    ----------
    mean, eta
        The mean mu >= 0 and its natural logarithm.
    dispersion, log_alpha
        alpha >= 0 in ``variance = mu + alpha mu²``, and its natural logarithm.
    inverse_dispersion
        r = 1/alpha, inf for the Poisson; SciPy's ``n``, torch's ``total_count``, scvi's ``theta``.
    p
        ``r / (r + mu)``, what SciPy and NumPy call the probability of success.
    probs
        ``mu / (r + mu)``, what torch, Pyro and TensorFlow call so; ``1 - p`` in full precision.
    logits
        ``log(probs / p) = log(alpha mu)``.
    variance
        ``mu + alpha mu²``.
    """

    mean: Floats
    eta: Floats
    dispersion: Floats
    log_alpha: Floats
    inverse_dispersion: Floats
    p: Floats
    probs: Floats
    logits: Floats

    @property
    def n(self) -> Floats:
        """SciPy's name of ``inverse_dispersion``."""
        return self.inverse_dispersion

    @property
    def total_count(self) -> Floats:
        """The name of ``inverse_dispersion`` in torch, Pyro and TensorFlow."""
        return self.inverse_dispersion

    @property
    def variance(self) -> Floats:
        """``mu + alpha mu²``."""
        with np.errstate(all="ignore"):
            return np.where(self.mean > 0.0, self.mean / self.p, self.mean)

    def to(self, library: str) -> dict[str, Floats]:
        """Return the arguments that a library's negative binomial takes.

        Parameters
        ----------
        library : str
            "scipy", "numpy", "jax": ``n``, ``p``. "torch", "pyro", "tensorflow": ``total_count``,
            ``logits``. "numpyro" (NegativeBinomial2): ``mean``, ``concentration``. "scvi": ``mu``,
            ``theta``. "pymc": ``mu``, ``alpha`` (which is 1/dispersion). "stan"
            (neg_binomial_2): ``mu``, ``phi``. "r": ``mu``, ``size``. "countglm": ``eta``,
            ``log_alpha``.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        InputError
            A library that is not in this list.
        """
        known = known_library(library)
        return {name: getattr(self, ours) for name, ours in LIBRARIES[known].items()}


def known_library(library: Any) -> str:
    """Return the name of a library in lower case.

    Raises
    ------
    InputError
        A name that is not known.
    """
    name = str(library).lower()
    if name not in LIBRARIES:
        raise InputError(
            f"library={library!r} is unknown{did_you_mean(name, LIBRARIES)}; choose one of "
            f"{', '.join(LIBRARIES)}."
        )
    return name
