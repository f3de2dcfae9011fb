"""A small positive matrix by its triangular factor, for kernels that work on one gene."""

from __future__ import annotations

import math

from countglm._jit import kernel


@kernel
def factor(matrix, low, p):
    """Factor a positive matrix, given by its lower part; return whether it is positive."""
    for j in range(p):
        for k in range(j + 1):
            total = matrix[j, k]
            for t in range(k):
                total -= low[j, t] * low[k, t]
            if k == j:
                if not total > 1e-14 * matrix[j, j]:
                    return False
                low[j, j] = math.sqrt(total)
            else:
                low[j, k] = total / low[k, k]
    return True


@kernel
def forward(low, p, vector):
    """Solve by the lower factor in place."""
    for j in range(p):
        total = vector[j]
        for k in range(j):
            total -= low[j, k] * vector[k]
        vector[j] = total / low[j, j]


@kernel
def backward(low, p, vector):
    """Solve by the transposed factor in place."""
    for up in range(p):
        j = p - 1 - up
        total = vector[j]
        for k in range(j + 1, p):
            total -= low[k, j] * vector[k]
        vector[j] = total / low[j, j]
