"""From a fit to the table of one contrast: test, outliers, filtering, adjustment, reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import by_gene, check_share
from ._families import LN2
from ._names import Names, plural
from ._p_adjust import adjustment, check_adjustment
from ._reduced import reduced_design
from .errors import InputError
from .independent_filtering import RULES, Filtering, independent_filtering
from .inference import (
    check_threshold,
    contrast_columns,
    contrast_frame,
    residual_df,
    wald_columns,
    wald_statistics,
)
from .intervals import confidence_intervals, interval_quantiles
from .likelihood_ratio import likelihood_ratio_columns
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .dispersion import Steps
    from .outliers import Outliers
    from .results import GLMFit

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How a contrast is tested, filtered and adjusted; see `differential_expression`."""

    test: str
    reduced: Any
    lfc_threshold: float
    alternative: str
    use_t: bool
    alpha: float
    filter_rule: str | None
    filter_statistic: Any
    p_adjust: str | Callable[[Floats], Floats]
    interval: str | None
    level: float

    def record(self) -> dict[str, Any]:
        """The choices as JSON can hold them."""
        return {
            "test": self.test,
            "reduced": self.reduced if isinstance(self.reduced, str | None) else "given",
            "lfc_threshold": self.lfc_threshold,
            "alternative": self.alternative,
            "use_t": self.use_t,
            "alpha": self.alpha,
            "independent_filtering": self.filter_rule or False,
            "filter_statistic": "baseMean" if self.filter_statistic is None else "given",
            "p_adjust": self.p_adjust if isinstance(self.p_adjust, str) else "given",
            "interval": self.interval,
            "level": self.level,
        }


def resolve_choices(
    mode: str,
    *,
    test: str,
    reduced: Any,
    lfc_threshold: float,
    alternative: str,
    use_t: bool,
    alpha: float,
    independent_filtering: bool | str,
    filter_statistic: Any,
    p_adjust: Any,
    interval: str | None,
    level: float,
) -> Choices:
    """Return checked choices; in replay the rules of DESeq2 1.38 are the defaults."""
    if test not in ("wald", "lrt"):
        raise InputError(f"test={test!r} is not known; choose 'wald' or 'lrt'.")
    if test == "lrt" and reduced is None:
        raise InputError("test='lrt' needs reduced=: the design without the terms that are tested.")
    if test == "wald" and reduced is not None:
        raise InputError("reduced= belongs to test='lrt'; leave it out or choose that test.")
    if test == "lrt" and (lfc_threshold or use_t):
        raise InputError("lfc_threshold and use_t belong to test='wald'; leave them out.")
    check_threshold(lfc_threshold, alternative)
    alpha = check_share(alpha, "alpha", "the false discovery rate")
    level = check_share(level, "level", "the confidence of an interval")
    _check_interval(interval, mode)
    check_adjustment(p_adjust, "p_adjust")
    rule: str | None = "1.38" if mode == "replay" else "new"
    if isinstance(independent_filtering, str):
        if independent_filtering not in RULES:
            raise InputError(
                f"independent_filtering={independent_filtering!r} is not known; choose True, "
                f"False, {' or '.join(map(repr, RULES))}."
            )
        rule = independent_filtering
    elif not independent_filtering:
        rule = None
    if mode == "replay" and alternative == "greaterAbs":
        alternative = "greaterAbs2014"
    return Choices(
        test=test, reduced=reduced, lfc_threshold=float(lfc_threshold), alternative=alternative,
        use_t=bool(use_t), alpha=alpha, filter_rule=rule,
        filter_statistic=filter_statistic, p_adjust=p_adjust, interval=interval, level=level,
    )  # fmt: skip


def _check_interval(interval: Any, mode: str) -> None:
    if interval not in (None, "wald", "profile"):
        raise InputError(f"interval={interval!r} is not known; choose None, 'wald' or 'profile'.")
    if interval == "profile" and mode == "replay":
        raise InputError(
            "interval='profile' follows the likelihood from its maximum, and fits of mode='replay' "
            "are not there; choose interval='wald' or mode='exact'."
        )


def resolve_statistic(values: Any, gene_names: Names) -> Floats | None:
    """Return ``filter_statistic`` (n_genes,), None for the mean of normalised counts."""
    if values is None:
        return None
    statistic = by_gene(values, "filter_statistic", gene_names)
    if statistic.shape != gene_names.shape or not np.isfinite(statistic).all():
        raise InputError(
            f"filter_statistic must hold {plural(gene_names.size, 'finite number')}, one a gene; "
            f"it has shape {statistic.shape}, {int((~np.isfinite(statistic)).sum())} not finite."
        )
    return statistic


