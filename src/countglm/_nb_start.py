"""Start values of a negative binomial model of counts by moments, and links inverted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._nb_terms import expit
from ._nb_terms import softplus as _softplus
from ._nb_values import numbers_of

Floats = NDArray[np.float64]

LINKS = ("softplus", "exp", "identity")


@dataclass(frozen=True, eq=False)
class StartValues:
    """Where to start the training of a negative binomial model, one value a gene.

    Attributes
    ----------
    mean, dispersion, inverse_dispersion : (n_genes,) float64
        Mean of the counts over their size factors, and the dispersion by moments.
    raw_mean, raw_dispersion, raw_inverse_dispersion : (n_genes,) float64
        What a network has to put out, before its link, to have just these: set the last layer's
        bias to it.
    link : str
        The link that the raw values are for.
    size_factors : (n_samples,) float64
        What the means are to be multiplied with.
    """

    mean: Floats
    dispersion: Floats
    inverse_dispersion: Floats
    raw_mean: Floats
    raw_dispersion: Floats
    raw_inverse_dispersion: Floats
    link: str
    size_factors: Floats

    @property
    def eta(self) -> Floats:
        """Natural logarithm of the mean."""
        return np.log(self.mean)

    @property
    def log_alpha(self) -> Floats:
        """Natural logarithm of the dispersion."""
        return np.log(self.dispersion)


def start_values(
    counts: Any,
    size_factors: Any = None,
    *,
    link: str = "softplus",
    dispersion_range: tuple[float, float] = (1e-4, 1e4),
    layer: str | None = None,
) -> StartValues:
    """Start values by moments for those who train a network with a negative binomial loss.

    Parameters
    ----------
    counts
        Counts (n_samples, n_genes), anything that `fit_glm` accepts, AnnData and sparse included.
    size_factors : str or array_like (n_samples,), optional
        What the network's means are multiplied with: values, or a method of
        `estimate_size_factors` such as "library"; None is 1 for every sample.
    link : {"softplus", "exp", "identity"}
        What turns the last layer's output into a positive number.
    dispersion_range : (float, float)
        Dispersions are kept within these. Genes that vary less than a Poisson get the lower end.
    layer : str, optional
        Layer of an AnnData.

    Returns
    -------
    StartValues

    Raises
    ------
    InputError
        An unknown link, a range that is none, size factors or counts that are none.

    Notes
    -----
    With normalised counts ``q = y/s`` of mean ``m`` and variance ``v``, the dispersion is
    ``(v - m mean(1/s)) / m²`` (docs/math.md, 20.9). A gene without counts starts at the mean of
    half a count in all samples together, and at the median dispersion of the others.

    Examples
    --------
    >>> start = countglm.likelihood.start_values(adata, "library", link="softplus")
    >>> start.raw_mean  # the bias of the decoder's last layer
    """
    # The formulas of this module need neither readers nor a compiler.
    from ._columns import gene_blocks
    from .counts import as_count_matrix
    from .size_factors import resolve_size_factors

    if link not in LINKS:
        raise InputError(f"link={link!r} is unknown; choose one of {', '.join(LINKS)}.")
    low, high = _range_of(dispersion_range)
    matrix = as_count_matrix(counts, layer=layer)
    given = "none" if size_factors is None else size_factors
    factors = resolve_size_factors(matrix, given)
    mean, variance = np.empty(matrix.n_genes), np.empty(matrix.n_genes)
    for start, block in gene_blocks(matrix):
        q = block / factors
        part = slice(start, start + len(block))
        mean[part] = np.add.reduce(q, axis=1) / matrix.n_samples
        spread = (q - mean[part, None]) ** 2
        variance[part] = np.add.reduce(spread, axis=1) / (matrix.n_samples - 1)
    noise = float(np.add.reduce(1.0 / factors)) / matrix.n_samples
    seen = mean > 0.0
    mean[~seen] = 0.5 / float(np.add.reduce(factors))
    dispersion = np.clip((variance - noise * mean) / mean**2, low, high)
    typical = np.median(dispersion[seen]) if seen.any() else np.clip(1.0, low, high)
    dispersion[~seen] = typical
    inverse = 1.0 / dispersion
    raw, raw_alpha, raw_r = (inverse_link(v, link) for v in (mean, dispersion, inverse))
    return StartValues(mean, dispersion, inverse, raw, raw_alpha, raw_r, link, factors)


def _range_of(dispersion_range: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in dispersion_range)
        fine = 0.0 < low <= high < np.inf
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise InputError(
            f"dispersion_range={dispersion_range!r} is no range of positive numbers; give "
            "(lowest, highest)."
        )
    return low, high


def softplus(x: Any) -> Floats:
    """``log(1 + e^x)`` without overflow, to the last digits for very negative ``x``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    ndarray of float64

    Raises
    ------
    InputError
        Values that are no numbers.
    """
    with np.errstate(all="ignore"):
        return _softplus(numbers_of(x, "x"))


def inverse_softplus(y: Any) -> Floats:
    """The ``x`` whose softplus is ``y``: ``y + log(1 - e^-y)``.

    Parameters
    ----------
    y : array_like
        Positive numbers; 0 gives -inf.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    InputError
        Negative values: a softplus has none.

    Examples
    --------
    >>> countglm.likelihood.inverse_softplus(10.0)  # 9.99995, and not log(10) = 2.3
    """
    values = numbers_of(y, "y")
    if (values < 0.0).any():
        raise InputError(
            f"inverse_softplus() was given {int((values < 0.0).sum())} negative values, the first "
            f"{float(values[values < 0.0].flat[0]):g}; a softplus is positive."
        )
    with np.errstate(all="ignore"):
        small = np.log(np.expm1(np.minimum(values, 1.0)))
        return np.where(values < 1.0, small, values + np.log1p(-np.exp(-values)))


def apply_link(raw: Floats, link: str) -> Floats:
    """Return what a link makes of a raw value."""
    if link == "identity":
        return raw
    if link == "relu":
        return np.maximum(raw, 0.0)
    with np.errstate(all="ignore"):
        if link == "sigmoid":
            return expit(raw)
        return np.exp(raw) if link == "exp" else _softplus(raw)


def inverse_link(values: Floats, link: str) -> Floats:
    """Return the raw value of which a link makes the given one."""
    if link == "identity":
        return values
    return np.log(values) if link == "exp" else inverse_softplus(values)
