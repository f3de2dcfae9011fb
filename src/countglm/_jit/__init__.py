"""The only package that names Numba: decorators for kernels and the place of their disk cache.

Numba stamps a cached entry with the content of one file only, so a changed helper in another
file would leave old arithmetic in the cache after an upgrade.  The cache directory is therefore
named by a hash of every kernel source.  ``kernel`` marks a function that is compiled into its
callers; ``entry`` marks one of the few compiled and cached functions that Python calls.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from countglm._jit.intrinsics import (
    JIT_DISABLED,
    LANES,
    stay_apart,
)
from countglm._jit.kept import EntryCache, usable
from countglm._jit.lean import compiling_leanly, part_options

# Numba's own annotations lack the options below.
_njit: Any = numba.njit
_config: Any = numba.config

_OPTIONS: dict[str, Any] = {
    "no_cfunc_wrapper": True,
    "nogil": True,
    # IEEE results for x / 0 without a branch that would stop vectorisation.
    "error_model": "numpy",
    # Fused multiply-add only: NaN and infinity keep their meaning, sums keep their order.
    "fastmath": {"contract"},
    # Kernels never allocate: without reference counting they compile in half the time and
    # threads do not contend for counters.
    "_nrt": False,
}


def source_hash() -> str:
    """Return a hash of all sources that decide the arithmetic of the compiled kernels."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in [*sorted(here.glob("*.py")), *sorted((here.parent / "kernels").glob("*.py"))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _candidate_roots() -> list[Path]:
    roots = []
    if _config.CACHE_DIR:
        roots.append(Path(_config.CACHE_DIR))
    cache_home = os.environ.get("XDG_CACHE_HOME")
    if cache_home:
        roots.append(Path(cache_home) / "countglm")
    else:
        try:
            home = Path.home()
        except RuntimeError:
            # No HOME and no entry in the password file, as in some containers and batch jobs.
            home = Path("/")
        if home != Path("/"):
            roots.append(home / ".cache" / "countglm")
    # A shared temporary directory is used only through a folder that this user alone can write.
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots.append(Path(tempfile.gettempdir()) / f"countglm-{user}")
    return roots


def _owned(path: Path) -> bool:
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()


def cache_directories() -> tuple[list[str], str | None]:
    """Return the cache folders to read for this very set of sources, and the one to write.

    That is the first that can be written, or None; before it may come some that cannot, filled
    when an image was made or by whoever looks after a cluster.
    """
    name = f"kernels-{source_hash()}"
    folders = []
    for root in _candidate_roots():
        folder = root / name
        try:
            # What root prepares in an image is for others to read, a temporary folder is not.
            shared = root.name.startswith("countglm-")
            root.mkdir(parents=True, exist_ok=True, mode=0o700 if shared else 0o777)
            if shared and not _owned(root):
                continue
            folder.mkdir(exist_ok=True)
            folders.append(str(folder))
            with tempfile.TemporaryFile(dir=folder):
                return folders, str(folder)
        except OSError:
            continue
    return folders, None


CACHE_FOLDERS, CACHE_DIR = ([], None) if JIT_DISABLED else cache_directories()
# All entries of the modules loaded so far.
ENTRIES: list[Any] = []


def kernel(func: Callable[..., Any]) -> Any:
    """Compile ``func`` into the kernels and entries that call it; Python cannot call it.

    The wrappers that would let it are a sixth of the compile time.  (Without compilation,
    ``NUMBA_DISABLE_JIT=1``, it is the plain function.)
    """
    return _njit(no_cpython_wrapper=True, **part_options(), **_OPTIONS)(func)


def callable_form(func: Any) -> Any:
    """Return a function of numbers that Python may call, compiled as the entries compile it.

    For tests and for looking at a kernel by hand; ``func`` is a kernel of numbers only.
    """
    if JIT_DISABLED:
        return func
    names = ", ".join(func.py_func.__code__.co_varnames[: func.py_func.__code__.co_argcount])
    scope = {"func": func}
    exec(f"def call({names}):\n    return func({names})", scope)
    return _njit(**_OPTIONS)(scope["call"])


def entry(func: Callable[..., Any]) -> Any:
    """Compile ``func`` on first use and keep it on disk, in the directory of these sources."""
    if JIT_DISABLED or not usable():
        dispatcher = _kept_by_numba(func)
    else:
        dispatcher = _njit(**_OPTIONS)(func)
        dispatcher._cache = EntryCache(
            f"{func.__module__}.{func.__qualname__}", CACHE_FOLDERS, CACHE_DIR
        )
    if not JIT_DISABLED:
        dispatcher.compile = compiling_leanly(dispatcher.compile)
    ENTRIES.append(dispatcher)
    return dispatcher


def _kept_by_numba(func: Callable[..., Any]) -> Any:
    if CACHE_DIR is None:
        return _njit(**_OPTIONS)(func)
    previous = _config.CACHE_DIR
    # Numba reads the directory when the decorator runs; other packages keep their own.
    _config.CACHE_DIR = CACHE_DIR
    try:
        return _njit(cache=True, **_OPTIONS)(func)
    finally:
        _config.CACHE_DIR = previous


__all__ = [
    "CACHE_DIR",
    "CACHE_FOLDERS",
    "ENTRIES",
    "JIT_DISABLED",
    "LANES",
    "callable_form",
    "entry",
    "kernel",
    "stay_apart",
]
