"""The criteria by which a penalty of a wide path is chosen (docs/math.md, 16.10, 18.9)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._arguments import lies_within
from .errors import InputError

if TYPE_CHECKING:
    from ._wide_path import WidePath

Floats = NDArray[np.float64]


def criteria(path: WidePath, criterion: str, gamma: float) -> Floats:
    """Return the values (L,) of a criterion; see `WidePath.select`."""
    if criterion not in ("bic", "aic", "ebic"):
        raise InputError(
            f"criterion={criterion!r} is not known; choose 'bic', 'aic', 'ebic' or 'cv'."
        )
    if not lies_within(gamma, 0.0, 1.0):
        raise InputError(f"gamma={gamma!r} must lie in [0, 1].")
    n, free = path.n_rows, path.n_coefficients
    # Of more columns than rows, n/2 and more are not told from others that fit every row as well.
    most = n - 2 if len(path.names) < n else n // 2
    price = 2.0 if criterion == "aic" else math.log(n)
    values = []
    for place, k in enumerate(free.tolist()):
        fit = path.refit(place).deviance
        if path.family == "gaussian":
            # The variance is not known: the likelihood's best, where rows are left to tell it.
            fit = n * math.log(max(fit / n, 1e-300)) if k <= most else math.inf
        values.append(fit + price * k)
    if criterion == "ebic":
        least = int(free.min(initial=len(path.names)))
        columns = len(path.names) - least
        models = [math.log(math.comb(columns, k - least)) for k in free.tolist()]
        values = [v + 2.0 * gamma * m for v, m in zip(values, models, strict=True)]
    return np.array(values)
