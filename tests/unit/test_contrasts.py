import itertools

import numpy as np
import pandas as pd
import pytest

from countglm.counts import as_count_matrix
from countglm.design import as_design
from countglm.errors import InputError

SAMPLES = [f"s{i}" for i in range(12)]


@pytest.fixture
def obs():
    columns = {
        "condition": pd.Categorical(["u", "t"] * 6, categories=["u", "t", "never"]),
        "batch": ["b1", "b1", "b2", "b2", "b3", "b3"] * 2,
        "minute": np.repeat([0, 15, 60], 4),
        "t": np.linspace(0.0, 11.0, 12) ** 1.3,
    }
    return pd.DataFrame(columns, index=SAMPLES)


def counts_of():
    return as_count_matrix(pd.DataFrame(np.ones((12, 3)), index=SAMPLES))


CODINGS = [
    "~ condition + batch",
    "~ 0 + condition + batch",
    "~ 0 + batch + condition",
    "~ batch - 1",
    "~ C(batch, contr.treatment(base='b2'))",
    "~ C(batch, contr.sum) + condition",
    "~ C(batch, contr.helmert)",
    "~ C(batch, contr.poly)",
    "~ C(batch, contr.diff) + t",
    "~ factor(batch) + bs(t, df=3)",
]


@pytest.mark.parametrize("formula", CODINGS)
def test_contrast_of_levels_in_every_coding(obs, formula):
    """The contrast of two samples that differ in one factor only is their difference in eta."""
    design = as_design(formula, counts_of(), obs=obs)
    base = obs.iloc[[4]]
    for tested, reference in itertools.permutations(["b1", "b2", "b3"], 2):
        vector, label = design.contrast(["batch", tested, reference])
        assert label == f"batch {tested} vs {reference}"
        rows = design.rebuild(pd.concat([base.assign(batch=b) for b in (tested, reference)]))
        np.testing.assert_allclose(vector, rows[0] - rows[1], atol=1e-12)


def test_contrast_with_interactions_is_the_main_effect(obs):
    design = as_design("~ condition * C(minute)", counts_of(), obs=obs)
    vector, _ = design.contrast(["condition", "t", "u"])
    assert dict(zip(design.names, vector, strict=True))["condition[T.t]"] == 1.0
    assert np.count_nonzero(vector) == 1
    vector, label = design.contrast(["minute", 60, "15"])
    weights = {name: w for name, w in zip(design.names, vector, strict=True) if w}
    assert weights == {"C(minute)[T.15]": -1.0, "C(minute)[T.60]": 1.0}
    assert label == "minute 60 vs 15"
    numeric = as_design("~ condition * t", counts_of(), obs=obs)
    assert numeric.contrast(["condition", "u", "t"])[0].tolist() == [0, -1, 0, 0]


def test_contrast_of_a_factor_without_main_effect(obs):
    design = as_design("~ batch + batch:condition", counts_of(), obs=obs)
    with pytest.raises(InputError, match="no main effect"):
        design.contrast(["condition", "t", "u"])


def test_contrast_by_name_and_by_numbers(obs):
    design = as_design("~ batch + condition", counts_of(), obs=obs)
    vector, label = design.contrast("condition[T.t]")
    assert vector.tolist() == [0, 0, 0, 1]
    assert label == "condition[T.t]"
    vector, label = design.contrast(np.array([0, 1, -0.5, 0]))
    assert vector.dtype == np.float64
    assert label == "batch[T.b2] - 0.5*batch[T.b3]"
    assert design.contrast((0, 0, 0, 2))[1] == "2*condition[T.t]"


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        (
            "condition[T.u]",
            r"no column 'condition\[T\.u\]' \(did you mean 'condition\[T\.t\]'\?\)\.",
        ),
        ("zzz", r"Columns: 'Intercept', .* Factor 'condition': 'u', 't'\."),
        (["condition", "t"], "has 2 entries; give"),
        (["condition", "t", "x"], "'x' is no level of 'condition'; its levels are 'u', 't'"),
        (
            ["condition", "T", "u"],
            r"'T' is no level of 'condition' \(did you mean 't'\?\); its levels",
        ),
        (
            ["conditon", "t", "u"],
            r"no factor of the design \(did you mean 'condition'\?\); a column",
        ),
        (["condition", "t", "never"], "'never' is no level"),
        (["condition", "t", "t"], "with itself"),
        (["minute", 60, 0], r"'minute' is no factor .* C\(minute\)"),
        ([1, 0], r"shape \(2,\) and the design 5 columns"),
        ([0, 0, 0, 0, 0], "not all zero"),
        ([0, 0, np.nan, 0, 0], "must be finite"),
        ([0, "a", 0, 0, 1], "mixes numbers"),
        (7, "neither a column name"),
        ([], "neither a column name"),
        (None, "neither a column name"),
    ],
)
def test_contrasts_that_mean_nothing(obs, contrast, message):
    design = as_design("~ batch + condition + minute", counts_of(), obs=obs)
    with pytest.raises(InputError, match=message):
        design.contrast(contrast)
