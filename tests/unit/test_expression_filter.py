"""The filter by expression: its rule on small tables, its options and its mistakes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from countglm import InputError
from countglm.expression_filter import filter_by_expression

# Ten samples; a gene that carries the libraries, so that one million counts are one library.
LIBRARY = 1_000_000


def table(*genes):
    """Counts (10, m + 1) of the given genes beside one that fills each library to a million."""
    y = np.array(genes).T
    return np.column_stack([y, LIBRARY - y.sum(axis=1)])


def test_the_count_is_needed_in_as_many_samples_as_the_smallest_group_has():
    group = ["a"] * 3 + ["b"] * 7
    three, two, nine = [10] * 3 + [0] * 7, [10] * 2 + [0] * 8, [9] * 10
    kept = filter_by_expression(table(three, two, nine), group=group)
    assert kept.tolist() == [True, False, False, True]


def test_without_groups_all_samples_are_one():
    y = table([10] * 10, [10] * 9 + [9])
    assert filter_by_expression(y).tolist() == [True, False, True]


def test_a_count_on_the_bound_is_enough():
    # 10 / 1.5 and 10 * (1 / 1.5) differ in the last digit; the rule compares products.
    y = [[6, 6], [10, 9], [13, 13]]
    kept = filter_by_expression(y, group=[0, 1, 2], lib_size=[1.0e6, 1.5e6, 2.0e6])
    assert kept.tolist() == [True, False]


def test_total_counts_are_needed_beside_the_count():
    y = table([5, 5, 4] + [0] * 7, [5, 5, 5] + [0] * 7)
    group = ["a"] * 3 + ["b"] * 7
    kept = filter_by_expression(y, group=group, min_count=4)
    assert kept.tolist() == [False, True, True]


@pytest.mark.parametrize(("samples", "expected"), [(16, False), (17, True)])
def test_large_groups_need_only_a_share_of_the_samples_beyond(samples, expected):
    # A group of 20: 10 + 10 * 0.7 = 17 samples.
    y = np.zeros((40, 2), dtype=int)
    y[:samples, 0] = 20
    y[:, 1] = LIBRARY - y[:, 0]
    assert filter_by_expression(y, group=np.repeat([0, 1], 20))[0] == expected


def test_a_one_way_design_has_the_smallest_group_as_its_number():
    group = np.repeat([0, 1], [3, 7])
    y = np.random.default_rng(1).negative_binomial(1, 0.1, (10, 300))
    options = {"min_count": 3, "min_total_count": 0}
    by_group = filter_by_expression(y, group=group, **options)
    cell_means = np.column_stack([group == 0, group == 1]).astype(float)
    treatment = np.column_stack([np.ones(10), group])
    for design in (cell_means, treatment):
        assert np.array_equal(filter_by_expression(y, design, **options), by_group)
    assert 0 < by_group.sum() < 300


def test_groups_are_matched_by_sample_name():
    y = pd.DataFrame(table([10] * 3 + [0] * 7), index=[f"s{i}" for i in range(10)])
    group = pd.Series(["a"] * 3 + ["b"] * 7, index=y.index)[::-1]
    assert filter_by_expression(y, group=group)[0]
    assert filter_by_expression(y, group="g", obs=pd.DataFrame({"g": group})[::-1])[0]


def test_an_anndata_brings_its_sample_table():
    y = table([10] * 3 + [0] * 7)
    adata = AnnData(
        y, obs=pd.DataFrame({"g": list("aaabbbbbbb")}, index=[f"s{i}" for i in range(10)])
    )
    expected = filter_by_expression(y, group=list("aaabbbbbbb"))
    assert np.array_equal(filter_by_expression(adata, group="g"), expected)
    assert np.array_equal(filter_by_expression(adata, "~ g"), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": -1}, "min_count"),
        ({"min_count": "a"}, "min_count='a'"),
        ({"min_prop": "a"}, "min_prop='a'"),
        ({"min_total_count": np.nan}, "min_total_count"),
        ({"large_n": np.inf}, "large_n"),
        ({"min_prop": 1.1}, "between 0 and 1"),
        ({"group": "g"}, "no column of the sample table"),
        ({"group": [1, 2]}, "group has shape"),
        ({"group": [1, None] + [2] * 8}, "no label for sample 1"),
        ({"group": [1] * 10, "design": np.ones((10, 1))}, "not both"),
        ({"lib_size": [1.0] * 9}, "one positive finite number"),
        ({"lib_size": [0.0] + [1.0] * 9}, "1 not positive"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(InputError, match=message):
        filter_by_expression(table([10] * 10), **options)


def test_a_sample_without_counts_is_named():
    y = np.ones((4, 3), dtype=int)
    y[2] = 0
    with pytest.raises(InputError, match="sample 2"):
        filter_by_expression(y)
