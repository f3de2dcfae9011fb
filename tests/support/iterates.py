"""Genes whose iterates are followed, and the columns of their traces."""

from __future__ import annotations

import numpy as np

KIND, LENGTH, DECREMENT, DEVIANCE, GAMMA = range(5)
FISHER, NEWTON = 0.0, 1.0
DESIGN = np.column_stack([np.ones(9), np.arange(9) % 3 == 1, np.linspace(-1.5, 2.0, 9)])
GENES = {
    "poisson": (np.array([3.0, 0, 7, 5, 1, 9, 12, 2, 4]), 0.0),
    "moderate": (np.array([30.0, 0, 75, 52, 11, 90, 120, 2, 40]), 0.4),
    "mostly zero": (np.array([0.0, 0, 0, 1, 5000, 0, 0, 1, 2]), 2.0),
    "large counts": (np.array([4e8, 3e8, 9e8, 1e8, 4e8, 6e8, 5e8, 2e8, 7e8]), 1e-8),
    "overdispersed": (np.array([5.0, 1, 9000, 0, 20, 1, 40, 3, 7]), 30.0),
}
