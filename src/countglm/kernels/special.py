"""Elementary and special functions of one number, accurate to rounding where kernels need it.

``exp`` and friends are branch-free polynomials so that loops over samples vectorise: the library
functions that Numba calls do not.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import bits_float, float_bits, kernel, stay_apart

LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634
# Adding this rounds to an integer and leaves it in the low bits of the mantissa.
ROUNDER = 6755399441055744.0
ROUNDER_BITS = 4843621399236968448
SQRT_HALF_BITS = 4604544271217802189
# exp() of these stays a normal number, also after a multiplication by a dispersion below 1e4.
EXP_MIN = -700.0
EXP_MAX = 700.0


@kernel
def _exp_tail(r):
    """Return (exp(r) - 1 - r) / r² for |r| <= ln(2)/2 by its Taylor polynomial (error < 2⁻⁵⁸)."""
    q = 1.0 / 6227020800.0
    q = q * r + 1.0 / 479001600.0
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
    x = EXP_MIN if x < EXP_MIN else x
    x = EXP_MAX if x > EXP_MAX else x
    shifted = x * LOG2_E + ROUNDER
    k = shifted - ROUNDER
    r = (x - k * LN2_HI) - k * LN2_LO
    scale = bits_float((float_bits(shifted) - ROUNDER_BITS + 1023) << 52)
    return (1.0 + (r + r * r * _exp_tail(r))) * scale


@kernel
def expm1(x):
    """Return eˣ - 1, x clipped to ±700, without cancellation near 0."""
    x = EXP_MIN if x < EXP_MIN else x
    x = EXP_MAX if x > EXP_MAX else x
    shifted = x * LOG2_E + ROUNDER
    k = shifted - ROUNDER
    r = (x - k * LN2_HI) - k * LN2_LO
    scale = bits_float((float_bits(shifted) - ROUNDER_BITS + 1023) << 52)
    return (r + r * r * _exp_tail(r)) * scale + (scale - 1.0)


@kernel
def _atanh_tail(z):
    """Return (2 atanh(s)/s - 2) / s² at z = s² <= 0.0295, by its series (error < 2⁻⁵⁶)."""
    q = 2.0 / 23.0
    q = q * z + 2.0 / 21.0
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
    bits = float_bits(x)
    e = (bits - SQRT_HALF_BITS) >> 52
    m = bits_float(bits - (e << 52))
    k = bits_float(ROUNDER_BITS + e) - ROUNDER
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    tail = s * (half_square + z * _atanh_tail(z))
    return k * LN2_HI - ((half_square - (tail + k * LN2_LO)) - f)


@kernel
def log1p(x):
    """Return log(1 + x) for x >= -1 (the limit is floored near -690), accurate near 0."""
    u = 1.0 + x
    u = 1e-300 if u < 1e-300 else u
    return log(u) + (x - (u - 1.0)) / u


@kernel
def log1p_ratio(x):
    """Return log(1 + x) / x, 1 at x = 0."""
    safe = x if x != 0.0 else 1.0
    value = log1p(safe) / safe
    return value if x != 0.0 else 1.0


@kernel
def _odd_series(t2):
    """Return 1/3 + t²/5 + t⁴/7 + ... for t² <= 0.0028, the tail shared by eqs. 2.1 and 2.2."""
    q = 1.0 / 15.0
    q = q * t2 + 1.0 / 13.0
    q = q * t2 + 1.0 / 11.0
    q = q * t2 + 1.0 / 9.0
    q = q * t2 + 1.0 / 7.0
    q = q * t2 + 1.0 / 5.0
    return q * t2 + 1.0 / 3.0


@kernel
def _excess(x, logarithm):
    """Return (x - logarithm) / x², by the series of log(1 + x) where x is small (eq. 2.1)."""
    ratio = 1.0 / (2.0 + x)
    t = x * ratio
    # x - log1p(x) = x t - 2 t³ (1/3 + t²/5 + ...), and t/x = 1/(2 + x).
    series = ratio - 2.0 * t * ratio * ratio * _odd_series(t * t)
    safe = x if abs(x) >= 0.1 else 1.0
    direct = (safe - logarithm) / (safe * safe)
    return series if abs(x) < 0.1 else direct


@kernel
def log1p_excess(x):
    """Return (x - log(1 + x)) / x², 1/2 at x = 0 (eq. 2.1); x > -1, free of branches."""
    return _excess(x, log1p(x))


@kernel
def quotient_excess(x, u):
    """Return ``log1p_excess(x)`` given u = 1 + x.

    For a caller whose quotient ``u`` is accurate where 1 + x has cancelled.
    """
    return _excess(x, log(u))


@kernel
def entropy_excess(x):
    """Return [(1 + x) log(1 + x) - x] / x² for x > -1, 1/2 at x = 0 (eq. 2.2)."""
    if abs(x) < 0.1:
        t = x / (2.0 + x)
        return (1.0 + (1.0 + t) * t * _odd_series(t * t)) / (2.0 + x)
    return ((1.0 + x) * math.log1p(x) - x) / (x * x)


@kernel
def stirling_remainder(z):
    """Return log Γ(z) - [(z - ½) log z - z + ½ log 2π] for z > 0 (eq. 2.3)."""
    stay_apart()
    extra = 0.0
    while z < 10.0:
        extra += (z + 0.5) * math.log1p(1.0 / z) - 1.0
        z += 1.0
    i = 1.0 / (z * z)
    q = 1.0 / 156.0
    q = q * i - 691.0 / 360360.0
    q = q * i + 1.0 / 1188.0
    q = q * i - 1.0 / 1680.0
    q = q * i + 1.0 / 1260.0
    q = q * i - 1.0 / 360.0
    q = q * i + 1.0 / 12.0
    return extra + q / z


@kernel
def stirling_difference(y, a):
    """Return δ(y + 1/a) - δ(1/a) for the Stirling remainder δ, stable as a -> 0 (eq. 2.4)."""
    stay_apart()
    if a > 0.1:
        r = 1.0 / a
        return stirling_remainder(y + r) - stirling_remainder(r)
    lam = math.log1p(a * y)
    a2 = a * a
    total = math.expm1(-lam) / 12.0
    power = a2
    total -= power * math.expm1(-3.0 * lam) / 360.0
    power *= a2
    total += power * math.expm1(-5.0 * lam) / 1260.0
    power *= a2
    total -= power * math.expm1(-7.0 * lam) / 1680.0
    power *= a2
    total += power * math.expm1(-9.0 * lam) / 1188.0
    power *= a2
    total -= power * math.expm1(-11.0 * lam) * (691.0 / 360360.0)
    power *= a2
    total += power * math.expm1(-13.0 * lam) / 156.0
    return a * total
