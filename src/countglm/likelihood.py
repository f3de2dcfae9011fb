"""The negative binomial likelihood by itself: exact values, conversions, starts, faults of a loss.

For arrays of counts and parameters of any shape, and for those who train models with it elsewhere.
"""

from __future__ import annotations

from ._nb_check import check_nb_loss
from ._nb_findings import Finding, NBLossReport
from ._nb_libraries import NBParameters
from ._nb_parameters import parameters
from ._nb_start import StartValues, inverse_softplus, softplus, start_values
from ._nb_values import Gradient, Hessian, gradient, hessian, log_likelihood

__all__ = [
    "Finding",
    "Gradient",
    "Hessian",
    "NBLossReport",
    "NBParameters",
    "StartValues",
    "check_nb_loss",
    "gradient",
    "hessian",
    "inverse_softplus",
    "log_likelihood",
    "parameters",
    "softplus",
    "start_values",
]
