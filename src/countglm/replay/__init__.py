"""Estimates as DESeq2 1.38 computes them: its start values, clamps, stopping rules, fallbacks.

Everything here works on blocks of genes in gene-major arrays and gives a gene the same bits
whichever genes stand beside it (docs/math.md, section 14).
"""

from __future__ import annotations

from ._deviance import deviance
from .coefficients import CoefficientFit, fit_coefficients
from .contrasts import contrast_values, zero_contrast
from .dispersion import Genewise, Map, genewise_dispersion, map_dispersion
from .rounding import Gap, objective_gap
from .weights import usable_weights

__all__ = [
    "CoefficientFit",
    "Gap",
    "Genewise",
    "Map",
    "contrast_values",
    "deviance",
    "fit_coefficients",
    "genewise_dispersion",
    "map_dispersion",
    "objective_gap",
    "usable_weights",
    "zero_contrast",
]
