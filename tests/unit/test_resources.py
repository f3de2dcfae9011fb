"""What a call may use: amounts of memory, clients, folders, and blocks that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countglm._fitting import DENSE_ENTRIES
from countglm._resources import entries_within, resolve_memory_limit, resolve_resources
from countglm.errors import InputError


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (None, None), (10**6, 10**6), (2.0e9, 2_000_000_000), ("4GB", 4 * 10**9),
        ("512MB", 512 * 10**6), ("0.5GB", 5 * 10**8), (" 2 gib ", 2**31), ("1.5k", 1500),
        ("3000000", 3_000_000), (".5T", 5 * 10**11),
    ],
)  # fmt: skip
def test_amounts_of_memory(given: Any, size: int | None) -> None:
    assert resolve_memory_limit(given) == size


@pytest.mark.parametrize("given", ["", "GB", "4 G B", "-1GB", "0", 0, -5, 0.5, True, "1e9", [4]])
def test_what_is_no_amount_of_memory(given: Any) -> None:
    with pytest.raises(InputError, match="is no amount of memory; give bytes, or text such as"):
        resolve_memory_limit(given)


@pytest.mark.parametrize("given", [4, "4", " 4 ", "4B", 4.0])
def test_bytes_that_were_meant_as_gigabytes(given: Any) -> None:
    with pytest.raises(InputError, match="is 4 bytes; did you mean '4GB'"):
        resolve_memory_limit(given)


@pytest.mark.parametrize("client", [7, "", object()])
def test_what_is_no_client(client: Any) -> None:
    with pytest.raises(InputError, match="is no Dask client"):
        resolve_resources(client=client)


@pytest.mark.parametrize("checkpoint", [7, "", True])
def test_what_is_no_folder(checkpoint: Any) -> None:
    with pytest.raises(InputError, match="is no path; name a folder"):
        resolve_resources(checkpoint=checkpoint)


def test_what_asks_for_parts() -> None:
    assert not resolve_resources(2, 64, "1GB").in_parts
    assert resolve_resources(client="tcp://127.0.0.1:1").in_parts
    kept = resolve_resources(checkpoint="folder", progress=True)
    assert kept.in_parts
    assert kept.checkpoint == Path("folder")
    assert kept.progress
    assert not kept.silent().progress


def test_blocks_fit_in_the_limit() -> None:
    samples = 1_000_000
    free = resolve_resources(2).block(samples)
    assert free == 16
    assert resolve_resources(2, memory_limit="64GB").block(samples) == free
    assert resolve_resources(2, memory_limit="4GB").block(samples) == 8
    assert resolve_resources(2, memory_limit="1GB").block(samples) == 3
    assert resolve_resources(2, memory_limit="0.1GB").block(samples) == 1
    assert resolve_resources(2, memory_limit="0.5GB").block(100) == resolve_resources(2).block(100)


def test_blocks_of_nonzeros_are_larger() -> None:
    """The fullest block has to fit, wherever it is."""
    samples = 1_000_000
    few = np.full(60, 20_000)
    small = resolve_resources(2, memory_limit="0.5GB")
    assert small.block(samples, few) == 16
    assert small.block(samples, np.r_[few, np.full(16, 90_000)]) == 8
    assert small.block(samples, np.r_[few, np.full(16, 300_000)]) == 2
    assert small.block(samples, np.full(3, 10**8)) == 1
    assert resolve_resources(2).block(samples, np.full(3, 10**8)) == 16


def test_genes_are_made_dense_within_the_limit() -> None:
    assert entries_within(None) == DENSE_ENTRIES
    assert entries_within(10**12) == DENSE_ENTRIES
    assert entries_within(32_000_000) == 1_000_000


def test_a_given_size_is_that_of_blocks_or_else_of_parts() -> None:
    assert resolve_resources(2, 7).block(50) == 7
    assert resolve_resources(2, 7, checkpoint="folder").block(50) == resolve_resources(2).block(50)
    assert resolve_resources(2, 7, checkpoint="folder").block_size == 7
