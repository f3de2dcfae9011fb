"""The genes of the laboratory: one of each kind that tells solvers apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from laboratory import Floats, Glm

AIRWAY_PLACES = {"low": 0.02, "middle": 0.5, "high": 1.0}


@dataclass(frozen=True)
class Problem:
    """One gene, what it is called, and what makes it worth a look."""

    name: str
    text: str
    glm: Glm
    has_optimum: bool = True


def draw(eta: Floats, alpha: float, seed: int) -> Floats:
    """Return counts of mean ``exp(eta)``."""
    rng = np.random.default_rng(seed)
    mu = np.exp(eta)
    if alpha > 0.0:
        mu = mu * rng.gamma(1.0 / alpha, alpha, mu.shape)
    return rng.poisson(mu).astype(np.float64)


def groups(alpha: float) -> Glm:
    """Two groups of 25, coded symmetrically, sequenced to different depths."""
    x = np.column_stack([np.ones(50), np.repeat([-0.5, 0.5], 25)])
    offset = np.random.default_rng(11).normal(0.0, 0.3, 50)
    return Glm(draw(offset + x @ np.array([3.0, 1.0]), alpha, 12), x, offset, alpha)


def cohort(alpha: float) -> Glm:
    """A hundred people: year of birth as it stands in the table, sex, three groups."""
    rng = np.random.default_rng(21)
    year = rng.integers(1935, 2005, 100).astype(float)
    x = np.column_stack(
        [np.ones(100), year, rng.integers(0, 2, 100), np.eye(3)[rng.integers(0, 3, 100)][:, 1:]]
    )
    offset = rng.normal(0.0, 0.3, 100)
    beta = np.array([4.0 - 0.01 * 1970, 0.01, 0.5, -0.3, 0.8])
    return Glm(draw(offset + x @ beta, alpha, 22), x, offset, alpha)


def covariate(alpha: float) -> Glm:
    """Thirty samples and one covariate three standard deviations from 0: a valley to look at."""
    rng = np.random.default_rng(51)
    x = np.column_stack([np.ones(30), 3.0 + rng.normal(size=30)])
    offset = rng.normal(0.0, 0.3, 30)
    return Glm(draw(offset + x @ np.array([0.5, 1.0]), alpha, 56), x, offset, alpha)


def silent(alpha: float) -> Glm:
    """Three groups of 8, of which the last has no count: there is no finite optimum."""
    x = np.column_stack([np.ones(24), np.repeat(np.eye(3), 8, axis=0)[:, 1:]])
    offset = np.random.default_rng(31).normal(0.0, 0.3, 24)
    y = draw(offset + x @ np.array([3.0, 0.7, 0.0]), alpha, 32)
    y[16:] = 0.0
    return Glm(y, x, offset, alpha)


def factorial(alpha: float, seed: int = 47) -> Glm:
    """Twelve samples, two treatments crossed with three times, effects of several log units."""
    x = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6), np.tile([0.0, 1.0, 2.0], 4)])
    offset = np.random.default_rng(41).normal(0.0, 0.3, 12)
    return Glm(draw(offset + x @ np.array([4.0, 3.0, -1.5]), alpha, seed), x, offset, alpha)


def airway() -> list[Problem]:
    """Genes of the airway study, ``~ cell + dex``, at the dispersions that the package estimates.

    Of those without a zero the ones at 2%, half and the end of the order by mean count; and of the
    separated ones that with most counts.
    """
    import countglm

    data = countglm.datasets.airway()
    fit = countglm.fit_glm(data, "~ cell + dex")
    counts = np.asarray(data.X, dtype=np.float64)
    offset = np.log(fit.size_factors)
    whole = np.flatnonzero((counts > 0).all(axis=0))
    ranked = whole[np.argsort(fit.base_mean[whole], kind="stable")]
    separated = np.flatnonzero(fit.status == countglm.Status.SEPARATED)
    chosen = {
        f"{label} counts": (ranked[round(place * (ranked.size - 1))], True)
        for label, place in AIRWAY_PLACES.items()
    }
    chosen["separated"] = (separated[np.argmax(fit.base_mean[separated])], False)
    out = []
    for label, (gene, finite) in chosen.items():
        alpha = float(fit.dispersion[gene])
        text = (
            f"{data.var_names[gene]} of the airway study, 8 samples, `~ cell + dex`, mean count "
            f"{fit.base_mean[gene]:,.0f}, dispersion {alpha:.3g} as estimated."
        )
        glm = Glm(counts[:, gene], fit.design.matrix, offset, alpha)
        out.append(Problem(f"airway, {label}", text, glm, finite))
    return out


MADE: tuple[tuple[str, str, Callable[[], Glm], bool], ...] = (
    ("Poisson, well conditioned", "Two groups of 25, coded -1/2 and 1/2, known depths.",
     lambda: groups(0.0), True),
    ("Poisson, badly conditioned", "100 samples, year of birth uncentred, sex, three groups.",
     lambda: cohort(0.0), True),
    ("Poisson, separated", "Three groups of 8; the last is silent.",
     lambda: silent(0.0), False),
    ("NB, well conditioned", "The two groups with dispersion 0.2.",
     lambda: groups(0.2), True),
    ("NB, badly conditioned", "The 100 samples with dispersion 0.2.",
     lambda: cohort(0.2), True),
    ("NB, separated", "The three groups with dispersion 0.2.",
     lambda: silent(0.2), False),
    ("NB, tiny dispersion", "12 samples, two treatments crossed with a time, effects of several "
     "log units; dispersion 1e-8.",
     lambda: factorial(1e-8), True),
    ("NB, large dispersion", "The same design with dispersion 8, counts on which scoring does not "
     "contract.",
     lambda: factorial(8.0), True),
)  # fmt: skip


def made() -> list[Problem]:
    """Problems that are drawn from a seed."""
    return [Problem(name, text, make(), finite) for name, text, make, finite in MADE]
