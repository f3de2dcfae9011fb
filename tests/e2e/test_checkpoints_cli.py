"""``--checkpoint`` and ``--memory-limit`` of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from countglm.cli import app
from countglm.cli.outcome import run_command
from tests.support.checkpoints import COUNTS, OBS, counted

pytestmark = pytest.mark.compiled
__all__ = ["counted"]


def _command(folder: Path, *options: str) -> list[str]:
    COUNTS.T.to_csv(folder / "counts.csv")
    OBS.rename_axis("sample").to_csv(folder / "samples.csv")
    return [
        str(folder / "counts.csv"), "--samples", str(folder / "samples.csv"), "--design", "~ group",
        "--no-report", *options,
    ]  # fmt: skip


def test_the_command_line_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], counted: list[str]
) -> None:
    given = _command(tmp_path, "--checkpoint", str(tmp_path / "c"), "--memory-limit", "2GB")
    assert run_command(app, ["de", *given, "-o", str(tmp_path / "one")]) == 0
    assert counted
    counted.clear()
    assert run_command(app, ["de", *given, "-o", str(tmp_path / "two")]) == 0
    assert counted == []
    tables = [next((tmp_path / name).glob("*.tsv")).read_bytes() for name in ("one", "two")]
    assert tables[0] == tables[1]
    capsys.readouterr()
    assert run_command(app, ["fit", *given, "-o", str(tmp_path / "three")]) == 2
    assert "call: differential_expression there, fit_glm here" in capsys.readouterr().err
    assert run_command(app, ["fit", *given, "--zeros", "visit", "-o", str(tmp_path / "c")]) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--memory-limit", "much"), "--memory-limit 'much' is no amount of memory"),
        (("--memory-limit", "4"), "--memory-limit '4' is 4 bytes; did you mean '4GB'?"),
        (("--checkpoint", __file__), f"--checkpoint {__file__} is a file; name a folder"),
        (("--checkpoint", "OUT/c"), "lies in the output folder"),
        (("--checkpoint", "OUT"), "lies in the output folder"),
    ],
)
def test_the_command_line_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    output = tmp_path / "out"
    given = [each.replace("OUT", str(output)) for each in options]
    for command in ("de", "fit"):
        assert run_command(app, [command, *_command(tmp_path, *given), "-o", str(output)]) == 2
        assert told in capsys.readouterr().err
    assert not output.exists()


def test_designs_of_a_table_of_contrasts_have_folders_of_their_own(tmp_path: Path) -> None:
    table = OBS.assign(batch=["x", "y"] * 8).rename_axis("sample")
    given = _command(tmp_path)
    table.to_csv(tmp_path / "samples.csv")
    rows = "id,variable,reference,target,blocking\none,group,a,b,\ntwo,group,a,b,batch\n"
    (tmp_path / "contrasts.csv").write_text(rows)
    given[given.index("--design") : given.index("--design") + 2] = [
        "--contrasts", str(tmp_path / "contrasts.csv"),
    ]  # fmt: skip
    given += ["--checkpoint", str(tmp_path / "c"), "-o", str(tmp_path / "out")]
    assert run_command(app, ["de", *given]) == 0
    assert sorted(each.name for each in (tmp_path / "c").iterdir()) == ["design-1", "design-2"]
