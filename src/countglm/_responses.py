"""Responses that are no counts, and their trials: read from any container, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import PerSample, as_real_array, shaped
from ._backed import Reading, Unread
from ._containers import open_counts
from ._count_matrix import CountMatrix, given_names, warn_of_repeated_genes
from ._families import BINOMIAL, FAMILIES
from ._names import check_unique_samples, label, plural, positions_as_names
from ._response_tables import as_table
from ._sources import Source
from .errors import InputError

Floats = NDArray[np.float64]
_LARGEST = 2.0**53
# Entries looked at together.
_BLOCK = 131_072
_MAX_OFFSET = 600.0
# Largest Gaussian response, whose square and a weight's product with it are far from overflow; the
# largest of a column is at least its inverse.
MOST = 1e100
# The same of weights.
_MOST_WEIGHT = 1e50


def resolve_family(family: Any) -> str:
    """Return the name of a family as fits have it, or raise."""
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(
            f"family={family!r} is not known; choose 'nb' or 'poisson' for counts, 'binomial' or "
            "'bernoulli' for successes out of trials, 'gaussian' for real numbers."
        )
    return FAMILIES[family]


def refuse_trials(trials: Any, family: str) -> None:
    """Raise InputError where trials were given for a family that has none."""
    if trials is not None:
        raise InputError(f"trials= is for family='binomial', and family={family!r}; leave it out.")


def refuse_count_options(family: str, **given: Any) -> None:
    """Raise InputError where options were given that have a meaning for counts alone."""
    reasons = {
        "size_factors": "they scale the means of counts; give what shifts the linear predictor as "
        "offset=",
        "dispersion": "the binomial has none and that of the Gaussian is the variance of its "
        "residuals",
        "max_dispersion": "no dispersion is searched",
        "client": "such fits run on this machine; a cluster serves counts",
        "checkpoint": "such fits are not kept in parts; save the result with fit.save()",
    }
    for name, value in given.items():
        nothing = value is None or (name == "size_factors" and isinstance(value, str)
                                    and value == "none")  # fmt: skip
        if not nothing:
            raise InputError(
                f"{name}= is not for family={family!r}: {reasons[name]}. Leave {name} out."
            )


def read_responses(
    responses: Any,
    family: str,
    *,
    layer: str | None = None,
    gene_names: Any = None,
) -> CountMatrix:
    """Read responses (samples x genes) from a container; values are checked with their trials.

    A vector is one response of every sample.
    """
    if isinstance(responses, CountMatrix):
        return responses if gene_names is None else responses.renamed(gene_names)
    responses = as_table(responses)
    opened = open_counts(responses, layer, Reading())
    if isinstance(opened.source, Unread):
        raise InputError(
            f"Responses of family={family!r} are read from memory, and these lie in a file; read "
            "them first (adata.to_memory(), or an array)."
        )
    n, n_genes = opened.source.shape
    if n < 2 or n_genes == 0:
        raise InputError(
            f"The responses have {plural(n, 'sample')} and {plural(n_genes, 'column')}; at least "
            "two samples and one column are needed (rows are samples)."
        )
    check_unique_samples(opened.sample_names, "the responses")
    names = opened.gene_names
    if gene_names is not None:
        names = given_names(gene_names, n_genes, "gene_names", "gene", "column")
    if names is None:
        names = positions_as_names(n_genes)
    else:
        warn_of_repeated_genes(names)
    return CountMatrix(opened.source, opened.sample_names, names, opened.obs, opened.var)


def resolve_trials(
    trials: Any, family: str, asked: Any, responses: CountMatrix, allow_noninteger: bool = False
) -> PerSample:
    """Return the trials, 1 by default; ``asked`` is the family as the caller named it."""
    n = responses.n_samples
    if trials is None:
        return PerSample(np.ones(n))
    if family != BINOMIAL or asked != "binomial":
        raise InputError(
            f"trials= is for family='binomial', and family={asked!r}; "
            + ("its responses are 0 or 1." if asked == "bernoulli" else "leave trials out.")
        )
    single = np.ndim(trials) == 0
    array = as_real_array(trials, "trials")
    given = np.full(n, float(array)) if single else shaped(trials, "trials", responses)
    negative = ~((given >= 0.0) & (given <= _LARGEST))
    broken = np.zeros_like(negative) if allow_noninteger else given != np.floor(given)
    bad = negative if negative.any() else broken
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = "" if single else f", first at sample {first[0]}"
        place += f", column {first[1]}" if len(first) > 1 else ""
        many = 1 if single else int(bad.sum())
        fault = ("negative, missing or beyond 2^53" if bad is negative
                 else "no whole number" if many == 1 else "no whole numbers")  # fmt: skip
        raise InputError(
            f"trials has {plural(many, 'value')} that {'is' if many == 1 else 'are'} {fault} "
            f"({given[first]}{place}); trials are numbers of attempts, 0 for none"
            + ("." if bad is negative else "; allow_noninteger=True takes fractions.")
        )
    return PerSample(given, given)


def check_responses(
    responses: CountMatrix, family: str, trials: PerSample, allow_noninteger: bool
) -> None:
    """Raise InputError on the first rule that a response breaks: how many, where, what to do."""
    n, n_genes = responses.n_samples, responses.n_genes
    step = max(1, _BLOCK // n)
    found: dict[str, tuple[int, int, int, float, float]] = {}
    for start in range(0, n_genes, step):
        stop = min(start + step, n_genes)
        native = _native(responses, start, stop)
        y, t = native.astype(np.float64), trials.rows(start, stop)
        for rule, bad in _offences(y, t, family, allow_noninteger):
            many = int(np.count_nonzero(bad))
            if many == 0:
                continue
            gene, sample = (int(i) for i in np.argwhere(bad)[0])
            limit = float(np.broadcast_to(t, y.shape)[gene, sample])
            seen = found.get(rule, (0, start + gene, sample, float(y[gene, sample]), limit))
            found[rule] = (seen[0] + many, *seen[1:])
    for rule in _REMEDY:
        if rule in found:
            raise InputError(_sentence(rule, found[rule], responses))


def _native(responses: CountMatrix, start: int, stop: int) -> NDArray[Any]:
    source: Source = responses._source
    native = source.native(start, stop)
    if native.dtype.kind not in "biuf":
        raise InputError(
            f"The responses hold no plain numbers (dtype {native.dtype}); code classes as 0 and 1, "
            "one column a class."
        )
    return native


def _offences(y: Floats, t: Floats, family: str, allow: bool) -> list[tuple[str, NDArray[Any]]]:
    with np.errstate(invalid="ignore"):
        rules = [("missing", np.isnan(y)), ("infinite", np.isinf(y))]
        if family == BINOMIAL:
            finite = np.isfinite(y)
            rules += [("negative", y < 0.0), ("beyond", finite & (y > t))]
            rules += [] if allow else [("fraction", finite & (y != np.floor(y)))]
        else:
            size = np.abs(y)
            rules += [("huge", np.isfinite(y) & (size > MOST))]
            small = (size > 0.0) & (np.max(size, axis=1, keepdims=True) < 1.0 / MOST)
            rules += [("tiny", small)]
    return rules


_REMEDY = {
    "missing": ("missing (NaN)", "drop the sample, or give it weight 0 and any value"),
    "infinite": ("infinite", "look where the table was computed"),
    "negative": ("negative", "successes are numbers from 0 to trials"),
    "beyond": ("larger than the trials", "give the numbers of attempts as trials="),
    "fraction": (
        "no whole numbers",
        "give numbers of successes with their trials=, or allow_noninteger=True",
    ),
    "huge": ("too large to be squared", "measure them in a larger unit"),
    "tiny": ("too small to be squared", "measure the column in a smaller unit"),
}


def _sentence(rule: str, seen: tuple[int, int, int, float, float], responses: CountMatrix) -> str:
    many, gene, sample, value, limit = seen
    what, remedy = _REMEDY[rule]
    where = f"sample {label(responses.sample_names, sample)}"
    of = f" of {limit:g} trial{'s' if limit != 1.0 else ''}" if rule == "beyond" else ""
    return (
        f"{many:,} response{' is' if many == 1 else 's are'} {what}; the first is {value:g}{of} at "
        f"{where}, column {label(responses.gene_names, gene)}. Remedy: {remedy}."
    )


def resolve_shift(offset: Any, family: str, responses: CountMatrix) -> PerSample:
    """Return what is added to the linear predictors, 0 by default."""
    if offset is None:
        return PerSample(np.zeros(responses.n_samples))
    given = shaped(offset, "offset", responses)
    limit = _MAX_OFFSET if family == BINOMIAL else MOST
    bad = ~(np.abs(given) <= limit)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"offset has {plural(int(bad.sum()), 'value')} that cannot be used, first "
            f"{given[first]} at sample {first[0]}; offsets are finite and"
            + (f", as log odds, within ±{limit:.0f}." if family == BINOMIAL
               else f" within ±{limit:g}, so that they can be squared.")
        )  # fmt: skip
    return PerSample(given, given)


def check_size_of_weights(weights: PerSample, family: str) -> None:
    """Raise InputError where a Gaussian's weights leave sums of squares no digits."""
    top = weights.values.max(axis=0)
    bad = (top > 0.0) & ~((top <= _MOST_WEIGHT) & (top >= 1.0 / _MOST_WEIGHT))
    if family != BINOMIAL and bad.any():
        raise InputError(
            f"weights of a Gaussian are at most {np.max(top, where=bad, initial=0.0):g}, and sums "
            "of squares leave double precision; weights matter up to a factor: divide them by "
            "their largest."
        )
