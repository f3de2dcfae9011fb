"""Genes of a fit, fitted again: within the memory that the fit was given, with the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm import _refit, confidence_intervals, fit_glm, likelihood_ratio_test
from tests.support.simulated import simulate

pytestmark = pytest.mark.compiled
COUNTS, OBS = simulate(genes=60, samples=16, seed=5)


def test_blocks_are_no_larger_than_those_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    run, sizes = _refit.run_blocks, set()

    def recorded(*given: Any, block_size: int, **options: Any) -> Any:
        sizes.add(block_size)
        return run(*given, block_size=block_size, **options)

    monkeypatch.setattr(_refit, "run_blocks", recorded)
    tests = []
    for genes in (None, 4):
        sizes.clear()
        fit = fit_glm(COUNTS, "~ group", obs=OBS, threads=1, block_size=genes)
        table = likelihood_ratio_test(fit, ["Intercept"], threads=1)
        bounds = confidence_intervals(fit, fit.coef_names[-1], method="profile", threads=1)
        tests.append((table, bounds))
        assert (max(sizes) == 4) == (genes is not None)
    for one, other in zip(*tests, strict=True):
        for name in one.select_dtypes("number"):
            np.testing.assert_array_equal(one[name], other[name])
