"""``countglm demo``: the embedded airway study from counts to a table, a report and its proof."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from countglm.cli.de_products import write_de_products
from countglm.cli.ending import lines_of_tests
from countglm.cli.output import check_output, output_folder
from countglm.cli.products import dumps
from countglm.report import words

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

_DESIGN = "~ cell + dex"
_CONTRAST = ["dex", "trt", "untrt"]
_TOP = 20
_WIDTH = 79
# HGNC symbols of genes that answer to glucocorticoids here, so that the table reads at a glance.
_SYMBOLS = {
    "ENSG00000008441": "NFIX",
    "ENSG00000091527": "CDV3",
    "ENSG00000096060": "FKBP5",
    "ENSG00000101347": "SAMHD1",
    "ENSG00000102804": "TSC22D1",
    "ENSG00000103196": "CRISPLD2",
    "ENSG00000106976": "DNM1",
    "ENSG00000109906": "ZBTB16",
    "ENSG00000120129": "DUSP1",
    "ENSG00000124762": "CDKN1A",
    "ENSG00000125148": "MT2A",
    "ENSG00000128923": "MINDY2",
    "ENSG00000131831": "RAI2",
    "ENSG00000134243": "SORT1",
    "ENSG00000139132": "FGD4",
    "ENSG00000139289": "PHLDA1",
    "ENSG00000145685": "LHFPL2",
    "ENSG00000146250": "PRSS35",
    "ENSG00000148848": "ADAM12",
    "ENSG00000152583": "SPARCL1",
    "ENSG00000154734": "ADAMTS1",
    "ENSG00000154930": "ACSS1",
    "ENSG00000157214": "STEAP2",
    "ENSG00000162493": "PDPN",
    "ENSG00000162614": "NEXN",
    "ENSG00000162616": "DNAJB4",
    "ENSG00000162692": "VCAM1",
    "ENSG00000165995": "CACNB2",
    "ENSG00000172986": "GXYLT2",
    "ENSG00000178695": "KCTD12",
    "ENSG00000179094": "PER1",
    "ENSG00000179593": "ALOX15B",
    "ENSG00000189221": "MAOA",
    "ENSG00000196507": "TCEAL3",
    "ENSG00000196517": "SLC6A9",
    "ENSG00000211445": "GPX3",
}


def run(*, output: Path, as_json: bool, force: bool, threads: int | None) -> None:
    """Fit, test, write and print."""
    check_output(output, force=force, own_command="demo")
    from countglm.counts import as_count_matrix
    from countglm.datasets import airway
    from countglm.workflows import differential_expression

    start = time.perf_counter()
    study = airway()
    with output_folder(output, force=force, own_command="demo") as folder:
        fit_start = time.perf_counter()
        result = differential_expression(
            study, _DESIGN, _CONTRAST, threads=threads, progress=sys.stderr.isatty()
        )
        fit_seconds = time.perf_counter() - fit_start
        facts = write_de_products(
            {result.label: result}, as_count_matrix(study), folder, command="demo", suffix=".tsv",
            dropped=0, title="countglm demo: airway smooth muscle cells and dexamethasone",
            with_report=True, h5ad_from=None,
        )  # fmt: skip
    if as_json:
        click.echo(dumps(facts))
        return
    seconds = fit_seconds, time.perf_counter() - start
    click.echo(_told(result, f"{study.uns['title']} ({study.uns['accession']})"))
    click.echo(f"  Tested in {seconds[0]:.1f} s, everything with report in {seconds[1]:.1f} s.")
    click.echo("")
    click.echo("\n".join(lines_of_tests({result.label: result}, facts, output)))


def _told(result: DEResult, study: str) -> str:
    table = result.table
    proof = words.certificate_sentences(result.fit)
    proof += [
        f"{count:,} {status.name}: {status.sentence.split(':')[0].split('.')[0]}."
        for status, count in result.fit.status_counts().items()
    ]
    return "\n".join(
        [
            *(fill(study, _WIDTH), ""),
            *(f"Genes that respond to dexamethasone ({result.label}), by p-value:", ""),
            *(text_table(words.top_genes(table, _TOP)), ""),
            *(fill(sentence, _WIDTH) for sentence in (words.contrast_sentence(table),
                                                      _known_gene(table), _silent_gene(table))),
            *("", "The proof:"),
            *(fill(line, _WIDTH, initial_indent="  ", subsequent_indent="    ") for line in proof),
        ]
    )  # fmt: skip


def text_table(top: pd.DataFrame) -> str:
    """Format the rows of a test table for a terminal of 80 columns."""
    lines = [
        f"{'gene':16} {'symbol':9} {'baseMean':>9} {'log2FC':>7} {'lfcSE':>6} {'stat':>7} "
        f"{'pvalue':>9} {'padj':>9}"
    ]
    for gene, row in top.iterrows():
        lines.append(
            f"{gene!s:16} {_SYMBOLS.get(str(gene), ''):9} {row['baseMean']:9.1f} "
            f"{row['log2FoldChange']:7.2f} {_error(row['lfcSE']):>6} {row['stat']:7.1f} "
            f"{_p_value(row['pvalue'])} {_p_value(row['padj'])}"
        )
    return "\n".join(lines)


def _error(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "NA"


def _p_value(value: float) -> str:
    # Below the smallest double the p-value is known to be smaller, not to be 0.
    return f"{value:9.1e}" if value > 0 else " < 1e-307"


def _known_gene(table: pd.DataFrame) -> str:
    row = table.loc["ENSG00000096060"]
    return (
        f"FKBP5, the textbook target of glucocorticoids: {2 ** row['log2FoldChange']:.1f}-fold, "
        f"p = {row['pvalue']:.1e}."
    )


def _silent_gene(table: pd.DataFrame) -> str:
    row = table.loc["ENSG00000179593"]
    return (
        f"ALOX15B has a mean of {row['baseMean']:.0f} and not one count in the untreated cells: "
        f"its fold change is infinite, and its p-value, {row['pvalue']:.1e}, that of the "
        "likelihood ratio."
    )
