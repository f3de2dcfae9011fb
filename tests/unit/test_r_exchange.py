"""What crosses to the child process and back keeps every bit."""

from __future__ import annotations

import numpy as np
import pytest

from countglm.adapters.r._exchange import read_tree, write_tree

NAN_OF_R = np.array([0x7FF00000000007A2], dtype=np.uint64).view(np.float64)


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, -0.0, np.inf, -np.inf, 5e-324, np.nextafter(1.0, 2.0)]),
        NAN_OF_R,
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.random.default_rng(1).normal(size=(4, 3)),
        np.empty((0, 3)),
        np.array([True, False]),
    ],
    ids=["extremes", "R's NA", "whole", "matrix", "empty", "flags"],
)
def test_arrays_keep_their_bits(array, tmp_path) -> None:
    write_tree(tmp_path, "request", {"values": array})
    back = read_tree(tmp_path, "request")["values"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_a_tree_keeps_its_form_and_text(tmp_path) -> None:
    tree = {
        "größe": ["Müller", "", "a\nb"],
        "none": None,
        "nested": [{"a": 0.1, "b": True}, [1, 2]],
        "empty": {},
        "infinite": float("inf"),
    }
    write_tree(tmp_path, "request", tree)
    assert read_tree(tmp_path, "request") == tree


def test_numbers_of_numpy_become_plain_ones(tmp_path) -> None:
    write_tree(tmp_path, "request", {"n": np.int64(3), "x": np.float64(0.1), "t": (1, 2)})
    assert read_tree(tmp_path, "request") == {"n": 3, "x": 0.1, "t": [1, 2]}


def test_an_unfinished_answer_is_none(tmp_path) -> None:
    assert read_tree(tmp_path, "answer") is None
    (tmp_path / "answer.npz").write_bytes(b"half of it")
    assert read_tree(tmp_path, "answer") is None
