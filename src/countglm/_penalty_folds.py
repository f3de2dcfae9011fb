"""Choose a penalty by what it says of samples that were left out (docs/math.md, 16.11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._exact_sum import exact_sum
from ._fold_choice import chosen_places, spread_of, total_deviance
from ._gram_schmidt import gram_schmidt
from ._parallel import is_whole
from .errors import InputError
from .kernels.duality import SOLVED

if TYPE_CHECKING:
    from ._penalized_data import Rows
    from ._penalized_path import PenalizedFit, PenalizedPath

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
# Deals of the samples that are tried until each leaves a design that can be fitted.
DEALS = 64


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Deviance of samples that were left out, along a path of penalties.

    Attributes
    ----------
    path : PenalizedPath
    folds : (n_samples,) int
        The part, from 0 on, with which every sample was left out.
    parts : (n_folds, G, L)
        Deviance of every part under the fit of the others; NaN where that has no fit.
    """

    path: PenalizedPath
    folds: Places
    parts: Floats

    @property
    def deviance(self) -> Floats:
        """Deviance (G, L) of all samples, each predicted by a fit without it."""
        return total_deviance(self.parts)

    @property
    def standard_error(self) -> Floats:
        """Standard error (G, L) of `deviance`, from how the parts differ."""
        return spread_of(self.parts)

    def choose(self, rule: str = "least", *, shared: bool = False) -> PenalizedFit:
        """Choose a penalty for every gene.

        Parameters
        ----------
        rule : {"least", "one_se"}
            The least deviance; or the largest penalty whose deviance is within one standard error
            of the least, which parts fewer effects (Breiman et al. 1984, 3.4.3).
        shared : bool
            Whether all genes take the same place of their paths, by the sum of their deviances.
            Few samples choose badly for one gene alone; a thousand genes choose well together.

        Returns
        -------
        PenalizedFit
            Genes without a validation, as those whose fit has a status other than CONVERGED, take
            the largest penalty.

        Raises
        ------
        InputError
            An unknown rule.
        """
        parts = self.parts
        if shared:
            # Rounded once, so that no order of the genes changes the choice.
            known = np.ascontiguousarray(parts[:, ~np.isnan(parts).any(axis=(0, 2))])
            parts = np.array(
                [[[exact_sum(np.ascontiguousarray(part[:, step]))] for step in
                  range(parts.shape[2])] for part in known]
            ).transpose(0, 2, 1)  # fmt: skip
        return self.path.at(chosen_places(parts, rule))


@dataclass(frozen=True, eq=False)
class _Part:
    """Weights of some samples; the others have none."""

    given: Rows
    chosen: NDArray[np.bool_]

    def rows(self, start: int, stop: int) -> Floats:
        return np.asarray(self.given.rows(start, stop) * self.chosen)


def deal(design: Floats, folds: int, rng: np.random.Generator | None) -> Places:
    """Return the part (n,) of every sample: those with equal rows are dealt in turn.

    Strata come in the order of their first sample, which no coding of the design changes.
    """
    _, first, stratum = np.unique(design, axis=0, return_index=True, return_inverse=True)
    stratum = first[stratum.reshape(-1)]
    order = np.arange(design.shape[0]) if rng is None else rng.permutation(design.shape[0])
    order = order[np.argsort(stratum[order], kind="stable")]
    found = np.empty(design.shape[0], dtype=np.intp)
    found[order] = np.arange(order.size) % folds
    return found


def _sound_deal(path: PenalizedPath, folds: int, seed: int) -> Places:
    """Return the first deal in which every part leaves all coefficients determined."""
    x = path.problem.x
    given = path.source.data.weights.rows(0, path.n_genes)
    live = (given > 0.0).any(axis=0)
    for attempt in range(DEALS):
        rng = np.random.default_rng((seed, attempt)) if seed or attempt else None
        found = np.full(x.shape[0], -1, dtype=np.intp)
        found[live] = deal(x[live], folds, rng)
        left = (x[live & (found != part)] for part in range(folds))
        if all(rows.shape[0] and gram_schmidt(rows, 1e-9)[2].all() for rows in left):
            return found
    raise InputError(
        f"However {int(live.sum())} samples are dealt into {folds} parts, some part is all that "
        "tells of a coefficient; use more folds, or choose by 'bic'. Every group of a factor needs "
        "two samples or more."
    )


def cross_validate(path: PenalizedPath, folds: int, seed: int) -> CrossValidation:
    """Return the validation of a path; see `PenalizedPath.cross_validate`."""
    n = path.problem.x.shape[0]
    if not is_whole(folds, 2) or folds > n:
        raise InputError(f"folds={folds!r} must be a whole number from 2 to {n}, the samples.")
    if not is_whole(seed, 0):
        raise InputError(f"seed={seed!r} must be a whole number of at least 0.")
    part_of = _sound_deal(path, int(folds), int(seed))
    problem, source = path.problem, path.source
    data, each_block = problem.data, source.each_block
    whole = np.add.reduce(data.weights.rows(0, path.n_genes), axis=1)
    parts = np.empty((int(folds), *path.lambdas.shape))
    for part in range(int(folds)):
        kept = part_of != part
        training = replace(data, weights=_Part(data.weights, kept))
        rest = np.add.reduce(training.weights.rows(0, path.n_genes), axis=1)
        # The likelihood is a sum: it is weighed against the penalty as that of all samples is.
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = np.nan_to_num(path.lambdas * (rest / whole)[:, None])
        found = problem.with_data(training).paths(scaled, path.null_fits, each_block)
        beta = np.nan_to_num(found.coefficients)
        left = problem.with_data(replace(data, weights=_Part(data.weights, ~kept)))
        value = left.deviances(beta, each_block)
        parts[part] = np.where(found.facts[:, :, SOLVED] == 1.0, value, np.nan)
    parts[:, np.isnan(path.deviance).any(axis=1)] = np.nan
    return CrossValidation(path, part_of, parts)
