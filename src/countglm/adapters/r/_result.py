"""RResult: what an R engine returned, with its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._contrasts import combination
from countglm._names import Names

if TYPE_CHECKING:
    import pandas as pd

    from countglm.counts import CountMatrix

Floats = NDArray[np.float64]
# R's logical columns, in which NA stands for a gene that a stage left out.
_LOGICAL = frozenset(
    ("allZero", "dispOutlier", "betaConv", "fullBetaConv", "reducedBetaConv", "replace")
)


@dataclass(frozen=True, eq=False, kw_only=True)
class RResult:
    """What an R engine returned for one contrast. Genes stand in the order of the counts.

    Attributes
    ----------
    engine, label : str
        Name of the engine, and the contrast in words.
    table : DataFrame
        The engine's own table under its own column names; NaN for genes that it left out.
    genes : DataFrame
        Per-gene stages under R's names, such as ``dispGeneEst, dispFit, dispMAP`` of DESeq2.
    coefficients, standard_errors : DataFrame (n_genes, n_coef)
        Natural logarithm for every engine; the errors are None where an engine has none.
    size_factors : (n_samples,) or None
        What multiplies the means; for edgeR the effective library sizes.
    normalization_factors : (n_samples, n_genes) or None
    design : DataFrame (n_samples, n_coef)
        R's model matrix.
    contrast : (n_coef,)
        Weights of the coefficients in the tested difference.
    tables : dict of DataFrames
        Further tables of the genes, such as ``"shrunken"``.
    replaced : DataFrame or None
        Genes by samples: the counts of the genes whose outliers DESeq2 replaced.
    info : dict
        Options, trend, prior and thresholds; ``"warnings"`` are R's, as text. ``"options"`` has
        every option of the engine, and besides ``reduced`` and ``size_factors`` (None, the text
        given, or ``"given"`` for values), ``offset`` and ``weights`` (whether given). A number
        without bound is None.
    versions : dict
        Of R and the packages.
    log : str
        What R wrote.
    seconds : float
        From the call to the result, R's start included.
    """

    engine: str
    label: str
    table: pd.DataFrame
    genes: pd.DataFrame
    coefficients: pd.DataFrame
    standard_errors: pd.DataFrame | None
    size_factors: Floats | None
    normalization_factors: Floats | None
    design: pd.DataFrame
    contrast: Floats
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    replaced: pd.DataFrame | None = None
    info: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    log: str = ""
    seconds: float = 0.0

    def __repr__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"RResult of {self.engine} ({versions}): {self.label}, "
            f"{len(self.table):,} genes x {len(self.design):,} samples"
        )


def assemble(
    engine: str,
    counts: CountMatrix,
    sample_names: list[str],
    contrast: Any,
    answer: Mapping[str, Any],
    log: str,
    seconds: float,
    options: Mapping[str, Any],
) -> RResult:
    """Return the result from what the child sent."""
    import pandas as pd

    value = answer["value"]
    genes = counts.gene_names
    names = _listed(value["design_names"])
    vector = np.atleast_1d(value["contrast"]).astype(np.float64)
    errors = value.get("standard_errors")
    extra = value.get("tables") or {}
    warned = answer.get("warnings")
    info = {
        "options": _plain(options),
        **_plain(value.get("info") or {}),
        "warnings": [] if warned is None else _listed(warned),
    }
    scale = value.get("size_factors")
    scale = None if scale is None or not np.size(scale) else np.atleast_1d(scale).astype(float)
    return RResult(
        engine=engine,
        label=_label(contrast, vector, names),
        table=_frame(value["table"], genes),
        genes=_frame(value["genes"], genes),
        coefficients=pd.DataFrame(_by_gene(value["coefficients"]), index=genes, columns=names),
        standard_errors=None
        if errors is None
        else pd.DataFrame(_by_gene(errors), index=genes, columns=names),
        size_factors=scale,
        normalization_factors=value.get("normalization_factors"),
        design=pd.DataFrame(_by_gene(value["design"]), index=sample_names, columns=names),
        contrast=vector,
        tables={name: _frame(table, genes) for name, table in extra.items()},
        replaced=_replaced(value.get("replaced"), genes, sample_names),
        info=info,
        versions=dict(answer["versions"]),
        log=log,
        seconds=seconds,
    )


def _by_gene(matrix: Any) -> Floats:
    """R's rows as rows: (n_genes, n_coef)."""
    return np.ascontiguousarray(np.asarray(matrix, dtype=np.float64).T)


def _frame(columns: Mapping[str, Any], genes: Names) -> pd.DataFrame:
    import pandas as pd

    made = {}
    for name, values in columns.items():
        column = np.atleast_1d(values)
        made[name] = pd.array(column, dtype="boolean") if name in _LOGICAL else column
    return pd.DataFrame(made, index=pd.Index(genes))


def _replaced(value: Any, genes: Names, sample_names: list[str]) -> pd.DataFrame | None:
    import pandas as pd

    if value is None:
        return None
    rows = np.atleast_1d(value["rows"]).astype(np.intp) - 1
    return pd.DataFrame(_by_gene(value["counts"]), index=genes[rows], columns=sample_names)


def _label(contrast: Any, vector: Floats, names: list[str]) -> str:
    if isinstance(contrast, list | tuple) and len(contrast) == 3:
        factor, tested, reference = contrast
        if isinstance(factor, str) and factor not in names:
            return f"{factor} {tested} vs {reference}"
    return combination(vector, names)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value]


def _plain(value: Any) -> Any:
    """The same without arrays, for JSON; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
