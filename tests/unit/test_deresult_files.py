"""DEResult in a file and in a pickle: everything but the counts, to the bit."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from countglm._frames import pack_frame, unpack_frame
from countglm._store import read_arrays, write_arrays
from countglm.deresult import DEResult
from countglm.errors import InputError
from countglm.results import GLMFit
from tests.support.analyses import CONTRAST, SPIKED, analysis, study

pytestmark = pytest.mark.compiled


def assert_same(one: Any, other: Any) -> None:
    """Equal in every field, arrays to the bit, except the counts and the state of the formula."""
    assert type(one) is type(other)
    for each in fields(one):
        a, b = getattr(one, each.name), getattr(other, each.name)
        if each.name in ("counts", "spec", "trace"):
            continue
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, each.name
            np.testing.assert_array_equal(a, b, err_msg=each.name)
        elif each.name == "codings":
            assert all(np.array_equal(a[name], b[name]) for name in a.keys() | b.keys())
        elif hasattr(a, "__dataclass_fields__"):
            assert_same(a, b)
        else:
            assert a == b or (a != a and b != b), each.name


@pytest.fixture(scope="module", params=["h5", "npz"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / f"result.{request.param}"
    analysis().save(path)
    return path


@pytest.mark.parametrize("fit_type", ["parametric", "local", "mean"])
def test_round_trip_by_trend(fit_type: str, tmp_path: Path) -> None:
    result = analysis(fit_type=fit_type)
    result.save(tmp_path / "result.h5")
    again = DEResult.load(tmp_path / "result.h5")
    assert_same(result, again)
    means = np.geomspace(0.01, 1e6, 50)
    np.testing.assert_array_equal(
        result.dispersion.trend_function(means), again.dispersion.trend_function(means)
    )


def test_save_load_and_pickle_pydeseq2_330_254_341(stored: Path) -> None:
    """Results could not be saved or pickled elsewhere: both give everything back."""
    loaded, pickled = DEResult.load(stored), pickle.loads(pickle.dumps(analysis()))
    assert_same(analysis(), loaded)
    assert_same(analysis(), pickled)
    assert loaded.fit.counts is None
    assert pickled.fit.counts is None
    assert str(loaded.summary()) == str(analysis().summary())


def test_no_counts_travel_in_a_pickle() -> None:
    assert analysis().fit.counts is not None, "pickling changes a copy"
    assert b"CountMatrix" not in pickle.dumps(analysis())


@pytest.mark.parametrize(
    "choices",
    [
        {"dispersion": 0.1},
        {"fit_type": lambda mean: 0.1 + 0.0 * mean},
        {"cooks_cutoff": False},
        {"independent_filtering": False},
        {"mode": "replay"},
        {"interval": "wald"},
    ],
    ids=lambda choices: next(iter(choices)),
)
def test_round_trip_of_other_analyses(choices: dict[str, Any], tmp_path: Path) -> None:
    result = analysis(**choices)
    result.save(tmp_path / "result.h5")
    for again in (DEResult.load(tmp_path / "result.h5"), pickle.loads(pickle.dumps(result))):
        if callable(choices.get("fit_type")):
            assert again.dispersion.trend_function is None, "a function stays with its caller"
            again = replace(
                again,
                dispersion=replace(
                    again.dispersion, trend_function=result.dispersion.trend_function
                ),
            )
        assert_same(result, again)


def test_shrunken_results_round_trip(tmp_path: Path) -> None:
    shrunken = analysis().shrink(method="apeglm", svalue=True, threads=1)
    shrunken.save(tmp_path / "result.h5")
    assert_same(shrunken, DEResult.load(tmp_path / "result.h5"))


class TestLaterTests:
    def test_counts_as_given_serve_although_outliers_were_replaced(self, stored: Path) -> None:
        loaded = DEResult.load(stored)
        assert SPIKED in loaded.outliers.replaced_gene
        again = loaded.test(CONTRAST, counts=study(), threads=1)
        pd.testing.assert_frame_equal(again.table, analysis().table, check_exact=True)
        kept = analysis().fit.require_counts()
        assert loaded.require_counts(study()).fingerprint() == kept.fingerprint()
        assert loaded.require_counts(kept).fingerprint() == kept.fingerprint()

    def test_counts_are_asked_for_and_recognised(self, stored: Path) -> None:
        loaded = DEResult.load(stored)
        with pytest.raises(InputError, match="pass them as counts="):
            loaded.test(CONTRAST)
        other = study()
        other.X[0, 0] += 1
        for wrong in (other, study()[:, :50], study().X.T):
            with pytest.raises(InputError, match="are not the counts of this fit"):
                loaded.test(CONTRAST, counts=wrong)

    def test_formulas_find_the_saved_sample_table(self, stored: Path) -> None:
        ratio = {"test": "lrt", "reduced": "~ batch", "threads": 1}
        later = DEResult.load(stored).test(CONTRAST, counts=study(), **ratio)
        direct = analysis().test(CONTRAST, **ratio)
        pd.testing.assert_frame_equal(later.table, direct.table, check_exact=True)


class TestFiles:
    def test_nothing_is_overwritten_without_force(self, stored: Path) -> None:
        with pytest.raises(InputError, match="exists already"):
            analysis().save(stored)
        analysis().save(stored, force=True)

    def test_a_fit_is_no_result_and_the_reverse(self, stored: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="does not hold a GLMFit"):
            GLMFit.load(stored)
        analysis().fit.save(tmp_path / "fit.h5")
        with pytest.raises(InputError, match="does not hold a DEResult"):
            DEResult.load(tmp_path / "fit.h5")

    @pytest.mark.parametrize(
        "lost", ["fit.coefficients", "table.0", "contrast", "dispersion.final", "outliers.outlier"]
    )
    def test_damage_is_an_input_error(self, lost: str, tmp_path: Path) -> None:
        analysis().save(tmp_path / "result.h5")
        with h5py.File(tmp_path / "result.h5", "a") as file:
            del file[lost]
        with pytest.raises(InputError, match=r"result\.h5 is damaged"):
            DEResult.load(tmp_path / "result.h5")

    def test_parts_of_different_size_are_damage(self, tmp_path: Path) -> None:
        analysis().save(tmp_path / "whole.h5")
        arrays, meta = read_arrays(tmp_path / "whole.h5", "DEResult")
        arrays["contrast"] = arrays["contrast"][:-1]
        write_arrays(tmp_path / "result.h5", "DEResult", arrays, meta)
        with pytest.raises(InputError, match="not of the same genes and coefficients"):
            DEResult.load(tmp_path / "result.h5")


class TestFrames:
    def test_columns_of_every_type(self) -> None:
        frame = pd.DataFrame(
            {
                "mixed": [1, "a", None, np.nan, pd.NA, True, 2.5, ["list", 1]],
                "none": [None] * 8,
                "words": ["a", "b"] * 4,
                "time": pd.date_range("2020-01-01", periods=8),
                "span": pd.to_timedelta(np.arange(8), unit="s"),
                "small": np.arange(8, dtype=np.int8),
                "single": np.linspace(0, 1, 8, dtype=np.float32),
                "order": pd.Categorical(list("abcabcab"), categories=list("cba"), ordered=True),
                "numbers": pd.Categorical([3, 1, 2, 3, 1, 2, None, 1]),
                "whole": pd.array([1, None] * 4, dtype="Int32"),
                "truth": pd.array([True, None] * 4, dtype="boolean"),
                "real": pd.array([1.5, None] * 4, dtype="Float64"),
            },
            index=pd.Index(list("hgfedcba"), name="name"),
        )
        arrays: dict[str, Any] = {}
        meta = pack_frame(frame, "frame", arrays)
        again = unpack_frame(meta, "frame", arrays)
        pd.testing.assert_frame_equal(again, frame, check_exact=True)
        assert again["mixed"].iloc[4] is pd.NA
        assert again["mixed"].iloc[2] is None

    def test_repeated_and_odd_names_stay(self) -> None:
        frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 7], index=pd.Index([5]))
        arrays: dict[str, Any] = {}
        again = unpack_frame(pack_frame(frame, "frame", arrays), "frame", arrays)
        pd.testing.assert_frame_equal(again, frame)
        assert unpack_frame(pack_frame(None, "none", arrays), "none", arrays) is None

    def test_no_columns_and_no_rows(self) -> None:
        arrays: dict[str, Any] = {}
        bare = pd.DataFrame(index=pd.Index(["a", "b"]))
        pd.testing.assert_index_equal(
            unpack_frame(pack_frame(bare, "bare", arrays), "bare", arrays).index, bare.index
        )

    def test_other_objects_become_text_with_a_warning(self) -> None:
        frame = pd.DataFrame({"where": [Path("a"), Path("b")]})
        arrays: dict[str, Any] = {}
        with pytest.warns(UserWarning, match=r"1 column\(s\) of obs hold objects .*'where'"):
            meta = pack_frame(frame, "obs", arrays)
        assert unpack_frame(meta, "obs", arrays)["where"].tolist() == ["a", "b"]
