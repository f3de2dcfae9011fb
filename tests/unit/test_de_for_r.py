"""What the R package is told of a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import countglm
from countglm.adapters.de_for_r import (
    adjustment_of,
    constant_trend,
    data_folder,
    named_adjustment,
    of_array,
    parametric_trend,
    result_arrays,
    transform,
)
from tests.support.analyses import N_GENES, ON_OFF, ZERO, analysis, study

pytestmark = pytest.mark.compiled


def test_columns_keep_their_order_and_every_bit() -> None:
    result = analysis()
    arrays = result_arrays(result)
    assert arrays["names"] == [name for name in result.table if name not in result.var]
    assert set(arrays["numbers"]) | set(arrays["words"]) == set(arrays["names"])
    for name, values in arrays["numbers"].items():
        assert values.tobytes() == result.table[name].to_numpy().tobytes()
    assert arrays["words"]["test"][ON_OFF] == "LRT"
    assert arrays["words"]["na_reason"][ZERO] == "all_zero"
    assert None in arrays["words"]["na_reason"]


def test_filtering_is_the_curve_and_its_choice() -> None:
    result = analysis()
    found = result_arrays(result)["filtering"]
    assert found["chosen"] == result.filtering.theta[result.filtering.chosen]
    assert found["theta"].shape == found["rejections"].shape == found["smooth"].shape
    unfiltered = result.test(result.contrast, independent_filtering=False)
    assert result_arrays(unfiltered)["filtering"] is None


def test_shrinkage_is_told_in_plain_values() -> None:
    result = analysis()
    assert result_arrays(result)["shrinkage"] is None
    record = result_arrays(result.shrink(method="apeglm"))["shrinkage"]
    assert record["method"] == "apeglm"
    assert all(isinstance(value, str | float | bool) for value in record.values())


def test_functions_of_lists_become_functions_of_arrays() -> None:
    doubled = of_array(lambda numbers: [2.0 * number for number in numbers])
    values = np.array([0.1, np.nan, 3.0])
    assert doubled(values).tobytes() == (2.0 * values).tobytes()
    assert of_array(lambda numbers: numbers[0])(values).shape == (1,)
    table = np.arange(6.0).reshape(2, 3)
    for array in (table, np.asfortranarray(table), table[:, :1], np.array(7.0)):
        assert doubled(array).shape == array.shape
        np.testing.assert_array_equal(doubled(array), 2.0 * array)


def test_a_given_adjustment_keeps_its_name() -> None:
    result = analysis()
    assert adjustment_of(result) == result.settings["p_adjust"]
    other = result.test(result.contrast, p_adjust=lambda p: p)
    assert adjustment_of(other) == "given"
    both = named_adjustment({"a": other, "b": other}, "holm")
    assert [adjustment_of(both[label]) for label in "ab"] == ["holm", "holm"]
    assert result_arrays(both["a"])["p_adjust"] == "holm"
    assert adjustment_of(both["a"].test(result.contrast, p_adjust="BY")) == "BY"


def test_data_folder_holds_the_studies() -> None:
    names = {path.name for path in Path(data_folder()).iterdir()}
    assert {"pasilla_counts.csv.gz", "pasilla_samples.csv", "airway_counts.csv.gz"} <= names


def test_trend_of_two_numbers_is_the_parametric_one() -> None:
    trend = parametric_trend(0.1, 2.0)
    assert trend.kind == "parametric"
    np.testing.assert_array_equal(trend([4.0]), [0.6])
    constant = constant_trend(0.2)
    assert constant.kind == "mean"
    np.testing.assert_array_equal(constant([4.0, 1e6]), [0.2, 0.2])


@pytest.mark.parametrize("verb", ["vst", "rlog"])
def test_transformed_counts_are_genes_by_samples(verb: str) -> None:
    counts = study().X
    values = transform(verb, counts, blind=True)
    assert values.shape == (N_GENES, counts.shape[0])
    expected = np.asarray(getattr(countglm, verb)(counts))
    assert values.T.tobytes() == expected.tobytes()
