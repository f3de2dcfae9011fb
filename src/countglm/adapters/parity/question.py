"""Did R answer the question that the result answers?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.adapters.r._options import ENGINES, resolve_options
from countglm.errors import InputError

from .request import options_of

if TYPE_CHECKING:
    from countglm.adapters.r import RResult
    from countglm.deresult import DEResult

_REPLICATES = "min_replicates_for_replace"
_COMPARED = (
    "test", "fit_type", "lfc_threshold", "alt_hypothesis", "alpha", "independent_filtering",
    "use_t", _REPLICATES,
)  # fmt: skip
# The version from which the test of |change| > threshold is another.
_NEW_GREATER_ABS = (1, 43)


def check_result(result: DEResult) -> None:
    """Raise for a result that DESeq2 cannot repeat.

    Raises
    ------
    InputError
        Naming the choice that R does not have.
    """
    settings = result.settings
    reasons = {
        "its dispersions were given, so there are no stages to compare":
            settings["dispersion"] == "given",
        "its trend was given as values or a function, which R does not have":
            settings["fit_type"] == "given",
        "its prior variance was given": settings.get("prior_variance", "estimated") != "estimated",
        "its largest dispersion was given": settings.get("max_dispersion") is not None,
        "it has observation weights, which DESeq2 uses by other rules":
            result.fit.weights is not None,
        f"its p-values are adjusted by {settings['p_adjust']!r}, and BH is what is compared":
            settings["p_adjust"] != "BH",
        "its genes were filtered by a statistic that was given":
            settings["filter_statistic"] != "baseMean",
        "its reduced design was given as values, which it does not keep; give a formula":
            settings["reduced"] == "given",
        "its fold changes are shrunken; compare the result before shrink()":
            bool(settings.get("shrinkage")),
    }  # fmt: skip
    for reason, applies in reasons.items():
        if applies:
            raise InputError(f"This result cannot be compared with DESeq2: {reason}.")


def check_question(result: DEResult, theirs: RResult, order: NDArray[np.intp]) -> None:
    """Raise unless R tested the result's contrast with the result's choices.

    ``order`` holds for each of our design columns its place among R's.

    Raises
    ------
    InputError
        Naming the choice that differs, with both values.
    """
    vector = np.asarray(theirs.contrast, dtype=np.float64)[order]
    if not np.allclose(vector, result.contrast, rtol=1e-12, atol=1e-15):
        raise InputError(
            f"R tested the contrast {vector.tolist()} and the result {result.contrast.tolist()} "
            f"of the columns {', '.join(result.fit.design.names)}; compare one contrast."
        )
    told = theirs.info.get("options")
    if told is None:
        return
    for name, (ours, other) in _choices(result, told).items():
        if not _equal(ours, other):
            raise InputError(
                f"R ran with {name}={other!r} and the result has {ours!r}; compare analyses with "
                "the same choices, or leave theirs= out."
            )


def _choices(result: DEResult, told: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The choices of the result and of R, under R's names: what R would be asked, and was."""
    engine = ENGINES["DESeq2"]
    asked = {name: each for name, each in options_of(result).items() if name in engine.options}
    expected = resolve_options("DESeq2", engine, asked)
    # JSON has no infinity. Cutoffs may be R's default or its number: off is what matters.
    told = {name: np.inf if name == _REPLICATES and value is None else value
            for name, value in told.items()}  # fmt: skip
    found = {name: (expected[name], told[name]) for name in _COMPARED if name in told}
    if "cooks_cutoff" in told:
        off = expected["cooks_cutoff"] is False, told["cooks_cutoff"] is False
        if off[0] != off[1]:
            found["cooks_cutoff"] = (result.settings["cooks_cutoff"] or False, told["cooks_cutoff"])
    return found


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return bool(np.isclose(ours, theirs, rtol=1e-12))
    return bool(ours == theirs)


def other_threshold(result: DEResult, theirs: RResult) -> bool:
    """Do both test |change| > threshold by other rules?"""
    return bool(
        result.settings["lfc_threshold"] > 0.0
        and their_alternative(result, theirs) != result.settings["alternative"]
    )


def their_alternative(result: DEResult, theirs: RResult) -> str:
    """The alternative that R's version tested, in our words."""
    alternative: str = result.settings["alternative"]
    if not alternative.startswith("greaterAbs"):
        return alternative
    if result.settings["lfc_threshold"] == 0.0:
        # Both are one test, and this is the name under which replay knows it.
        return "greaterAbs2014"
    version = tuple(int(part) for part in theirs.versions["DESeq2"].split(".")[:2])
    return "greaterAbs" if version >= _NEW_GREATER_ABS else "greaterAbs2014"
