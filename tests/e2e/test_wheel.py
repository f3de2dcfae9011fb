"""The built wheel: complete, small, and enough for the demonstration on its own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.fresh import REPOSITORY, run_python

MAX_DATA_BYTES = 1_500_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("countglm-*.whl")
    return built


def test_wheel_has_the_package_and_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.compress_size for item in archive.infolist()}
    tops = {name.partition("/")[0] for name in sizes}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"countglm"}
    assert any(name.endswith("LICENSE") for name in sizes)
    data = {name: size for name, size in sizes.items() if name.startswith("countglm/data/")}
    assert {"airway", "pasilla"} <= {Path(name).name.partition("_")[0] for name in data}
    assert sum(data.values()) < MAX_DATA_BYTES
    scripts = {path.name for path in (REPOSITORY / "src").rglob("adapters/r/scripts/*.R")}
    folder = "countglm/adapters/r/scripts/"
    assert {name.removeprefix(folder) for name in sizes if name.startswith(folder)} == scripts
    assert len(scripts) > 4


def test_demo_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(source)
    code = "import sys; sys.argv = ['countglm', 'demo']; from countglm.cli import main; main()"
    shown = run_python(code, source=source, cwd=tmp_path)
    assert "FKBP5" in shown, "the gene that dexamethasone is known to raise 16-fold is told"
