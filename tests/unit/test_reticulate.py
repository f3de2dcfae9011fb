"""What the R package calls, called as it calls: bytes, and errors and warnings as values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import CountglmWarning
from countglm._warn import warn
from countglm.adapters import _wire, reticulate
from countglm.errors import InputError
from tests.support.analyses import analysis

GENES = ["g1", "g2", "g3", "g4", "g5"]
SAMPLES = ["s1", "s2", "s3", "s4", "s5", "s6"]


def unpack(packed: Any) -> Any:
    """Read what R would read."""
    if not isinstance(packed, dict):
        return packed
    kind = packed[_wire.KIND]
    if kind == "list":
        return [unpack(each) for each in packed["values"]]
    if kind == "dict":
        return dict(
            zip(unpack(packed["names"]), [unpack(each) for each in packed["values"]], strict=True)
        )
    if kind == "text":
        texts = bytes(packed["data"]).decode().split("\0")[:-1]
        missing = np.frombuffer(packed["missing"], "<i4").tolist()
        return [None if i in missing else each for i, each in enumerate(texts)]
    dtype = "<f8" if kind == "float64" else "<i4"
    return np.frombuffer(packed["data"], dtype).reshape(packed["shape"], order="F")


def in_r(values: Any, kind: str) -> Any:
    """An array as R sends it: its memory in R's order, in two pieces."""
    values = np.asarray(values)
    array = reticulate.empty(kind, [float(size) for size in values.shape])
    flat = values.astype(array.dtype).ravel(order="F")
    half = flat.size // 2
    reticulate.fill(array, 0.0, bytearray(flat[:half].tobytes()))
    reticulate.fill(array, float(half), bytearray(flat[half:].tobytes()))
    return array


def names(values: list[str]) -> Any:
    return reticulate.text(bytearray("".join(f"{each}\0" for each in values).encode()))


@pytest.fixture(scope="module")
def r_counts() -> Any:
    rng = np.random.default_rng(4)
    return rng.negative_binomial(4, 0.05, size=(len(GENES), len(SAMPLES)))  # genes x samples


@pytest.fixture(scope="module")
def counts(r_counts: Any) -> Any:
    matrix = reticulate.dense(in_r(r_counts, "int32"))
    return reticulate.count_matrix(matrix, names(GENES), names(SAMPLES))


@pytest.fixture(scope="module")
def design(counts: Any) -> Any:
    matrix = in_r(np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]]), "float64")
    return reticulate.design(
        matrix, names(["(Intercept)", "conditionB"]), counts, formula="~ condition",
        levels={"condition": names(["A", "B"])},
        codings={"condition": in_r([[0, 0], [0, 1]], "float64")}, allow_saturated=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fit(counts: Any, design: Any) -> Any:
    return reticulate.fit_counts(counts, design)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(12).reshape(3, 4), "int32"),
        (np.array([[0.1, -0.0], [np.nan, np.inf], [5e-324, 1e308]]), "float64"),
        (np.array([True, False, True]), "bool"),
        (np.empty((0, 3)), "float64"),
        (np.arange(24.0).reshape(2, 3, 4), "float64"),
    ],
)
def test_arrays_keep_shape_and_bits(values: Any, kind: str) -> None:
    array = in_r(values, kind)
    assert array.flags.f_contiguous
    assert array.shape == values.shape
    assert array.tobytes() == values.astype(array.dtype).tobytes()
    assert unpack(reticulate.encode(array)).astype(array.dtype).tobytes() == array.tobytes()


def test_texts_keep_every_character() -> None:
    texts = ["Jürgen", "", "two\nlines", "β", "日本"]
    received = names(texts)
    assert received.tolist() == texts
    assert unpack(reticulate.encode(received)) == texts
    assert reticulate.text(b"a\0\0", [1.0]).tolist() == ["a", None]
    assert unpack(reticulate.encode(np.array(["a", None, np.nan], dtype=object))) == [
        "a", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.float64(0.1), 0.1),
        (np.int64(7), 7),
        (2**40, float(2**40)),
        (-(2**31), -(2.0**31)),
        ("grün", "grün"),
    ],
)
def test_scalars_stay(value: Any, expected: Any) -> None:
    encoded = reticulate.encode(value)
    assert encoded == expected
    assert type(encoded) is type(expected)


