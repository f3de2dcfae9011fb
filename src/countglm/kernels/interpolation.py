"""Cubics through the points of a search: where a slope falls through zero, where it may dip.

``t`` (increasing) and ``g`` hold ``count`` points.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart

# Steps of the root of a cubic, which costs nothing beside a point.
MAX_STEPS = 60
# A dip to less than this part of the smaller end is looked into.
SHALLOW = 0.5


@kernel
def slope_at(t, g, count, i):
    """Return the derivative at point ``i`` of the parabola through it and its neighbours."""
    j = min(max(i, 1), count - 2)
    h0, h1 = t[j] - t[j - 1], t[j + 1] - t[j]
    d0, d1 = (g[j] - g[j - 1]) / h0, (g[j + 1] - g[j]) / h1
    curve = (d1 - d0) / (h0 + h1)
    return d0 + curve * (2.0 * t[i] - t[j - 1] - t[j])


@kernel
def gentle(rise, h, beyond, gap, limit):
    """Return whether the parabola's derivative is 0 to ``limit`` times the slope of a cell.

    ``beyond`` is the rise over ``gap``, on the other side of the point.  A cubic whose derivatives
    at both ends are at most 3 times the slope goes one way (Fritsch and Carlson 1980); at the end
    of all points the derivative is twice the slope less the other.
    """
    steep = abs(beyond) * h * h + abs(rise) * gap * gap
    return beyond * rise > 0.0 and steep <= limit * abs(rise) * gap * (gap + h)


@kernel
def dips(t, g, count, i):
    """Return whether the slope may cross zero unseen between points ``i`` and ``i + 1``."""
    a, b = g[i], g[i + 1]
    if count < 3 or not (abs(a) < math.inf and abs(b) < math.inf):
        return False
    rise, h = b - a, t[i + 1] - t[i]
    first, final = i == 0, i + 2 == count
    limit = 2.0 if first or final else 3.0
    calm = first or gentle(rise, h, a - g[i - 1], t[i] - t[i - 1], limit)
    if calm and (final or gentle(rise, h, g[i + 2] - b, t[i + 2] - t[i + 1], limit)):
        return False
    m0, m1 = h * slope_at(t, g, count, i), h * slope_at(t, g, count, i + 1)
    if not (abs(m0) < math.inf and abs(m1) < math.inf):
        return False
    crossings, last, least = 0, a, math.inf
    for k in range(1, 5):
        u = 0.25 * k
        v = 1.0 - u
        # The cubic of these values and derivatives (Hermite).
        value = v * v * ((1.0 + 2.0 * u) * a + u * m0) + u * u * ((3.0 - 2.0 * u) * b - v * m1)
        if (value > 0.0) != (last > 0.0):
            crossings += 1
        last = value
        along = value if a > 0.0 else -value
        least = along if k < 4 and along < least else least
    if (a > 0.0) == (b > 0.0):
        return least < SHALLOW * min(abs(a), abs(b))
    return crossings > 1


@kernel
def local_slope(t, g, count, i):
    """Return the steepness between point ``i`` and the nearest other; 0 where it is unknown."""
    j = i - 1 if i > 0 else i + 1
    if 0 < i < count - 1 and t[i + 1] - t[i] < t[i] - t[i - 1]:
        j = i + 1
    steep = abs((g[j] - g[i]) / (t[j] - t[i]))
    return steep if steep < math.inf else 0.0


@kernel
def window(t, g, count, i):
    """Return first and last of up to four finite points nearest to the smaller end of a cell."""
    low, high = i, i + 1
    if not (abs(g[i]) < math.inf and abs(g[i + 1]) < math.inf):
        return low, high
    centre = t[i] if abs(g[i]) < abs(g[i + 1]) else t[i + 1]
    for _ in range(2):
        left = low > 0 and abs(g[low - 1]) < math.inf
        right = high + 1 < count and abs(g[high + 1]) < math.inf
        if left and (not right or centre - t[low - 1] <= t[high + 1] - centre):
            low -= 1
        elif right:
            high += 1
    return low, high


@kernel
def falling_root(t, g, count, i):
    """Return a zero of the cubic through the points around cell ``i``, inside the cell."""
    stay_apart()
    a, b = t[i], t[i + 1]
    if not (abs(g[i]) < math.inf and abs(g[i + 1]) < math.inf):
        # Nothing is known but the sign: go down where the slope is infinite at 0.
        return a + 0.125 * (b - a)
    low, high = window(t, g, count, i)
    # Divided differences (Newton).
    c0 = g[low]
    d0 = (g[low + 1] - g[low]) / (t[low + 1] - t[low])
    c2, c3 = 0.0, 0.0
    if high - low >= 2:
        d1 = (g[low + 2] - g[low + 1]) / (t[low + 2] - t[low + 1])
        c2 = (d1 - d0) / (t[low + 2] - t[low])
        if high - low >= 3:
            d2 = (g[low + 3] - g[low + 2]) / (t[low + 3] - t[low + 2])
            c3 = ((d2 - d1) / (t[low + 3] - t[low + 1]) - c2) / (t[low + 3] - t[low])
    t0, t1 = t[low], t[low + 1]
    t2 = t[low + 2] if high - low >= 2 else 0.0
    x = a + (b - a) * (g[i] / (g[i] - g[i + 1]))
    for _ in range(MAX_STEPS):
        x0, x1, x2 = x - t0, x - t1, x - t2
        value = c0 + x0 * (d0 + x1 * (c2 + x2 * c3))
        slope = d0 + c2 * (x0 + x1) + c3 * (x1 * x2 + x0 * x2 + x0 * x1)
        if value > 0.0:
            a = x
        else:
            b = x
        step = value / slope if slope != 0.0 else math.inf
        new = x - step
        # Newton's method squares the error once more.
        if abs(step) <= 1e-8 * abs(x):
            return min(max(new, a), b)
        x = new if a < new < b else 0.5 * (a + b)
    return x
