"""``countglm shard``, ``run-shard`` and ``merge``: the files of ``countglm de``, from many jobs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import countglm
from countglm import _cluster_work
from countglm.cli import app
from countglm.cli.outcome import run_command
from tests.support import stored
from tests.support.clusters import same_bits

pytestmark = pytest.mark.compiled
MODEL = ("--design", "~ type + condition", "--contrast", "condition,treated,untreated")
NUMBERS = (
    "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "LSB_JOBINDEX", "SGE_TASK_ID",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _outside_of_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NUMBERS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with counts and samples as tables, and what countglm de makes of them."""
    folder = tmp_path_factory.mktemp("study")
    adata = countglm.datasets.pasilla()[:, :500].copy()
    pd.DataFrame(adata.X.T, index=adata.var_names, columns=adata.obs_names).to_csv(
        folder / "counts.tsv", sep="\t"
    )
    adata.obs.to_csv(folder / "samples.tsv", sep="\t")
    assert count("de", folder, *MODEL, "-o", folder / "de", "--lrt", "~ type") == 0
    return folder


def count(command: str, folder: Path, *options: Any) -> int:
    """Run a command on the tables of a folder."""
    tables = [folder / "counts.tsv", "--samples", folder / "samples.tsv"]
    return run_command(app, [command, *map(str, [*tables, *options])])


def run(*words: Any) -> int:
    return run_command(app, [str(word) for word in words])


def plan(study: Path, folder: Path, *options: Any, shards: int = 3) -> Path:
    asked = [*MODEL, "--lrt", "~ type", "--shards", shards, "-o", folder, *options]
    assert count("shard", study, *asked) == 0
    return folder


def assert_same_files(one: Path, other: Path) -> None:
    names = {path.name for path in other.iterdir()}
    assert names == {path.name for path in one.iterdir()}
    for name in names:
        if name.endswith(".tsv"):
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
        if name.endswith(".h5"):
            results = [countglm.DEResult.load(folder / name) for folder in (one, other)]
            assert same_bits(results[0].fit, results[1].fit) == []


