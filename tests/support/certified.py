"""Genes whose certificates are looked into."""

from __future__ import annotations

import numpy as np

GENES = {
    "poisson": (np.array([3.0, 0, 7, 5, 1, 9, 12, 2]), 0.0),
    "moderate": (np.array([30.0, 0, 75, 52, 11, 90, 120, 2]), 0.4),
    "overdispersed": (np.array([1.0, 0, 4000, 2, 90, 3, 800, 5]), 30.0),
    "large": (np.array([4e8, 3e8, 9e8, 1e8, 4e8, 6e8, 5e8, 2e8]), 1e-6),
}
DESIGN = np.column_stack([np.ones(8), np.arange(8) % 2, [0.3, -1, 2, 0.5, 1.5, -0.7, 0.1, -2]])
