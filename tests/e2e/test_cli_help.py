"""What the command line tells before it computes: help, examples, completion by the shell."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import anndata as ad
import click
import numpy as np
import pandas as pd
import pytest

from countglm.cli import app
from countglm.cli.examples import OF_COMMAND, PROGRAM
from countglm.cli.help import OTHER
from countglm.cli.outcome import run_command
from tests.support.fresh import SOURCE

COMMANDS = sorted(app.commands)


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert run_command(app, [*command, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, []) == 0
    assert capsys.readouterr().out == help_of(capsys)


def test_every_command_is_listed_under_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    told = help_of(capsys)
    listed = [line.split()[0] for line in told.splitlines() if line.startswith("  ")]
    assert set(COMMANDS) <= set(listed)
    for title in ("Examples:", "Analyse:", "Share one analysis among jobs:", "Options:"):
        assert f"\n{title}\n" in told


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal_and_explains_every_option(
    name: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    told = help_of(capsys, name)
    assert max(map(len, told.splitlines())) <= columns
    assert "\nExamples:\n" in told
    assert "[x" not in told
    for option in app.commands[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.opts[0] in told
            assert option.help, option.name
            assert vars(option).get("section", OTHER) != OTHER


def test_what_a_command_needs_stands_in_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {name: help_of(capsys, name).splitlines()[0] for name in ("de", "fit", "shard")}
    assert usage == {
        "de": "Usage: countglm de COUNTS -o FOLDER [OPTIONS]",
        "fit": "Usage: countglm fit COUNTS --design FORMULA -o FOLDER [OPTIONS]",
        "shard": "Usage: countglm shard COUNTS --shards N -o FOLDER [OPTIONS]",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_a_narrow_help_say_the_same(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = help_of(capsys, name).partition("\nExamples:\n")[2].partition("\n\n")[0]
    words = " ".join(told.replace("\\\n", " ").split())
    for _, command in OF_COMMAND[name]:
        assert " ".join(command.replace("\\\n", " ").split()) in words


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the files that the examples name."""
    rng = np.random.default_rng(11)
    samples = [f"s{i}" for i in range(8)]
    genes = [f"g{i}" for i in range(60)]
    counts = pd.DataFrame(rng.negative_binomial(10, 0.1, (60, 8)), genes, samples)
    counts.to_csv(tmp_path / "counts.csv")
    (tmp_path / "archive").mkdir()
    counts.to_csv(tmp_path / "archive" / "counts.csv")
    batch, condition = ["x", "y"] * 4, ["control"] * 4 + ["treated"] * 4
    obs = pd.DataFrame({"batch": batch, "condition": condition}, samples)
    obs.to_csv(tmp_path / "samples.csv")
    cells = pd.concat([obs] * 40, ignore_index=True).rename(index="c{}".format)
    cells["cell_type"] = pd.Categorical(["B", "T"] * 80 + ["T", "B"] * 80)
    data = ad.AnnData(rng.negative_binomial(2, 0.4, (320, 60)).astype(np.float32), obs=cells)
    data.write_h5ad(tmp_path / "cells.h5ad")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words_of(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", " "))


def runs_here(command: str) -> bool:
    """Neither for another program, nor for R, nor into the files of a shell."""
    other = ("demo", "compare", "completion", "precompile")
    return command.startswith("countglm ") and command.split()[1] not in other


def test_examples_run_as_they_stand(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [each for name in OF_COMMAND for _, each in OF_COMMAND[name] if runs_here(each)]
    # A plan is made, carried out in part, and then merged with the rest.
    commands.sort(key=lambda command: command.startswith("countglm merge plan -o"))
    assert len(commands) >= 11
    for command in commands:
        if command == "countglm merge plan -o merged":
            for number in ("1", "3", "4"):
                assert run_command(app, ["run-shard", "plan", number]) == 0
        if command == "countglm report results":
            (study / "results" / "report.html").unlink()
        assert run_command(app, words_of(command)[1:]) == 0, (command, capsys.readouterr().err)
    made = {path.parent.name for path in study.glob("*/summary.json")}
    assert {"results", "shrunken", "batches", "cell-types", "fitted", "poisson", "merged"} <= made
    tables = [next((study / name).glob("test_*")).read_bytes() for name in ("results", "merged")]
    assert tables[0] == tables[1]


def test_options_of_other_examples_are_known(study: Path) -> None:
    """Of R and of the whole airway study, which other tests run, at least the words are read."""
    for name, examples in {"": PROGRAM, **OF_COMMAND}.items():
        for _, text in examples:
            words = words_of(text.partition(">")[0])
            if words[0] != "countglm":
                assert f"countglm {name}" in text
                continue
            assert name in ("", words[1])
            app.commands[words[1]].make_context(words[1], words[2:])


BASH = """
source <(countglm completion bash)
COMP_WORDS=(countglm "$@")
COMP_CWORD=$#
_countglm_completion countglm
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(study: Path) -> dict[str, str]:
    """An environment whose command countglm is that of this source."""
    program = study / "bin" / "countglm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m countglm "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    return {**os.environ, "PYTHONPATH": str(SOURCE), "PATH": path}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("pre",), "precompile"),
        (("de", "counts.csv", "--sam"), "--samples"),
        (("de", "counts.csv", "--mode", ""), "exact replay"),
        (("de", "counts.csv", "--size-factors", "t"), "tmm"),
        (
            ("de", "counts.csv", "--samples", "samples.csv", "--contrast", "con"),
            "condition,control,treated condition,treated,control",
        ),
        (("de", "cells.h5ad", "--by", "c"), "condition cell_type"),
        (("de", "cells.h5ad", "--contrast", "cell"), "cell_type,B,T cell_type,T,B"),
        (("de", "--samples", "none.csv", "--contrast", "c"), ""),
        (("completion", ""), "bash zsh fish"),
    ],
)
def test_bash_completes(shell: dict[str, str], typed: tuple[str, ...], offered: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", BASH, "bash", *typed], env=shell, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.split() == offered.split()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, ["completion", name]) == 0
    assert f"_COUNTGLM_COMPLETE={name}_complete" in capsys.readouterr().out