def test_shards_one_after_another(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plan(study, tmp_path / "plan")
    told = capsys.readouterr().out
    assert "3 shards of 500 genes planned" in told
    assert f"sbatch --array=1-3 --wrap 'countglm run-shard {folder}'" in told
    words = json.loads((folder / "shards.json").read_text())
    assert words["ranges"][0][0] == 0
    assert words["ranges"][-1][1] == 500
    assert [stop for _, stop in words["ranges"][:-1]] == [start for start, _ in words["ranges"][1:]]

    computed = []
    for name, number in zip(NUMBERS[::2], (2, 1, 3), strict=True):
        monkeypatch.setenv(name, str(number))
        assert run("run-shard", folder, "--threads", 1, "--json") == 0
        monkeypatch.delenv(name)
        facts = json.loads(capsys.readouterr().out)
        assert facts["shard"] == number
        computed.append(facts["computed"])
    # Alone, the first does everything; the others find it done.
    assert computed[0] > 0
    assert computed[1:] == [0, 0]
    assert run("merge", folder, "-o", tmp_path / "merged") == 0
    assert_same_files(tmp_path / "merged", study / "de")


# A job that finishes one part, claims the next, says so, and goes no further.
STOPPING = """
import sys, time
from pathlib import Path
from countglm import _shared_parts
from countglm.cli import app
from countglm.cli.outcome import run_command

*words, stopped = sys.argv[1:]

class Stopping(_shared_parts.KeptParts):
    def put(self, digest, arrays):
        if any(self.folder.iterdir()):
            Path(stopped).touch()
            time.sleep(3600)
        super().put(digest, arrays)

_shared_parts.KeptParts = Stopping
sys.exit(run_command(app, words))
"""


def test_shards_side_by_side_one_of_them_killed(study: Path, tmp_path: Path) -> None:
    folder, stopped = plan(study, tmp_path / "plan", shards=2), tmp_path / "stopped"
    words = ["run-shard", str(folder), "--threads", "1"]
    with ExitStack() as ends:
        first = subprocess.Popen([sys.executable, "-c", STOPPING, *words, "1", str(stopped)])
        ends.callback(first.kill)
        while not stopped.exists():
            assert first.poll() is None
            time.sleep(0.02)
        claimed = {path.name for path in (folder / "parts-claims").glob("[!.]*")}
        second = subprocess.Popen([sys.executable, "-m", "countglm", *words, "2"])
        ends.callback(second.kill)
        while len([*(folder / "parts").iterdir()]) < 3:
            assert second.poll() is None
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        assert second.wait() == 0
    # What the first had claimed was not lost with it.
    assert claimed
    assert claimed <= {path.name for path in (folder / "parts").iterdir()}
    assert run("merge", folder, "-o", tmp_path / "merged") == 0
    assert_same_files(tmp_path / "merged", study / "de")


def test_merging_before_the_shards_have_run(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plan(study, tmp_path / "plan")
    capsys.readouterr()
    assert run("merge", folder, "-o", tmp_path / "merged") == 2
    told = capsys.readouterr().err
    assert "parts of 32 of a fit are missing" in told
    assert "missing or damaged; shards 1, 2, 3 have not finished: run them (again) with" in told
    assert not (tmp_path / "merged").exists()
    assert run("merge", folder, "-o", tmp_path / "merged", "--finish") == 0
    assert_same_files(tmp_path / "merged", study / "de")

    # A part that the disk has spoilt is missed, and made again by whatever shard comes by.
    damaged = sorted((folder / "parts").iterdir())[3]
    damaged.write_bytes(damaged.read_bytes()[:-7])
    assert run("merge", folder, "-o", tmp_path / "again") == 2
    assert "1 part of" in capsys.readouterr().err
    assert run("run-shard", folder, 3, "--threads", 1) == 0
    assert "1 part computed here" in capsys.readouterr().out
    assert run("merge", folder, "-o", tmp_path / "again") == 0
    assert_same_files(tmp_path / "again", study / "de")


def test_counts_larger_than_memory_are_put_in_order_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = stored.sparse_counts(n=40, genes=60)
    counts[:, 0] += 1  # size factors are of samples with counts
    path = stored.write(stored.study(counts), tmp_path / "cells.h5ad")
    model = ["--design", "~ condition", "--size-factors", "library", "--no-report"]
    assert run("de", path, *model, "-o", tmp_path / "de") == 0
    stored.in_runs(monkeypatch, on_disk=True)
    folder = tmp_path / "plan"
    assert run("shard", path, *model, "--shards", 2, "-o", folder) == 0
    scratch = folder / "counts.scratch"
    made = scratch.stat()
    for number in (1, 2):
        assert run("run-shard", folder, number, "--threads", 1) == 0
    assert (scratch.stat().st_ino, scratch.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert run("merge", folder, "-o", tmp_path / "merged") == 0
    assert_same_files(tmp_path / "merged", tmp_path / "de")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("counts.tsv", "counts.tsv have changed since the shards were planned"),
        ("samples.tsv", "samples.tsv has changed, or cannot be read here"),
        ("versions", "planned with numba 0.1, and here is"),
        ("plan", "shards.json cannot be read"),
        ("nothing", "is no folder of shards"),
    ],
)
def test_what_has_changed_is_refused(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, told: str
) -> None:
    for name in ("counts.tsv", "samples.tsv"):
        (tmp_path / name).write_bytes((study / name).read_bytes())
    folder = plan(tmp_path, tmp_path / "plan")
    path = folder / "shards.json"
    if what == "counts.tsv":
        text = (tmp_path / what).read_text()
        (tmp_path / what).write_text(text.replace("\t9\t", "\t10\t", 1))
    elif what == "samples.tsv":
        (tmp_path / what).write_text((tmp_path / what).read_text() + "\n")
    elif what == "versions":
        found = _cluster_work.what_computes()["numba"]
        path.write_text(path.read_text().replace(f'"numba": "{found}"', '"numba": "0.1"'))
    elif what == "plan":
        path.write_text(path.read_text()[:100])
    else:
        path.unlink()
    for words in (("run-shard", folder, 1), ("merge", folder, "-o", tmp_path / "out")):
        capsys.readouterr()
        assert run(*words) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "environment", "told"),
    [
        (4, {}, "SHARD is 4, and shards have the numbers 1 to 3; use an array 1-3."),
        (None, {}, "Which of 3 shards? Give its number, or run in an array job"),
        (None, {"LSB_JOBINDEX": "0"}, "Which of 3 shards?"),
        (None, {"SLURM_ARRAY_TASK_ID": "0"}, "SLURM_ARRAY_TASK_ID is 0, and shards"),
    ],
)
def test_numbers_of_shards(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int | None,
    environment: dict[str, str],
    told: str,
) -> None:
    folder = plan(study, tmp_path / "plan")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run("run-shard", folder, *([] if number is None else [number])) == 2
    assert told in capsys.readouterr().err


def test_mistakes_are_told_when_planning(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--shards", 2, "-o", tmp_path / "plan"]
    assert count("shard", study, "--design", "~ type + conditon", *asked) == 2
    assert count("shard", study, *MODEL, "--mode", "replay", *asked) == 2
    assert "use countglm de" in capsys.readouterr().err
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--by", "type"], "--by is not for shards; a plan is of one test: plan each group by"),
        (["--control", "a"], "--control is not for shards; a plan is of one test"),
        (["--across", "BH"], "--across is not for shards; a plan is of one test"),
        (["--threads", 2], "--threads is not for shards; each job has threads of its own"),
        (["--checkpoint", "a"], "--checkpoint is not for shards; the folder of the plan"),
        (["--scheduler", "tcp://a:1"], "--scheduler is not for shards; the jobs that run"),
    ],
)
def test_options_that_a_plan_does_not_take(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[Any], told: str
) -> None:
    assert count("shard", study, *MODEL, "--shards", 2, "-o", tmp_path / "plan", *option) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "plan").exists()


def test_help_names_the_options_that_a_plan_does_not_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("shard", "--help") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "but for --by, --control and --across" in words
    assert "--by COLUMN" not in words
    assert "--reference" in words
