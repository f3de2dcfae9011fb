"""The disk cache of compiled kernels: never stale after an upgrade, never in the way."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.fresh import FIT, SOURCE, run_python

# Another value of one inner kernel, as a new release might bring it.
CHANGED_LEAF = """

_released_residual = residual


@kernel
def residual(y, mu, alpha):
    return _released_residual(y, 1.5 * mu, alpha)
"""


def copy_package(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "data")
    shutil.copytree(SOURCE / "countglm", folder / "countglm", ignore=ignored)
    return folder


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_changed_inner_kernel_gives_new_numbers(tmp_path: Path) -> None:
    source = copy_package(tmp_path / "site")
    cache = tmp_path / "cache"
    first = run_python(FIT, source=source, NUMBA_CACHE_DIR=str(cache))
    compiled = tree(cache)
    assert compiled, "the first process must leave compiled kernels"
    assert run_python(FIT, source=source, NUMBA_CACHE_DIR=str(cache)) == first
    assert tree(cache) == compiled, "the second process must compile nothing"

    family = source / "countglm" / "kernels" / "family.py"
    family.write_text(family.read_text() + CHANGED_LEAF)
    changed = run_python(FIT, source=source, NUMBA_CACHE_DIR=str(cache))
    assert changed != first
    shutil.rmtree(cache)
    assert changed == run_python(FIT, source=source, NUMBA_CACHE_DIR=str(cache))


def test_nothing_is_written_where_nothing_may_be(tmp_path: Path) -> None:
    source = copy_package(tmp_path / "site")
    before = tree(source)
    folders = [path for path in (source, *source.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    # Nobody can make folders under a device, the superuser included.
    nowhere = "/dev/null/nowhere"
    environment = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "NUMBA_CACHE_DIR": nowhere}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    try:
        fallback = run_python(FIT, source=source, TMPDIR=str(scratch), **environment)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert fallback == run_python(FIT, source=source, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert tree(source) == before
    assert list(scratch.glob("countglm-*")), "the temporary folder is the last resort"
