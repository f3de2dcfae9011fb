"""The same call on a cluster of processes: the same bits, whoever works and whoever dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distributed
import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import _cluster, differential_expression, fit_glm
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
    killing.close()
    assert killing.killed == 2
    assert_same(found, here)


def test_workers_have_one_pool_as_wide_as_their_threads(client: Client, study: Any) -> None:
    differential_expression(study, FORMULA, CONTRAST, client=client, block_size=64)
    # One that was killed before may be back too late to have any.
    pools = [each for each in client.run(_pools).values() if each]
    assert pools in ([[2]], [[2], [2]])


def _pools() -> list[int]:
    """Return the widths of the pools of this process."""
    from countglm import _parallel

    return [*_parallel._pools]


def test_workers_give_up_what_they_were_sent(client: Client, study: Any) -> None:
    client.run(_listen)
    fit_glm(study, FORMULA, client=client, block_size=64)
    assert set(client.run(_things_kept).values()) == {0}
    told = [line for lines in client.get_worker_logs().values() for line in lines]
    assert [text for level, text in told if level in ("WARNING", "ERROR")] == []


def _listen() -> None:
    """Keep errors of this worker in its log."""
    import logging

    logging.getLogger("distributed.worker").setLevel(logging.WARNING)


def _things_kept() -> int:
    from countglm import _cluster_work

    return len(_cluster_work._kept)


def test_workers_with_little_room(
    client: Client, study: Any, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "LARGE", 1000)
    [share] = set(client.run(_set_share, 1e-9).values())
    try:
        found = differential_expression(study, FORMULA, CONTRAST, client=client, block_size=64)
    finally:
        client.run(_set_share, share)
    assert_same(found, here)


def _set_share(share: float) -> float:
    """Let this worker keep another share of its memory; return the former."""
    from countglm import _cluster_work

    before, _cluster_work.SHARE_KEPT = _cluster_work.SHARE_KEPT, share
    return before


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


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("foo", r"at 'foo' \(missing port number in address 'foo'\); give the address"),
        ("http://foo:80", "unknown address scheme 'http'"),
    ],
)
def test_what_is_no_address_leaves_no_client_behind(
    study: Any, monkeypatch: pytest.MonkeyPatch, address: str, told: str
) -> None:
    made = []
    monkeypatch.setattr(distributed, "Client", lambda *given, **how: made.append(given))
    with pytest.raises(InputError, match=told):
        fit_glm(study, FORMULA, client=address)
    assert made == []


def test_the_scheduler_is_asked_before_counts_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["fit", str(tmp_path / "no.h5ad"), "--design", "~ 1", "-o", str(tmp_path / "out")]
    assert run_command(app, [*asked, "--scheduler", "foo"]) == 2
    assert "No scheduler answers at 'foo'" in capsys.readouterr().err


def test_without_dask(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs dask.distributed: pip install 'countglm\[clus"):
        fit_glm(study, FORMULA, client="tcp://127.0.0.1:1")


def test_replay_stays_here(client: Client, study: Any) -> None:
    with pytest.raises(InputError, match="mode='replay'"):
        differential_expression(study, FORMULA, CONTRAST, mode="replay", client=client)
