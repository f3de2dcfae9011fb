"""What an analysis was asked, read off its results: contrasts, options, what was given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.report.comparison import comparison

if TYPE_CHECKING:
    from countglm.deresult import DEResult

# Defaults of `differential_expression`; what differs is part of the call.
_DEFAULTS: dict[str, Any] = {
    "mode": "exact", "alpha": 0.1, "size_factors": "ratio", "fit_type": "parametric",
    "test": "wald", "lfc_threshold": 0.0, "alternative": "greaterAbs", "use_t": False,
    "min_replicates_for_replacement": 7.0, "p_adjust": "BH", "interval": None, "level": 0.95,
    "max_dispersion": None, "solver": "irls", "max_iter": 100, "zeros": "auto",
    "allow_noninteger": False,
}  # fmt: skip
_MAY_BE_GIVEN = (
    *("size_factors", "control_genes", "geo_means", "fit_type", "dispersion", "reduced"),
    *("filter_statistic", "p_adjust"),
)


def by_call(results: Mapping[str, DEResult]) -> list[dict[str, DEResult]]:
    """Return the results by name, those together that one call makes."""
    found: dict[Any, dict[str, DEResult]] = {}
    for name, result in results.items():
        asked = (choices(result), given_arrays(result), shrinkage_of(result), flags_dropped(result))
        found.setdefault((id(result.dispersion), repr(asked)), {})[name] = result
    return list(found.values())


def contrast_of(result: DEResult) -> str | list[str] | list[float]:
    """Return the contrast of a result: a column, [factor, tested, reference], or numbers."""
    if result.label in result.fit.design.names:
        return result.label
    about = comparison(result)
    if about.factor:
        return [about.factor, about.tested, about.reference]
    return [float(weight) for weight in result.contrast]


def choices(result: DEResult) -> dict[str, Any]:
    """Return the options of the call that differ from their defaults."""
    settings = result.settings
    found: dict[str, Any] = {}
    references = reference_levels(result)
    if (control := result.settings.get("control")) is not None:
        # The control stands first by itself.
        references = {name: level for name, level in references.items() if level != str(control)}
    if references:
        found["reference"] = references
    for name, default in _DEFAULTS.items():
        value = settings.get(name, default)
        if name == "alternative" and settings["mode"] == "replay" and value == "greaterAbs2014":
            continue
        if value is None and name == "min_replicates_for_replacement":
            value = float("inf")
        if value != default and value != "given":
            found[name] = value
    if settings.get("prior_variance") not in ("estimated", None):
        found["prior_variance"] = settings["prior_variance"]
    found |= _filtering_and_outliers(result)
    if settings["test"] == "lrt" and settings["reduced"] != "given":
        found["reduced"] = settings["reduced"]
    if result.fit.tol != 1e-8 and settings["mode"] == "exact":
        found["tol"] = result.fit.tol
    return found


def _filtering_and_outliers(result: DEResult) -> dict[str, Any]:
    settings = result.settings
    found: dict[str, Any] = {}
    rule = settings["independent_filtering"]
    if rule != ("1.38" if settings["mode"] == "replay" else "new"):
        found["independent_filtering"] = rule
    cutoff, shape = settings["cooks_cutoff"], result.fit.design.matrix.shape
    if flags_dropped(result) and result.outliers is not None:
        cutoff = result.outliers.cutoff
    if cutoff is None:
        return found if shape[0] <= shape[1] else found | {"cooks_cutoff": False}
    if settings["mode"] == "exact" and result.fit.weights is not None:
        # A sample without weight in all genes does not count.
        weights = np.asarray(result.fit.weights).reshape(shape[0], -1)
        shape = (int((weights > 0.0).any(axis=1).sum()), shape[1])
    from countglm.cooks import cooks_cutoff

    if shape[0] <= shape[1] or abs(cutoff - cooks_cutoff(*shape)) > 1e-9 * cutoff:
        found["cooks_cutoff"] = cutoff
    return found


def flags_dropped(result: DEResult) -> bool:
    """Were the flags dropped after counts had been replaced, as `DEResult.test` can?"""
    outliers = result.outliers
    replaced = outliers is not None and outliers.replaced_gene.size > 0
    return replaced and result.settings["cooks_cutoff"] is None


def reference_levels(result: DEResult) -> dict[str, str]:
    """Return the first level of every factor whose levels are not in the order of the alphabet."""
    levels = {name: list(each) for name, each in result.fit.design.factors.items()}
    return {name: str(each[0]) for name, each in levels.items() if each[0] != _least(each)}


def _least(levels: Sequence[Any]) -> Any:
    try:
        return min(levels)
    except TypeError:
        return min(levels, key=str)


def given_arrays(result: DEResult) -> list[str]:
    """Names of the arguments that were given as arrays or functions, which no record holds."""
    settings, fit = result.settings, result.fit
    names = [name for name in _MAY_BE_GIVEN if settings.get(name) == "given"]
    if settings.get("normalization_factors"):
        names.append("normalization_factors")
    elif fit.offset is not None:
        names.append("offset")
    return names + (["weights"] if fit.weights is not None else [])


def given_as(result: DEResult, name: str) -> str:
    """What an argument was given as: a single number where all dispersions are equal, or a name."""
    values = result.fit.dispersion[np.isfinite(result.fit.dispersion)]
    if name == "dispersion" and values.size and (values == values[0]).all():
        return repr(float(values[0]))
    return name


def group_label(result: DEResult) -> Any:
    """Return the label of a group of samples as `GroupedResult` knows it; None of all samples."""
    labels = tuple((result.settings.get("group") or {}).values())
    return labels[0] if len(labels) == 1 else labels or None


def by_columns(result: DEResult) -> list[str] | None:
    """Return the columns that made the groups; None where labels did."""
    group, control, obs = result.settings["group"], result.settings.get("control"), result.obs
    # Labels go by the name "group", which a column may have, too.
    for name, label in group.items():
        if obs is None or name not in obs.columns:
            return None
        if not set(map(str, obs[name])) <= {str(label), str(control)}:
            return None
    return list(group)


def shrinkage_of(result: DEResult) -> str:
    """Arguments of `DEResult.shrink`, empty where nothing was shrunken."""
    record = result.settings.get("shrinkage")
    if not record:
        return ""
    given = {"method": record["method"]}
    if record["mode"] != result.settings["mode"]:
        given["mode"] = record["mode"]
    given |= {name: record[name] for name in ("lfc_threshold", "svalue") if record[name]}
    if record.get("prior_scale_given"):
        given["prior_scale"] = record["prior_scale"]
    return ", ".join(f"{name}={in_python(value)}" for name, value in given.items())


def in_python(value: Any) -> str:
    """Return a value as Python reads it."""
    if isinstance(value, np.generic):
        value = value.item()
    return f'float("{value}")' if isinstance(value, float) and math.isinf(value) else repr(value)
