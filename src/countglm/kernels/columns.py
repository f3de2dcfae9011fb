"""Names of the columns that the kernels write of every gene."""

from __future__ import annotations

# Statistics.
(
    DISPERSION,
    DEVIANCE,
    LOG_LIKELIHOOD,
    DECREMENT,
    BOUND,
    SCORE,
    MIN_EIGENVALUE,
    CONDITION,
    MAX_LEVERAGE,
    LEAD,
    N_STATS,
) = range(11)
# Counters; passes are those over the samples by the search of the dispersion.
STEPS, CONVERGED, MAXIMA, CODE, PASSES, N_COUNTERS = range(6)
# What screening finds, in the column CODE.
EXISTS, UNDECIDED, ALL_ZERO, NO_WEIGHT = range(4)
