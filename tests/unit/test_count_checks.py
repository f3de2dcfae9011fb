from decimal import Decimal

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from countglm.counts import as_count_matrix
from countglm.errors import InputError


def frame(values, dtype=None):
    table = pd.DataFrame(
        values,
        index=[f"s{i}" for i in range(values.shape[0])],
        columns=[f"g{i}" for i in range(values.shape[1])],
    )
    return table if dtype is None else table.astype(dtype)


def test_exact_up_to_the_limit():
    limit = 2**53
    x = np.array([[limit, limit - 1], [0, 1]])
    for values in (x, x.astype(np.uint64), x.astype(float), x.astype(object), x.tolist()):
        assert as_count_matrix(values).block(0, 2).tolist() == [[limit, 0], [limit - 1, 1]]
    for dtype in (np.int64, np.uint64, object):
        with pytest.raises(InputError, match=r"larger than 2\^53 \(9007199254740993 at sample 0"):
            as_count_matrix((x + np.array([[1, 0], [0, 0]])).astype(dtype))


def test_allow_noninteger():
    x = np.array([[0.5, 1.0], [2.0, 3.25]])
    assert as_count_matrix(x, allow_noninteger=True).block(0, 1).tolist() == [[0.5, 2.0]]
    for bad in (-0.5, np.nan, np.inf):
        with pytest.raises(InputError):
            as_count_matrix(np.where(x == 0.5, bad, x), allow_noninteger=True)


@pytest.mark.parametrize("wrap", [np.asarray, frame, sp.csr_array, lambda v: da.from_array(v, 2)])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, r"2 counts are missing \(NaN\), first at sample"),
        (-3.0, r"2 counts are negative, first -3\.0 at sample"),
        (np.inf, r"2 counts are infinite, first inf at sample"),
        (1.5, r"2 counts are not whole numbers, first 1\.5 at sample"),
        (1e16, r"2 counts are larger than 2\^53, first 1e\+16 at"),
    ],
)
def test_bad_values_are_counted_and_placed(wrap, bad, message):
    x = np.ones((4, 6))
    x[1, 4] = x[3, 4] = bad
    with pytest.raises(InputError, match=message) as caught:
        as_count_matrix(wrap(x))
    assert "1" in str(caught.value).split("gene")[0]
    assert "4" in str(caught.value).split("gene")[1]


def test_one_bad_value_reads_as_one():
    x = np.ones((3, 3), dtype=int)
    x[2, 1] = -4
    with pytest.raises(
        InputError, match=r"^One count is negative \(-4 at sample 's2', gene 'g1'\)"
    ):
        as_count_matrix(frame(x))


def test_missing_values_of_other_kinds():
    nullable = frame(np.ones((3, 3)), "Int64")
    nullable.iloc[1, 2] = pd.NA
    masked = np.ma.MaskedArray(np.ones((3, 3)), np.eye(3) * [[0, 0, 1]])
    objects = np.ones((3, 3), dtype=object)
    objects[0, 1] = None
    for values, place in [
        (nullable, "sample 's1', gene 'g2'"),
        (masked, r"sample 2 \(counted from 0\), gene '2'"),
        (objects, r"sample 0 \(counted from 0\), gene '1'"),
    ]:
        with pytest.raises(InputError, match=rf"One count is missing \(NaN\) \(at {place}\)"):
            as_count_matrix(values)


def test_things_that_are_no_numbers():
    table = frame(np.ones((3, 2), dtype=int))
    with pytest.raises(InputError, match=r"3 entries .* text, first 'ACTB' .* gene 'symbol'"):
        as_count_matrix(table.assign(symbol="ACTB"))
    for values, message in [
        ([["1", "2"], ["3", "4"]], "hold text"),
        ([[1, 2], [3, "4"]], "hold text"),
        (np.array([[1, Decimal(2)], [3, 4]], dtype=object), "type Decimal"),
        (np.ones((2, 2), dtype=complex), "complex"),
        (np.ones((2, 2), dtype="M8[s]"), "dates"),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"] * 2)}), "no number but of type"),
        (np.zeros((2, 2), dtype=[("a", int)]), "no plain numbers"),
        (np.array([[10**400, 1], [1, 1]], dtype=object), r"larger than 2\^53"),
    ]:
        with pytest.raises(InputError, match=message):
            as_count_matrix(values)
