"""Bits of floats, the hash of the kernels' sources, and where compiled code is kept."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from countglm import _jit


def test_bits_carry_through_the_compiled_functions() -> None:
    # Exponent and mantissa are taken apart and put together: powers of two are exact.
    from tests.support.scalars import special

    for k in range(-1000, 1001, 125):
        assert special.log(2.0**k) == pytest.approx(k * np.log(2.0), rel=2e-16)


def test_hash_follows_every_kernel_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "countglm"
    (package / "kernels").mkdir(parents=True)
    (package / "_jit").mkdir()
    sources = [
        package / "_jit" / "__init__.py",
        package / "kernels" / "a.py",
        package / "kernels" / "b.py",
    ]
    for number, path in enumerate(sources):
        path.write_text(f"x = {number}\n")
    (package / "glm.py").write_text("y = 0\n")
    monkeypatch.setattr(_jit, "__file__", str(package / "_jit" / "__init__.py"))
    first = _jit.source_hash()
    assert len(first) == 16
    assert _jit.source_hash() == first
    seen = {first}
    for path in sources:
        path.write_text(path.read_text() + "# changed\n")
        seen.add(_jit.source_hash())
    sources[2].rename(package / "kernels" / "c.py")
    seen.add(_jit.source_hash())
    assert len(seen) == 5
    before = _jit.source_hash()
    (package / "glm.py").write_text("y = 1\n")
    assert _jit.source_hash() == before, "what holds no kernel compiles nothing anew"


def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **environment: str) -> None:
    """Let only these environment variables and ``tmp_path`` decide."""
    monkeypatch.setattr(_jit._config, "CACHE_DIR", environment.pop("numba", ""))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(_jit.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(_jit.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir(exist_ok=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def found() -> str | None:
    return _jit.cache_directories()[1]


def test_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"kernels-{_jit.source_hash()}"
    xdg, chosen = str(tmp_path / "xdg"), str(tmp_path / "chosen")
    places(monkeypatch, tmp_path)
    assert found() == str(tmp_path / "home" / ".cache" / "countglm" / name)
    places(monkeypatch, tmp_path, XDG_CACHE_HOME=xdg)
    assert found() == str(tmp_path / "xdg" / "countglm" / name)
    places(monkeypatch, tmp_path, XDG_CACHE_HOME=xdg, numba=chosen)
    assert found() == str(tmp_path / "chosen" / name)


def test_a_place_that_cannot_be_written_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file, no folder")
    places(monkeypatch, tmp_path, XDG_CACHE_HOME=str(blocked))
    folders, target = _jit.cache_directories()
    assert target is not None
    assert folders == [target]
    folder = Path(target).parent
    assert folder.parent == tmp_path / "temporary"
    # Others must not write what this process will run.
    if hasattr(os, "getuid"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.name.endswith(str(os.getuid()))


def test_a_shared_folder_of_someone_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file, no folder")
    places(monkeypatch, tmp_path, XDG_CACHE_HOME=str(blocked))
    monkeypatch.setattr(_jit, "_owned", lambda path: False)
    assert _jit.cache_directories() == ([], None)


def test_kernels_fall_back_to_the_usual_pipeline() -> None:
    from countglm._jit.lean import PartCompiler, part_options

    assert part_options() == {"pipeline_class": PartCompiler}
    assert part_options(object) == {}


def test_numba_resolves_types_as_before_after_a_lean_compilation() -> None:
    from countglm._jit.lean import BaseFunction, compiling_leanly

    usual, seen = BaseFunction.get_call_type, []

    def compile_one(name: str) -> str:
        seen.append(BaseFunction.get_call_type)
        # A thread that compiles meanwhile waits for its turn.
        if name == "first":
            other = threading.Thread(target=compiling_leanly(compile_one), args=("second",))
            other.start()
            other.join(timeout=0.05)
            assert len(seen) == 1
            waiting.append(other)
        if name == "fails":
            raise TypeError(name)
        return name

    waiting: list[threading.Thread] = []
    assert compiling_leanly(compile_one)("first") == "first"
    waiting[0].join(timeout=10)
    assert len(seen) == 2
    assert usual not in seen
    assert BaseFunction.get_call_type is usual
    with pytest.raises(TypeError, match="fails"):
        compiling_leanly(compile_one)("fails")
    assert BaseFunction.get_call_type is usual


def test_lean_kernels_skip_passes_that_numba_has() -> None:
    from countglm._jit.lean import _UNUSED, DefaultPassBuilder, PartCompiler

    state = MagicMock(func_ir=None)
    state.flags.no_rewrites = False
    usual = DefaultPassBuilder.define_nopython_pipeline(state).passes
    names = {one[0].name() for one in usual}
    lean = {
        one[0].name() for one in PartCompiler.define_pipelines(MagicMock(state=state))[0].passes
    }
    assert names - lean == _UNUSED, "what Numba has no longer is left out for nothing"
    assert len(lean - names) == 1


def test_no_home_directory_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(_jit._config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(_jit.Path, "home", homeless)
    assert [root.name[:9] for root in _jit._candidate_roots()] == ["countglm-"]
