"""The part of a page that answers: a table to search and sort, figures whose points have names.

A page makes one `Explorer` of its results, asks it for figures and tables where they are to stand,
and ends with its `ending`: the data of all of them, packed, and the script. Without a script there
are the same figures, and tables of the first genes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.report.explorer_columns import (
    columns_of,
    directions,
    gene_order,
    notes_of,
    words_of,
)
from countglm.report.explorer_pack import Pack
from countglm.report.explorer_table import static_table
from countglm.report.html import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.deresult import DEResult
    from countglm.plots._points import Points

# Characters of packed data that a page holds: about seven contrasts of 60,000 genes. Contrasts
# beyond show their first genes only, and where the others are.
MOST_CHARACTERS = 12_000_000
_SCRIPTS = (
    "explorer_data.js", "explorer_values.js", "explorer_table.js", "explorer_figures.js",
    "explorer.js",
)  # fmt: skip


class Explorer:
    """Tables and figures of results by name, with the data that make them answer."""

    def __init__(self, results: Mapping[str, DEResult]) -> None:
        self._results = dict(results)
        self._pack = Pack()
        self._places: dict[str, int] = {}
        self._packed: list[dict[str, Any]] = []
        for name, result in self._results.items():
            if self._pack.n_characters >= MOST_CHARACTERS:
                break
            self._places[name] = len(self._packed)
            self._packed.append(self._described(name, result))

    def answers(self, name: str) -> bool:
        """Return whether the contrast's data are in the page."""
        return name in self._places

    def figure(self, name: str, kind: str, alt: str, caption: str, **options: Any) -> str:
        """Draw a figure of the result ``name`` whose points are known to the page.

        ``kind`` is "ma", "volcano" or "dispersion"; ``options`` are those of the plot.
        """
        from countglm.plots import _points, dispersion, ma, volcano

        drawn: dict[str, tuple[Callable[..., Any], Callable[..., Points]]] = {
            "ma": (ma, _points.ma_points),
            "volcano": (volcano, _points.volcano_points),
            "dispersion": (dispersion, _points.dispersion_points),
        }
        plot, points_of = drawn[kind]
        result = self._results[name]
        svg, axes = drawn_svg(lambda axes: plot(result, ax=axes, **options))
        picture = figure(svg, alt, caption)
        if not self.answers(name):
            return picture
        place = self._places[name]
        points = points_of(result)
        across, down = fractions(axes, points, len(result.table))
        self._packed[place]["figures"][kind] = [
            self._pack.fractions(across), self._pack.fractions(down)
        ]  # fmt: skip
        marks = f'class="points" data-contrast="{place}" data-points="{kind}"'
        return f"<figure {marks}>" + picture.removeprefix("<figure>")

    def table(self, name: str) -> str:
        """The table of the result ``name``: its first genes, and all where scripts run."""
        result = self._results[name]
        place = self._places.get(name)
        return static_table(result, columns_of(result), place)

    def ending(self) -> str:
        """The data and the script, for the end of the page."""
        folder = files("countglm.report")
        sources = [folder.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS]
        content = {"contrasts": self._packed, "segments": self._pack.segments}
        # A text in the data must not end the element that holds it.
        packed = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f'<script type="application/json" id="explorer-data">{packed}</script>\n'
            f'<script type="module">\n{"".join(sources)}</script>'
        )

    def _described(self, name: str, result: DEResult) -> dict[str, Any]:
        """Pack the columns of a result; return what tells the page which they are."""
        table, columns, pack = result.table, columns_of(result), self._pack
        level = float(result.settings["alpha"])
        used = np.asarray(result.dispersion.final, dtype=np.float64)
        return {
            "label": result.label,
            "name": name,
            "level": level,
            "evidence": columns.evidence,
            "ranking": columns.ranking,
            "shown": columns.shown,
            "genes": pack.texts(list(table.index)),
            "annotation": {
                shown: _annotation(pack, table[each])
                for shown, each in zip(columns.headings, columns.annotation, strict=True)
            },
            "numbers": {each: pack.numbers(table[each].to_numpy()) for each in columns.numbers},
            "words": {each: pack.categories(words_of(table[each])) for each in columns.words},
            "note": pack.categories(notes_of(table)),
            "direction": pack.categories(directions(table, level).tolist()),
            "dispersion": pack.numbers(used),
            "order": pack.order(gene_order(table)),
            "figures": {},
        }


def _annotation(pack: Pack, column: Any) -> int:
    """Numbers as numbers, with all digits; anything else as text."""
    if column.dtype.kind in "iuf":
        return pack.wholes(column.to_numpy(dtype=np.float64))
    return pack.texts(words_of(column))


def drawn_svg(paint: Callable[[Axes], Any]) -> tuple[str, Axes]:
    """Draw as `draw` does; return the SVG and the axes, whose place in the picture is settled."""
    from countglm.report.drawing import draw

    kept: list[Axes] = []

    def painted(axes: Axes) -> None:
        kept.append(axes)
        paint(axes)

    return draw(painted), kept[0]


def fractions(
    axes: Axes, points: Points, n_genes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where genes stand in the picture, from its left and upper side; NaN: nowhere."""
    across, down = np.full(n_genes, np.nan), np.full(n_genes, np.nan)
    if points.rows.size:
        whole = axes.get_figure(root=True)
        assert whole is not None
        size = whole.bbox.size
        dots = axes.transData.transform(np.column_stack([points.x, points.y])) / size
        across[points.rows], down[points.rows] = dots[:, 0], 1.0 - dots[:, 1]
    return across, down
