"""Choose a penalty by what the refits explain, and tell it in a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._arguments import lies_within
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from ._penalized_path import PenalizedFit, PenalizedPath

Floats = NDArray[np.float64]


def criterion_values(path: PenalizedPath, criterion: str, gamma: float) -> Floats:
    """Return the criterion (G, L) of the refits; infinite where there is none.

    Raises
    ------
    InputError
        An unknown criterion or ``gamma`` outside [0, 1].
    """
    if criterion not in ("bic", "aic", "ebic"):
        raise InputError(
            f"criterion={criterion!r} is not known; choose 'bic', 'ebic', 'aic' or 'cv'."
        )
    if not lies_within(gamma, 0.0, 1.0):
        raise InputError(f"gamma={gamma!r} must lie in [0, 1].")
    free = path.degrees_of_freedom
    price = 2.0 if criterion == "aic" else math.log(path.n_samples)
    value = path.refits.deviance + price * free
    if criterion == "ebic":
        least = int(path.patterns.free.min())
        most = path.coefficients.shape[2] - least
        models = np.array([math.log(math.comb(most, k - least)) if k - least <= most else 0.0
                           for k in range(int(free.max()) + 1)])  # fmt: skip
        value = value + 2.0 * gamma * models[free]
    return np.where(np.isnan(value), np.inf, value)


def groups_in_words(nodes: tuple[str, ...], labels: NDArray[np.int16]) -> str:
    """Name the groups of equal effects: ``a = b | c``."""
    groups: dict[int, list[str]] = {}
    for node, label in zip(nodes, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(node)
    return " | ".join(" = ".join(group) for group in groups.values())


def frame_of(chosen: PenalizedFit) -> pd.DataFrame:
    """Return the table of `PenalizedFit.to_frame`."""
    import pandas as pd

    differences = chosen.path.differences
    labels, status = chosen.labels, chosen.path.status
    fitted = status == Status.CONVERGED
    words = [groups_in_words(differences.nodes, row) for row in labels]
    values = {
        "groups": np.where(fitted, np.array(words, dtype=object), ""),
        "n_groups": np.where(fitted, labels.max(axis=1) + 1, 0),
        "status": [Status(code).name for code in status.tolist()],
        "lambda": chosen.lambdas,
        "gap": chosen._of(chosen.path.gap),
    }
    for place, node in enumerate(differences.nodes):
        values[f"label:{node}"] = labels[:, place]
    for place, name in enumerate(chosen.path.design.names):
        values[f"log2:{name}"] = chosen.coefficients[:, place] / math.log(2.0)
    return pd.DataFrame(values, index=pd.Index(chosen.path.gene_names, name="gene"))
