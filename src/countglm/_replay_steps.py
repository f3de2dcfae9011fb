"""Steps of a workflow as DESeq2 1.38 takes them: its starts, clamps, stops and fallbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._fit_arrays import FitArrays
from ._model import Model
from .design import is_mean_only
from .kernels import columns
from .replay import (
    CoefficientFit,
    contrast_values,
    deviance,
    fit_coefficients,
    genewise_dispersion,
    map_dispersion,
    usable_weights,
    zero_contrast,
)
from .replay._regression import MIN_MU
from .status import Status

if TYPE_CHECKING:
    from .results import GLMFit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class ReplaySteps:
    """Dispersions and coefficients of one model by DESeq2's own rules (docs/math.md, 14).

    Means and leverages of all entries are held (n_genes, n_samples), as later steps use those of
    earlier ones.
    """

    replay = True

    def __init__(self, model: Model, *, genewise_means: bool = False) -> None:
        self.model = model
        self.genewise_means = genewise_means
        self.mu: Floats = np.full((model.n_genes, model.n_samples), np.nan)
        self.fitted: Floats = np.full_like(self.mu, np.nan)
        self.leverage: Floats = np.full_like(self.mu, np.nan)
        self._genewise: Floats = np.full(model.n_genes, np.nan)

    @property
    def residual_df(self) -> int:
        """Samples minus coefficients, whatever the weights."""
        return self.model.n_samples - len(self.model.design.names)

    def genewise(self) -> Floats:
        """Gene-wise dispersions (n_genes,), NaN for genes without counts (14.2)."""
        x, inverse = self.model.design.matrix, self._mean_inverse_scale()

        def task(start: int, stop: int) -> None:
            kept, y, scale, weights = self.rows(start, stop)
            if kept.size:
                fit = genewise_dispersion(y, scale, x, weights=weights, mean_inverse_scale=inverse)
                self._genewise[kept] = fit.alpha
                self.mu[kept] = fit.mu

        self.model.each_block(task, "gene-wise dispersions")
        return self._genewise.copy()

    def _mean_inverse_scale(self) -> float | None:
        """Mean of the samples' inverse mean scales over genes with counts; None for one scale."""
        model = self.model
        if model.offset.values.ndim == 1:
            return None
        total, genes = np.zeros(model.n_samples), 0
        for start in range(0, model.n_genes, model.block):
            stop = min(start + model.block, model.n_genes)
            kept = model.counts.block(start, stop).any(axis=1)
            # One gene after another: the order of addition is that of the genes.
            for row in model.scale(start, stop)[kept]:
                total += row
            genes += int(kept.sum())
        return float(np.mean(genes / total)) if genes else None

    def shrunken(self, trend: Floats, prior_variance: float) -> Floats:
        """Posterior modes (n_genes,) for the means of the gene-wise step (14.3)."""
        alpha = np.full(self.model.n_genes, np.nan)
        cap = float(max(10, self.model.n_samples))

        def task(start: int, stop: int) -> None:
            kept, y, _, weights = self.rows(start, stop)
            if kept.size:
                alpha[kept] = map_dispersion(
                    y, self.mu[kept], self.model.design.matrix, self._genewise[kept],
                    trend[kept], prior_variance, weights=weights, cap=cap,
                ).alpha  # fmt: skip

        self.model.each_block(task, "dispersions")
        return alpha

    def final(self, alpha: Floats, outlier: Mask) -> FitArrays:
        """Coefficients at the final dispersions (14.1)."""
        arrays = FitArrays(self.model.n_genes, len(self.model.design.names))

        def task(start: int, stop: int) -> None:
            kept, y, scale, weights = self.rows(start, stop)
            arrays.status[start:stop] = self._status_without_fit(start, stop)
            if kept.size:
                fit = fit_coefficients(
                    y, scale, self.model.design.matrix, alpha[kept], weights=weights
                )
                self.fitted[kept], self.leverage[kept] = fit.mu, fit.leverage
                _write(arrays, kept, alpha[kept], fit)
                arrays.stats[kept, columns.DEVIANCE] = self._deviance(kept, y, alpha[kept], fit)

        self.model.each_block(task, "coefficients")
        return arrays

    def entries(self, fit: GLMFit, start: int, stop: int) -> tuple[Floats, Floats, None]:
        """Means and leverages (g, n) of genes [start, stop), for Cook's distances.

        DESeq2's distances take no weights, so there are none to return.
        With ``genewise_means`` the means are those of the gene-wise dispersions, which DESeq2 took
        for likelihood ratio tests before 1.44, unless the dispersions were given.
        """
        known = self.genewise_means and not np.isnan(self._genewise).all()
        means = self.mu if known else self.fitted
        return means[start:stop], self.leverage[start:stop], None

    def contrast(
        self, fit: GLMFit, vector: Floats, compared: Mask | None
    ) -> tuple[Floats, Floats, Mask]:
        """Estimate and error (natural log) of a contrast, and where its samples have no count.

        There the estimate is 0; ``compared`` marks the samples of the two levels of a factor,
        None for numbers (14.4).
        """
        genes, x = self.model.n_genes, self.model.design.matrix
        estimate, error = np.full(genes, np.nan), np.full(genes, np.nan)
        zero = np.zeros(genes, dtype=np.bool_)

        def task(start: int, stop: int) -> None:
            kept, y, scale, weights = self.rows(start, stop)
            if kept.size:
                estimate[kept], error[kept] = contrast_values(
                    fit.coefficients[kept], scale, x, fit.dispersion[kept], vector, weights=weights
                )
                if compared is None:
                    zero[kept] = zero_contrast(y, x, vector)
                elif compared.any():
                    zero[kept] = (y[:, compared] == 0.0).all(axis=1)

        self.model.each_block(task, "contrast")
        if compared is not None and is_mean_only(x):
            # A coefficient by name has the error of its fit, which alone raises no mean here.
            error = np.abs(vector[0]) * fit.standard_errors[:, 0]
        estimate[zero] = 0.0
        return estimate, error, zero

    def log_likelihood(self, x: Floats, alpha: Floats) -> Floats:
        """Log-likelihood (n_genes,) of another design at the dispersions ``alpha``."""
        value = np.full(self.model.n_genes, np.nan)

        def task(start: int, stop: int) -> None:
            kept, y, scale, weights = self.rows(start, stop)
            if kept.size:
                fit = fit_coefficients(y, scale, x, alpha[kept], weights=weights)
                value[kept] = fit.log_likelihood

        self.model.each_block(task, "reduced design")
        return value

    def _status_without_fit(self, start: int, stop: int) -> NDArray[np.int8]:
        """Status of genes [start, stop) if they cannot be fitted: why not."""
        status = np.full(stop - start, Status.ALL_ZERO, dtype=np.int8)
        weights = self.model.weight_rows(start, stop)
        if weights is not None:
            y = self.model.counts.block(start, stop)
            weighs = np.broadcast_to(weights > 0.0, y.shape)
            status[((y > 0.0) & weighs).any(axis=1)] = Status.SINGULAR
            status[~weighs.any(axis=1)] = Status.INVALID
        return status

    def _deviance(
        self, genes: NDArray[np.intp], y: Floats, alpha: Floats, fit: CoefficientFit
    ) -> Floats:
        """Deviances of ``genes`` at the means of their log-likelihood, with the weights as given.

        Fits of other designs to the same weights can be compared with them.
        """
        weights = self.model.weight_rows(int(genes[0]), int(genes[-1]) + 1)
        if weights is not None:
            spread = np.broadcast_to(weights, (int(genes[-1] - genes[0]) + 1, y.shape[1]))
            weights = spread[genes - genes[0]]
        mu = np.where(fit.by_optim[:, None], np.maximum(fit.mu, MIN_MU), fit.mu)
        return deviance(y, mu, alpha, weights)

    def rows(self, start: int, stop: int) -> tuple[NDArray[np.intp], Floats, Floats, Floats | None]:
        """Genes of a block that can be fitted, with their counts, scale and weights."""
        y = self.model.counts.block(start, stop)
        scale = np.broadcast_to(self.model.scale(start, stop), y.shape)
        usable = np.add.reduce(y, axis=1) > 0.0
        weights = self.model.weight_rows(start, stop)
        if weights is not None:
            weights, fails = usable_weights(
                np.broadcast_to(weights, y.shape), self.model.design.matrix
            )
            usable &= ~fails
            weights = weights[usable]
        return start + np.flatnonzero(usable), y[usable], scale[usable], weights


def _write(arrays: FitArrays, genes: NDArray[np.intp], alpha: Floats, fit: CoefficientFit) -> None:
    arrays.coefficients[genes] = arrays.finite_coefficients[genes] = fit.beta
    arrays.standard_errors[genes] = fit.standard_errors
    arrays.stats[genes, columns.DISPERSION] = alpha
    arrays.stats[genes, columns.LOG_LIKELIHOOD] = fit.log_likelihood
    arrays.counters[genes, columns.STEPS] = fit.iterations
    arrays.counters[genes, columns.CONVERGED] = fit.converged
    arrays.status[genes] = np.where(fit.converged, Status.CONVERGED, Status.MAX_ITER)
