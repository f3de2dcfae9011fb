"""Did R answer the question that the result answers?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.adapters.r import RResult
    from countglm.deresult import DEResult

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
    """The choices of the result and of R, under R's names."""
    settings = result.settings
    replicates = settings["min_replicates_for_replacement"]
    rows = {
        "test": {"wald": "Wald", "lrt": "LRT"}[settings["test"]],
        "fit_type": settings["fit_type"],
        "lfc_threshold": settings["lfc_threshold"],
        "alpha": settings["alpha"],
        "independent_filtering": bool(settings["independent_filtering"]),
        "use_t": settings["use_t"],
        "min_replicates_for_replace": np.inf if replicates is None else replicates,
    }
    if settings["lfc_threshold"] > 0.0:
        rows["alt_hypothesis"] = settings["alternative"].replace("greaterAbs2014", "greaterAbs")
    if settings["cooks_cutoff"] is None:
        rows["cooks_cutoff"] = False
    found = {name: (ours, told[name]) for name, ours in rows.items() if name in told}
    if "min_replicates_for_replace" in found and found["min_replicates_for_replace"][1] is None:
        # JSON has no infinity.
        found["min_replicates_for_replace"] = (rows["min_replicates_for_replace"], np.inf)
    if "cooks_cutoff" not in rows and told.get("cooks_cutoff") is False:
        found["cooks_cutoff"] = (settings["cooks_cutoff"], False)
    return found


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, bool | str) or isinstance(theirs, bool | str):
        return bool(ours == theirs)
    return bool(np.isclose(ours, theirs, rtol=1e-12))


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
