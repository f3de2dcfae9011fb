"""Which zeros of a fit were told by a rule instead of visited (docs/math.md, 3.7), in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._names import plural

if TYPE_CHECKING:
    from .results import GLMFit


def n_by_rule(fit: GLMFit) -> int:
    """Return how many genes have zeros that were told by a rule."""
    return 0 if fit.zeros_by_rule is None else int(np.count_nonzero(fit.zeros_by_rule))


def zeros_told(count: int, n_genes: int) -> list[str]:
    """Return what tells of ``count`` genes by rule, nothing where there are none."""
    return [f"{count:,} of {plural(n_genes, 'gene')}: zeros told by a rule"] if count else []
