"""What every test may rely on: the large tables, R, and one compiled signature per entry.

Tests marked ``data`` read tables that are not part of the repository, from the folder named by
the environment variable ``COUNTGLM_TEST_DATA``, and results of R for them from the folder named by
``COUNTGLM_TEST_GOLDEN`` or else from ``golden`` beside it; tests marked ``r`` call R and its
packages, some through rpy2. Where one is absent its tests are deselected and the summary says so
in one line.
``make test`` installs R and sets ``COUNTGLM_REQUIRE_R``, which turns a missing R into an error.
Tests marked ``docs`` run pages as notebooks, with what the extra ``docs`` installs.
Tests marked ``browser`` open pages in Chromium through playwright; ``make test`` installs it and
sets ``COUNTGLM_REQUIRE_BROWSER``.
Tests marked ``plain`` call array kernels, which only ``NUMBA_DISABLE_JIT=1`` leaves to Python;
their compiled form is tested through the entries, and ``make test`` runs the unit tests both ways.
Tests marked ``compiled`` fit hundreds of genes, which takes plain Python minutes and says nothing
about a kernel; ``NUMBA_DISABLE_JIT=1`` leaves them out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# Tests are imported by path, so the helpers in tests/support need a root to be found from.
sys.path.insert(0, str(REPOSITORY))

from tests.support.golden import golden_folder  # noqa: E402

R_PACKAGES = ("DESeq2", "edgeR", "limma", "glmGamPoi")
_R_CHECK = """
found <- vapply(commandArgs(TRUE), function(p) nzchar(system.file(package = p)), logical(1))
quit(status = sum(!found))
"""


@cache
def data_folder() -> Path | None:
    """Return the folder of the large tables, or None where the environment names none."""
    named = os.environ.get("COUNTGLM_TEST_DATA")
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise pytest.UsageError(f"COUNTGLM_TEST_DATA names {named!r}, which is not a folder")
    return folder


@cache
def r_available() -> bool:
    """Return whether R and rpy2 are here, with the packages that the tests compare with."""
    if shutil.which("Rscript") is None or find_spec("rpy2") is None:
        return False
    if find_spec("rpy2.rinterface") is None:
        return False
    command = ["Rscript", "--vanilla", "-e", _R_CHECK, *R_PACKAGES]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def browser_path() -> str | None:
    """Return the Chromium that tests can drive, or None where there is none, or no playwright."""
    if find_spec("playwright") is None:
        return None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def plain_kernels() -> bool:
    """Return whether Python can call the array kernels: they are not compiled."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}


def absent_requirements() -> dict[str, str]:
    """Return for each marker whose requirement is absent the line that tells it."""
    absent = {}
    if data_folder() is None:
        absent["data"] = (
            "tests marked 'data' are deselected: set COUNTGLM_TEST_DATA to the folder of tables"
        )
    if not r_available():
        if os.environ.get("COUNTGLM_REQUIRE_R"):
            raise pytest.UsageError(
                f"R with {', '.join(R_PACKAGES)}, and rpy2, are required here and were not found: "
                "run .ci/install_r.sh and make test"
            )
        absent["r"] = (
            f"tests marked 'r' are deselected: no R with {', '.join(R_PACKAGES)}, or no rpy2"
        )
    if find_spec("jupytext") is None or find_spec("nbclient") is None:
        absent["docs"] = "tests marked 'docs' are deselected: install the extra 'docs' for them"
    if browser_path() is None:
        if os.environ.get("COUNTGLM_REQUIRE_BROWSER"):
            raise pytest.UsageError(
                "Chromium and playwright are required here and were not found: run "
                ".ci/install_browser.sh and make test"
            )
        absent["browser"] = "tests marked 'browser' are deselected: no Chromium, or no playwright"
    if not plain_kernels():
        absent["plain"] = "tests marked 'plain' are deselected: set NUMBA_DISABLE_JIT=1 for them"
    else:
        absent["compiled"] = "tests marked 'compiled' are deselected: NUMBA_DISABLE_JIT is set"
    return absent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "data: needs the folder named by COUNTGLM_TEST_DATA")
    config.addinivalue_line("markers", "r: needs R with DESeq2, edgeR, limma, glmGamPoi, and rpy2")
    config.addinivalue_line("markers", "browser: opens pages in Chromium, through playwright")
    config.addinivalue_line("markers", "compiled: fits many genes, not with NUMBA_DISABLE_JIT")
    config.addinivalue_line("markers", "docs: runs notebooks, needs the extra 'docs'")
    config.addinivalue_line("markers", "plain: calls array kernels, needs NUMBA_DISABLE_JIT=1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = absent_requirements()
    dropped = [item for item in items if any(item.get_closest_marker(name) for name in absent)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]


def repeated_signatures() -> list[str]:
    """Return the compiled entries that this process compiled for more than one signature.

    Each further signature, from another dtype, memory layout or a read-only array, costs a user
    more than a second at the first call. An entry is known by its place in the disk cache; inner
    kernels have none and may be compiled for as many types as their callers use.
    """
    found = set()
    for name, module in list(sys.modules.items()):
        if not name.startswith("countglm."):
            continue
        for value in vars(module).values():
            stats = getattr(value, "stats", None)
            if getattr(stats, "cache_path", None) and len(value.signatures) > 1:
                found.add(f"{value.__module__}.{value.__name__}: {value.signatures}")
    return sorted(found)


_repeated: list[str] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _repeated.extend(node.workeroutput.get("repeated_signatures", []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["repeated_signatures"] = repeated_signatures()
        return
    _repeated.extend(repeated_signatures())
    if _repeated and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in absent_requirements().values():
        terminalreporter.write_line(f"countglm: {line}")
    for line in _repeated:
        terminalreporter.write_line(f"FAILED more than one signature compiled for {line}", red=True)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of the large count tables; for tests marked ``data``."""
    folder = data_folder()
    assert folder is not None, "a test that uses data_dir must be marked 'data'"
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium; for tests marked ``browser``."""
    path = browser_path()
    assert path is not None, "a test that uses chromium must be marked 'browser'"
    return path


@pytest.fixture(scope="session")
def golden_dir(data_dir: Path) -> Path:
    """Return the folder of results of the R packages on the tables of ``data_dir``."""
    return golden_folder(data_dir)
