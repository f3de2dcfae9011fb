"""Elementary and special functions, accurate to rounding where kernels need it.

Every function takes one number or eight at once (``countglm._jit.lanes``): they are polynomials
free of branches, as the library functions that Numba calls work on one number only.  Equation
numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

from countglm._jit import kernel
from countglm._jit.lanes import ROUNDER, choose, exponent, magnitude, mantissa, two_to

LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634
LOG_2PI = 1.8378770664093453
# exp() of these stays a normal number, also after a multiplication by a dispersion below 1e4.
EXP_MIN = -700.0
EXP_MAX = 700.0
# Arguments of the gamma functions are shifted upwards by this much before the series.
SHIFT = 10.0
# Nearer to 0 than this x - log(1 + x) is a series: the rounding of a logarithm of a quotient,
# some 2 ulp, would be a large part of x²/2.
SERIES = 1.0 / 3.0


@kernel
def _exp_tail(r):
    """Return (exp(r) - 1 - r) / r² for |r| <= ln(2)/2 by its Taylor polynomial (error < 2⁻⁵⁸)."""
    q = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0
    q = q * r + 1.0 / 39916800.0
    q = q * r + 1.0 / 3628800.0
    q = q * r + 1.0 / 362880.0
    q = q * r + 1.0 / 40320.0
    q = q * r + 1.0 / 5040.0
    q = q * r + 1.0 / 720.0
    q = q * r + 1.0 / 120.0
    q = q * r + 1.0 / 24.0
    q = q * r + 1.0 / 6.0
    return q * r + 0.5


@kernel
def exp(x):
    """Return eˣ, x clipped to ±700, by reduction to |r| <= ln(2)/2 (about 1 ulp)."""
    low = choose(x < EXP_MIN, EXP_MIN, x)
    both = choose(low > EXP_MAX, EXP_MAX, low)
    shifted = both * LOG2_E + ROUNDER
    k = shifted - ROUNDER
    r = (both - k * LN2_HI) - k * LN2_LO
    return (1.0 + (r + r * r * _exp_tail(r))) * two_to(shifted)


@kernel
def _atanh_tail(z):
    """Return (2 atanh(s)/s - 2) / s² at z = s² <= 0.0295, by its series (error < 2⁻⁵⁶)."""
    q = z * (2.0 / 23.0) + 2.0 / 21.0
    q = q * z + 2.0 / 19.0
    q = q * z + 2.0 / 17.0
    q = q * z + 2.0 / 15.0
    q = q * z + 2.0 / 13.0
    q = q * z + 2.0 / 11.0
    q = q * z + 2.0 / 9.0
    q = q * z + 2.0 / 7.0
    q = q * z + 2.0 / 5.0
    return q * z + 2.0 / 3.0


@kernel
def log(x):
    """Return the natural logarithm of a positive normal number (about 1 ulp)."""
    k = exponent(x)
    f = mantissa(x) - 1.0
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    tail = s * (half_square + z * _atanh_tail(z))
    return k * LN2_HI - ((half_square - (tail + k * LN2_LO)) - f)


@kernel
def log1p(x):
    """Return log(1 + x) for x >= -1 (the limit is floored near -690), accurate near 0."""
    u = 1.0 + x
    safe = choose(u < 1e-300, 1e-300, u)
    return log(safe) + (x - (safe - 1.0)) / safe


@kernel
def _odd_series(t2):
    """Return 1/3 + t²/5 + t⁴/7 + ... for t² <= 0.04, the tail of eq. 2.1."""
    q = t2 * (1.0 / 23.0) + 1.0 / 21.0
    q = q * t2 + 1.0 / 19.0
    q = q * t2 + 1.0 / 17.0
    q = q * t2 + 1.0 / 15.0
    q = q * t2 + 1.0 / 13.0
    q = q * t2 + 1.0 / 11.0
    q = q * t2 + 1.0 / 9.0
    q = q * t2 + 1.0 / 7.0
    q = q * t2 + 1.0 / 5.0
    return q * t2 + 1.0 / 3.0


@kernel
def log_excess(x, logarithm):
    """Return (x - log(1 + x)) / x², 1/2 at x = 0 (eq. 2.1), given the logarithm; x > -1.

    The logarithm is used only where ``abs(x) >= SERIES``: of a quotient that is accurate where
    1 + x has cancelled.
    """
    large = magnitude(x) >= SERIES
    # One division for both forms.
    ratio = choose(large, x - logarithm, 1.0) / choose(large, x * x, 2.0 + x)
    t = x * ratio
    # x - log1p(x) = x t - 2 t³ (1/3 + t²/5 + ...), and t/x = 1/(2 + x).
    return choose(large, ratio, ratio - 2.0 * t * ratio * ratio * _odd_series(t * t))


@kernel
def _stirling_series(z):
    """Return log Γ(z) - [(z - ½) log z - z + ½ log 2π] for z >= 10 (eq. 2.3)."""
    w = 1.0 / z
    i = w * w
    q = i * (1.0 / 156.0) - 691.0 / 360360.0
    q = q * i + 1.0 / 1188.0
    q = q * i - 1.0 / 1680.0
    q = q * i + 1.0 / 1260.0
    q = q * i - 1.0 / 360.0
    q = q * i + 1.0 / 12.0
    return q * w


@kernel
def stirling_remainder(z):
    """Return log Γ(z) - [(z - ½) log z - z + ½ log 2π] for z > 0 (eq. 2.3)."""
    small = z < SHIFT
    safe = choose(small, z, 1.0)
    product = safe
    for j in range(1, 10):
        product = product * (safe + float(j))
    up = safe + SHIFT
    # log Γ(z) = log Γ(z + 10) - log(z (z + 1) ... (z + 9)), with up¹⁰ over the product: the
    # logarithms are smaller than those of up and z, and so is their rounding.
    square = up * up
    fourth = square * square
    quotient = fourth * fourth * square / product
    shift = (safe - 0.5) * log(up / safe) + (log(quotient) - SHIFT)
    return _stirling_series(choose(small, z + SHIFT, z)) + choose(small, shift, 0.0)


@kernel
def _fall_series(p, z2, i2, c0, c1, c2, c3, c4, c5, c6):
    """Return the sum over k of c_k (1 - p z2^k) i2^k, k = 0 ... 6."""
    total = (1.0 - p) * c0
    power = i2
    p = p * z2
    total = total + power * (1.0 - p) * c1
    power = power * i2
    p = p * z2
    total = total + power * (1.0 - p) * c2
    power = power * i2
    p = p * z2
    total = total + power * (1.0 - p) * c3
    power = power * i2
    p = p * z2
    total = total + power * (1.0 - p) * c4
    power = power * i2
    p = p * z2
    total = total + power * (1.0 - p) * c5
    power = power * i2
    p = p * z2
    return total + power * (1.0 - p) * c6


@kernel
def stirling_difference_small(z, a):
    """Return δ(y + 1/a) - δ(1/a) for a <= 0.1, with z = 1/(1 + a y) (eq. 2.4).

    δ is the Stirling remainder; stable as a -> 0.
    """
    return -a * _fall_series(
        z, z * z, a * a, 1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0,
        -691.0 / 360360.0, 1.0 / 156.0,
    )  # fmt: skip


@kernel
def bernoulli_tail(z2, i2):
    """Return sum_k B_2k/2k (1 - z2^k) i2^(k-1), k = 1..7, the tail of eq. 2.8."""
    return _fall_series(
        z2, z2, i2, 1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0,
        -691.0 / 32760.0, 1.0 / 12.0,
    )  # fmt: skip


@kernel
def shifted_reciprocals(z):
    """Return the sum of 1/(z + j) over j = 0 ... 9, 1/z and 1/(z + 10), with one division."""
    rest = z + 1.0
    derivative = z * 0.0 + 1.0
    for j in range(2, 10):
        factor = z + float(j)
        derivative = derivative * factor + rest
        rest = rest * factor
    up = z + SHIFT
    product = z * rest
    inverse = 1.0 / (product * up)
    return (derivative * z + rest) * up * inverse, rest * up * inverse, product * inverse


@kernel
def reciprocals(z):
    """Return the sum of 1/(z + j) over j = 0 ... 9."""
    total, _, _ = shifted_reciprocals(z)
    return total
