"""Mistakes on the command line: one line that says what is wrong and what to write instead."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from countglm.cli import app
from countglm.cli.outcome import run_command
from tests.support.fresh import SOURCE

MODEL = ("--design", "~ cell + dex")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with counts.csv and samples.csv."""
    rng = np.random.default_rng(11)
    samples = [f"s{i}" for i in range(8)]
    counts = rng.negative_binomial(5, 0.05, (30, 8))
    table = pd.DataFrame(counts, [f"g{i}" for i in range(30)], samples)
    table.to_csv(tmp_path / "counts.csv", index_label="gene")
    obs = pd.DataFrame(
        {
            "cell": list("abcd") * 2,
            "dex": ["untrt"] * 4 + ["trt"] * 4,
            "age": [30.0, 41, 52, 29, 31, 40, 53, 28],
            "cell-line": list("xy") * 4,
        },
        index=samples,
    )
    obs.to_csv(tmp_path / "samples.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    """Return the one line on stderr that a command ends in, without the name of the program."""
    assert run_command(app, arguments) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("countglm: ")
    return line.removeprefix("countglm: ")


def of_de(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    return told(capsys, "de", "counts.csv", "--samples", "samples.csv", "-o", "out", *options)


@pytest.mark.parametrize(
    ("formula", "answer"),
    [
        ("~ cell + dxe", "has no column 'dxe' (did you mean 'dex'?); its columns are 'cell',"),
        ("~ cell + Dex", "has no column 'Dex' (did you mean 'dex'?)"),
        ("~ batch", "has no column 'batch'; its columns are 'cell', 'dex', 'age', 'cell-line'."),
        ("cell + dex", "is neither a formula (it has no ~) nor a file; write --design "
         '"~ cell + dex".'),
        (str(Path.home()), 'write the formula in quotes, such as --design "~ condition".'),
        ("~ cell +", "cannot be read: a term is missing beside `+`. Write it as"),
        ("~ C(cell + dex", "cannot be read: a closing `)` is missing."),
        ("~ dex + (1 | cell)", "`|` would be a random effect, which is not fitted; add the"),
        ("~ spline(age)", "there is no function or column 'spline'. Check the term, or give "
         "--design a file with ready columns."),
        ("~ cell-line + dex", "has the column 'cell-line' without backticks, which reads as "
         "something else; write `cell-line`, in a shell within single quotes."),
        ("~ 1", "add a term, or give --contrast 'Intercept'"),
        ("~ C(cell):dex", "leaves nothing to estimate the dispersion from; use fewer terms, or "
         "add samples."),
    ],
)  # fmt: skip
def test_formulas(
    study: Path, capsys: pytest.CaptureFixture[str], formula: str, answer: str
) -> None:
    assert answer in of_de(capsys, "--design", formula)


def test_a_column_with_a_hyphen_in_backticks_is_that_column(study: Path) -> None:
    options = ("--samples", "samples.csv", "-o", "out", "--no-report")
    assert run_command(app, ["de", "counts.csv", *options, "--design", "~ `cell-line` + dex"]) == 0


@pytest.mark.parametrize(
    ("contrast", "answer"),
    [
        ("dex,trtt,untrt", "'trtt' is no level of 'dex' (did you mean 'trt'?); its levels are "
         "'trt', 'untrt'."),
        ("dex,TRT,untrt", "'TRT' is no level of 'dex' (did you mean 'trt'?)"),
        ("dexx,trt,untrt", "'dexx' is no factor of the design (did you mean 'dex'?); its factors "
         "are 'cell', 'dex'"),
        ("trt,untrt", "is no contrast of the design; write --contrast dex,trt,untrt."),
        ("trt-untrt", "write --contrast dex,trt,untrt."),
        ("trt vs untrt", "write --contrast dex,trt,untrt."),
        ("dex_trt_vs_untrt", "write --contrast dex,trt,untrt."),
        ("dex", "is no coefficient of the design; write column,"
         "tested,reference, such as --contrast dex,untrt,trt, or one of the coefficients "
         "'Intercept'"),
        ("age,30,41", "'age' is a column of the sample table, but no factor of the design; add "
         'it, such as --design "~ cell + dex + age".'),
        ("0,1", "The contrast has shape (2,) and the design 5 columns; give one number per"),
    ],
)  # fmt: skip
def test_contrasts(
    study: Path, capsys: pytest.CaptureFixture[str], contrast: str, answer: str
) -> None:
    assert answer in of_de(capsys, *MODEL, "--contrast", contrast)


def test_levels_of_a_number(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = of_de(capsys, "--design", "~ age", "--contrast", "age,30,41")
    assert "'age' is a number in the design; test its slope with --contrast age, or" in answer


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (("--reference", "dex=Untrt"), "--reference dex=Untrt is no level of 'dex' (did you mean "
         "'untrt'?)"),
        (("--reference", "dx=untrt"), "--reference names the variable 'dx', which the sample "
         "table does not have (did you mean 'dex'?)"),
        (("--reference", "dex,untrt"), "must be variable=level, such as dex=untrt."),
        (("--by", "cel"), "--by 'cel' is no column of the sample table (it has 'cell', 'dex', "
         "'age', 'cell-line'; did you mean 'cell'?); name one of these."),
        (("--alpha", "5%"), "--alpha '5%' must be a number between 0 and 1, such as 0.05 for 5%."),
        (("--threads", "all"), "--threads 'all' must be a whole number of at least 1."),
        (("--min-count", "ten"), "--min-count 'ten' must be a number."),
        (("--shrink", "apglm"), "--shrink 'apglm' is none of the choices; did you mean apeglm? "
         "Give apeglm, normal or ash."),
        (("--contast", "a"), "There is no option --contast; did you mean --contrast or "
         "--contrasts?"),
        (("--alpah", "0.1"), "There is no option --alpah; did you mean --alpha? See"),
        (("cell", "+", "dex"), "'cell + dex' stands alone: put the formula in quotes"),
        (("more.csv",), "'more.csv' is one argument too many: name a file with its option, such "
         "as --samples FILE"),
        (("-o", "x" * 300), "cannot be read: File name too long."),
    ],
)  # fmt: skip
def test_options(
    study: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], answer: str
) -> None:
    assert answer in of_de(capsys, *MODEL, *options)
    assert not (study / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["de"], "de needs COUNTS, the file of counts. See 'countglm de --help'."),
        (["de", "counts.csv"], "de needs -o FOLDER: folder for the results."),
        (["fit", "counts.csv", "-o", "out"], "fit needs --design FORMULA: formula such as"),
        (["diagnose"], "diagnose needs FIT.h5, a saved fit or result."),
        (["fti"], "There is no command 'fti'; did you mean fit? See 'countglm --help'."),
        (["differ"], "There is no command 'differ'. See"),
        (["fit", "counts.csv", "--design"], "--design needs a value after it."),
        (["completion", "tcsh"], "The argument 'tcsh' is none of the choices. Give bash, "
         "zsh or fish."),
        (["de", "counts.csv", "-o", "out", *MODEL], "counts.csv needs a table of its samples: "
         "give a CSV or TSV with --samples"),
        (["de", "samples.csv", "--samples", "counts.csv", "-o", "out", *MODEL],
         "samples.csv and counts.csv look exchanged"),
        (["de", "counts.csv", "--samples", "counts.csv", "-o", "out", *MODEL],
         "counts.csv is given as counts and as --samples; they are two files."),
        (["de", "a.bam", "--samples", "samples.csv", "-o", "out", *MODEL],
         "a.bam is no count matrix; count reads per gene first"),
        (["de", "a.RDS", "--samples", "samples.csv", "-o", "out", *MODEL],
         "a.RDS is no count matrix; write the counts with write.csv() in R"),
    ],
)  # fmt: skip
def test_commands_and_files(
    study: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], answer: str
) -> None:
    for name in ("a.bam", "a.RDS"):
        (study / name).write_bytes(b"not text")
    assert answer in told(capsys, *arguments)


def test_every_option_can_be_told_as_missing_or_wrong(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, command in app.commands.items():
        for option in command.params:
            numeric = click.types.IntParamType | click.types.FloatParamType
            if isinstance(option, click.Option) and isinstance(option.type, numeric):
                answer = told(capsys, name, option.opts[-1], "many")
                assert answer.startswith(f"{max(option.opts, key=len)} 'many' must be a ")


def test_diagnose_takes_the_folder_of_an_output(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("counts.csv", "--samples", "samples.csv")
    assert run_command(app, ["de", *files, *MODEL, "-o", "out", "--no-report"]) == 0
    capsys.readouterr()
    assert run_command(app, ["diagnose", "out", "--gene", "g7"]) == 0
    assert "g7: CONVERGED." in capsys.readouterr().out
    answer = told(capsys, "diagnose", "out", "--gene", "g-7")
    assert answer == "The fit has no gene 'g-7' (did you mean 'g7'?); it has 'g0', 'g1', 'g2', " \
        "...: 30 genes in all."  # fmt: skip
    (study / "empty").mkdir()
    assert "is a folder without a fit; name fit.h5" in told(capsys, "diagnose", "empty")
    (study / "c.csv").write_text("variable,reference,target\ndex,untrt,trt\ncell,a,b\n")
    assert run_command(app, ["de", *files, "--contrasts", "c.csv", "-o", "two"]) == 0
    capsys.readouterr()
    answer = told(capsys, "diagnose", "two")
    assert answer.startswith("two holds fits of several designs (result_cell_b_vs_a.h5, result_dex")


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError("write failed: errno = 28, error "
     "message = 'No space left on device'")],
)  # fmt: skip
def test_a_full_disk_is_told_as_such(
    study: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("countglm.cli.de.write_de_products", full)
    options = ("--samples", "samples.csv", "-o", "out", *MODEL)
    assert run_command(app, ["de", "counts.csv", *options]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "countglm: no space is left on the disk; no output was written. Free some, or name a "
        "folder on another disk with -o."
    )
    assert sorted(path.name for path in study.iterdir()) == ["counts.csv", "samples.csv"]


def test_lines_are_broken_between_words_in_a_terminal(study: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "countglm", "de", "counts.csv", "-o", "out", *MODEL],
        stderr=end, env={**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "60"},
    )  # fmt: skip
    assert done.wait(60) == 2
    os.close(end)
    lines = os.read(terminal, 10_000).decode().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) < 60
    assert all(line.startswith("  ") for line in lines[1:])
    assert " ".join(line.strip() for line in lines).endswith("first column as in the counts.")
