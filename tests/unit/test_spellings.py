"""Names and levels that differ in case, spaces and punctuation."""

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm._spellings import respelled, warn_of_like_levels
from countglm._warn import CountglmWarning, gathered


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["A 1", "B"], ["a_1", "B"], {"A 1": "a_1"}),
        (["X1.2"], ["1-2"], {"X1.2": "1-2"}),
        (["A1"], ["A 1"], {}),  # words are not joined: 11 could be 1 1 and 1.1
        (["a", "A"], ["a"], {}),  # two that could be it
        (["A"], ["a", "a "], {}),
        (["a"], ["a"], {}),
        (["CD4+"], ["CD4-"], {}),  # signs say something
        (["cd4+ 1"], ["CD4+_1"], {"cd4+ 1": "CD4+_1"}),
        (["cd4-.1"], ["CD4- 1"], {"cd4-.1": "CD4- 1"}),
        (["-1"], ["1"], {}),
    ],
)
def test_only_what_can_mean_one_name_is_respelled(names, known, expected):
    assert respelled(names, known) == expected


def levels_told(**factors):
    with gathered() as told:
        warn_of_like_levels(factors)
    return told


def test_levels_that_may_be_one_are_named():
    assert levels_told(drug=["Dex", "Untreated", "untreated"], line=["a b", "a_b", "c"]) == [
        "Levels differ only in case, spaces or punctuation ('Untreated', 'untreated' of 'drug'; "
        "'a b', 'a_b' of 'line') and were taken as different; write them alike if they are one."
    ]
    assert levels_told(dose=["-1", "1", "+", "-", "++"], time=[1, 2, 12]) == []


def test_a_fit_warns_once_of_such_levels():
    counts = np.random.default_rng(0).poisson(50, (9, 4))
    obs = pd.DataFrame({"drug": ["dex", "ctrl", "Ctrl"] * 3, "note": ["OK", "ok", "Ok"] * 3})
    with pytest.warns(CountglmWarning, match="'Ctrl', 'ctrl' of 'drug'") as caught:
        fit = countglm.fit_glm(counts, "~ drug", obs=obs, family="poisson")
    assert len(caught) == 1
    assert "note" not in str(caught[0].message)
    assert fit.provenance["warnings"] == [str(caught[0].message)]
