"""Groups from files, in little memory, stopped and resumed, on a cluster: the same bits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest

from countglm import GroupedResult, InputError, differential_expression
from countglm._checkpoint import Checkpoint
from countglm.errors import CheckpointRefusedError
from countglm.workflows import by
from tests.support.screens import cells, screen
from tests.support.stored import in_runs, write

OPTIONS = {"size_factors": "library", "replicates": False, "fit_type": "mean"}


def of_cells(data, **options) -> GroupedResult:
    return differential_expression(data, "~ condition", by="kind", **OPTIONS | options)


def of_screen(data, **options) -> GroupedResult:
    return differential_expression(
        data, "~ batch + guide", by="guide", control="none", **OPTIONS | options
    )


@cache
def expected(kind: str) -> pd.DataFrame:
    return (of_cells(cells(lonely=False)) if kind == "cells" else of_screen(screen())).table


def assert_expected(found: GroupedResult, kind: str) -> None:
    pd.testing.assert_frame_equal(found.table, expected(kind), check_exact=True)


@pytest.mark.parametrize("form", ["csr", "csc", "dense", "zarr"])
def test_counts_in_files(form: str, tmp_path: Path) -> None:
    adata = cells(lonely=False)
    if form in ("csc", "dense"):
        adata.X = adata.X.tocsc() if form == "csc" else adata.X.toarray()
    path = write(adata, tmp_path / ("cells.zarr" if form == "zarr" else "cells.h5ad"))
    assert_expected(of_cells(path), "cells")


@pytest.mark.parametrize("on_disk", [False, True])
def test_counts_that_do_not_fit_in_memory(
    on_disk: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(screen(), tmp_path / "screen.h5ad")
    in_runs(monkeypatch, on_disk=on_disk)
    backed = ad.read_h5ad(path, backed="r")
    found = of_screen(backed)
    assert_expected(found, "screen")
    # Now the counts of a target are picked from the file.
    shrunken = found["t1"].shrink(method="normal").table["log2FoldChange"]
    assert shrunken.equals(
        of_screen(screen())["t1"].shrink(method="normal").table["log2FoldChange"]
    )
    backed.file.close()


@pytest.mark.parametrize("share", [0.0, 1e-7, 3e-7, 1e-6])
def test_groups_in_little_memory(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 2**30
    monkeypatch.setattr(by, "room_for_counts", lambda limit: room)
    monkeypatch.setattr(by, "_SHARE_OF_ROOM", share * 30)
    assert_expected(of_cells(cells(lonely=False), memory_limit="4GB"), "cells")
    assert_expected(of_screen(screen()), "screen")


def test_a_call_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(cells(lonely=False), tmp_path / "cells.h5ad")
    folder = tmp_path / "kept"
    whole, calls = by._Run.fit, []

    def stopped(self, group, held):
        calls.append(group.label)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, group, held)

    monkeypatch.setattr(by._Run, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        of_cells(path, checkpoint=folder)
    monkeypatch.undo()
    kept = {part: part.stat().st_mtime_ns for part in folder.glob("NK_*/parts/*")}
    assert kept
    assert_expected(of_cells(path, checkpoint=folder), "cells")
    assert {part: part.stat().st_mtime_ns for part in folder.glob("NK_*/parts/*")} == kept
    assert len(list(folder.glob("T_*/manifest.json"))) == 1
    assert not list(folder.glob("counts.scratch*"))


def test_a_folder_in_use_or_of_something_else_stops_the_call(tmp_path: Path) -> None:
    adata = cells(lonely=False)
    held = Checkpoint(tmp_path / "kept")
    with pytest.raises(CheckpointRefusedError, match="in use"):
        of_cells(adata, checkpoint=tmp_path / "kept")
    held.close()
    of_cells(adata, checkpoint=tmp_path / "kept")
    with pytest.raises(CheckpointRefusedError, match="of something else"):
        of_cells(adata, checkpoint=tmp_path / "kept", max_dispersion=5.0)


def test_a_cluster_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    opened = []
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        connect = Client.__init__

        def counted(self, *args, **options) -> None:
            opened.append(args)
            connect(self, *args, **options)

        monkeypatch.setattr(Client, "__init__", counted)
        assert_expected(of_screen(screen(), client=cluster.scheduler_address), "screen")
        assert len(opened) == 1
        assert_expected(of_cells(cells(lonely=False), client=client), "cells")
    with pytest.raises(InputError, match="no Dask client"):
        of_cells(cells(), client=3)
