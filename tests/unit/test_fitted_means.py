"""Fitted means of a fit: zero in the limit, whatever the finite part of the coefficients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from countglm import Status, fit_glm

# SPNCRNA.193 of a time course in fission yeast: two strains, six times, three replicates.
COUNTS = [0] * 12 + [1, 0, 0, 1, 3, 0, 0, 2, 0, 0, 1, 0, 4, 0, 0, 2] + [0] * 8
MINUTES = [0.0, 15.0, 30.0, 60.0, 120.0, 180.0]


def test_separated_samples_have_mean_zero_where_their_finite_part_overflows() -> None:
    obs = pd.DataFrame(
        {
            "strain": np.repeat(["wt", "zz"], 18),
            "t": np.tile(np.repeat(MINUTES, 3), 2),
        }
    )
    fit = fit_glm(
        np.array(COUNTS)[:, None], "~ strain * ns(t, df=3)", obs=obs, dispersion=0.1,
        size_factors="none",
    )  # fmt: skip
    assert fit.status[0] == Status.SEPARATED
    x = fit.design.matrix
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp((x * fit.finite_coefficients[0]).sum(axis=1))).any()
    mu = fit.mu()[:, 0]
    assert (mu >= 0.0).all()
    assert np.isfinite(mu).all()
    assert (mu[:12] == 0.0).sum() >= 1
