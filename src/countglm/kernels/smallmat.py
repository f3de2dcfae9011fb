"""Small symmetric matrices in place: factor, solve, invert.

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
        least = chol[j, j] if chol[j, j] < least else least
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
def condition_bound(inverse, scale):
    """Return a bound from above of the condition number of the scaled matrix.

    The largest eigenvalue is at most p, and the smallest at least 1 / ||L⁻¹||² (Frobenius).
    """
    stay_small()
    p = scale.size
    s = 0.0
    for j in range(p):
        for k in range(j + 1):
            t = inverse[j, k] / scale[k]
            s += t * t
    return p * s
