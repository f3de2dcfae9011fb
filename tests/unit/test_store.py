"""Files of named arrays: what stands twice is stored once, and everything comes back."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from countglm._store import read_arrays, write_arrays

MEAN = np.random.default_rng(1).lognormal(size=3000)
NAMES = np.array([f"gene{i}" for i in range(3000)], dtype=object)
ARRAYS = {
    "mean": MEAN,
    "again": MEAN.copy(),
    "names": NAMES,
    "index": NAMES.copy(),
    "square": MEAN.reshape(60, 50),
    "transposed": MEAN.reshape(60, 50).T,
    "signed": np.array([0.0, -0.0]),
    "unsigned": np.array([0.0, 0.0]),
    "bits": MEAN.view(np.int64),
    "one": np.array(["a, b"], dtype=object),
    "two": np.array(["a", "b"], dtype=object),
    "nothing": np.zeros(0),
    "number": np.array(3.0),
}


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_everything_comes_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    write_arrays(path, "kind", ARRAYS, {"a": 1})
    found, meta = read_arrays(path, "kind")
    assert meta["a"] == 1
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tolist() == array.tolist()
    assert np.signbit(found["signed"]).tolist() == [False, True]


def test_what_stands_twice_is_stored_once(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x.h5", "kind", ARRAYS, {})
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["mean"] == file["again"]
        assert file["names"] == file["index"]
        assert len({file[name].id.__hash__() for name in file}) == len(ARRAYS) - 2
