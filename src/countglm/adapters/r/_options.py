"""Options of each engine: their names in Python and R, defaults and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from countglm._names import first_few
from countglm.errors import InputError

Check = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Engine:
    """An engine: its R scripts, function and packages, and its options with default and check."""

    scripts: tuple[str, ...]
    function: str
    packages: tuple[str, ...]
    options: Mapping[str, tuple[Any, Check]]
    # The option whose methods of normalisation size_factors= may name.
    methods: str
    weights: bool = True
    offset: bool = True


def one_of(*allowed: str) -> Check:
    """Return a check that a value is one of these."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in allowed:
            raise InputError(f"{name}={value!r} is not known; choose {first_few(allowed, 9)}.")
        return value

    return check


def number(low: float, high: float = np.inf) -> Check:
    """Return a check that a value is a number from ``low`` to ``high``."""

    def check(name: str, value: Any) -> Any:
        real = isinstance(value, int | float | np.integer | np.floating)
        if not real or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{name}={value!r} must be a number from {low:g} to {high:g}.")
        return float(value)

    return check


def flag(name: str, value: Any) -> bool:
    """Check that a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}={value!r} must be True or False.")
    return bool(value)


def _cutoff(name: str, value: Any) -> Any:
    """Check None, False or a number; True is R's word for its default."""
    if value is None or value is True or value is False:
        return False if value is False else None
    return number(0.0)(name, value)


def _maybe(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


_SHRINKAGE = ("normal", "apeglm", "ashr")
_DESEQ2: dict[str, tuple[Any, Check]] = {
    "test": ("Wald", one_of("Wald", "LRT")),
    "fit_type": ("parametric", one_of("parametric", "local", "mean", "glmGamPoi")),
    "sf_type": ("ratio", one_of("ratio", "poscounts", "iterate")),
    "lfc_threshold": (0.0, number(0.0)),
    "alt_hypothesis": ("greaterAbs", one_of("greaterAbs", "lessAbs", "greater", "less")),
    "alpha": (0.1, number(0.0, 1.0)),
    "cooks_cutoff": (None, _cutoff),
    "independent_filtering": (True, flag),
    "min_replicates_for_replace": (7.0, number(3.0)),
    "min_mu": (0.5, number(0.0)),
    "use_t": (False, flag),
    "shrink": (None, _maybe(one_of(*_SHRINKAGE))),
}
_NORM = one_of("TMM", "TMMwsp", "RLE", "upperquartile", "none")
_LISTED: dict[str, tuple[Any, Check]] = {
    "norm": ("TMM", _NORM),
    "robust": (False, flag),
    "filter": (False, flag),
}
ENGINES: dict[str, Engine] = {
    "DESeq2": Engine(("deseq2.R",), "deseq2", ("DESeq2",), _DESEQ2, "sf_type"),
    "apeglm": Engine(
        ("deseq2.R",), "deseq2", ("DESeq2", "apeglm"),
        {**_DESEQ2, "shrink": ("apeglm", one_of("apeglm"))}, "sf_type",
    ),
    "edgeR": Engine(
        ("dgelist.R", "edger.R"), "edger", ("edgeR",),
        {"test": ("QL", one_of("QL", "LRT")), **_LISTED, "prior_count": (0.125, number(0.0))},
        "norm",
    ),
    "limma-voom": Engine(
        ("dgelist.R", "limma_voom.R"), "limma_voom", ("limma", "edgeR"),
        {**_LISTED, "span": (0.5, number(0.0, 1.0)), "keep_voom": (False, flag)},
        "norm", offset=False,
    ),
    "glmGamPoi": Engine(
        ("glmgampoi.R",), "glmgampoi", ("glmGamPoi",),
        {
            "norm": ("normed_sum", one_of("normed_sum", "deconvolution", "poscounts")),
            "cox_reid": (True, flag),
        },
        "norm", weights=False,
    ),
}  # fmt: skip
# Packages that one value of an option needs beside those of the engine.
_NEEDS = {
    ("shrink", "apeglm"): "apeglm",
    ("shrink", "ashr"): "ashr",
    ("fit_type", "glmGamPoi"): "glmGamPoi",
    ("robust", True): "statmod",
    ("norm", "deconvolution"): "scran",
}
# R's spelling and that of `differential_expression`, beside the names above.
ALIASES = {
    "fitType": "fit_type",
    "sfType": "sf_type",
    "lfcThreshold": "lfc_threshold",
    "altHypothesis": "alt_hypothesis",
    "alternative": "alt_hypothesis",
    "cooksCutoff": "cooks_cutoff",
    "independentFiltering": "independent_filtering",
    "minReplicatesForReplace": "min_replicates_for_replace",
    "min_replicates_for_replacement": "min_replicates_for_replace",
    "minmu": "min_mu",
    "useT": "use_t",
    "do_cox_reid_adjustment": "cox_reid",
    "prior.count": "prior_count",
}


def find_engine(name: Any) -> tuple[str, Engine]:
    """Return an engine by its name, in any case."""
    for known, engine in ENGINES.items():
        if isinstance(name, str) and name.casefold() == known.casefold():
            return known, engine
    raise InputError(f"engine={name!r} is not known; choose {first_few(ENGINES, 9)}.")


def needed_packages(engine: Engine, options: Mapping[str, Any]) -> list[str]:
    """Return the R packages of an engine with these options, each once."""
    more = [package for (name, value), package in _NEEDS.items() if options.get(name) == value]
    return list(dict.fromkeys([*engine.packages, *more]))


def resolve_options(name: str, engine: Engine, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an engine, checked, under one name each."""
    chosen: dict[str, Any] = {}
    for asked, value in given.items():
        option = ALIASES.get(asked, asked)
        if option not in engine.options:
            raise InputError(
                f"{name} has no option {asked!r}; its options are {first_few(engine.options, 20)}."
            )
        if option in chosen:
            raise InputError(f"The option {option!r} is given twice, once as {asked!r}.")
        if option == "test" and value in ("wald", "lrt", "ql"):
            value = {"wald": "Wald", "lrt": "LRT", "ql": "QL"}[value]
        chosen[option] = engine.options[option][1](asked, value)
    return {**{option: default for option, (default, _) in engine.options.items()}, **chosen}
