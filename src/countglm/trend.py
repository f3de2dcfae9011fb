"""The trend of the dispersion over the mean of normalised counts (docs/math.md, section 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._exact_sum import exact_sum
from ._local_regression import LocalCurve, local_curve
from ._names import plural
from ._parametric_trend import fit_as_deseq2, fit_to_fixed_point, order_of_values
from ._warn import warn
from .errors import InputError

Floats = NDArray[np.float64]

KINDS = ("parametric", "local", "mean")
# Smallest dispersion that counts as one: below it the maximum is the boundary.
MIN_DISPERSION = 1e-8
# Genes above this take part in a parametric trend; without any there is no trend to fit.
USABLE = 100 * MIN_DISPERSION
LEAST_DISPERSION = 10 * MIN_DISPERSION
# Means that no table of counts has, whose squares leave the range of numbers.
_LEAST_MEAN = 1e-100
# Where the extrapolation of a local trend ends.
_LARGEST = 1e8
_LOCAL_SPAN = 0.7
_TRIMMED = 0.001


@dataclass(frozen=True, eq=False)
class Trend:
    """A fitted trend; call it with means of normalised counts to get dispersions.

    Attributes
    ----------
    kind : {"parametric", "local", "mean"}
        What was fitted.
    coefficients : (2,), (0,) or (1,) float64
        Asymptotic dispersion a0 and extra-Poisson part a1 of ``a0 + a1 / mean`` (parametric);
        nothing (local); the dispersion (mean).
    curve : LocalCurve or None
        Log dispersion over log mean (local).
    requested : {"parametric", "local", "mean"}
        What was asked for; it differs from ``kind`` where that could not be fitted.
    """

    kind: str
    coefficients: Floats
    curve: LocalCurve | None
    requested: str

    def __call__(self, mean: ArrayLike) -> Floats:
        """Return the dispersion at means of normalised counts (any shape).

        NaN where a mean is not positive or not finite.
        """
        means = np.asarray(mean, dtype=np.float64)
        positive = np.where((means > 0) & np.isfinite(means), means, np.nan)
        if self.kind == "parametric":
            return np.asarray(self.coefficients[0] + self.coefficients[1] / positive)
        if self.curve is not None:
            # Beyond the genes that were used the curve is a parabola: it must stay a dispersion.
            log_range = math.log(MIN_DISPERSION), math.log(_LARGEST)
            return np.asarray(np.exp(np.clip(self.curve(np.log(positive)), *log_range)))
        return np.where(np.isnan(positive), np.nan, self.coefficients[0])

    def to_arrays(self) -> dict[str, Floats | str]:
        """Return all there is as words and arrays, from which ``from_arrays`` makes it again."""
        arrays: dict[str, Floats | str] = {
            "kind": self.kind,
            "requested": self.requested,
            "coefficients": self.coefficients,
        }
        if self.curve is not None:
            arrays["vertices"] = self.curve.vertices
            arrays["values"] = self.curve.values
            arrays["slopes"] = self.curve.slopes
            arrays["curvature"] = np.array([self.curve.curvature])
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Trend:
        """Make a trend of what ``to_arrays`` returned.

        Raises
        ------
        InputError
            If an entry is missing.
        """
        needed = {"kind", "requested", "coefficients"}
        if str(arrays.get("kind")) == "local":
            needed |= {"vertices", "values", "slopes", "curvature"}
        if missing := sorted(needed - set(arrays)):
            raise InputError(
                f"A stored dispersion trend lacks {', '.join(missing)}: "
                "pass what Trend.to_arrays() returned."
            )

        def floats(name: str) -> Floats:
            return np.array(arrays[name], dtype=np.float64).reshape(-1)

        curve = None
        if str(arrays["kind"]) == "local":
            parts = (floats("vertices"), floats("values"), floats("slopes"))
            curve = LocalCurve(*parts, float(floats("curvature")[0]))
        return cls(str(arrays["kind"]), floats("coefficients"), curve, str(arrays["requested"]))


def fit_trend(
    mean: ArrayLike, dispersion: ArrayLike, kind: str = "parametric", *, replay: bool = False
) -> Trend:
    """Fit the trend of gene-wise dispersions over the mean of normalised counts.

    Parameters
    ----------
    mean : (n_genes,) array
        Mean of counts divided by size factors; genes where it is not positive are left out.
    dispersion : (n_genes,) array
        Gene-wise dispersions; NaN genes are left out, as are those too small for the kind.
    kind : {"parametric", "local", "mean"}
        ``a0 + a1 / mean`` by a trimmed gamma regression (needs dispersions above 1e-6), a local
        quadratic regression of the log dispersion on the log mean (1e-7 and above), or the
        trimmed mean (above 1e-7).
    replay : bool
        Stop the parametric fit where DESeq2 stops, instead of at the fixed point.

    Returns
    -------
    Trend
        A parametric trend that cannot be fitted is replaced by a local one; where no dispersion
        is above 1e-6 any kind is replaced by the mean of those above 1e-7, or by 1e-8 without
        any.  Both with a warning; ``requested`` keeps what was asked for.

    Raises
    ------
    InputError
        If ``kind`` is unknown or the vectors differ in length.

    Notes
    -----
    docs/math.md, 8.1-8.7: Anders and Huber (2010), Genome Biology 11:R106 and Love, Huber and
    Anders (2014), Genome Biology 15:550 (parametric); Loader (1999), Local Regression and
    Likelihood (local).  The order of the genes does not change a bit of the result.
    """
    if kind not in KINDS:
        raise InputError(f"Unknown kind of trend {kind!r}: choose one of {', '.join(KINDS)}.")
    means, dispersions = np.asarray(mean, np.float64), np.asarray(dispersion, np.float64)
    if means.ndim != 1 or means.shape != dispersions.shape:
        raise InputError(
            "A trend needs one mean and one dispersion a gene, "
            f"got shapes {means.shape} and {dispersions.shape}."
        )
    known = np.isfinite(dispersions) & (means > _LEAST_MEAN) & (means < 1 / _LEAST_MEAN)
    return _fit(means[known], dispersions[known], kind, replay)


def _fit(mean: Floats, dispersion: Floats, kind: str, replay: bool) -> Trend:
    """Fit what was asked for or, with a warning, what can be fitted instead."""
    if not np.any(dispersion > USABLE):
        constant = mean_dispersion(dispersion)
        warn(
            f"No gene has a gene-wise dispersion above {USABLE:g}, so no trend can be fitted: "
            f"the trend is the constant {constant:.3g}. The counts hardly vary beyond Poisson."
        )
        return Trend("mean", np.array([constant]), None, kind)
    if kind == "mean":
        return Trend("mean", np.array([mean_dispersion(dispersion)]), None, kind)
    if kind == "parametric":
        coefficients = _fit_parametric(mean, dispersion, replay)
        if coefficients is not None:
            return Trend("parametric", coefficients, None, kind)
        used = plural(int(np.count_nonzero(dispersion > USABLE)), "gene")
        warn(
            "The parametric dispersion trend a0 + a1 / mean has no positive estimate on "
            f"{used}: a local regression is used instead "
            "(fit_type='local' asks for it without this warning)."
        )
    return Trend("local", np.empty(0), _fit_local(mean, dispersion), kind)


def _fit_parametric(mean: Floats, dispersion: Floats, replay: bool) -> Floats | None:
    used = dispersion > USABLE
    mean, dispersion = mean[used], dispersion[used]
    if replay:
        order = order_of_values(mean, dispersion)
        return fit_as_deseq2(1 / mean[order], dispersion[order])
    return fit_to_fixed_point(1 / mean, dispersion)


def _fit_local(mean: Floats, dispersion: Floats) -> LocalCurve:
    used = dispersion >= LEAST_DISPERSION
    mean, dispersion = mean[used], dispersion[used]
    # The position of a gene is decided by its values.
    order = order_of_values(mean, dispersion)
    mean, dispersion = mean[order], dispersion[order]
    return local_curve(np.log(mean), np.log(dispersion), mean, _LOCAL_SPAN)


def mean_dispersion(dispersion: Floats) -> float:
    """Return the mean of what is above 1e-7 without its lowest and highest 0.1% (8.7)."""
    used = np.sort(dispersion[dispersion > LEAST_DISPERSION])
    if used.size == 0:
        return MIN_DISPERSION
    cut = int(used.size * _TRIMMED)
    return exact_sum(used[cut : used.size - cut]) / (used.size - 2 * cut)
