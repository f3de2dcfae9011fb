"""The caution of a contrast that compares nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.report.caution_design import INTERCEPT, of_intercept_alone
from countglm.report.cautions import find_cautions
from countglm.report.sample_facts import sample_facts

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize(
    ("design", "contrast", "alone"),
    [
        ("~ 1", "Intercept", True),
        ("~ group", "Intercept", True),
        ("~ group", "group[T.b]", False),
        ("~ group", [1.0, 0.5], False),
    ],
)
def test_the_intercept_alone_compares_nothing(design: str, contrast: object, alone: bool) -> None:
    rng = np.random.default_rng(2)
    counts = rng.negative_binomial(5, 0.1, (8, 150))
    obs = pd.DataFrame({"group": list("aaaabbbb")})
    result = countglm.differential_expression(
        counts, design, contrast, obs=obs, threads=1, fit_type="mean"
    )
    assert of_intercept_alone(result) == alone
    told = [each.told for each in find_cautions({"": result}, sample_facts(result))]
    assert (INTERCEPT in told) == alone
