"""The disk cache of compiled kernels: never stale after an upgrade, never in the way."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fresh import FIT, SOURCE, run_python

# Another value of one inner kernel, as a new release might bring it.
CHANGED_LEAF = """

from countglm._jit import kernel as _kernel

_released_residual = residual


@_kernel
def residual(y, mu, share):
    return _released_residual(y, 1.5 * mu, share)
"""


@dataclass(frozen=True)
class Installed:
    """A private copy of the package, its cache after one process, and what that printed."""

    source: Path
    cache: Path
    printed: str

    def run(self) -> str:
        return run_python(FIT, source=self.source, NUMBA_CACHE_DIR=str(self.cache))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns("__pycache__", "data")
    shutil.copytree(SOURCE / "countglm", folder / "site" / "countglm", ignore=ignored)
    cache = folder / "cache"
    printed = run_python(FIT, source=folder / "site", NUMBA_CACHE_DIR=str(cache))
    return Installed(folder / "site", cache, printed)


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_later_process_compiles_nothing(installed: Installed) -> None:
    compiled = tree(installed.cache)
    assert any(path.suffix == ".nbc" for path in compiled)
    assert installed.run() == installed.printed
    assert tree(installed.cache) == compiled


def test_nothing_is_written_where_nothing_may_be(installed: Installed, tmp_path: Path) -> None:
    before = tree(installed.source)
    folders = [path for path in (installed.source, *installed.source.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    # Nobody can make folders under a device, the superuser included.
    nowhere = "/dev/null/nowhere"
    environment = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "NUMBA_CACHE_DIR": nowhere}
    try:
        printed = run_python(FIT, source=installed.source, TMPDIR=str(tmp_path), **environment)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert printed == installed.printed
    assert tree(installed.source) == before
    assert list(tmp_path.glob("countglm-*")), "the temporary folder is the last resort"


def test_changed_inner_kernel_gives_new_numbers(installed: Installed) -> None:
    family = installed.source / "countglm" / "kernels" / "family.py"
    released = family.read_text()
    family.write_text(released + CHANGED_LEAF)
    changed = installed.run()
    assert changed != installed.printed
    family.write_text(released)
    assert installed.run() == installed.printed
