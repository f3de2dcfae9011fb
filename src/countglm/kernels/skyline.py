"""Positive matrices whose rows begin at their first nonzero: factor and solve without fill-in.

Row ``i`` holds the columns ``first[i] ... i``, the last of them at ``start[i + 1] - 1``: a chain in
its order needs two numbers a row, a small group of effects all of its few.
"""

from __future__ import annotations

import math

from countglm._jit import kernel


@kernel
def at(start, i, j):
    """Return the place of entry (i, j), j <= i, within the profile."""
    return start[i + 1] - 1 - (i - j)


@kernel
def first_column(start, i):
    """Return the first column of row i."""
    return i + 1 - (start[i + 1] - start[i])


@kernel
def factor_profile(start, low, begin, end):
    """Replace rows ``begin ... end - 1`` of a positive matrix by its triangular factor."""
    for i in range(begin, end):
        head = first_column(start, i)
        for j in range(head, i):
            total = low[at(start, i, j)]
            for k in range(max(head, first_column(start, j)), j):
                total -= low[at(start, i, k)] * low[at(start, j, k)]
            low[at(start, i, j)] = total / low[at(start, j, j)]
        total = low[at(start, i, i)]
        for k in range(head, i):
            total -= low[at(start, i, k)] ** 2
        low[at(start, i, i)] = math.sqrt(total)


@kernel
def solve_profile(start, low, begin, end, x):
    """Solve with the factor and its transpose, in place."""
    for i in range(begin, end):
        total = x[i]
        for k in range(first_column(start, i), i):
            total -= low[at(start, i, k)] * x[k]
        x[i] = total / low[at(start, i, i)]
    for up in range(end - begin):
        i = end - 1 - up
        x[i] /= low[at(start, i, i)]
        for k in range(first_column(start, i), i):
            x[k] -= low[at(start, i, k)] * x[i]
