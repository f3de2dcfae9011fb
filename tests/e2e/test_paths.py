"""Verbs and commands on paths and backed files, read whole or in parts: always the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.errors import InputError
from tests.support import stored
from tests.support.stored import sparse_counts, study, write

COUNTS = sparse_counts(4, n=24, genes=30)
COUNTS[:, :3] += 1
COUNTS[3] += 2
DESIGN, CONTRAST = "~ batch + condition", ["condition", "b", "a"]


@pytest.fixture(params=["whole", "memory", "disk"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "whole":
        stored.in_runs(monkeypatch, on_disk=request.param == "disk")
    return str(request.param)


@pytest.fixture(scope="module")
def expected() -> countglm.DEResult:
    return countglm.differential_expression(study(COUNTS, "dense"), DESIGN, CONTRAST)


def assert_same(found: countglm.DEResult, expected: countglm.DEResult) -> None:
    pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
    for name in ("coefficients", "standard_errors", "dispersion", "size_factors"):
        assert getattr(found.fit, name).tobytes() == getattr(expected.fit, name).tobytes(), name
    assert found.fit.counts_fingerprint == expected.fit.counts_fingerprint


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_differential_expression_of_a_path(
    tmp_path: Path, form: str, suffix: str, expected: countglm.DEResult
) -> None:
    path = write(study(COUNTS, form), tmp_path / f"cells.{suffix}")
    found = countglm.differential_expression(path, DESIGN, CONTRAST, layer="counts")
    assert_same(found, expected)
    # Counts are there as long as the result is.
    np.testing.assert_allclose(found.fit.mu(), expected.fit.mu(), rtol=0)
    assert not list(tmp_path.glob("*scratch*"))


@pytest.mark.usefixtures("room")
def test_steps_of_a_backed_study(tmp_path: Path, expected: countglm.DEResult) -> None:
    path = write(study(COUNTS), tmp_path / "cells.h5ad")
    backed = ad.read_h5ad(path, backed="r")
    data = study(COUNTS, "dense")
    fit = countglm.fit_glm(backed, DESIGN, threads=2, memory_limit="8GB")
    assert fit.coefficients.tobytes() == countglm.fit_glm(data, DESIGN).coefficients.tobytes()
    found = countglm.estimate_dispersion(backed, DESIGN, block_size=3)
    wanted = countglm.estimate_dispersion(data, DESIGN)
    assert found.final.tobytes() == wanted.final.tobytes()
    sums, whole = (countglm.pseudobulk(each, "batch", min_cells=1) for each in (backed, data))
    np.testing.assert_array_equal(
        sums.X.toarray() if hasattr(sums.X, "toarray") else sums.X, whole.X
    )
    collapsed = countglm.collapse_replicates(backed, "batch")
    np.testing.assert_array_equal(collapsed.X, whole.X)
    loaded = countglm.GLMFit
    fit.save(tmp_path / "fit.h5")
    again = loaded.load(tmp_path / "fit.h5")
    np.testing.assert_array_equal(again.mu(counts=backed), fit.mu())
    backed.file.close()


def test_the_command_reads_what_is_too_large_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(study(COUNTS), tmp_path / "cells.h5ad")
    arguments = ["de", str(path), "--design", DESIGN, "--contrast", ",".join(CONTRAST),
                 "--layer", "counts", "--json", "--no-report"]  # fmt: skip
    told = {}
    for name in ("whole", "parts"):
        if name == "parts":
            stored.in_runs(monkeypatch, on_disk=True)
            monkeypatch.setattr("countglm.cli.normalized.MOST_ENTRIES", COUNTS.size - 1)
        kept = ["--checkpoint", str(tmp_path / "kept"), "--memory-limit", "8GB", "--h5ad"]
        options = [*arguments, "-o", str(tmp_path / name), *(kept if name == "parts" else [])]
        assert run_command(app, options) == 0
        told[name] = json.loads(capsys.readouterr().out)
    assert told["whole"]["counts_fingerprint"] == told["parts"]["counts_fingerprint"]
    assert told["whole"]["contrasts"] == [
        {key: value for key, value in each.items() if key != "h5ad_key"}
        for each in told["parts"]["contrasts"]
    ]
    table = told["whole"]["contrasts"][0]["file"]
    assert (tmp_path / "whole" / table).read_bytes() == (tmp_path / "parts" / table).read_bytes()
    assert (tmp_path / "whole" / "normalized_counts.tsv").is_file()
    assert told["whole"]["normalized_counts"] == "normalized_counts.tsv"
    assert told["parts"]["normalized_counts"] is None
    assert not (tmp_path / "parts" / "normalized_counts.tsv").exists()
    assert told["whole"]["n_zeros_by_rule"] == 0
    assert not list((tmp_path / "kept").glob("counts.scratch*"))
    again = ad.read_h5ad(tmp_path / "parts" / "result.h5ad")
    np.testing.assert_array_equal(np.asarray(again.layers["counts"].todense()), COUNTS)


def test_a_limit_that_is_too_low_says_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("countglm._backed.resident_memory", lambda: 50_000_000)
    path = write(study(COUNTS), tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match=r"memory_limit=60 MB is too little .* give at least"):
        countglm.fit_glm(path, DESIGN, memory_limit="60MB")
    options = ["fit", str(path), "--design", DESIGN, "-o", str(tmp_path / "out")]
    assert run_command(app, [*options, "--memory-limit", "60MB"]) == 2
    assert "give at least 85.5 MB" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_keeps_the_scratch_file_until_the_run_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: countglm.DEResult
) -> None:
    stored.in_runs(monkeypatch, on_disk=True)
    path, kept = write(study(COUNTS), tmp_path / "cells.h5ad"), tmp_path / "kept"
    arguments = (path, DESIGN, CONTRAST)
    with monkeypatch.context() as broken:
        broken.setattr("countglm.workflows.deseq2.prepare_model", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            countglm.differential_expression(*arguments, layer="counts", checkpoint=kept)
    assert (kept / "counts.scratch").is_file()
    assert (kept / "counts.scratch.json").is_file()
    with monkeypatch.context() as unread:
        unread.setattr("countglm._backed.make_runs", lambda *a, **k: 1 / 0)
        found = countglm.differential_expression(*arguments, layer="counts", checkpoint=kept)
    assert_same(found, expected)
    assert not list(kept.glob("counts.scratch*"))


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("command", ["de", "fit"])
def test_a_study_too_large_to_be_written_again_is_refused(
    command: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write(study(COUNTS, "dense"), tmp_path / f"cells.{kind}")
    arguments = [command, str(path), "--design", DESIGN, "--layer", "counts", "--h5ad",
                 "-o", str(tmp_path / "out"), "--memory-limit", "1GB"]  # fmt: skip
    monkeypatch.setattr("countglm._memory.resident_memory", lambda: 10**9 - COUNTS.size)
    monkeypatch.setattr("countglm._backed.resident_memory", lambda: 0)
    monkeypatch.setattr("countglm._backed.room_for_counts", lambda limit: limit)
    assert run_command(app, arguments) == 2
    said = capsys.readouterr().err
    assert "--h5ad loads" in said
    assert "which --memory-limit 1 GB does not allow" in said
    assert not (tmp_path / "out").exists()
