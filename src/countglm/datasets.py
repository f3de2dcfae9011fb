"""Two published RNA-seq studies, embedded so that examples and tests need no download."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_SOURCES: dict[str, dict[str, str]] = {
    "airway": {
        "title": "Airway smooth muscle cells of four donors, with and without dexamethasone",
        "citation": (
            "Himes BE, Jiang X, Wagner P, et al. (2014). RNA-Seq Transcriptome Profiling "
            "Identifies CRISPLD2 as a Glucocorticoid Responsive Gene that Modulates Cytokine "
            "Function in Airway Smooth Muscle Cells. PLoS ONE 9(6): e99625. "
            "doi:10.1371/journal.pone.0099625"
        ),
        "accession": "GEO GSE52778",
        "design": "~ cell + dex",
    },
    "pasilla": {
        "title": "Drosophila S2 cells with and without knock-down of the splicing factor pasilla",
        "citation": (
            "Brooks AN, Yang L, Duff MO, et al. (2011). Conservation of an RNA regulatory map "
            "between Drosophila and mammals. Genome Research 21(2): 193-202. "
            "doi:10.1101/gr.108662.110"
        ),
        "accession": "GEO GSE18508",
        "design": "~ type + condition",
    },
}


def airway() -> AnnData:
    """Return the airway study: 8 samples x 64,102 genes.

    Four cell lines of human airway smooth muscle, each untreated and treated with dexamethasone.

    Returns
    -------
    AnnData
        ``X`` int32 counts (8, 64102), samples x genes; ``obs`` with all columns of the sample
        table (``cell`` and ``dex`` are the design's factors, levels sorted); ``var_names`` Ensembl
        gene ids; ``uns`` with ``title``, ``citation``, ``accession`` and the usual ``design``.

    Notes
    -----
    Source: Himes et al. 2014, GEO GSE52778.

    Examples
    --------
    >>> adata = countglm.datasets.airway()
    >>> fit = countglm.fit_glm(adata, "~ cell + dex")
    """
    return _load("airway")


def pasilla() -> AnnData:
    """Return the pasilla study: 7 samples x 14,599 genes.

    Drosophila S2 cells, four samples untreated and three with pasilla knocked down by RNA
    interference; sequenced as single reads or pairs.

    Returns
    -------
    AnnData
        ``X`` int32 counts (7, 14599), samples x genes; ``obs`` with all columns of the sample
        table (``type`` and ``condition`` are the design's factors, levels sorted); ``var_names``
        FlyBase gene ids; ``uns`` with ``title``, ``citation``, ``accession`` and the usual
        ``design``.

    Notes
    -----
    Source: Brooks et al. 2011, GEO GSE18508.

    Examples
    --------
    >>> adata = countglm.datasets.pasilla()
    >>> fit = countglm.fit_glm(adata, "~ type + condition")
    """
    return _load("pasilla")


def _load(name: str) -> AnnData:
    import pandas as pd
    from anndata import AnnData

    folder = files("countglm") / "data"
    with (folder / f"{name}_samples.csv").open("rb") as handle:
        obs = _categorise(pd.read_csv(handle, index_col=0))
    with (folder / f"{name}_counts.csv.gz").open("rb") as handle:
        table = pd.read_csv(handle, index_col=0, compression="gzip")
    # Genes stay contiguous behind the transposed view, which is how the engine reads them.
    genes_by_samples = np.ascontiguousarray(table.to_numpy(), dtype=np.int32)
    return AnnData(
        X=genes_by_samples.T,
        obs=obs,
        var=pd.DataFrame(index=table.index.astype(str).rename(None)),
        uns=dict(_SOURCES[name]),
    )


def _categorise(samples: pd.DataFrame) -> pd.DataFrame:
    """Make text columns with repeated values categorical, levels sorted; ids stay text."""
    import pandas as pd

    samples = samples.rename_axis(None)
    for column in samples.columns:
        values = samples[column]
        if not pd.api.types.is_numeric_dtype(values) and values.duplicated().any():
            samples[column] = pd.Categorical(values, categories=sorted(values.unique()))
    return samples
