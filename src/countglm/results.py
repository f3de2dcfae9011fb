"""GLMFit, the frozen result of fitting every gene, with its tables, files and derived arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._zeros_told import n_by_rule, zeros_told
from countglm.errors import InputError
from countglm.status import PRECEDENCE, Status

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from countglm.counts import CountMatrix
    from countglm.design import Design

Floats = NDArray[np.float64]
Genes = str | int | slice | Sequence[str] | Sequence[int] | NDArray[Any] | None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GLMFit:
    """Fit of one negative binomial or Poisson model with log link per gene.

    ``G`` genes, ``n`` samples, ``p`` coefficients. Coefficients and standard errors are in
    natural logarithms; ``var = mu + alpha mu^2`` with ``alpha`` the dispersion.

    Attributes
    ----------
    coefficients, standard_errors : (G, p)
        Maximum likelihood estimates and standard errors from the expected information.
        Separated genes have infinite coefficients where the limit says so; NaN where a
        coefficient is not determined.
    dispersion : (G,)
        ``alpha``, estimated or as given; 0 for the Poisson family.
    size_factors : (n,)
        Divisors of the samples, as used.
    deviance, log_likelihood : (G,)
        At the estimate; at the supremum for separated genes.
    n_iter : (G,) int32
        Iterations of the last coefficient fit.
    status : (G,) int8
        Codes of `countglm.Status`.
    newton_decrement : (G,)
        ``sqrt(g' H^-1 g)`` with its rounding term: distance to the optimum in standard errors.
    distance_bound : (G,)
        Upper bound of the distance to the optimum, in standard errors.
    scaled_score, min_eigenvalue, condition_number : (G,)
        Largest scaled score entry; smallest eigenvalue and condition number of the scaled
        Hessian.
    max_leverage : (G,)
        Largest leverage of a sample, in [0, 1].
    base_mean : (G,)
        Mean of counts divided by size factors.
    finite_coefficients : (G, p)
        `coefficients` where finite; for separated genes a finite vector that gives the linear
        predictor of the samples which keep a finite mean.
    separation_pattern : (G,) int32
        -1, or the row of `separated_samples` that lists the samples with fitted mean 0.
    separated_samples : (K, n) bool
        Distinct patterns of samples with fitted mean 0.
    gene_names : (G,) object; sample_names : (n,) object or None
    design : Design
        Matrix, names and formula.
    offset, weights : None, (n,) or (n, G)
        As the caller gave them; the offset is without size factors.
    family : {"nb", "poisson"}
    tol : float
        Largest Newton decrement of a converged gene, in standard errors.
    provenance : dict
        Versions, CPU, options, time, and the warnings of the call.
    counts : CountMatrix or None
        Reference to the counts; None after `load`.
    counts_fingerprint : str
        Hash of the counts' values, by which later calls recognise them.
    dispersion_maxima : (G,) int32 or None; dispersion_lead : (G,) or None
        Local maxima of the dispersion's profile that the search saw (0: none sought), and how
        much the best exceeds the next in log-likelihood (infinite for one).
    zeros_by_rule : (G,) bool or None
        Genes whose zeros were told by a Gauss rule instead of visited (docs/math.md, 3.7).
    trace : tuple or None
        Iterates, when the fit was asked to keep them; not saved.
    """

    coefficients: Floats
    standard_errors: Floats
    dispersion: Floats
    size_factors: Floats
    deviance: Floats
    log_likelihood: Floats
    n_iter: NDArray[np.int32]
    status: NDArray[np.int8]
    newton_decrement: Floats
    distance_bound: Floats
    scaled_score: Floats
    min_eigenvalue: Floats
    condition_number: Floats
    max_leverage: Floats
    base_mean: Floats
    finite_coefficients: Floats
    separation_pattern: NDArray[np.int32]
    separated_samples: NDArray[np.bool_]
    gene_names: NDArray[Any]
    sample_names: NDArray[Any] | None
    design: Design
    offset: Floats | None
    weights: Floats | None
    family: str
    tol: float
    provenance: dict[str, Any] = field(default_factory=dict)
    counts: CountMatrix | None = None
    counts_fingerprint: str = ""
    dispersion_maxima: NDArray[np.int32] | None = None
    dispersion_lead: Floats | None = None
    zeros_by_rule: NDArray[np.bool_] | None = None
    trace: tuple[Any, ...] | None = None

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return int(self.coefficients.shape[0])

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return int(self.size_factors.shape[0])

    @property
    def coef_names(self) -> tuple[str, ...]:
        """Names of the coefficients, as in the design."""
        return tuple(self.design.names)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """True (G,) where the estimate is the optimum: CONVERGED or BOUNDARY_DISPERSION."""
        return np.isin(self.status, (Status.CONVERGED, Status.BOUNDARY_DISPERSION))

    @property
    def covariance(self) -> Floats:
        """Covariance (G, p, p) from the expected information, computed on access.

        Entries of coefficients without a standard error are NaN.
        """
        return self._covariance(np.arange(self.n_genes), None)

    def observed_covariance(self, genes: Genes = None, counts: Any = None) -> Floats:
        """Covariance (g, p, p) from the observed information.

        Parameters
        ----------
        genes : names, indices, boolean mask, slice or None
            Which genes; None for all.
        counts : optional
            The counts of the fit, samples x genes; needed after `load`.

        Raises
        ------
        InputError
            Counts missing, or other than those of the fit.
        """
        return self._covariance(self.gene_index(genes), self.require_counts(counts))

    def mu(self, genes: Genes = None, counts: Any = None) -> Floats:
        """Fitted means (n_samples, g), in counts.

        0 for the samples that a separated gene drives to zero; NaN for genes that have no fit
        (ALL_ZERO, INVALID).

        Parameters
        ----------
        genes : names, indices, boolean mask, slice or None
            Which genes; None for all.
        counts : optional
            Not needed for the means; where given, checked to be the counts of the fit.
        """
        if counts is not None:
            self.require_counts(counts)
        from countglm._covariance import fitted_means

        return fitted_means(self, self.gene_index(genes))

    def gene_index(self, genes: Genes) -> NDArray[np.intp]:
        """Positions of ``genes``, given by names, indices, boolean mask, slice or None for all."""
        from countglm._select import positions

        return positions(genes, self.gene_names)

    def require_counts(self, counts: Any = None) -> CountMatrix:
        """Return the counts of the fit; ``counts`` are checked by fingerprint."""
        if counts is None:
            if self.counts is None:
                raise InputError(
                    "The counts are not stored with a loaded or unpickled result; pass them as "
                    "counts= (samples x genes, the same values)."
                )
            return self.counts
        from countglm.counts import as_count_matrix

        matrix = as_count_matrix(counts, allow_noninteger=True)
        if not matrix.has_fingerprint(self.counts_fingerprint):
            given, own = (matrix.n_samples, matrix.n_genes), (self.n_samples, self.n_genes)
            how = "in shape" if given != own else "in values or in the order of samples or genes"
            raise InputError(
                f"counts ({given[0]} samples x {given[1]} genes) are not the counts of this fit "
                f"({own[0]} x {own[1]}): they differ {how}. Pass the ones it was fitted to."
            )
        return matrix

    def status_counts(self) -> dict[Status, int]:
        """Number of genes of every status that occurs, the usable ones first."""
        return {
            status: int(np.count_nonzero(self.status == status))
            for status in reversed(PRECEDENCE)
            if np.any(self.status == status)
        }

    def diagnose(self) -> Any:
        """Per-gene table and design report; see `countglm.diagnose`."""
        import countglm

        return countglm.diagnose(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per gene: log2 coefficients and standard errors, dispersion, certificate."""
        from countglm._tables import fit_frame

        return fit_frame(self)

    def to_anndata(self, adata: AnnData | None = None, key: str = "countglm") -> AnnData:
        """Annotate ``adata`` with the fit under names that begin with ``key``.

        Coefficients (natural log) go to ``varm``, per-gene results to ``var``, size factors to
        ``obs``, names, options and versions to ``uns[key]``. ``X``, layers and all other
        entries stay untouched.

        Parameters
        ----------
        adata : AnnData or None
            Annotated in place and returned (a view is copied first); genes and samples must be
            those of the fit. None: a new object without ``X``.
        key : str
            Prefix of the names.

        Raises
        ------
        InputError
            Genes or samples other than those of the fit.
        """
        from countglm._tables import annotate

        return annotate(self, adata, key)

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write the fit to ``path``: HDF5 (.h5, .hdf5) or .npz, without the counts.

        Raises
        ------
        InputError
            Unknown suffix, existing file without ``force``, or a folder that cannot be written.
        """
        from countglm._fitfile import save_fit

        save_fit(self, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GLMFit:
        """Read a fit that `save` wrote; a foreign, newer or damaged file is an InputError."""
        from countglm._fitfile import load_fields

        return cls(**load_fields(path))

    def _covariance(self, index: NDArray[np.intp], counts: CountMatrix | None) -> Floats:
        from countglm._fit_covariance import covariance_of

        return covariance_of(self, index, counts)

    def __repr__(self) -> str:
        words = "  ".join(f"{s.name} {count:,}" for s, count in self.status_counts().items())
        formula = self.design.formula or f"{len(self.coef_names)} given columns"
        lines = [
            f"GLMFit: {self.n_genes:,} genes x {self.n_samples:,} samples, {self.family}, "
            f"design {formula} ({', '.join(self.coef_names)})",
            f"  {words}",
        ]
        if self.converged.any():
            largest = float(np.max(self.newton_decrement[self.converged]))
            lines.append(
                f"  largest Newton decrement of converged genes {largest:.1e} standard errors "
                f"(tol {self.tol:.0e})"
            )
        told = zeros_told(n_by_rule(self), self.n_genes)
        return "\n".join([*lines, *(f"  {line}" for line in told)])