def test_integers_that_r_lacks_become_doubles() -> None:
    assert reticulate.encode(np.array([1, 2]))[_wire.KIND] == "int32"
    assert reticulate.encode(np.array([1, 2**31]))[_wire.KIND] == "float64"
    assert reticulate.encode(np.array([-(2**31)]))[_wire.KIND] == "float64"
    assert reticulate.encode(np.array([True]))[_wire.KIND] == "logical"


def test_collections_are_packed() -> None:
    value = {"ä": [1, "b", None], "c": ("x", "y"), "d": {}}
    assert unpack(reticulate.encode(value)) == {"ä": [1, "b", None], "c": ["x", "y"], "d": {}}
    table = pd.DataFrame(
        {"x": [0.5, np.nan], "f": pd.Categorical(["b", "a"]), "n": [1, 2]}, index=["g1", "g1"]
    )
    packed = reticulate.encode(table)
    assert packed[_wire.KIND] == "frame"
    assert unpack(packed["index"]) == ["g1", "g1"]
    assert unpack(packed["names"]) == ["x", "f", "n"]
    np.testing.assert_array_equal(unpack(packed["columns"][0]), [0.5, np.nan])
    assert unpack(packed["columns"][1]) == ["b", "a"]
    assert unpack(reticulate.encode(table["f"])) == ["b", "a"]
    assert reticulate.named(names(["ä"]), [1]) == {"ä": 1}


def test_what_r_has_no_value_for_is_refused() -> None:
    with pytest.raises(TypeError, match="R has no value for a object"):
        reticulate.encode(object())


def test_counts_are_turned_without_a_copy(r_counts: Any) -> None:
    array = in_r(r_counts, "int32")
    turned = reticulate.dense(array)
    assert turned.shape == (6, 5)
    assert np.shares_memory(turned, array)


def test_sparse_counts_share_the_arrays_of_r(r_counts: Any) -> None:
    from scipy.sparse import csc_matrix

    theirs = csc_matrix(r_counts.astype(float))
    parts = (theirs.indptr, theirs.indices, theirs.data)
    matrix = reticulate.sparse(*parts, 5, 6)
    assert matrix.format == "csr"
    assert np.shares_memory(matrix.data, theirs.data)
    np.testing.assert_array_equal(matrix.toarray(), r_counts.T)


def test_the_fit_is_that_of_python(fit: Any, r_counts: Any) -> None:
    obs = pd.DataFrame({"condition": list("AAABBB")})
    ours = countglm.fit_glm(r_counts.T, "~ condition", obs=obs)
    for name in ("coefficients", "standard_errors", "dispersion", "log_likelihood"):
        assert getattr(fit, name).tobytes() == getattr(ours, name).tobytes()
    arrays = reticulate.fit_arrays(fit)
    assert arrays["coefficients"].shape == (5, 2)
    assert arrays["status"][0] in arrays["sentences"]
    assert unpack(reticulate.encode(arrays))["gene_names"] == GENES


def test_contrasts_of_levels_are_known(fit: Any) -> None:
    vector, label = fit.design.contrast(["condition", "B", "A"])
    assert vector.tolist() == [0.0, 1.0]
    assert label == "condition B vs A"


def test_normalization_factors_are_offsets(counts: Any, design: Any) -> None:
    factors = np.exp(np.sin(np.arange(30.0))).reshape(6, 5)
    fit = reticulate.fit_counts(counts, design, normalization_factors=factors)
    same = countglm.fit_glm(counts, design, size_factors="none", offset=np.log(factors))
    assert fit.coefficients.tobytes() == same.coefficients.tobytes()


