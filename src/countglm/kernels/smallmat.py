"""Small symmetric matrices, one a lane, in place: factor, solve, invert, eigenvalues.

Lower triangles are packed by rows: entry (j, k) lies at ``j (j + 1) / 2 + k``.  Plain loops:
LAPACK would bring threads and other bits.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, magnitude, root, some, spread, store

from .special import log

# A scaled pivot below this is rounding.
LEAST_PIVOT = 1e-15
# Off-diagonal entries of the scaled matrix below this are as good as zero.
NEGLIGIBLE = 1e-16
MAX_SWEEPS = 30


@kernel
def factor(d, a, r, ridge, chol, size):
    """Factor the unit-diagonal scaling of ``a`` plus ``ridge`` I; return where it is positive.

    ``size[j] = 1/sqrt(a[j, j])``, ``chol`` = L with diag(size) a diag(size) + ridge I = L L'.
    """
    stay_apart()
    sound = spread(1.0) > 0.0
    for j in range(r):
        diagonal = load(d, a + j * (j + 3) // 2)
        sound = sound & (diagonal > 0.0) & (diagonal < math.inf)
        store(d, size + j, 1.0 / root(diagonal))
    for j in range(r):
        row = j * (j + 1) // 2
        for k in range(j + 1):
            other = k * (k + 1) // 2
            s = 1.0 + ridge
            if k < j:
                s = load(d, a + row + k) * load(d, size + j) * load(d, size + k)
            for m in range(k):
                s -= load(d, chol + row + m) * load(d, chol + other + m)
            if k < j:
                store(d, chol + row + k, s / load(d, chol + other + k))
            else:
                sound = sound & (s > LEAST_PIVOT)
                store(d, chol + row + k, root(choose(s > LEAST_PIVOT, s, 1.0)))
    return sound


@kernel
def smallest_pivot(d, chol, r):
    """Return the smallest diagonal entry of a factor."""
    least = spread(math.inf)
    for j in range(r):
        pivot = load(d, chol + j * (j + 3) // 2)
        least = choose(pivot < least, pivot, least)
    return least


@kernel
def half_solve(d, chol, size, r, b, out):
    """Set ``out`` to L⁻¹ diag(size) b; its square norm is b' a⁻¹ b."""
    for j in range(r):
        row = j * (j + 1) // 2
        s = load(d, b + j) * load(d, size + j)
        for m in range(j):
            s -= load(d, chol + row + m) * load(d, out + m)
        store(d, out + j, s / load(d, chol + row + j))


