"""Existence of the estimate by linear programs: HiGHS in floats, a simplex in exact rationals.

With log link the estimate exists unless some direction d has x_i'd = 0 where y_i > 0 and
x_i'd <= 0, not all zero, where y_i = 0.  Both programs maximise sum t over x_i'd + t_i <= 0,
0 <= t_i <= 1; at the optimum t_i is 1 on the samples whose mean tends to zero, else 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from tests.support import reference as ref

Row = list[Fraction]


def separated_samples(design, positive) -> np.ndarray:
    """Samples (n,) bool whose fitted mean is zero, by a floating-point linear program."""
    design = np.asarray(design, dtype=float)
    positive = np.asarray(positive, dtype=bool)
    zero = np.flatnonzero(~positive)
    mask = np.zeros(positive.size, dtype=bool)
    if zero.size == 0:
        return mask
    p, m, kept = design.shape[1], zero.size, int(positive.sum())
    result = linprog(
        np.concatenate([np.zeros(p), -np.ones(m)]),
        A_ub=np.hstack([design[zero], np.eye(m)]),
        b_ub=np.zeros(m),
        A_eq=np.hstack([design[positive], np.zeros((kept, m))]) if kept else None,
        b_eq=np.zeros(kept) if kept else None,
        bounds=[(None, None)] * p + [(0, 1)] * m,
        method="highs",
    )
    if result.status != 0:
        raise ArithmeticError(f"linear program: {result.message}")
    mask[zero] = result.x[p:] > 0.5
    return mask


def rational(matrix) -> list[Row]:
    """Return the exact rational values of a float matrix."""
    return [[Fraction(float(v)) for v in row] for row in np.asarray(matrix, dtype=float)]


def row_echelon(rows: list[Row], width: int) -> tuple[list[Row], list[int]]:
    """Reduced row echelon form and its pivot columns."""
    work = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(width):
        rank = len(pivots)
        found = next((i for i in range(rank, len(work)) if work[i][column] != 0), None)
        if found is None:
            continue
        work[rank], work[found] = work[found], work[rank]
        head = work[rank][column]
        work[rank] = [v / head for v in work[rank]]
        for i in range(len(work)):
            if i != rank and work[i][column] != 0:
                factor = work[i][column]
                work[i] = [a - factor * b for a, b in zip(work[i], work[rank], strict=True)]
        pivots.append(column)
    return work[: len(pivots)], pivots


def null_space(rows: list[Row], width: int) -> list[Row]:
    """Exact basis of the directions orthogonal to every row."""
    echelon, pivots = row_echelon(rows, width)
    basis = []
    for free in (c for c in range(width) if c not in pivots):
        vector = [Fraction(0)] * width
        vector[free] = Fraction(1)
        for row, pivot in zip(echelon, pivots, strict=True):
            vector[pivot] = -row[free]
        basis.append(vector)
    return basis


def simplex(cost: Row, rows: list[Row], bound: Row) -> tuple[Fraction, Row]:
    """Maximise cost'z over rows z <= bound, z >= 0 with bound >= 0, by Bland's rule."""
    m, n = len(rows), len(cost)
    slack = [[Fraction(int(i == j)) for j in range(m)] for i in range(m)]
    table = [rows[i] + slack[i] + [bound[i]] for i in range(m)]
    price = [-c for c in cost] + [Fraction(0)] * (m + 1)
    basis = [n + i for i in range(m)]
    while True:
        entering = next((j for j in range(n + m) if price[j] < 0), None)
        if entering is None:
            break
        ratios = [
            (table[i][-1] / table[i][entering], basis[i], i)
            for i in range(m)
            if table[i][entering] > 0
        ]
        pivot_row = min(ratios)[2]
        basis[pivot_row] = entering
        head = table[pivot_row][entering]
        table[pivot_row] = [v / head for v in table[pivot_row]]
        for line in [*table[:pivot_row], *table[pivot_row + 1 :], price]:
            factor = line[entering]
            if factor != 0:
                line[:] = [a - factor * b for a, b in zip(line, table[pivot_row], strict=True)]
    solution = [Fraction(0)] * (n + m)
    for variable, line in zip(basis, table, strict=True):
        solution[variable] = line[-1]
    return price[-1], solution[:n]


def _cone(design, positive) -> tuple[list[Row], list[Row]]:
    """Null space N of the positive rows and A = X_zero N."""
    exact = rational(design)
    p = len(exact[0])
    null = null_space([r for r, y in zip(exact, positive, strict=True) if y], p)
    zero_rows = [r for r, y in zip(exact, positive, strict=True) if not y]
    image = [
        [sum((a * b for a, b in zip(row, v, strict=True)), Fraction(0)) for v in null]
        for row in zero_rows
    ]
    return null, image


def exact_separated_samples(design, positive) -> np.ndarray:
    """Samples (n,) bool whose fitted mean is zero, in rational arithmetic without tolerance."""
    positive = np.asarray(positive, dtype=bool)
    null, image = _cone(design, positive)
    mask = np.zeros(positive.size, dtype=bool)
    if not null or not image:
        return mask
    k, m = len(null), len(image)
    unit = [[Fraction(int(i == j)) for j in range(m)] for i in range(m)]
    rows = [[*image[i], *(-a for a in image[i]), *unit[i]] for i in range(m)]
    rows += [[Fraction(0)] * (2 * k) + unit[i] for i in range(m)]
    cost = [Fraction(0)] * (2 * k) + [Fraction(1)] * m
    _, solution = simplex(cost, rows, [Fraction(0)] * m + [Fraction(1)] * m)
    mask[np.flatnonzero(~positive)] = [t == 1 for t in solution[2 * k :]]
    return mask


def coefficient_limits(design, positive) -> np.ndarray:
    """Limit of every coefficient: 0 = finite, +1 or -1 = infinite, NaN = both ways possible."""
    null, image = _cone(design, positive)
    p = np.asarray(design).shape[1]
    limits = np.zeros(p)
    k = len(null)
    if not null or not image:
        return limits
    rows = [[*row, *(-a for a in row)] for row in image]
    # The box on u keeps the program bounded; the cone is scaled into it.
    rows += [[Fraction(int(i == j)) for j in range(2 * k)] for i in range(2 * k)]
    bound = [Fraction(0)] * len(image) + [Fraction(1)] * (2 * k)
    for j in range(p):
        reach = []
        for sign in (1, -1):
            cost = [sign * v[j] for v in null]
            reach.append(simplex([*cost, *(-c for c in cost)], rows, bound)[0] > 0)
        limits[j] = np.nan if all(reach) else float(reach[0]) - float(reach[1])
    return limits


@dataclass(frozen=True)
class Completion:
    """Limit fit of a separated gene: what is finite, and where the likelihood tends."""

    separated: np.ndarray
    limits: np.ndarray
    coefficients: np.ndarray
    standard_errors: np.ndarray
    log_likelihood: float


def complete(counts, design, alpha, *, offset=None) -> Completion:
    """Limit of the fit along the directions of recession (Barndorff-Nielsen completion).

    Samples of mean zero are dropped, the rest is fitted in the row space of its design.
    """
    counts, design = np.asarray(counts, dtype=float), np.asarray(design, dtype=float)
    offset = np.zeros(counts.size) if offset is None else np.asarray(offset, dtype=float)
    separated = exact_separated_samples(design, counts > 0)
    keep = ~separated
    p = design.shape[1]
    echelon, _ = row_echelon(rational(design[keep]), p)
    basis = np.array([[float(v) for v in row] for row in echelon]).T.reshape(p, len(echelon))
    limits = coefficient_limits(design, counts > 0)
    coefficients = np.where(limits == 0, 0.0, np.copysign(np.inf, limits))
    coefficients[np.isnan(limits)] = np.nan
    errors = np.full(p, np.nan)
    with ref.mp.workdps(ref.DIGITS):
        reduced = ref.make_problem(counts[keep], design[keep] @ basis, offset=offset[keep])
        # Samples whose rows are all zero keep their mean whatever the coefficients.
        best = ref.maximise(reduced, alpha) if basis.shape[1] else []
        value = float(ref.log_likelihood(reduced, best, alpha))
        if basis.shape[1]:
            covariance = ref.inverse(ref.information(reduced, best, alpha, expected=True))
        for j in np.flatnonzero(limits == 0):
            row = [ref.mpf(float(v)) for v in basis[j]]
            coefficients[j] = float(ref.mp.fdot(row, best))
            spread = [ref.mp.fdot(row, line) for line in covariance]
            errors[j] = float(ref.mp.sqrt(ref.mp.fdot(row, spread)))
    return Completion(separated, limits, coefficients, errors, value)
