"""Calls with a checkpoint: whatever stops them, the same call goes on and gives the same bits."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import _kept_arrays, _part_arrays, _provenance, differential_expression, fit_glm
from countglm._kept_parts import KeptParts
from countglm._warn import CountglmWarning
from countglm.errors import CheckpointError, CheckpointRefusedError, InputError
from tests.support.checkpoints import COUNTS, OBS, Sending, counted, kept
from tests.support.fresh import environment_of

pytestmark = pytest.mark.compiled
__all__ = ["counted"]
OPTIONS: dict[str, Any] = {"threads": 2, "block_size": 16}
PARTS_OF_STAGE = 10
KILLED = """
import os, signal, sys
from countglm import _kept_arrays, differential_expression
from tests.support.simulated import simulate

counts, obs = simulate(genes=150, samples=16, seed=3)
left = int(sys.argv[2])
replace = os.replace

def replaced(source, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

_kept_arrays.os.replace = replaced
differential_expression(
    counts, "~ group", obs=obs, checkpoint=sys.argv[1], threads=2, block_size=16
)
print("done")
"""


@pytest.fixture(scope="module")
def whole() -> Any:
    return differential_expression(COUNTS, "~ group", obs=OBS)


def resumed(folder: Path, **options: Any) -> Any:
    return differential_expression(
        COUNTS, "~ group", obs=OBS, checkpoint=folder, **OPTIONS | options
    )


def assert_same(one: Any, other: Any) -> None:
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    for name in ("coefficients", "standard_errors", "dispersion", "log_likelihood", "status",
                 "newton_decrement", "max_leverage", "n_iter", "separated_samples"):  # fmt: skip
        np.testing.assert_array_equal(getattr(one.fit, name), getattr(other.fit, name))
    for name in ("genewise", "trend", "map", "final"):
        np.testing.assert_array_equal(
            getattr(one.dispersion, name), getattr(other.dispersion, name)
        )


def test_a_run_that_is_killed_again_and_again(
    tmp_path: Path, whole: Any, counted: list[str]
) -> None:
    folder, before = tmp_path / "c", 0
    # The last is killed before anything is finished by it; the lock of each is left behind.
    for writes in (4, 9, 11, 0):
        run = subprocess.run(
            [sys.executable, "-c", KILLED, str(folder), str(writes)], check=False,
            env=environment_of(), cwd=Path(__file__).parents[2], capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == -signal.SIGKILL, run.stderr
        assert len(kept(folder)) >= before
        before = len(kept(folder))
    assert before >= 20
    assert (folder / "lock").read_text()
    assert_same(resumed(folder), whole)
    assert counted
    assert len(kept(folder)) == before + len(counted)
    counted.clear()
    assert_same(resumed(folder), whole)
    assert counted == []


def test_interrupts_lose_nothing(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, counted: list[str]
) -> None:
    put = KeptParts.put

    def interrupted(self: KeptParts, digest: str, arrays: Any) -> None:
        if len(counted) == 7:
            raise KeyboardInterrupt
        put(self, digest, arrays)

    with monkeypatch.context() as patched:
        patched.setattr(KeptParts, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resumed(tmp_path)
    assert len(kept(tmp_path)) == 7
    assert_same(resumed(tmp_path), whole)
    assert len(set(counted)) == len(counted)


@pytest.mark.parametrize("options", [{"block_size": 64}, {"block_size": None}, {"threads": 1}])
def test_other_blocks_and_threads_take_up_what_is_kept(
    tmp_path: Path, whole: Any, counted: list[str], options: dict[str, Any]
) -> None:
    resumed(tmp_path)
    counted.clear()
    assert_same(resumed(tmp_path, **options), whole)
    assert counted == []


def test_what_others_computed_is_taken_up_here(
    tmp_path: Path, whole: Any, counted: list[str]
) -> None:
    assert_same(resumed(tmp_path, client=Sending(1)), whole)
    counted.clear()
    assert_same(resumed(tmp_path), whole)
    assert counted == []


def test_another_contrast_takes_up_what_is_kept(tmp_path: Path, counted: list[str]) -> None:
    resumed(tmp_path)
    counted.clear()
    found = resumed(tmp_path, contrast=["group", "a", "b"], alpha=0.01, lfc_threshold=0.5)
    expected = differential_expression(
        COUNTS, "~ group", ["group", "a", "b"], obs=OBS, alpha=0.01, lfc_threshold=0.5
    )
    assert_same(found, expected)
    assert counted == []


def test_a_likelihood_ratio_keeps_its_smaller_design(tmp_path: Path, counted: list[str]) -> None:
    expected = differential_expression(COUNTS, "~ group", obs=OBS, test="lrt", reduced="~ 1")
    assert_same(resumed(tmp_path, test="lrt", reduced="~ 1"), expected)
    assert len(counted) > 3 * PARTS_OF_STAGE
    counted.clear()
    assert_same(resumed(tmp_path, test="lrt", reduced="~ 1"), expected)
    assert counted == []


def test_damaged_files_are_computed_again_with_one_warning(
    tmp_path: Path, whole: Any, counted: list[str]
) -> None:
    resumed(tmp_path)
    counted.clear()
    files = kept(tmp_path)
    damaged = [files[3], files[12], files[25]]
    damaged[0].write_bytes(damaged[0].read_bytes()[:-20])
    flipped = bytearray(damaged[1].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    damaged[1].write_bytes(flipped)
    damaged[2].write_bytes(b"")
    with pytest.warns(CountglmWarning) as told:
        again = resumed(tmp_path)
    assert_same(again, whole)
    assert len(told) == 1
    assert "3 files of the checkpoint" in str(told[0].message)
    assert sorted(counted) == sorted(path.name for path in damaged)
    counted.clear()
    assert_same(resumed(tmp_path), whole)
    assert counted == []


@pytest.mark.parametrize("step", ["open", "fsync"])
def test_a_full_disk_in_the_middle(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    written = 0

    def full(*_: Any) -> None:
        nonlocal written
        written += 1
        if written > PARTS_OF_STAGE + 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(*given: Any) -> Any:
        full()
        return open(*given)

    with monkeypatch.context() as patched:
        if step == "fsync":
            patched.setattr(os, "fsync", full)
        else:
            patched.setattr(_kept_arrays, "open", opened, raising=False)
        told = r"No space left on device\); 12 finished parts were kept. Make room"
        with pytest.raises(CheckpointError, match=told):
            resumed(tmp_path)
    assert len(kept(tmp_path)) == PARTS_OF_STAGE + 2
    assert_same(resumed(tmp_path), whole)


def test_changed_input_is_refused(tmp_path: Path) -> None:
    resumed(tmp_path)
    files = kept(tmp_path)
    changed = COUNTS.copy()
    changed.iloc[3, 70] += 1
    with pytest.raises(CheckpointRefusedError, match=r"\(other counts\)"):
        differential_expression(changed, "~ group", obs=OBS, checkpoint=tmp_path)
    other = OBS.assign(group=OBS["group"].to_numpy()[::-1])
    with pytest.raises(CheckpointRefusedError, match="other design matrix"):
        differential_expression(COUNTS, "~ group", obs=other, checkpoint=tmp_path)
    assert kept(tmp_path) == files


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tol": 1e-9}, "tol: 1e-08 there, 1e-09 here"),
        ({"fit_type": "mean"}, "fit_type: parametric there, mean here"),
        ({"prior_variance": 1.0}, "prior_variance: None there, 1.0 here"),
        ({"dispersion": 0.1}, "dispersion"),
        ({"zeros": "visit"}, "zeros: auto there, visit here"),
        ({"weights": np.r_[2.0, np.ones(15)]}, "other weights"),
    ],
)
def test_other_choices_are_refused(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    resumed(tmp_path)
    with pytest.raises(CheckpointRefusedError, match=told):
        resumed(tmp_path, **options)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed(tmp_path)
    here = _provenance.what_computes()
    monkeypatch.setattr(
        _provenance, "what_computes", lambda: here | {"countglm": "99.1", "numba": "0.1"}
    )
    told = f"countglm: {countglm.__version__} there, 99.1 here; numba: .* there, 0.1 here"
    with pytest.raises(CheckpointRefusedError, match=told):
        resumed(tmp_path)


def test_parts_of_another_version_are_not_taken_without_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[str]
) -> None:
    resumed(tmp_path)
    here, parts = _provenance.what_computes(), len(counted)
    for other, again in (({"processor": "another"}, 0), ({"numba": "0.1"}, parts)):
        counted.clear()
        (tmp_path / "manifest.json").unlink()
        monkeypatch.setattr(_provenance, "what_computes", lambda other=other: here | other)
        resumed(tmp_path)
        assert len(counted) == again


def test_a_second_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []
    put = _part_arrays.Collector.put

    def second(*given: Any) -> None:
        if not refused:
            with pytest.raises(CheckpointRefusedError, match=f"process {os.getpid()} on") as error:
                resumed(tmp_path)
            refused.append(error.value)
        put(*given)

    monkeypatch.setattr(_part_arrays.Collector, "put", second)
    resumed(tmp_path)
    assert len(refused) == 1


def test_replay_takes_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out checkpoint=, or choose mode='exact'"):
        resumed(tmp_path / "c", mode="replay")
    with pytest.raises(InputError, match="mode='replay'"):
        countglm.estimate_dispersion(
            COUNTS, "~ group", obs=OBS, mode="replay", checkpoint=tmp_path / "c"
        )
    assert not (tmp_path / "c").exists()


def test_fits_and_dispersions_keep_and_resume(tmp_path: Path, counted: list[str]) -> None:
    """Traces, offsets and weights of every gene, separated samples and zeros travel too."""
    values = COUNTS.to_numpy().copy()
    values[:8, 5] = 0
    values[:, 6] = 0
    rng = np.random.default_rng(8)
    shape = values.shape
    given: dict[str, Any] = {"trace": True}
    given |= {"offset": rng.normal(0, 0.1, shape), "weights": rng.uniform(0.5, 1.5, shape)}
    expected = fit_glm(values, "~ group", obs=OBS.reset_index(drop=True), **given)
    for _ in range(2):
        found = fit_glm(
            values, "~ group", obs=OBS.reset_index(drop=True), checkpoint=tmp_path / "fit", **given
        )
        for name in ("coefficients", "base_mean", "separation_pattern", "separated_samples"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        for one, other in zip(found.trace or (), expected.trace or (), strict=True):
            assert (one is None) == (other is None)
            for a, b in zip(one or (), other or (), strict=True):
                np.testing.assert_array_equal(a, b)
    stages = countglm.estimate_dispersion(COUNTS, "~ group", obs=OBS)
    for _ in range(2):
        again = countglm.estimate_dispersion(
            COUNTS, "~ group", obs=OBS, checkpoint=tmp_path / "dispersions"
        )
        np.testing.assert_array_equal(again.final, stages.final)
    assert len(counted) == len(set(counted))