@kernel
def back_solve(d, chol, size, r, z, out):
    """Set ``out`` to diag(size) L⁻' z, which completes a solve; ``out`` may be ``z``."""
    for j in range(r - 1, -1, -1):
        s = load(d, z + j)
        for m in range(j + 1, r):
            s -= load(d, chol + m * (m + 1) // 2 + j) * load(d, out + m)
        store(d, out + j, s / load(d, chol + j * (j + 3) // 2))
    for j in range(r):
        store(d, out + j, load(d, out + j) * load(d, size + j))


@kernel
def norm(d, z, r):
    """Return the Euclidean norm of a vector."""
    s = spread(0.0)
    for j in range(r):
        s += load(d, z + j) * load(d, z + j)
    return root(s)


@kernel
def invert_factor(d, chol, size, r, out):
    """Set ``out`` (lower triangle) to T = L⁻¹ diag(size), so that T' T is the inverse."""
    stay_apart()
    for j in range(r):
        row = j * (j + 1) // 2
        for k in range(j + 1):
            s = spread(0.0)
            if j == k:
                s = load(d, size + k)
            for m in range(k, j):
                s -= load(d, chol + row + m) * load(d, out + m * (m + 1) // 2 + k)
            store(d, out + row + k, s / load(d, chol + row + j))


@kernel
def apply_triangle(d, triangle, r, b, out):
    """Set ``out`` to T b for a packed lower triangle T."""
    for j in range(r):
        s = spread(0.0)
        for k in range(j + 1):
            s += load(d, triangle + j * (j + 1) // 2 + k) * load(d, b + k)
        store(d, out + j, s)


@kernel
def log_determinant(d, chol, size, r):
    """Return log det a from its scaled factor."""
    s = spread(0.0)
    for j in range(r):
        s += log(load(d, chol + j * (j + 3) // 2) / load(d, size + j))
    return 2.0 * s


@kernel
def condition_bound(d, inverse, size, r):
    """Return a bound from above of the condition number of the scaled matrix.

    The largest eigenvalue is at most r, and the smallest at least 1 / ||L⁻¹||² (Frobenius).
    """
    s = spread(0.0)
    for j in range(r):
        for k in range(j + 1):
            t = load(d, inverse + j * (j + 1) // 2 + k) / load(d, size + k)
            s += t * t
    return s * float(r)


@kernel
def quadratic_form(d, inverse, r, rows, s):
    """Return x' a⁻¹ x for row ``s``, from T of `invert_factor`."""
    total = spread(0.0)
    for j in range(r):
        t = spread(0.0)
        for k in range(j + 1):
            t += load(d, inverse + j * (j + 1) // 2 + k) * rows[s, k]
        total += t * t
    return total


@kernel
def rotate(d, a, p, j, k):
    """Make entry (j, k) of a symmetric matrix zero by a rotation (Jacobi 1846)."""
    off = load(d, a + j * p + k)
    active = magnitude(off) > NEGLIGIBLE
    gap = 0.5 * (load(d, a + k * p + k) - load(d, a + j * p + j)) / choose(active, off, 1.0)
    reach = magnitude(gap) + root(gap * gap + 1.0)
    t = choose(active, choose(gap < 0.0, -1.0, 1.0) / reach, 0.0)
    c = 1.0 / root(t * t + 1.0)
    s = t * c
    for m in range(p):
        x, z = load(d, a + m * p + j), load(d, a + m * p + k)
        store(d, a + m * p + j, c * x - s * z)
        store(d, a + m * p + k, s * x + c * z)
    for m in range(p):
        x, z = load(d, a + j * p + m), load(d, a + k * p + m)
        store(d, a + j * p + m, c * x - s * z)
        store(d, a + k * p + m, s * x + c * z)
    # Exactly zero: what rounding leaves would be rotated again and again.
    rest = choose(active, 0.0, off)
    store(d, a + j * p + k, rest)
    store(d, a + k * p + j, rest)


@kernel
def extreme_eigenvalues(d, a, p):
    """Return the smallest and largest eigenvalue of the unit-diagonal scaling of ``a``.

    ``a`` is a full (p, p) matrix and is overwritten: cyclic Jacobi rotations, which find small
    eigenvalues of a scaled matrix to high relative accuracy (Demmel and Veselić 1992).  NaN where
    the matrix is not finite or has no positive diagonal.
    """
    stay_apart()
    sound = spread(1.0) > 0.0
    for j in range(p):
        diagonal = load(d, a + j * p + j)
        sound = sound & (diagonal > 0.0) & (diagonal < math.inf)
    for j in range(p):
        for k in range(j):
            size = root(load(d, a + j * p + j)) * root(load(d, a + k * p + k))
            value = load(d, a + j * p + k) / size
            store(d, a + j * p + k, value)
            store(d, a + k * p + j, value)
    for j in range(p):
        store(d, a + j * p + j, 1.0)
    for _ in range(MAX_SWEEPS):
        worst = spread(0.0)
        for j in range(1, p):
            for k in range(j):
                off = magnitude(load(d, a + j * p + k))
                worst = choose(off > worst, off, worst)
                rotate(d, a, p, k, j)
        if not some(sound & (worst > NEGLIGIBLE)):
            break
    low, high = load(d, a), load(d, a)
    for j in range(1, p):
        value = load(d, a + j * p + j)
        low = choose(value < low, value, low)
        high = choose(value > high, value, high)
    return choose(sound, low, math.nan), choose(sound, high, math.nan)
