"""What a fit says about itself: a table of genes and a report on the design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._aliasing import aliased_columns
from ._collinearity import collinearity, unit_columns
from ._design_cautions import design_cautions
from ._gram_schmidt import gram_schmidt
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .results import GLMFit

Floats = NDArray[np.float64]
# A sample is worth a look from this multiple of the mean leverage p/n on.
EXTREME = 2.0


@dataclass(frozen=True, eq=False)
class DesignReport:
    """The design by itself, whatever the counts.

    Attributes
    ----------
    rank : int
        Number of columns that are not combinations of others.
    aliased : dict of str to list of str
        Column by name -> the columns it is a combination of.
    condition_number : float
        Ratio of the extreme singular values of the design with columns scaled to length 1; >= 1.
        Infinite where columns are aliased.
    raw_condition_number : float
        The same of the design as it stands: it grows with the units of the columns.
    variance_inflation : (n_coef,) float64
        Factor by which the variance of a coefficient exceeds that of a column unrelated to the
        others; infinite for aliased columns, NaN for a constant one and for what adds up to it.
    cautions : tuple of str
        What to beware of and what to do, a sentence or two each: aliased columns, columns that
        carry nearly the same information (condition number from 30 on), samples that alone
        determine a coefficient.
    closest_pair : tuple (str, str, float) or None
        The two columns of largest absolute cosine.
    leverage : (n_samples,) float64
        Diagonal of the projection on the design; sums to the rank.
    extreme_samples : tuple of str
        Samples whose leverage exceeds twice the mean, and samples that alone determine a
        coefficient (leverage 1).
    """

    n_samples: int
    coef_names: tuple[str, ...]
    rank: int
    aliased: dict[str, list[str]]
    condition_number: float
    closest_pair: tuple[str, str, float] | None
    leverage: Floats
    extreme_samples: tuple[str, ...]
    raw_condition_number: float
    variance_inflation: Floats
    cautions: tuple[str, ...]
    caution_kinds: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"Design: {self.n_samples} samples, {len(self.coef_names)} coefficients, rank "
            f"{self.rank}, condition number {self.condition_number:.3g}",
        ]
        if np.isfinite(self.variance_inflation).any():
            most = int(np.nanargmax(self.variance_inflation))
            lines.append(
                f"  condition number as it stands {self.raw_condition_number:.3g}; largest "
                f"variance inflation {self.variance_inflation[most]:.3g} "
                f"({self.coef_names[most]}); largest leverage {self.leverage.max():.3g}"
            )
        lines += [f"  {caution}" for caution in self.cautions]
        if self.closest_pair is not None and self.closest_pair[2] > 0.95:
            a, b, cosine = self.closest_pair
            lines.append(f"  {a} and {b} are nearly collinear (cosine {cosine:.4f})")
        if self.extreme_samples:
            shown = ", ".join(self.extreme_samples[:10])
            more = len(self.extreme_samples) - 10
            lines.append(
                f"  samples of extreme leverage: {shown}"
                + (f" and {more} more" if more > 0 else "")
            )
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Per-gene certificate table and design report of a fit.

    Attributes
    ----------
    genes : DataFrame
        One row per gene: status and its sentence, iterations, dispersion, Newton decrement and
        distance bound (standard errors), scaled score, smallest eigenvalue and condition number
        of the scaled observed Hessian, condition number of sqrt(W) X with scaled columns (W the
        observed weights), largest leverage; local maxima of the dispersion's profile and the lead
        of the best over the next.
    design : DesignReport
    """

    genes: pd.DataFrame
    design: DesignReport

    def __str__(self) -> str:
        lines = [str(self.design), "", f"Genes: {len(self.genes):,}"]
        counts = self.genes["status"].value_counts()
        lines += [
            f"  {counts[status.name]:>9,}  {status.name}: {status.sentence}"
            for status in Status
            if status.name in counts.index
        ]
        good = self.genes["status"].isin(("CONVERGED", "BOUNDARY_DISPERSION"))
        if good.any():
            worst = self.genes.loc[good]
            lines += [
                f"Largest Newton decrement of converged genes: "
                f"{worst['newton_decrement'].max():.2e} standard errors",
                f"Largest condition number of converged genes: "
                f"{worst['condition_number'].max():.3g}",
            ]
        return "\n".join(lines)


def diagnose(fit: GLMFit) -> Diagnosis:
    """Return the certificate of every gene and a report on the design.

    Parameters
    ----------
    fit : GLMFit

    Returns
    -------
    Diagnosis
        ``.genes`` (DataFrame indexed by gene), ``.design`` (DesignReport); prints as a summary.

    References
    ----------
    docs/math.md, section 4.
    """
    import pandas as pd

    with np.errstate(invalid="ignore"):
        weighted_condition = np.sqrt(fit.condition_number)
    genes = pd.DataFrame(
        {
            "status": [Status(code).name for code in fit.status],
            "n_iter": fit.n_iter,
            "dispersion": fit.dispersion,
            "newton_decrement": fit.newton_decrement,
            "distance_bound": fit.distance_bound,
            "scaled_score": fit.scaled_score,
            "min_eigenvalue": fit.min_eigenvalue,
            "condition_number": fit.condition_number,
            "condition_sqrt_w_x": weighted_condition,
            "max_leverage": fit.max_leverage,
            "dispersion_maxima": fit.dispersion_maxima,
            "dispersion_lead": fit.dispersion_lead,
            "sentence": [Status(code).sentence for code in fit.status],
        },
        index=pd.Index(fit.gene_names, name="gene"),
    )
    names = fit.sample_names
    samples = [str(i) for i in range(fit.n_samples)] if names is None else [str(s) for s in names]
    return Diagnosis(genes, report_design(fit.design.matrix, fit.coef_names, samples))


def report_design(matrix: Floats, names: tuple[str, ...], samples: list[str]) -> DesignReport:
    """Return rank, aliased columns, conditioning and leverages of a design (n_samples, n_coef)."""
    n, p = matrix.shape
    q, factor, independent = gram_schmidt(matrix)
    kept = np.flatnonzero(independent)
    leverage = np.add.reduce(q[:, kept] ** 2, axis=1)
    limit = EXTREME * kept.size / n
    extreme = (leverage > limit) | (leverage > 1.0 - 1e-9)
    shape = collinearity(matrix, q, factor)
    aliased = {name: list(made) for name, made in aliased_columns(matrix, names).items()}
    troubles = design_cautions(matrix, names, samples, aliased, shape, leverage)
    return DesignReport(
        n_samples=n,
        coef_names=names,
        rank=int(kept.size),
        aliased=aliased,
        condition_number=shape.condition_number if kept.size == p else float("inf"),
        closest_pair=_closest(unit_columns(matrix), names),
        leverage=leverage,
        extreme_samples=tuple(samples[i] for i in np.flatnonzero(extreme)),
        raw_condition_number=shape.raw_condition_number if kept.size == p else float("inf"),
        variance_inflation=shape.variance_inflation,
        cautions=tuple(trouble.text for trouble in troubles),
        caution_kinds=tuple(trouble.kind for trouble in troubles),
    )


def _closest(scaled: Floats, names: tuple[str, ...]) -> tuple[str, str, float] | None:
    p = scaled.shape[1]
    if p < 2:
        return None
    cosine = np.abs(np.add.reduce(scaled[:, :, None] * scaled[:, None, :], axis=0))
    cosine[np.tril_indices(p)] = -1.0
    a, b = divmod(int(np.argmax(cosine)), p)
    return names[a], names[b], float(cosine[a, b])
