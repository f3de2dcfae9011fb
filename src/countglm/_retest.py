"""Another contrast, or another test, of a result's fit; nothing is fitted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import first_few
from ._samples import named_contrasts
from ._testing import Choices, resolve_choices, resolve_statistic
from .analysis import analysis_of
from .errors import InputError

if TYPE_CHECKING:
    from .deresult import DEResult

_CHOICES = (
    "test",
    "reduced",
    "lfc_threshold",
    "alternative",
    "use_t",
    "alpha",
    "independent_filtering",
    "filter_statistic",
    "p_adjust",
    "interval",
    "level",
)
# What the settings say of a choice that JSON cannot hold.
_GIVEN = ("reduced", "filter_statistic", "p_adjust")


def retest(
    result: DEResult, contrast: Any, counts: Any, threads: int | None, changed: Mapping[str, Any]
) -> Any:
    """Return the result of ``contrast``, or a dict of results for a dict of contrasts."""
    changed = dict(changed)
    flagging = _flagging(changed.pop("cooks_cutoff", None))
    choices = resolved_choices(result.settings, changed)
    choices = replace(
        choices,
        filter_statistic=resolve_statistic(choices.filter_statistic, result.fit.gene_names),
    )
    contrasts = named_contrasts(contrast, result.fit.design)
    analysis = analysis_of(result, counts, threads)
    analysis.settings.pop("shrinkage", None)
    if not flagging:
        analysis.settings["cooks_cutoff"] = None
        if (outliers := analysis.outliers) is not None:
            kept = replace(outliers, outlier=np.zeros_like(outliers.outlier))
            analysis = replace(analysis, outliers=kept)
    results = {name: analysis.test(each, choices) for name, each in contrasts.items()}
    return results if isinstance(contrast, Mapping) else next(iter(results.values()))


def _flagging(cooks_cutoff: Any) -> bool:
    """Are outliers flagged as the result flags them?"""
    if cooks_cutoff is None:
        return True
    if cooks_cutoff is not False:
        raise InputError(
            f"cooks_cutoff={cooks_cutoff!r}: test() can only drop the outlier flags, with False; "
            "another cutoff needs another fit, by differential_expression."
        )
    return False


def resolved_choices(settings: Mapping[str, Any], changed: Mapping[str, Any]) -> Choices:
    """Return the choices of ``settings`` with those of ``changed`` in their place."""
    unknown = [name for name in changed if name not in _CHOICES]
    if unknown:
        raise InputError(
            f"test() has no choice {unknown[0]!r}; it takes "
            f"{first_few((*_CHOICES, 'cooks_cutoff'), len(_CHOICES) + 1)}."
        )
    chosen = {name: settings[name] for name in _CHOICES} | dict(changed)
    if chosen["test"] != settings["test"]:
        # The reduced design belongs to the likelihood ratio, thresholds to Wald.
        other: dict[str, Any] = {"reduced": None} if chosen["test"] == "wald" else {}
        if chosen["test"] == "lrt":
            other = {"lfc_threshold": 0.0, "use_t": False, "alternative": "greaterAbs"}
        chosen |= {name: value for name, value in other.items() if name not in changed}
    statistic = chosen["filter_statistic"]
    if isinstance(statistic, str) and statistic == "baseMean":
        chosen["filter_statistic"] = None
    for name in _GIVEN:
        if isinstance(chosen[name], str) and chosen[name] == "given":
            raise InputError(
                f"The result was made with {name}= as values or a function, which it does not "
                f"keep; pass {name}= again."
            )
    return resolve_choices(settings["mode"], **chosen)
