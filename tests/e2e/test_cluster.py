"""The same call on a cluster of processes: the same bits, whoever works and whoever dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import differential_expression, fit_glm
from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.errors import InputError
from tests.support.clusters import Killing, cluster, same_bits

if TYPE_CHECKING:
    from distributed import Client

# Dask's client and its workers live in this process and its children, and say so when they end.
pytestmark = pytest.mark.compiled
FORMULA, CONTRAST = "~ type + condition", ["condition", "treated", "untreated"]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster(2, threads=2) as made:
        yield made


@pytest.fixture(scope="module")
def study() -> Any:
    return countglm.datasets.pasilla()[:, :600].copy()


@pytest.fixture(scope="module")
def here(study: Any) -> Any:
    return differential_expression(study, FORMULA, CONTRAST, threads=1)


def assert_same(one: Any, other: Any) -> None:
    assert same_bits(one.fit, other.fit) == []
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    for name in ("genewise", "trend", "map", "final"):
        np.testing.assert_array_equal(
            getattr(one.dispersion, name), getattr(other.dispersion, name)
        )


@pytest.mark.parametrize("block_size", [None, 64, 250])
def test_same_bits_on_a_cluster(client: Client, study: Any, here: Any, block_size: int) -> None:
    found = differential_expression(study, FORMULA, CONTRAST, client=client, block_size=block_size)
    assert_same(found, here)


def test_a_fit_with_everything_by_address(client: Client, study: Any) -> None:
    address = client.scheduler.address
    rng = np.random.default_rng(3)
    given = {
        "offset": rng.normal(size=study.shape) / 10, "weights": rng.uniform(0.5, 1.0, study.shape),
        "trace": True, "size_factors": "library",
    }  # fmt: skip
    found = fit_glm(study, FORMULA, client=address, block_size=100, **given)
    here = fit_glm(study, FORMULA, threads=1, **given)
    assert same_bits(found, here) == []
    assert found.trace is not None
    for one, other in zip(found.trace, here.trace, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.coefficients, other.coefficients)


def test_workers_that_are_killed_lose_nothing(client: Client, study: Any, here: Any) -> None:
    killing = Killing(client, when=(2, 15))
    found = differential_expression(study, FORMULA, CONTRAST, client=killing, block_size=50)
    assert killing.killed == 2
    assert_same(found, here)


def test_workers_have_one_pool_as_wide_as_their_threads(client: Client, study: Any) -> None:
    differential_expression(study, FORMULA, CONTRAST, client=client, block_size=64)
    assert [*client.run(_pools).values()] == [[2], [2]]


def _pools() -> list[int]:
    """Return the widths of the pools of this process."""
    from countglm import _parallel

    return [*_parallel._pools]


def test_command_line_with_a_scheduler(
    client: Client, study: Any, here: Any, tmp_path: Path
) -> None:
    study.write_h5ad(tmp_path / "study.h5ad")
    asked = ["de", str(tmp_path / "study.h5ad"), "--design", FORMULA, "--contrast",
             ",".join(CONTRAST), "-o", str(tmp_path / "out"), "--no-report"]  # fmt: skip
    assert run_command(app, [*asked, "--scheduler", client.scheduler.address]) == 0
    [path] = (tmp_path / "out").glob("result_*.h5")
    assert_same(countglm.DEResult.load(path), here)


def test_nobody_at_the_address(client: Client, study: Any) -> None:
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(InputError, match=r"No scheduler answers at 'tcp://127.0.0.1:1' .*address"),
    ):
        fit_glm(study, FORMULA, client="tcp://127.0.0.1:1")


def test_without_dask(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs dask.distributed: pip install 'countglm\[clus"):
        fit_glm(study, FORMULA, client="tcp://127.0.0.1:1")


def test_replay_stays_here(client: Client, study: Any) -> None:
    with pytest.raises(InputError, match="mode='replay'"):
        differential_expression(study, FORMULA, CONTRAST, mode="replay", client=client)
