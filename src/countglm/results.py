"""GLMFit, the frozen result of fitting every gene, with its tables, files and derived arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
    """Fit of one generalised linear model per gene.

    ``G`` genes, ``n`` samples, ``p`` coefficients. Coefficients and standard errors are those of
    the linear predictor: natural logarithms of counts, log odds (binomial), or units of the
    response (Gaussian). Counts have ``var = mu + alpha mu^2`` with ``alpha`` the dispersion.

    Attributes
    ----------
    coefficients, standard_errors : (G, p)
        Maximum likelihood estimates, infinite where separation makes that the limit, NaN where
        they are not determined; standard errors from the expected information.
    dispersion : (G,)
        ``alpha``; 0 of a Poisson, 1 of a binomial, the residual variance of a Gaussian.
    size_factors : (n,)
        Divisors of the samples, as used; 1 without counts.
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
        Mean of counts divided by size factors; share of successes; mean response.
    finite_coefficients : (G, p)
        `coefficients` where finite; for separated genes a finite vector that gives the linear
        predictor of the samples which keep a finite mean.
    separation_pattern : (G,) int32
        -1, or the row of `separated_samples` that lists the samples with fitted mean 0.
    separated_samples : (K, n) bool
        Distinct patterns of samples with fitted mean 0, or fitted probability 0 or 1.
    gene_names : (G,) object; sample_names : (n,) object or None
    design : Design
        Matrix, names and formula.
    offset, weights : None, (n,) or (n, G)
        As the caller gave them; the offset is without size factors.
    family : {"nb", "poisson", "binomial", "gaussian"}
    tol : float
        Largest Newton decrement of a converged gene, but for rounding (docs/math.md, 3.5).
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
    trials : None, (n,) or (n, G)
        Of a binomial as given; None is 1.
    separated_ones : (K, n) bool or None
        Of `separated_samples` those whose fitted probability is 1.
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
    trials: Floats | None = None
    separated_ones: NDArray[np.bool_] | None = None

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
        """Covariance (G, p, p), expected information, made on access; NaN without an error."""
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
        """Fitted means (n_samples, g), in counts, successes or units of the response.

        0 (or all trials) where a separated gene drives a sample there; NaN for genes without a fit.

        Parameters
        ----------
        genes : names, indices, boolean mask, slice or None
            Which genes; None for all.
        counts : optional
            Not needed for the means; where given, checked to be the counts of the fit.
        """
        from countglm._covariance import fitted_means

        if counts is not None:
            self.require_counts(counts)

        return fitted_means(self, self.gene_index(genes))

    def predict(self, design: Any, offset: Any = 0.0, genes: Genes = None) -> Floats:
        """Return means (m, g) of new samples: counts at size factor 1, probabilities, responses.

        Parameters
        ----------
        design : (m, n_coef) array, or DataFrame with the columns `coef_names`
            Rows of new samples.
        offset : float, (m,) or (m, g)
            Added to the linear predictors: of counts log size factors and more.
        genes : names, indices, boolean mask, slice or None
            Which genes; None for all.

        Returns
        -------
        (m, g) float64
            Of a separated gene the limit (0, 1 or infinite), NaN where there is none.

        Raises
        ------
        InputError
            Columns other than the coefficients, missing values, another shape.
        """
        from countglm._predict import predict

        return predict(self, design, offset, self.gene_index(genes))

    def gene_index(self, genes: Genes) -> NDArray[np.intp]:
        """Positions of ``genes``, given by names, indices, boolean mask, slice or None for all."""
        from countglm._select import positions

        return positions(genes, self.gene_names)

    def require_counts(self, counts: Any = None) -> CountMatrix:
        """Return the counts of the fit; ``counts`` are checked by fingerprint."""
        from countglm._fitted_counts import counts_of_fit

        return counts_of_fit(self, counts)

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
        from countglm._tables import fit_text

        return fit_text(self)
