"""Size factors: one positive number per sample that makes counts of samples comparable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from countglm._columns import (
    column_totals,
    gene_blocks,
    median_ratios,
    require_counts,
    sample_label,
    scale_to_unit_geometric_mean,
)
from countglm._iterate import iterate_size_factors
from countglm._names import plural
from countglm._parallel import resolve_threads
from countglm._size_options import (
    by_sample_name,
    gene_mask,
    given_log_means,
    sample_index,
)
from countglm._tmm import tmm_size_factors
from countglm.counts import as_count_matrix
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

METHODS = ("ratio", "poscounts", "iterate", "tmm", "library", "none")

# Options and the methods that know them.
_OPTIONS = {
    "control_genes": ("ratio", "poscounts", "library"),
    "geo_means": ("ratio",),
    "reference": ("tmm",),
}


def estimate_size_factors(
    counts: Any,
    method: str = "ratio",
    *,
    control_genes: ArrayLike | Sequence[str] | None = None,
    geo_means: ArrayLike | None = None,
    reference: int | str | None = None,
    threads: int | None = None,
    layer: str | None = None,
    allow_noninteger: bool = False,
) -> NDArray[np.float64]:
    """Estimate size factors from the counts.

    Parameters
    ----------
    counts
        Counts (n_samples, n_genes), anything that `fit_glm` accepts.
    method
        ``"ratio"``: median over genes of the ratio to the gene's geometric mean (Anders and Huber
        2010); uses the genes that are positive in every sample.
        ``"poscounts"``: the same with geometric means in which zeros count as ones, so that genes
        with some zeros take part; scaled to geometric mean 1.
        ``"iterate"``: maximises the negative binomial likelihood of the 95% of genes that fit best,
        in turn with their means and dispersions (intercept only), until nothing moves; for counts
        in which every gene has a zero.  Slow: it estimates all dispersions many times.
        ``"tmm"``: library size times the trimmed mean of M-values (Robinson and Oshlack 2010), that
        is the effective library size, scaled to geometric mean 1.  Divide by ``"library"`` and
        scale to geometric mean 1 for the bare TMM factor.
        ``"library"``: total counts, scaled to geometric mean 1.
        ``"none"``: 1 for every sample.
    control_genes
        For ``"ratio"``, ``"poscounts"`` and ``"library"``: genes that the median or sum is taken
        over, as names, indices or a boolean mask (n_genes,).
    geo_means
        For ``"ratio"``: geometric means (n_genes,) >= 0 to use instead of those of these samples;
        genes with 0 are left out and the result is scaled to geometric mean 1.
    reference
        For ``"tmm"``: name or index of the reference sample; None chooses it by upper quartiles.
    threads
        For ``"iterate"``: number of threads; None is all that the process may use.
    layer, allow_noninteger
        As in `fit_glm`.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Positive and finite size factors in the order of the samples.

    Raises
    ------
    InputError
        If the method cannot give a positive size factor for every sample, if an option does not
        belong to the method, or if the counts are invalid.

    Notes
    -----
    The result has the same bits for every storage of the same counts and for every order of genes.
    """
    if method not in METHODS:
        raise InputError(f"method={method!r} is unknown; choose one of {', '.join(METHODS)}")
    given = {
        "control_genes": control_genes,
        "geo_means": geo_means,
        "reference": reference,
    }
    _refuse_foreign_options(method, given)
    resolve_threads(threads)
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger)
    if method == "none":
        return np.ones(matrix.n_samples)
    if method == "iterate":
        return iterate_size_factors(matrix, threads)
    if method == "tmm":
        return tmm_size_factors(matrix, sample_index(matrix, reference))
    genes = None if control_genes is None else gene_mask(matrix, control_genes)
    if method == "library":
        totals = column_totals(matrix, genes)
        require_counts(matrix, totals, "size factors by 'library'")
        return scale_to_unit_geometric_mean(totals)
    return _median_ratio(matrix, method, genes, geo_means)


def resolve_size_factors(
    counts: CountMatrix, size_factors: Any, *, threads: int | None = None
) -> NDArray[np.float64]:
    """Return size factors (n_samples,) from the name of a method or from given values.

    A pandas Series with names is matched with the samples by name, any other array by position.
    Values must be positive and finite; they are used as given, without scaling.
    """
    if isinstance(size_factors, str):
        if size_factors not in METHODS:
            raise InputError(
                f"size_factors={size_factors!r} is unknown; choose one of {', '.join(METHODS)}, "
                "or give an array with one value per sample"
            )
        return estimate_size_factors(counts, size_factors, threads=threads)
    if size_factors is None:
        raise InputError("size_factors is None; use 'none' for 1 in every sample")
    try:
        values = np.asarray(by_sample_name(counts, size_factors), dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError):
        raise InputError(
            f"size_factors of type {type(size_factors).__name__} cannot be read as numbers; give "
            "the name of a method or an array with one positive value per sample"
        ) from None
    if values.shape != (counts.n_samples,):
        raise InputError(
            f"size_factors has shape {values.shape}, but the counts have {counts.n_samples} "
            "samples; give one value per sample"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise InputError(
            f"size_factors must be positive and finite, but is {values[bad[0]]:g} for "
            f"{sample_label(counts, int(bad[0]))} ({bad.size} of {values.size} are invalid); "
            "remove samples without counts or correct the values"
        )
    return values.copy()


def _median_ratio(
    counts: CountMatrix,
    method: str,
    genes: NDArray[np.bool_] | None,
    geo_means: ArrayLike | None,
) -> NDArray[np.float64]:
    if geo_means is not None:
        log_means = given_log_means(counts, geo_means)
    else:
        log_means = log_geometric_means(counts, zeros_as_ones=method == "poscounts")
    used = np.isfinite(log_means)
    if not used.any():
        _raise_no_gene(counts, method, geo_means is not None)
    if genes is not None:
        used &= genes
        if not used.any():
            _raise_no_control(genes, method, geo_means is not None)
    s = median_ratios(counts, np.where(used, log_means, -np.inf))
    require_counts(counts, s, f"size factors by {method!r} from {int(used.sum())} genes")
    if method == "poscounts" or geo_means is not None:
        return scale_to_unit_geometric_mean(s)
    return s


def log_geometric_means(counts: CountMatrix, *, zeros_as_ones: bool) -> NDArray[np.float64]:
    """Mean log count of every gene (n_genes,); -inf where a zero, or nothing but zeros, forbids."""
    log_sums = np.full(counts.n_genes, -np.inf)
    if zeros_as_ones:
        for start, stop in counts.stretches():
            found = counts.nonzeros(start, stop)
            # The logarithm of 1 adds nothing: sums over positive counts alone.
            genes = np.flatnonzero(np.diff(found.pointers))
            if genes.size:
                logs = np.log(found.values)
                log_sums[start + genes] = np.add.reduceat(logs, found.pointers[genes])
        return log_sums / counts.n_samples
    if counts.is_sparse:
        full = np.flatnonzero(counts.nonzero_sizes() == counts.n_samples)
        if full.size:
            log_sums[full] = _log_sums(counts.take_genes(full))
        return log_sums / counts.n_samples
    return _log_sums(counts) / counts.n_samples


def _log_sums(counts: CountMatrix) -> NDArray[np.float64]:
    """Sum of log counts of every gene (n_genes,), -inf where one is 0."""
    log_sums = np.full(counts.n_genes, -np.inf)
    for start, block in gene_blocks(counts):
        # Counts are not negative: the least of a row tells whether it has zeros.
        rows = np.flatnonzero(np.minimum.reduce(block, axis=1) > 0)
        logs = np.log(block[rows])
        log_sums[start + rows] = np.add.reduce(logs, axis=1)
    return log_sums


def _raise_no_gene(counts: CountMatrix, method: str, given: bool) -> None:
    require_counts(counts, column_totals(counts), f"size factors by {method!r}")
    if given:
        raise InputError("geo_means is 0 for every gene; give a positive value for some genes")
    raise InputError(
        f"size factors by 'ratio' need a gene that is positive in every sample, but each of the "
        f"{counts.n_genes} genes has a zero in at least one of the {counts.n_samples} samples; use "
        "'poscounts' or 'library' instead"
    )


def _raise_no_control(genes: NDArray[np.bool_], method: str, given: bool) -> None:
    usable = "has a count" if method == "poscounts" else "is positive in every sample"
    if given:
        usable = "has a positive value in geo_means"
    raise InputError(
        f"control_genes selects {plural(int(genes.sum()), 'gene')}, none of which {usable}, as "
        f"size factors by {method!r} need; name other genes or use another method"
    )


def _refuse_foreign_options(method: str, given: dict[str, Any]) -> None:
    for option, methods in _OPTIONS.items():
        if given[option] is not None and method not in methods:
            raise InputError(
                f"{option} does not apply to method={method!r}; leave it out or use "
                f"{' or '.join(repr(name) for name in methods)}"
            )
