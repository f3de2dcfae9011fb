"""Plots of a result: each takes a result, draws on an Axes and returns it.

Matplotlib is loaded with the first plot. Colours can be told apart with every common colour
vision, and points of many genes are raster images inside vector output.
"""

from __future__ import annotations

from countglm.plots._certificate import certificate
from countglm.plots._change import ma, volcano
from countglm.plots._cooks import cooks
from countglm.plots._counts import counts
from countglm.plots._dispersion import dispersion
from countglm.plots._distances import sample_distances
from countglm.plots._filtering import filtering
from countglm.plots._heatmap import heatmap
from countglm.plots._histograms import p_values, s_values
from countglm.plots._library import size_factors
from countglm.plots._pca import pca
from countglm.plots._upset import upset

__all__ = [
    "certificate",
    "cooks",
    "counts",
    "dispersion",
    "filtering",
    "heatmap",
    "ma",
    "p_values",
    "pca",
    "s_values",
    "sample_distances",
    "size_factors",
    "upset",
    "volcano",
]
