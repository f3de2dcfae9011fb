"""What counts are divided by: size factors per sample, or factors per sample and gene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import shaped
from ._columns import gene_blocks, median_ratios, require_counts
from ._kinds import is_a
from ._names import label
from .errors import InputError
from .size_factors import resolve_size_factors

if TYPE_CHECKING:
    from .counts import CountMatrix

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """Positive divisors of counts: (n_samples,), or (n_samples, n_genes) in the counts' order."""

    values: Floats

    @property
    def by_gene(self) -> bool:
        return self.values.ndim == 2

    def rows(self, start: int, stop: int) -> Floats:
        """Divisors of genes [start, stop): (1, n) or (g, n)."""
        if self.by_gene:
            return np.ascontiguousarray(self.values[:, start:stop].T)
        return self.values[None, :]

    @property
    def per_sample(self) -> Floats:
        """One divisor a sample: size factors, or geometric means over all genes."""
        if self.by_gene:
            sums = np.add.reduce(np.sort(np.log(self.values), axis=1), axis=1)
            return np.asarray(np.exp(sums / self.values.shape[1]))
        return self.values

    def model_arguments(self) -> dict[str, Any]:
        """The same as arguments of a fit."""
        if self.by_gene:
            return {"size_factors": "none", "offset": np.log(self.values)}
        return {"size_factors": self.values}


def resolve_scale(counts: CountMatrix, size_factors: Any, normalization_factors: Any) -> Scale:
    """Return the scale from what the caller named or gave.

    Raises
    ------
    InputError
        Factors of another shape, or not positive and finite; size factors beside normalisation
        factors, which hold them already.
    """
    if normalization_factors is None:
        return Scale(resolve_size_factors(counts, size_factors))
    if not (isinstance(size_factors, str) and size_factors in ("ratio", "none")):
        raise InputError(
            "Give either size_factors or normalization_factors: the latter hold a factor for every "
            "sample and gene, depth included (see estimate_normalization_factors)."
        )
    values = shaped(normalization_factors, "normalization_factors", counts)
    if values.ndim != 2:
        raise InputError(
            f"normalization_factors has shape {values.shape}; it must be "
            f"({counts.n_samples}, {counts.n_genes}), samples x genes. One value per sample is "
            "size_factors."
        )
    bad = ~(np.isfinite(values) & (values > 0.0))
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise InputError(
            f"normalization_factors must be positive and finite, but is {values[i, j]:g} for "
            f"sample {label(counts.sample_names, i)} and gene {str(counts.gene_names[j])!r} "
            f"({int(bad.sum())} of {bad.size} are invalid); use 1 where nothing is known."
        )
    return Scale(values)


def normalized(counts: CountMatrix, scale: Scale) -> Floats:
    """Counts divided by their scale, (n_samples, n_genes)."""
    out = np.empty((counts.n_samples, counts.n_genes))
    for start, y in gene_blocks(counts):
        stop = start + y.shape[0]
        out[:, start:stop] = (y / scale.rows(start, stop)).T
    return out


def gene_means(q: Floats) -> Floats:
    """Mean over samples (n_genes,) of normalised counts (n_samples, n_genes).

    Each gene is summed by itself, so its mean does not depend on the genes beside it.
    """
    means = np.empty(q.shape[1])
    for start in range(0, q.shape[1], 4096):
        rows = np.ascontiguousarray(q[:, start : start + 4096].T)
        means[start : start + 4096] = np.add.reduce(rows, axis=1) / q.shape[0]
    return means


def reference_size_factors(counts: CountMatrix, log_means: Floats) -> Floats:
    """Size factors (n_samples,) against the log geometric means (n_genes,) of other samples.

    They are not scaled among themselves, so a sample's factor does not depend on its companions;
    genes whose log mean is not finite are left out.
    """
    s = median_ratios(counts, log_means)
    require_counts(counts, s, "size factors from the reference samples")
    return s


def like(counts: Any, values: NDArray[Any] | None) -> Any:
    """Return ``values`` (n_samples, n_genes) as a DataFrame where the counts were one."""
    if is_a(counts, "pandas", "DataFrame"):
        import pandas as pd

        return pd.DataFrame(values, index=counts.index, columns=counts.columns)
    return values
