"""The kernels of numbers in a form that tests can call: one number at a time, or eight."""

from __future__ import annotations

from countglm.kernels import family as _family
from countglm.kernels import special as _special
from tests.support.compiled import lanes, numbers, own_kernels

special = own_kernels(_special, numbers)
family = own_kernels(_family, numbers)
special_lanes = own_kernels(_special, lanes)
family_lanes = own_kernels(_family, lanes)
