"""The section on one contrast: its figures and the table of its genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from countglm._names import plural
from countglm._ranking import evidence
from countglm.report import words
from countglm.report.found import called_threshold, one_way
from countglm.report.html import figure, paragraphs, section, top_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from countglm.deresult import DEResult

TOP = 25
_ANNOTATION_SHOWN = 3


class Shows(Protocol):
    """What draws the figures and tables of genes of a page."""

    def figure(self, name: str, kind: str, alt: str, caption: str, **options: Any) -> str: ...

    def table(self, name: str) -> str: ...

    def ending(self) -> str: ...


class Still:
    """Figures and tables of results by name that are the same with and without scripts."""

    def __init__(self, results: Mapping[str, DEResult]) -> None:
        self._results = results

    def figure(self, name: str, kind: str, alt: str, caption: str, **options: Any) -> str:
        """Draw a figure of the result ``name``: "ma", "volcano" or "dispersion"."""
        return plotted(kind, self._results[name], alt, caption, **options)

    def table(self, name: str) -> str:
        """The genes of smallest p-value."""
        from countglm._samples import annotation_columns

        result = self._results[name]
        shown = annotation_columns(result.var)
        top, first = words.top_genes(result.table, TOP), shown[:_ANNOTATION_SHOWN]
        columns = first + [column for column in top.columns if column not in shown]
        told = f"The {plural(len(top), 'gene')} of smallest p-value."
        return paragraphs([told]) + top_table(top[columns], result.label, first)

    def ending(self) -> str:
        """Nothing more."""
        return ""


def plotted(kind: str, result: DEResult, alt: str, caption: str, **options: Any) -> str:
    """Draw a plot of `countglm.plots` by its name, as a figure of the page."""
    from countglm import plots
    from countglm.report.drawing import draw

    size = options.pop("size", None)
    paint = getattr(plots, kind)
    svg = draw(lambda axes: paint(result, ax=axes, **options), *([size] if size else []))
    return figure(svg, alt, caption)


def results_section(
    name: str, result: DEResult, shows: Shows, pictures: str | None, told: Sequence[str] = ()
) -> str:
    """What one contrast found: ``told``, figures, the table of genes, ``pictures``.

    Without figures where ``pictures`` is None.
    """
    level = result.settings["alpha"]
    sentence = words.contrast_sentence(result.table, level, one_way(result))
    parts = [paragraphs(told or [sentence])]
    if pictures is not None:
        parts.append(f'<div class="figures">{_figures(name, result, shows, sentence)}</div>')
    parts += ["<h3>Genes</h3>", shows.table(name), pictures or ""]
    heading = result.label if name in ("", result.label) else f"{name}: {result.label}"
    return section(f"Results: {heading}", *parts)


def _figures(name: str, result: DEResult, shows: Shows, sentence: str) -> str:
    label = result.label
    parts = [
        shows.figure(
            name, "ma", f"Scatter of log2 fold change against mean count for {label}. {sentence}",
            "Fold change against mean count. Right: strongly expressed genes. Triangles: beyond "
            "the axis, or infinite.",
        ),
        shows.figure(
            name, "volcano", f"Scatter of the p-value against the fold change for {label}. "
            f"{sentence}",
            "P-value against fold change. High: surest. Far from the middle: largest changes.",
        ),
    ]  # fmt: skip
    by = evidence(result.table)[1]
    kind = "p_values" if by == "pvalue" else "s_values"
    word = "p-values" if by == "pvalue" else "s-values"
    alt = f"Histogram of the {word} for {label}. {sentence}"
    return "".join([*parts, plotted(kind, result, alt, _expected(result))])


def _expected(result: DEResult) -> str:
    """What a histogram of the p-values or s-values should look like."""
    threshold, settings = called_threshold(result), result.settings
    if evidence(result.table)[1] != "pvalue":
        less = f", or of changes of less than {threshold:g} (log2)," if threshold else ""
        return f"S-values: the expected share of wrong signs{less} among genes at least as sure."
    two_sided = settings["alternative"].startswith("greaterAbs")
    if settings["test"] != "lrt" and (threshold or not two_sided):
        return (
            "P-values, of a test with a direction or a threshold: genes far inside of what was "
            "not sought pile up at 1, those that respond at 0; flat is not expected."
        )
    return "P-values. Expected: flat, with a peak at 0 of the genes that respond."
