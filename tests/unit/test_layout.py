"""How a design lies in segments, and where the numbers of eight genes lie in memory."""

from __future__ import annotations

import numpy as np
import pytest

from countglm._jit import LANES
from countglm.basis import make_basis
from countglm.kernels import layout

N = 11
DESIGN = np.column_stack([np.ones(N), np.arange(N) % 2, np.linspace(-1, 2, N) ** 2])


def test_parts_of_a_workspace_lie_one_behind_the_other() -> None:
    at = layout.place(10, 4, 3, 5)
    starts = list(at[7:])
    assert starts == sorted(starts)
    assert starts[0] == 0
    sizes = dict(zip(at._fields[7:], np.diff(starts).tolist(), strict=False))
    assert sizes["y"] == sizes["scale"] == sizes["weight"] == sizes["masses"] == 10
    assert sizes["first"] == sizes["second"] == 4
    assert sizes["coef"] == sizes["score"] == sizes["motion"] == sizes["kept"] == 3
    assert sizes["hessian"] == sizes["chol"] == sizes["inverse"] == sizes["fisher"] == 6
    assert sizes["raw_coef"] == sizes["errors"] == 5
    assert sizes["raw_hessian"] == 25
    assert layout.place(10, 4, 0, 1).hessian == layout.place(10, 4, 0, 1).raw_hessian
    assert (at.samples, at.rule, sizes["excess"]) == (10, 0, 0)


def test_room_for_nonzeros_beside_the_nodes_of_a_rule() -> None:
    at = layout.place(10, 4, 3, 5, layout.Nonzero(samples=900, capacity=70, table=33))
    sizes = dict(zip(at._fields[7:], np.diff(list(at[7:])).tolist(), strict=False))
    assert (at.n, at.samples, at.rule, at.table) == (10, 900, 1, 33)
    assert sizes["y"] == sizes["scale"] == sizes["weight"] == 10
    assert sizes["excess"] == sizes["excess_scale"] == 70
    assert sizes["values"] == sizes["masses"] == 33


@pytest.mark.parametrize("n", [1, 3, 50])
def test_a_workspace_begins_on_a_cache_line(n: int) -> None:
    at = layout.place(n, n, 1, 1)
    work = layout.make_work(at)
    assert work.shape == (at.end, LANES)
    assert work.flags.c_contiguous
    assert work.ctypes.data % 64 == 0


def frame_of(design: np.ndarray) -> layout.Frame:
    basis = make_basis(design)
    return layout.make_frame(basis.columns, basis.raw, basis.to_coef, basis.skeel)


def test_segments_are_runs_of_equal_rows_of_at_most_64() -> None:
    group = np.repeat([0, 1, 0, 2], [3, 200, 64, 65])
    frame = frame_of((group[:, None] == np.arange(3)).astype(float))
    np.testing.assert_array_equal(frame.bounds, [0, 3, 67, 131, 195, 203, 267, 331, 332])
    np.testing.assert_array_equal(np.argmax(frame.raw, axis=1), [0, 1, 1, 1, 1, 0, 2, 2])
    assert layout.SEGMENT == 64


def test_a_frame_holds_rows_and_their_products() -> None:
    frame = frame_of(DESIGN)
    basis = make_basis(DESIGN)
    np.testing.assert_array_equal(frame.bounds, np.arange(N + 1))
    np.testing.assert_array_equal(frame.raw, DESIGN)
    np.testing.assert_array_equal(frame.rows, basis.columns.T)
    below = np.tril_indices(3)
    outer = frame.rows[:, :, None] * frame.rows[:, None, :]
    np.testing.assert_array_equal(frame.products, outer[:, below[0], below[1]])
    assert frame.reach == pytest.approx(np.linalg.norm(frame.rows, axis=1).max(), rel=1e-15)
    # Another memory layout would compile the entry a second time.
    assert all(a.flags.c_contiguous for a in frame if isinstance(a, np.ndarray))


def test_a_frame_of_no_column() -> None:
    frame = layout.make_frame(np.zeros((0, 5)), np.ones((1, 5)), np.zeros((1, 0)), 1.0)
    assert frame.products.shape == (1, 0)
    assert frame.reach == 0.0
