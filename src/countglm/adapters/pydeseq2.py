"""This engine inside PyDESeq2: ``DeseqDataSet(..., inference=Inference())``."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from countglm._fitting import Prior
from countglm._fixed_means import dispersion_at_means
from countglm._parallel import resolve_threads
from countglm._parametric_trend import gamma_regression
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.existence import ExistenceTest
from countglm.replay.dispersion import least_squares_fit, moment_dispersion, rough_dispersion

from ._pydeseq2_steps import coefficients_of, contrast_of, shrink_coefficient, statistics_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

INSTALL = "pip install 'pydeseq2>=0.5.4'"
# Where a parametric trend starts.
TREND_START = (0.1, 1.0)


def check_interface(ours: type) -> Any:
    """Return PyDESeq2's interface of an inference after comparing it with a class of ours.

    Raises
    ------
    InputError
        PyDESeq2 is not installed, or its interface asks for what ``ours`` does not have.
    """
    try:
        package = import_module("pydeseq2")
    except ImportError as error:
        raise InputError(
            f"countglm.adapters.pydeseq2 needs the package pydeseq2, which is not installed: "
            f"{INSTALL}."
        ) from error
    try:
        interface = import_module("pydeseq2.inference").Inference
    except (ImportError, AttributeError):
        wanted = ["the class pydeseq2.inference.Inference"]
    else:
        wanted = _missing(ours, interface)
    if wanted:
        version = getattr(package, "__version__", "of unknown version")
        raise InputError(
            f"PyDESeq2 {version} is not supported: its inference and this one differ in "
            f"{', '.join(wanted)}. Install a version that is: {INSTALL}, or a newer countglm."
        )
    return interface


def _missing(ours: type, interface: Any) -> list[str]:
    """Return the methods and parameters that ``interface`` asks for and ``ours`` lacks."""
    wanted = []
    for name in sorted(interface.__abstractmethods__):
        mine = getattr(ours, name, None)
        if mine is None:
            wanted.append(f"{name}()")
            continue
        known = inspect.signature(mine).parameters
        asked = inspect.signature(getattr(interface, name)).parameters
        wanted += [f"{name}({each}=)" for each in asked if each not in known]
    return wanted


class Inference:
    """The fits of PyDESeq2's pipeline by this engine.

    ``DeseqDataSet(..., inference=Inference())`` and ``DeseqStats(..., inference=Inference())``
    leave the pipeline, its results and its defaults as they are; every fit in it then is at the
    optimum of the problem that the pipeline states, on threads of one process.

    Parameters
    ----------
    n_cpus : int, optional
        Threads; None uses every core of the process's affinity.

    Raises
    ------
    InputError
        PyDESeq2 is not installed, or in a version with another interface; ``n_cpus`` below 1.

    Notes
    -----
    What the interface decides, and `countglm.differential_expression` does otherwise:

    - The pipeline fixes the means before it searches a dispersion.  The maximum is taken at these
      means, over the whole range, without a start; a profile likelihood would move them along.
    - Coefficients must be finite.  A gene that has no finite estimate (no counts in one group) gets
      what the iteration with means of at least ``min_mu`` ends at, as in PyDESeq2; all others
      get the optimum, where PyDESeq2 also raises small means.  The Wald test of the former has
      its usual conservative p-value, since no count reaches the test.
    - Thresholds of a test apply to the contrast itself; PyDESeq2 applies them to each coefficient,
      which is the same for a contrast of one coefficient with weight 1, and only there.
    - Genes without counts have no estimate, so a test of theirs is NaN under every alternative;
      PyDESeq2 gives them p-value 0.5 and statistic 0 under "greater", "less" and "lessAbs".
    - The inverse Hessian of a shrunken estimate is that of its objective; PyDESeq2 0.5 adds the
      prior's curvature to all entries of a column, so its errors differ where the prior is narrow.
    - ``optimizer``, ``min_beta``, ``max_beta`` and, but for genes without a finite estimate,
      ``beta_tol`` have nothing to choose here.

    Arrays of counts and means are (n_samples, n_genes), coefficients are natural logarithms.
    """

    def __init__(self, n_cpus: int | None = None) -> None:
        # A plain class, so that the module can be imported, and the class found, without PyDESeq2.
        check_interface(type(self)).register(type(self))
        self.n_cpus = n_cpus
        self._existence: ExistenceTest | None = None

    def __reduce__(self) -> tuple[type[Inference], tuple[int | None]]:
        return type(self), (self._n_cpus,)

    def __repr__(self) -> str:
        return f"countglm.adapters.pydeseq2.Inference(n_cpus={self._n_cpus})"

    @property
    def n_cpus(self) -> int:
        """Threads that the fits use."""
        return resolve_threads(self._n_cpus)

    @n_cpus.setter
    def n_cpus(self, n_cpus: int | None) -> None:
        resolve_threads(n_cpus)
        self._n_cpus = n_cpus

    def lin_reg_mu(
        self, counts: ArrayLike, size_factors: ArrayLike, design_matrix: ArrayLike, min_mu: float
    ) -> Floats:
        """Means (n, g) of a linear regression of normalised counts, at least ``min_mu``."""
        factors = _floats(size_factors)[:, None]
        fitted = least_squares_fit(_rows(_floats(counts) / factors), _floats(design_matrix))
        return np.asarray(np.maximum(fitted.T * factors, min_mu))

    def irls(
        self,
        counts: ArrayLike,
        size_factors: ArrayLike,
        design_matrix: ArrayLike,
        disp: ArrayLike,
        min_mu: float,
        beta_tol: float,
        min_beta: float = -30,
        max_beta: float = 30,
        optimizer: str = "L-BFGS-B",
        maxiter: int = 250,
    ) -> tuple[Floats, Floats, Floats, Flags]:
        """Coefficients (g, p), means (n, g) as fitted, leverages (n, g) and convergence (g,).

        Leverages are those at means of at least ``min_mu``.
        """
        x = _floats(design_matrix)
        # The pipeline fits one design several times: what exists is decided once.
        if self._existence is None or not np.array_equal(self._existence.design, x):
            self._existence = ExistenceTest(x.copy())
        return coefficients_of(
            np.asarray(counts), _floats(size_factors), self._existence, _floats(disp),
            min_mu=min_mu, tol=beta_tol, max_iter=maxiter, threads=self.n_cpus,
        )  # fmt: skip

    def alpha_mle(
        self,
        counts: ArrayLike,
        design_matrix: ArrayLike,
        mu: ArrayLike,
        alpha_hat: ArrayLike,
        min_disp: float,
        max_disp: float,
        prior_disp_var: float | None = None,
        cr_reg: bool = True,
        prior_reg: bool = False,
        optimizer: str = "L-BFGS-B",
    ) -> tuple[Floats, Flags]:
        """Dispersions (g,) within [min_disp, max_disp] at fixed means, and convergence (g,).

        ``alpha_hat`` is the centre of the prior where there is one, and otherwise not needed.
        """
        prior = None
        if prior_reg:
            if prior_disp_var is None or not prior_disp_var > 0.0:
                raise InputError(
                    f"prior_disp_var={prior_disp_var!r} must be a positive variance of the log "
                    "dispersion where prior_reg is True."
                )
            with np.errstate(divide="ignore", invalid="ignore"):
                prior = Prior(np.log(_floats(alpha_hat)), 1.0 / prior_disp_var)
        found = dispersion_at_means(
            as_count_matrix(counts), _floats(mu), _floats(design_matrix), cap=float(max_disp),
            adjust=cr_reg, prior=prior, threads=self.n_cpus,
        )  # fmt: skip
        return np.clip(found.alpha, min_disp, max_disp), ~np.isnan(found.alpha)

    def wald_test(
        self,
        design_matrix: ArrayLike,
        disp: ArrayLike,
        lfc: ArrayLike,
        mu: ArrayLike,
        ridge_factor: ArrayLike,
        contrast: ArrayLike,
        lfc_null: float,
        alt_hypothesis: str | None = None,
    ) -> tuple[Floats, Floats, Floats]:
        """P-values, statistics and standard errors (g,) of a contrast; NaN for genes without fit.

        ``lfc_null`` is a natural logarithm.
        """
        ridge = _floats(ridge_factor)
        if np.count_nonzero(ridge - np.diag(np.diag(ridge))) or (np.diag(ridge) < 0.0).any():
            raise InputError("ridge_factor must be a diagonal matrix of precisions of at least 0.")
        estimate, error = contrast_of(
            _floats(design_matrix), _floats(disp), _floats(lfc), _floats(mu),
            np.diag(ridge), _floats(contrast), self.n_cpus,
        )  # fmt: skip
        stat, pvalue = statistics_of(estimate, error, float(lfc_null), alt_hypothesis)
        return pvalue, stat, error

    def fit_rough_dispersions(self, normed_counts: ArrayLike, design_matrix: ArrayLike) -> Floats:
        """Moment estimates (g,) around a linear regression, at least 0."""
        x = _floats(design_matrix)
        if x.shape[0] <= x.shape[1]:
            raise InputError(
                f"Dispersions need more samples than coefficients, got {x.shape[0]} samples and "
                f"{x.shape[1]} coefficients: take a design with fewer variables."
            )
        return rough_dispersion(_rows(_floats(normed_counts)), x)

    def fit_moments_dispersions(self, normed_counts: ArrayLike, size_factors: ArrayLike) -> Floats:
        """Moment estimates (g,) around the mean; 0 for genes without counts."""
        factors = _floats(size_factors)
        inverse = float(np.add.reduce(1.0 / factors) / factors.size)
        return np.nan_to_num(moment_dispersion(_rows(_floats(normed_counts)), inverse))

    def dispersion_trend_gamma_glm(
        self, covariates: pd.Series[float], targets: pd.Series[float]
    ) -> tuple[Floats, Floats, bool]:
        """Intercept and slope of a gamma regression, its predictions (g,) and whether it ended.

        NaN coefficients where the genes determine no trend with positive predictions.
        """
        z, y = _floats(covariates), _floats(targets)
        known = np.isfinite(z) & np.isfinite(y)
        found = gamma_regression(z[known], y[known], np.array(TREND_START))
        if found is None:
            return np.full(2, np.nan), np.full(z.size, np.nan), False
        return found, found[0] + found[1] * z, True

    def lfc_shrink_nbinom_glm(
        self,
        design_matrix: ArrayLike,
        counts: ArrayLike,
        size: ArrayLike,
        offset: ArrayLike,
        prior_no_shrink_scale: float,
        prior_scale: float,
        optimizer: str,
        shrink_index: int,
    ) -> tuple[Floats, Floats, Flags]:
        """Coefficients (g, p) at the posterior mode, inverse Hessians (g, p, p), convergence (g,).

        A Cauchy prior on the coefficient ``shrink_index`` and normal priors on the others; of
        several modes the highest.
        """
        return shrink_coefficient(
            np.asarray(counts), _floats(design_matrix), _floats(size), _floats(offset),
            float(prior_no_shrink_scale), float(prior_scale), int(shrink_index), self.n_cpus,
        )  # fmt: skip


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _rows(values: Floats) -> Floats:
    """Genes as rows, the samples of a gene side by side: sums then keep their order."""
    return np.ascontiguousarray(values.T)
