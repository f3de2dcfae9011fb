"""Dispersion of one gene at fixed means: the maximum of its Cox-Reid adjusted likelihood.

Where a workflow fixes the means before it searches the dispersion (docs/math.md, 14.2), nothing
is re-maximised.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import entry, kernel, stay_apart

from .certificate import leverages
from .dispersion import slope_sum
from .gene import expected_weights, gram, half_deviance_sum, lay_out, saturated_log_likelihood
from .search import BEST, COMPARE, COUNT, DONE, PHASE, advance, begin
from .smallmat import factor, invert_factor, log_determinant


@kernel
def adjusted(y, w, alpha, basis, ws, prior_log, prior_precision, want_value):
    """Return the adjusted log-likelihood at ``ws.mu`` (eq. 5.1), or its slope in alpha (eq. 5.3).

    A basis without rows leaves the adjustment out.
    """
    stay_apart()
    expected_weights(w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.hessian)
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        return math.nan
    gap = math.log(alpha) - prior_log if prior_precision > 0.0 and alpha > 0.0 else math.inf
    if want_value:
        value = saturated_log_likelihood(y, w, alpha) - half_deviance_sum(y, w, alpha, ws.mu)
        value -= 0.5 * log_determinant(ws.chol, ws.scale)
        return value - 0.5 * prior_precision * gap * gap if prior_precision > 0.0 else value
    if prior_precision > 0.0 and alpha == 0.0:
        return math.inf
    invert_factor(ws.chol, ws.scale, ws.inverse)
    leverages(basis, ws.inverse, ws.scratch, ws.eta)
    # The means do not move with alpha.
    ws.step_eta[:] = 0.0
    slope = slope_sum(y, w, alpha, ws)
    return slope - prior_precision * gap / alpha if prior_precision > 0.0 else slope


@entry
def fixed_means_block(
    y, mu, weight, basis, cap, prior_log, prior_precision, scratch, alpha_out, maxima_out
):
    """Set the best dispersion on [0, cap] of every gene of a block, and its local maxima.

    ``y`` and ``mu`` (g, n) are padded over samples, ``weight`` (n,) is 0 there; ``prior_log``
    (g,) is the centre of a normal prior of the log dispersion, of one precision, 0 for none.
    """
    ws = lay_out(scratch)
    for g in range(y.shape[0]):
        yg = y[g]
        largest = 0.0
        for i in range(yg.size):
            ws.mu[i] = mu[g, i]
            largest = max(largest, yg[i])
        alpha = begin(ws.search, largest, cap)
        while ws.search[PHASE] != DONE:
            answer = adjusted(
                yg, weight, alpha, basis, ws, prior_log[g], prior_precision,
                ws.search[PHASE] == COMPARE,
            )  # fmt: skip
            alpha = advance(ws.search, ws.maxima, alpha, answer)
        alpha_out[g] = ws.search[BEST]
        maxima_out[g] = int(ws.search[COUNT])
