"""Small symmetric matrices in place: factor, solve, invert, extreme eigenvalues.

Only lower triangles are read.  Plain loops: LAPACK would bring threads and other bits.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_small


@kernel
def factor(a, ridge, chol_out, scale_out):
    """Factor the unit-diagonal scaling of ``a`` plus ``ridge`` I as L L'; False if not positive.

    ``scale_out[j] = 1/sqrt(a[j, j])``, ``chol_out`` = L with diag(s) a diag(s) + ridge I = L L'.
    """
    stay_small()
    p = a.shape[0]
    for j in range(p):
        if not (a[j, j] > 0.0 and a[j, j] < math.inf):
            return False
        scale_out[j] = 1.0 / math.sqrt(a[j, j])
    for j in range(p):
        for k in range(j + 1):
            s = a[j, k] * scale_out[j] * scale_out[k] if k < j else 1.0 + ridge
            for m in range(k):
                s -= chol_out[j, m] * chol_out[k, m]
            if k < j:
                chol_out[j, k] = s / chol_out[k, k]
            elif s > 1e-15:
                chol_out[j, j] = math.sqrt(s)
            else:
                return False
    return True


@kernel
def smallest_pivot(chol):
    """Return the smallest diagonal entry of a factor."""
    stay_small()
    least = math.inf
    for j in range(chol.shape[0]):
        least = min(least, chol[j, j])
    return least


@kernel
def half_solve(chol, scale, b, out):
    """Set ``out`` to L⁻¹ diag(scale) b; its square norm is b' a⁻¹ b."""
    stay_small()
    for j in range(b.size):
        s = b[j] * scale[j]
        for m in range(j):
            s -= chol[j, m] * out[m]
        out[j] = s / chol[j, j]


@kernel
def back_solve(chol, scale, z, out):
    """Set ``out`` to diag(scale) L⁻' z, which completes a solve; ``out`` may be ``z``."""
    stay_small()
    for j in range(z.size - 1, -1, -1):
        s = z[j]
        for m in range(j + 1, z.size):
            s -= chol[m, j] * out[m]
        out[j] = s / chol[j, j]
    for j in range(z.size):
        out[j] *= scale[j]


@kernel
def norm(z):
    """Return the Euclidean norm of a short vector."""
    stay_small()
    s = 0.0
    for j in range(z.size):
        s += z[j] * z[j]
    return math.sqrt(s)


@kernel
def invert_factor(chol, scale, out):
    """Set ``out`` (lower triangle) to T = L⁻¹ diag(scale), so that T' T is the inverse."""
    stay_small()
    p = scale.size
    for k in range(p):
        for j in range(p):
            if j < k:
                out[j, k] = 0.0
                continue
            s = scale[k] if j == k else 0.0
            for m in range(k, j):
                s -= chol[j, m] * out[m, k]
            out[j, k] = s / chol[j, j]


@kernel
def log_determinant(chol, scale):
    """Return log det a from its scaled factor."""
    stay_small()
    s = 0.0
    for j in range(scale.size):
        s += math.log(chol[j, j]) - math.log(scale[j])
    return 2.0 * s


@kernel
def tridiagonalize(a, diagonal_out, off_out, work):
    """Reduce the symmetric ``a`` (full, destroyed) to tridiagonal form by Householder reflections.

    Golub and Van Loan, Matrix Computations, algorithm 8.3.1.
    """
    stay_small()
    p = a.shape[0]
    for k in range(p - 2):
        s = 0.0
        for i in range(k + 1, p):
            s += a[i, k] * a[i, k]
        s = math.sqrt(s)
        off_out[k] = s
        if s == 0.0:
            continue
        head = a[k + 1, k]
        pivot = head + s if head >= 0.0 else head - s
        beta = 1.0 / (s * abs(pivot))
        a[k + 1, k] = pivot
        along = 0.0
        for i in range(k + 1, p):
            t = 0.0
            for j in range(k + 1, p):
                t += a[i, j] * a[j, k]
            work[i] = beta * t
            along += work[i] * a[i, k]
        along *= 0.5 * beta
        for i in range(k + 1, p):
            work[i] -= along * a[i, k]
        for i in range(k + 1, p):
            for j in range(k + 1, p):
                a[i, j] -= a[i, k] * work[j] + work[i] * a[j, k]
    if p > 1:
        off_out[p - 2] = abs(a[p - 1, p - 2])
    for j in range(p):
        diagonal_out[j] = a[j, j]


@kernel
def count_below(diagonal, off, x):
    """Return how many eigenvalues of a tridiagonal matrix are below ``x`` (Sturm sequence)."""
    stay_small()
    count = 0
    q = 1.0
    for j in range(diagonal.size):
        coupling = off[j - 1] * off[j - 1] / q if j > 0 else 0.0
        q = diagonal[j] - x - coupling
        if q < 0.0:
            count += 1
        if q == 0.0:
            q = 1e-300
    return count


@kernel
def bisect_eigenvalue(diagonal, off, index, upper):
    """Return the eigenvalue number ``index`` (from 0) in [0, upper] by bisection."""
    stay_small()
    low, high = 0.0, upper
    for _ in range(60):
        middle = 0.5 * (low + high)
        if count_below(diagonal, off, middle) > index:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


@kernel
def scaled_spectrum(a, square, diagonal, off, work):
    """Return the smallest and largest eigenvalue of the unit-diagonal scaling of ``a``.

    ``square`` (p, p) and the three vectors are scratch.  Values below 1e-16 p are rounding.
    """
    stay_small()
    p = a.shape[0]
    for j in range(p):
        for k in range(j + 1):
            v = 1.0
            if k < j:
                d = math.sqrt(a[j, j]) * math.sqrt(a[k, k])
                v = a[j, k] / d if d > 0.0 else 0.0
            square[j, k] = v
            square[k, j] = v
    tridiagonalize(square, diagonal, off, work)
    top = float(p) * (1.0 + 1e-12)
    return (
        bisect_eigenvalue(diagonal, off, 0.0, top),
        bisect_eigenvalue(diagonal, off, p - 1.0, top),
    )