def test_what_methods_return_is_turned(fit: Any, r_counts: Any) -> None:
    genes = in_r([3, 0], "int32")
    np.testing.assert_array_equal(reticulate.means(fit, genes), fit.mu([3, 0]).T)
    response = reticulate.fit_residuals(fit, "response", genes)
    np.testing.assert_array_equal(response, r_counts[[3, 0]] - fit.mu([3, 0]).T)
    expected = reticulate.covariance(fit, genes)
    assert expected.shape == (2, 2, 2)
    np.testing.assert_array_equal(expected[:, :, 1], fit.covariance[0])
    observed = reticulate.covariance(fit, genes, observed=True)
    np.testing.assert_array_equal(observed[:, :, 0], fit.observed_covariance([3])[0])


def test_the_diagnosis_is_plain(fit: Any) -> None:
    found = unpack_dict(reticulate.encode(reticulate.diagnosis(fit)))
    assert unpack_dict(found["design"])["rank"] == 2
    assert found["genes"][_wire.KIND] == "frame"
    assert found["text"].startswith("Design: 6 samples")


def unpack_dict(packed: Any) -> dict[str, Any]:
    return dict(zip(unpack(packed["names"]), packed["values"], strict=True))


def test_plain_designs_go_by_position(fit: Any) -> None:
    smaller = reticulate.plain_design(in_r(np.ones((6, 1)), "float64"), ["one"])
    table = countglm.likelihood_ratio_test(fit, smaller)
    assert table["pvalue"].between(0, 1).all()


def test_tables_of_samples_keep_levels() -> None:
    frame = reticulate.frame(
        names(["x", "f"]), [in_r([1.5, 2.5], "float64"), names(["b", "a"])],
        [None, names(["b", "a"])], names(["s1", "s2"]),
    )  # fmt: skip
    assert frame["f"].cat.categories.tolist() == ["b", "a"]
    assert frame.index.tolist() == ["s1", "s2"]
    assert frame["x"].tolist() == [1.5, 2.5]


def test_a_call_returns_any_object(counts: Any, design: Any) -> None:
    outcome = reticulate.call("fit_counts", [counts, design], {"dispersion": 0.1})
    assert outcome["ok"]
    assert outcome["warnings"] == []
    again = reticulate.call("method", [outcome["value"], "mu"], [])
    assert again["value"].shape == (6, 5)
    assert reticulate.call("estimate_size_factors", [counts], {})["ok"]
    assert reticulate.call("_wire.encode", [1], {})["value"] == 1


def test_mistakes_are_values_in_the_words_of_r(r_counts: Any) -> None:
    outcome = reticulate.call("fit_glm", [r_counts + 0.5, np.ones((5, 1))], {})
    assert not outcome["ok"]
    assert outcome["error_class"] == "input"
    assert "allow_noninteger = TRUE" in outcome["message"]
    assert "Traceback" not in outcome["message"]


def test_other_failures_keep_their_trace() -> None:
    outcome = reticulate.call("fit_glm", [1, 2], {"nothing": 3})
    assert outcome["error_class"] == "TypeError"
    assert "Traceback" in outcome["trace"]
    assert "Traceback" not in outcome["message"]


def test_warnings_are_values(r_counts: Any) -> None:
    repeated = names(["g", "g", "g3", "g4", "g5"])
    outcome = reticulate.call(
        "count_matrix", [reticulate.dense(in_r(r_counts, "int32")), repeated, names(SAMPLES)], {}
    )
    assert outcome["ok"]
    assert len(outcome["warnings"]) == 1
    assert "'g'" in outcome["warnings"][0]
    with pytest.warns(CountglmWarning):
        warn("outside of a call warnings are warnings")


def test_names_of_samples_are_checked(r_counts: Any) -> None:
    with pytest.raises(InputError, match="sample_names has 2 names for 6 samples"):
        reticulate.count_matrix(r_counts.T, names(GENES), names(["s1", "s2"]))
    with pytest.raises(InputError, match="'s1' occurs more than once"):
        reticulate.count_matrix(r_counts.T, names(GENES), names(["s1"] * 6))


def test_words_depend_on_what_was_called() -> None:
    outcome = reticulate.call("shrink", [None], {"method": "ash"})
    assert outcome["error_class"] != "input"
    mistake = {"method": "other", "mode": "exact"}
    outcome = reticulate.call("shrink", [analysis()], mistake)
    assert outcome["message"] == "type='other' is not known; choose from apeglm, ashr, normal."
