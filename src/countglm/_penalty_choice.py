"""Choose a penalty by what the refits explain, and tell it in a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._arguments import lies_within
from ._families import COUNTS, GAUSSIAN
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
    # A weight of 0 leaves a sample out.
    weights = path.source.data.weights.rows(0, path.n_genes)
    n = np.maximum(np.count_nonzero(weights > 0.0, axis=1), 1)[:, None]
    value = _explained(path, n) + (2.0 if criterion == "aic" else np.log(n)) * free
    if criterion == "ebic":
        value = value + 2.0 * gamma * _log_models(path)[free]
    return np.where(np.isnan(value), np.inf, value)


def _log_models(path: PenalizedPath) -> Floats:
    """Return the log of the number of models by the coefficients that they leave, from 0 on.

    Ways to part all effects among pairs (Stirling numbers of the second kind), and otherwise
    choices of the differences that are left, which for a chain are the same.
    """
    least, p = path.problem.null.shape[1], path.coefficients.shape[2]
    number = [math.comb(p - least, k) for k in range(p - least + 1)]
    if path.differences.kind == "pairwise" and len(path.differences.nodes) == p - least + 1:
        number = [1]
        for _ in range(p - least):
            number = [
                (k + 1) * left + one
                for k, (left, one) in enumerate(zip([*number, 0], [0, *number], strict=True))
            ]
    return np.array([0.0] * least + [math.log(each) for each in number])


def _explained(path: PenalizedPath, n: NDArray[np.int64]) -> Floats:
    """Return minus twice the log-likelihood (G, L) of the refits, but for what does not change."""
    deviance: Floats = path.refits.deviance
    if path.family != GAUSSIAN:
        return deviance
    # The variance is not known: its own maximum stands for it, if anything is left to tell it.
    left = n * np.log(np.maximum(deviance, 1e-300) / n)
    return np.asarray(np.where(n > path.degrees_of_freedom, left, np.inf))


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
    counts = chosen.path.family in COUNTS
    prefix, unit = ("log2:", math.log(2.0)) if counts else ("", 1.0)
    for place, name in enumerate(chosen.path.design.names):
        values[f"{prefix}{name}"] = chosen.coefficients[:, place] / unit
    return pd.DataFrame(values, index=pd.Index(chosen.path.gene_names, name="gene"))
