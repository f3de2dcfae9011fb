"""One small adapter per engine: a study in, adjusted p-values and estimates out.

What is timed begins with counts in memory and ends with a table of adjusted p-values. Each engine
runs with its own defaults, in the sequence that its documentation shows; packages are imported
inside the adapters, and only the interpreter that runs an engine needs its package. The R engines
are in benchmarks/pipelines.R.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LN2 = np.log(2.0)


@dataclass(frozen=True)
class Asked:
    """A study as a worker reads it; ``genes_by_samples`` is the transpose of ``counts``.

    ``stored`` are the counts for engines that take sparse ones.
    """

    counts: NDArray[np.int32]
    stored: Any
    genes_by_samples: NDArray[np.int32]
    design: Floats
    names: list[str]
    tested: int
    obs: Any
    formula: str
    contrast: list[str]
    size_factors: str
    cores: int


class Found(NamedTuple):
    """What an engine found; coefficients are natural logarithms, NaN where it fitted other counts.

    ``offset`` (n_samples,) is what the engine adds to the linear predictor.
    """

    padj: Floats
    coefficients: Floats | None = None
    dispersion: Floats | None = None
    offset: Floats | None = None


def countglm(asked: Asked) -> Callable[[], Found]:
    import countglm as engine

    result = engine.differential_expression(
        asked.stored, asked.formula, asked.contrast, obs=asked.obs,
        size_factors=asked.size_factors, threads=asked.cores,
    )  # fmt: skip

    def found() -> Found:
        fit = result.fit
        coefficients = np.array(fit.coefficients)
        if result.outliers is not None:
            coefficients[result.outliers.refitted] = np.nan
        padj = result.table["padj"].to_numpy(dtype=float)
        return Found(padj, coefficients, np.asarray(fit.dispersion), np.log(fit.size_factors))

    return found


def edgepython(asked: Asked, *, test: str) -> Callable[[], Found]:
    import edgepython as engine

    data = engine.make_dgelist(counts=asked.genes_by_samples)
    data = engine.calc_norm_factors(data)
    if test == "ql":
        fit = engine.glm_ql_fit(data, asked.design)
        tested = engine.glm_ql_ftest(fit, coef=asked.tested)
    else:
        data = engine.estimate_disp(data, asked.design)
        fit = engine.glm_fit(data, asked.design)
        tested = engine.glm_lrt(fit, coef=asked.tested)
    table = engine.top_tags(tested, n=asked.counts.shape[1], sort_by="none")["table"]

    def found() -> Found:
        # The means are those of the dispersion that is left when the quasi-likelihood has its part.
        share = fit["average.ql.dispersion"] if test == "ql" else 1.0
        dispersion = np.broadcast_to(fit["dispersion"] / share, asked.counts.shape[1])
        return Found(
            np.asarray(table["FDR"], dtype=float), np.asarray(fit["unshrunk.coefficients"]),
            np.array(dispersion, dtype=float), np.asarray(fit["offset"])[0],
        )  # fmt: skip

    return found


def pyedger(asked: Asked, *, test: str) -> Callable[[], Found]:
    import pyedger as engine

    data = engine.calcNormFactors(engine.DGEList(counts=asked.genes_by_samples))
    if test == "ql":
        fit = engine.glmQLFit(data, asked.design)
        tested = engine.glmQLFTest(fit, coef=asked.tested)
    else:
        data = engine.estimateDisp(data, design=asked.design)
        fit = engine.glmFit(data, asked.design)
        tested = engine.glmLRT(fit, coef=asked.tested)
    table = engine.topTags(tested, n=np.inf, sort_by="none")

    def found() -> Found:
        share = fit.average_ql_dispersion if test == "ql" else 1.0
        dispersion = np.broadcast_to(fit.dispersion / share, asked.counts.shape[1])
        return Found(
            table["FDR"].to_numpy(dtype=float), np.asarray(fit.unshrunk_coefficients),
            np.array(dispersion, dtype=float), np.asarray(fit.offset)[0],
        )  # fmt: skip

    return found


def pydeseq2(asked: Asked) -> Callable[[], Found]:
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference
    from pydeseq2.ds import DeseqStats

    inference = DefaultInference(n_cpus=asked.cores)
    obs = asked.obs.set_axis([f"s{i}" for i in range(len(asked.obs))])
    counts = pd.DataFrame(asked.counts, index=obs.index).rename(columns="g{}".format)
    data = DeseqDataSet(
        counts=counts, metadata=obs, design=asked.formula.replace(" ", ""), inference=inference,
        size_factors_fit_type=asked.size_factors, quiet=True,
    )  # fmt: skip
    data.deseq2()
    stats = DeseqStats(data, asked.contrast, inference=inference, quiet=True)
    stats.summary()

    def found() -> Found:
        coefficients = np.array(data.varm["LFC"], dtype=float)
        if "replaced" in data.var:
            coefficients[np.asarray(data.var["replaced"], dtype=bool)] = np.nan
        return Found(
            stats.results_df["padj"].to_numpy(dtype=float), coefficients,
            np.asarray(data.var["dispersions"], dtype=float),
            np.log(np.asarray(data.obs["size_factors"], dtype=float)),
        )  # fmt: skip

    return found


def inmoose_deseq2(asked: Asked) -> Callable[[], Found]:
    import pandas as pd
    from inmoose.deseq2 import DESeq, DESeqDataSet

    obs = asked.obs.set_axis([f"s{i}" for i in range(len(asked.obs))])
    counts = pd.DataFrame(asked.counts, index=obs.index).rename(columns="g{}".format)
    data = DESeqDataSet(counts, clinicalData=obs, design=asked.formula)
    data = DESeq(data, sfType=asked.size_factors, quiet=True)
    table = data.results(contrast=asked.contrast)

    def found() -> Found:
        # Coefficients of the table are those of the counts as given unless counts were replaced.
        names = list(data.resultsNames())
        coefficients = LN2 * np.column_stack([data.var[name].to_numpy(float) for name in names])
        if "replace" in data.var:
            coefficients[data.var["replace"].fillna(False).to_numpy(dtype=bool)] = np.nan
        return Found(
            table["adj_pvalue"].to_numpy(dtype=float), coefficients,
            data.var["dispersion"].to_numpy(dtype=float),
            np.log(np.asarray(data.sizeFactors, dtype=float)),
        )  # fmt: skip

    return found


def inmoose_edgepy(asked: Asked) -> Callable[[], Found]:
    import pandas as pd
    import patsy
    from inmoose.edgepy import DGEList, glmLRT, topTags

    n, genes = asked.counts.shape
    counts = pd.DataFrame(
        asked.genes_by_samples,
        index=[f"g{i}" for i in range(genes)], columns=[f"s{i}" for i in range(n)],
    )  # fmt: skip
    data = DGEList(counts=counts)
    obs = asked.obs.set_axis(counts.columns)
    design = patsy.dmatrix(asked.formula, obs)
    data.estimateGLMCommonDisp(design=design)
    data.estimateGLMTagwiseDisp(design=design)
    fit = data.glmFit(design=design)
    tested = glmLRT(fit, coef=asked.tested)
    table = topTags(tested, n=genes, sort_by="none")

    def found() -> Found:
        offset = np.broadcast_to(np.asarray(fit.offset, dtype=float), (genes, n))[0]
        dispersion = np.broadcast_to(np.asarray(fit.dispersion, dtype=float), genes)
        return Found(
            table["FDR"].reindex(counts.index).to_numpy(dtype=float),
            np.asarray(fit.unshrunk_coefficients, dtype=float), np.array(dispersion), offset,
        )  # fmt: skip

    return found


class Engine(NamedTuple):
    """How an engine is run, and what it counts as.

    ``run`` is None for R. A complete engine has a negative binomial model, dispersions and a test
    of its own. An engine that ``compiles`` gets a second process, which finds its cache filled;
    a ``slow`` one is tried on some genes first. ``one_core`` measures it on one core. ``module`` is
    what is imported before anything is timed, the package where it is empty.
    """

    package: str
    steps: str
    run: Callable[[Asked], Callable[[], Found]] | None = None
    complete: bool = True
    compiles: bool = False
    slow: bool = False
    one_core: bool = False
    module: str = ""

    @property
    def genes_in_rows(self) -> bool:
        """Whether counts are given as edgeR has them, one row of memory a gene."""
        return self.package in ("edgepython", "pyedger") or self.module == "inmoose.edgepy"


OURS = "differential_expression"
EDGER = "calcNormFactors, estimateDisp"
ENGINES: dict[str, Engine] = {
    "countglm": Engine("countglm", OURS, countglm, complete=False, compiles=True),
    "countglm, 1 core": Engine(
        "countglm", OURS, countglm, complete=False, compiles=True, one_core=True
    ),
    "edgePython QL": Engine(
        "edgepython", "calc_norm_factors, glm_ql_fit, glm_ql_ftest",
        partial(edgepython, test="ql"), compiles=True,
    ),
    "edgePython LRT": Engine(
        "edgepython", "calc_norm_factors, estimate_disp, glm_fit, glm_lrt",
        partial(edgepython, test="lrt"), compiles=True,
    ),
    "pyedger QL": Engine(
        "pyedger", "calcNormFactors, glmQLFit, glmQLFTest",
        partial(pyedger, test="ql"), compiles=True,
    ),
    "pyedger LRT": Engine(
        "pyedger", f"{EDGER}, glmFit, glmLRT", partial(pyedger, test="lrt"), compiles=True,
    ),
    "edgeR QL": Engine("edgeR", f"{EDGER}, glmQLFit, glmQLFTest"),
    "edgeR LRT": Engine("edgeR", f"{EDGER}, glmFit, glmLRT"),
    "glmGamPoi": Engine("glmGamPoi", "glm_gp, test_de"),
    "DESeq2": Engine("DESeq2", "DESeq, results", slow=True),
    "DESeq2, 1 core": Engine("DESeq2", "DESeq, results", slow=True, one_core=True),
    "PyDESeq2": Engine(
        "pydeseq2", "deseq2(), summary()", pydeseq2, slow=True, module="pydeseq2.ds"
    ),
    "InMoose deseq2": Engine(
        "inmoose", "DESeq, results", inmoose_deseq2, slow=True, module="inmoose.deseq2"
    ),
    "InMoose edgepy": Engine(
        "inmoose", "estimateGLMCommonDisp, estimateGLMTagwiseDisp, glmFit, glmLRT (no TMM there)",
        inmoose_edgepy, slow=True, module="inmoose.edgepy",
    ),
    "limma-voom": Engine("limma", "calcNormFactors, voom, lmFit, eBayes", complete=False),
}  # fmt: skip
