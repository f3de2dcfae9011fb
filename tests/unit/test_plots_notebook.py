"""In a notebook every figure is shown, not the first one alone."""

from __future__ import annotations

from pathlib import Path

from tests.support.fresh import run_python

# What a notebook's backend does when it is loaded: figures are shown because it is interactive.
BACKEND = """
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
matplotlib.interactive(True)
"""
DRAW = """
import sys
sys.path.insert(0, ".")
import os
os.environ["MPLBACKEND"] = "module://backend_of_a_notebook"
import matplotlib
import matplotlib.pyplot
from countglm.plots._axes import canvas
for _ in range(2):
    with canvas(None):
        pass
    print(matplotlib.is_interactive())
"""


def test_loading_a_backend_outlives_the_style(tmp_path: Path) -> None:
    (tmp_path / "backend_of_a_notebook.py").write_text(BACKEND)
    assert run_python(DRAW, cwd=tmp_path).split() == ["True", "True"]
