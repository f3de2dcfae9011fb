"""The values of both analyses, stage by stage, and what R's were computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._model import Model, prepare_model
from countglm._names import first_few
from countglm.errors import InputError

from . import stages
from .question import check_question, their_alternative
from .stages import Floats, Mask

if TYPE_CHECKING:
    from countglm.adapters.r import RResult
    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult

LN2 = float(np.log(2.0))
_OUR_STAGES = {
    stages.GENEWISE: "genewise",
    stages.TREND: "trend",
    stages.MAP: "map",
    stages.FINAL: "final",
}
_THEIR_STAGES = {
    stages.GENEWISE: "dispGeneEst",
    stages.TREND: "dispFit",
    stages.MAP: "dispMAP",
    stages.FINAL: "dispersion",
}
_TESTED = {
    stages.LFC: "log2FoldChange",
    stages.ERROR: "lfcSE",
    stages.STATISTIC: "stat",
    stages.P: "pvalue",
    stages.PADJ: "padj",
}


def our_values(result: DEResult) -> dict[str, Floats]:
    """Values (n_genes,) of every stage of our analysis."""
    values = {name: getattr(result.dispersion, key) for name, key in _OUR_STAGES.items()}
    return values | tested_values(result.table) | {stages.BASE_MEAN: result.fit.base_mean}


def tested_values(table: Any) -> dict[str, Floats]:
    """Values (n_genes,) of the stages that a table of tests holds."""
    return {name: table[key].to_numpy(dtype=np.float64) for name, key in _TESTED.items()}


def their_values(theirs: RResult) -> dict[str, Floats]:
    """Values (n_genes,) of every stage of R's analysis; NaN for stages that it does not have."""
    values = {name: column(theirs.genes, key) for name, key in _THEIR_STAGES.items()}
    return (
        values | tested_values(theirs.table) | {stages.BASE_MEAN: column(theirs.genes, "baseMean")}
    )


def column(table: Any, name: str) -> Floats:
    """A column of one of R's tables; NaN for NA, and where there is no such column."""
    if name not in table:
        return np.full(len(table), np.nan)
    values: Floats = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def flags(table: Any, name: str) -> Mask:
    """A column of R's flags (n_genes,); NA and a missing column count as false."""
    return np.asarray(np.nan_to_num(column(table, name)) > 0.5)


@dataclass(frozen=True, eq=False)
class TheirInputs:
    """What R's stages were computed from: our design and R's scale, counts and dispersions.

    Attributes
    ----------
    model : Model
        With R's size factors or normalisation factors, and R's replaced counts.
    original : Model
        The same with the counts as they were given, from which R's trend comes.
    beta : (n_genes, n_coef)
        R's coefficients, natural logarithm, in the order of our columns.
    replaced : (n_genes,) bool
        Genes whose outlying counts R replaced.
    converged : (n_genes,) bool
        R's iterations settled; its fallback took over where not.
    alternative : str
        The alternative that R tested, in our words.
    """

    model: Model
    original: Model
    beta: Floats
    replaced: Mask
    converged: Mask
    alternative: str


def their_inputs(result: DEResult, theirs: RResult, counts: CountMatrix) -> TheirInputs:
    """Bring R's inputs into our order.

    Raises
    ------
    InputError
        Genes, samples or a design other than those of the result.
    """
    if theirs.engine != "DESeq2":
        raise InputError(f"theirs= is an answer of {theirs.engine}; it must be one of DESeq2.")
    _check_names(theirs.table.index, counts.gene_names, "genes")
    order = _column_order(result, theirs)
    check_question(result, theirs, order)
    replaced = np.zeros(counts.n_genes, dtype=np.bool_)
    matrix = counts
    if theirs.replaced is not None and len(theirs.replaced):
        # A position, not a name: names may be repeated.
        genes = np.flatnonzero(flags(theirs.genes, "replace"))
        if genes.size != len(theirs.replaced):
            raise InputError(
                f"{len(theirs.replaced)} genes have replaced counts in R, {genes.size} are flagged."
            )
        matrix = counts.with_rows(genes, theirs.replaced.to_numpy(dtype=np.float64))
        replaced[genes] = True
    factors, offset = theirs.size_factors, None
    if theirs.normalization_factors is not None:
        factors, offset = np.ones(counts.n_samples), np.log(theirs.normalization_factors)
    original = prepare_model(
        counts, result.fit.design, size_factors=factors, offset=offset, allow_noninteger=True,
        allow_saturated=True,
    )  # fmt: skip
    beta = theirs.coefficients.to_numpy(dtype=np.float64)[:, order]
    converged = flags(theirs.genes, "betaConv") | ("betaConv" not in theirs.genes)
    return TheirInputs(
        replace(original, counts=matrix), original, beta, replaced, converged,
        their_alternative(result, theirs),
    )  # fmt: skip


def _check_names(theirs: Any, ours: NDArray[Any], what: str) -> None:
    given = np.asarray(theirs, dtype=object).astype(str)
    if given.shape != ours.shape or (given != ours.astype(str)).any():
        raise InputError(
            f"R's {what} ({given.size}: {first_few(list(given), 3)}) are not those of the result "
            f"({ours.size}: {first_few(list(ours), 3)}); compare analyses of the same table."
        )


def _column_order(result: DEResult, theirs: RResult) -> NDArray[np.intp]:
    """Return for each of our design columns the one of R that is equal to it."""
    ours = result.fit.design.matrix
    other = theirs.design.to_numpy(dtype=np.float64)
    order = []
    for j in range(ours.shape[1]):
        same = [
            k for k in range(other.shape[1])
            if other.shape[0] == ours.shape[0] and np.allclose(ours[:, j], other[:, k], rtol=1e-12)
        ]  # fmt: skip
        if not same or other.shape[1] != ours.shape[1]:
            raise InputError(
                f"R's design ({first_few(list(theirs.design.columns), 6)}) has no column equal to "
                f"{result.fit.design.names[j]!r}; compare analyses of the same design matrix."
            )
        order.append(same[0])
    return np.array(order)