def contrast_table(
    fit: GLMFit,
    steps: Steps,
    vector: Floats,
    compared: NDArray[np.bool_] | None,
    choices: Choices,
    outliers: Outliers | None,
    obs: Any,
) -> tuple[pd.DataFrame, Filtering | None]:
    """Return the table of one contrast and the filtering behind its adjusted p-values.

    ``compared`` marks the samples of the two levels of a factor's contrast, which replay needs.
    """
    if steps.replay:
        columns = _replayed_columns(fit, steps, vector, compared, choices, obs)
    elif choices.test == "lrt":
        columns = likelihood_ratio_columns(
            fit, choices.reduced, obs, vector, fit.require_counts(), steps.model.threads,
            steps.model.session,
        )  # fmt: skip
    else:
        columns = wald_columns(
            fit, vector, choices.lfc_threshold, choices.alternative, choices.use_t,
            fit.require_counts, steps.model.threads,
        )  # fmt: skip
    pvalue, reason = columns["pvalue"], columns["na_reason"]
    if outliers is not None:
        lost = outliers.outlier & ~np.isnan(pvalue)
        pvalue[lost], reason[lost] = np.nan, "outlier"
        emptied = outliers.refitted & (fit.status == Status.ALL_ZERO) & np.isnan(pvalue)
        reason[emptied] = "outlier"
        if steps.replay:
            # DESeq2 takes what replacement leaves without a count for unchanged.
            for name in ("log2FoldChange", "lfcSE", "stat"):
                columns[name][emptied] = 0.0
            pvalue[emptied], reason[emptied] = 1.0, None
    columns["padj"], filtering = adjust(pvalue, fit.base_mean, choices)
    left = ~np.isnan(pvalue) & np.isnan(columns["padj"])
    reason[left] = "not_adjusted"
    if filtering is not None:
        reason[left & ~filtering.passed] = "low_mean"
    table = contrast_frame(fit, columns)
    if choices.interval is not None:
        table["ciLower"], table["ciUpper"] = _intervals(fit, steps, vector, choices, table)
    return table, filtering


def _intervals(
    fit: GLMFit, steps: Steps, vector: Floats, choices: Choices, table: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Return lower and upper ends (n_genes,) of the confidence intervals, log2."""
    if steps.replay:
        # With the errors of the table, which are those of means that were raised to 1/2.
        df = residual_df(fit) if choices.use_t else None
        change, error = table["log2FoldChange"].to_numpy(), table["lfcSE"].to_numpy()
        width = interval_quantiles(fit.n_genes, choices.level, df) * error
        return change - width, change + width
    ends = confidence_intervals(
        fit, vector, level=choices.level, method=choices.interval or "wald", use_t=choices.use_t,
        threads=steps.model.threads,
    )  # fmt: skip
    return ends["lower"].to_numpy(), ends["upper"].to_numpy()


def adjust(pvalue: Floats, base_mean: Floats, choices: Choices) -> tuple[Floats, Filtering | None]:
    """Return adjusted p-values, after independent filtering unless it is off."""
    method = adjustment(choices.p_adjust)
    if choices.filter_rule is None:
        return method(pvalue), None
    statistic = base_mean if choices.filter_statistic is None else choices.filter_statistic
    filtering = independent_filtering(
        pvalue, statistic, alpha=choices.alpha, rule=choices.filter_rule, adjust=method
    )
    return filtering.padj, filtering


def _replayed_columns(
    fit: GLMFit,
    steps: Any,
    vector: Floats,
    compared: NDArray[np.bool_] | None,
    choices: Choices,
    obs: Any,
) -> dict[str, Any]:
    """Return the columns of the table by DESeq2's own rules (docs/math.md, section 14)."""
    estimate, error, zero = steps.contrast(fit, vector, compared)
    lfc, se = estimate / LN2, error / LN2
    degrees = residual_df(fit) if choices.use_t else None
    if choices.test == "lrt":
        from scipy.special import chdtrc

        reduced = reduced_design(fit, choices.reduced, obs=obs)
        other = steps.log_likelihood(reduced.matrix, fit.dispersion)
        stat = 2.0 * (fit.log_likelihood - other)
        df = len(fit.coef_names) - reduced.matrix.shape[1]
        pvalue = chdtrc(df, np.maximum(stat, 0.0))
    else:
        stat, pvalue = wald_statistics(lfc, se, choices.lfc_threshold, choices.alternative, degrees)
        # A threshold or a one-sided hypothesis is tested at the estimate 0 and its error.
        if choices.lfc_threshold == 0.0 and choices.alternative == "greaterAbs2014":
            tested = zero if degrees is None else zero & (degrees > 0.0)
            stat[zero], pvalue[tested] = 0.0, 1.0
    test = np.full(fit.n_genes, "LRT" if choices.test == "lrt" else "Wald", dtype=object)
    return contrast_columns(fit, lfc, se, stat, pvalue, test, degrees)
