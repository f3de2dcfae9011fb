"""The last lines of a command: what was found and where it lies, in six lines of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from countglm.cli import app
from countglm.cli.outcome import run_command

TITLES = ["Strongest", "Tested", "Fit", "Report", "Table"]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the current one, with counts.csv and samples.csv: 12 samples, 3 groups."""
    rng = np.random.default_rng(5)
    mean = rng.gamma(2.0, 60.0, 300)
    means = np.repeat(mean[:, None], 12, axis=1)
    means[:20, 4:8] *= 6.0
    means[20:30, 4:8] /= 6.0
    means[30, :4], means[31] = 0.0, 0.0
    counts = rng.poisson(means * rng.gamma(20.0, 0.05, means.shape))
    samples = [f"s{i}" for i in range(12)]
    pd.DataFrame(counts, [f"g{i}" for i in range(300)], samples).to_csv(tmp_path / "counts.csv")
    groups = {"group": ["a"] * 4 + ["b"] * 4 + ["c"] * 4, "lane": ["x", "y"] * 6}
    pd.DataFrame(groups, index=samples).to_csv(tmp_path / "samples.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str], command: str, *more: str) -> list[str]:
    """Return what a command prints, when it succeeds without a warning."""
    given = [command, "counts.csv", "--samples", "samples.csv", "--threads", "1", "--force", *more]
    assert run_command(app, given) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.splitlines()


def facts(folder: str) -> dict:
    return json.loads(Path(folder, "summary.json").read_text())


MODEL = ("--design", "~ group", "-o", "out")
TEST = (*MODEL, "--contrast", "group,b,a")


def test_six_lines_say_what_was_found_and_where_it_lies(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = lines(capsys, "de", *TEST)
    assert [line.split()[0] for line in told[1:]] == TITLES
    (found,) = facts("out")["contrasts"]
    assert found["n_up"] > 15
    assert told[0] == (
        f"group b vs a: {found['n_significant']} genes at an FDR of 10% ({found['n_up']} up, "
        f"{found['n_down']} down)"
    )
    table = pd.read_csv(study / "out" / found["file"], sep="\t", index_col=0)
    first = table["pvalue"].idxmin()
    assert told[1].startswith(f"Strongest  {first} ")
    assert f"{table['padj'].notna().sum()} of 300 genes, 12 samples (1 no counts" in told[2]
    assert told[4:] == [
        "Report     out/report.html; in words: out/summary.txt",
        "Table      out/test_group_b_vs_a.tsv",
    ]
    assert max(map(len, told)) < 80
    assert all((study / "out" / name).is_file() for name in ("report.html", "summary.txt"))


def test_verbose_prints_all_of_the_summary_first(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = lines(capsys, "de", *TEST, "--no-report")
    long = lines(capsys, "de", *TEST, "--no-report", "--verbose")
    assert long[-6:] == short
    assert long[:-7] == (study / "out" / "summary.txt").read_text().splitlines()
    assert "At the optimum: " in "\n".join(long[:-6])
    assert short[4] == "Report     left out by --no-report; in words: out/summary.txt"


def test_nothing_found(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "de", *MODEL, "--contrast", "group,c,b", "--lfc-threshold", "3")
    assert told[0] == "group c vs b: no gene at an FDR of 10% for |LFC| > 3"
    assert told[1].startswith("Strongest  none below that; smallest adjusted p-value ")
    assert len(told) == 6


def test_a_coefficient_is_told_as_the_levels_it_compares(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = lines(capsys, "de", *MODEL, "--no-report")
    assert told[0].startswith("group c vs a: ")
    assert told[-1] == "Table      out/test_group_T.c.tsv"
    told = lines(capsys, "de", *MODEL, "--no-report", "--shrink", "ash", "--contrast", "group,b,c")
    assert told[0].startswith("group b vs c: ")
    assert "genes with an s-value < 0.1" in told[0] or "at an FDR of 10%" in told[0]


def test_a_gene_that_is_silent_in_a_group(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "de", *TEST, "--no-report", "--no-independent-filtering")
    assert told[3] == "Fit        all at their optimum; 1 gene silent in a group, 1 significant"
    assert "g30 on" in told[1]


@pytest.mark.parametrize("number", [2, 3, 4, 6])
def test_several_contrasts_have_six_lines_too(
    study: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    contrasts = ["b,a", "c,a", "c,b", "a,b", "a,c", "b,c"][:number]
    options = [part for each in contrasts for part in ("--contrast", f"group,{each}")]
    told = lines(capsys, "de", *MODEL, *options, "--no-report")
    assert len(told) == 6
    assert told[1].startswith("group c vs a: ")
    assert told[-1] == f"Tables     {number} tables out/test_*"
    assert (f"and {number - 2} contrasts more: out/summary.txt" in told) == (number > 3)
    text = (study / "out" / "summary.txt").read_text()
    assert text.count("(mode exact, Wald test)") == number


def test_a_fit_ends_alike(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "fit", *MODEL)
    assert told == [
        "Fitted 300 genes in 12 samples: ~ group",
        "Nothing was tested, as no --contrast was given.",
        "Fit        298 at the optimum, 1 silent in a group, 1 without counts",
        "Report     out/report.html; in words: out/summary.txt",
        "Table      out/coefficients.tsv",
    ]
    told = lines(capsys, "fit", *TEST, "--no-report")
    assert len(told) == 6
    assert told[1].startswith("group b vs a: ")
    assert told[3].startswith("Caution    too small p-values are likely")
    for number in (2, 3, 5):
        contrasts = ["b,a", "c,a", "c,b", "a,b", "a,c"][:number]
        options = [part for each in contrasts for part in ("--contrast", f"group,{each}")]
        assert len(lines(capsys, "fit", *MODEL, *options, "--no-report")) == 6


def test_genes_without_an_optimum_are_told_with_the_remedy(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = lines(capsys, "fit", *MODEL, "--max-iter", "1", "--no-report")
    assert "without an optimum (countglm diagnose names them)" in told[2]


def test_groups_end_alike(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "de", *TEST, "--by", "lane")
    assert told[0].startswith("group b vs a by lane: ")
    assert told[0].endswith(" in 2 of 2 groups")
    assert [line.split()[0] for line in told[1:]] == ["Most", "Groups", "Report", "Table"]
    assert told[2] == "Groups     2 groups of 6 samples"
    verbose = lines(capsys, "de", *TEST, "--by", "lane", "-v")
    assert verbose[-5:] == told
    assert verbose[:-6] == (study / "out" / "summary.txt").read_text().splitlines()


def test_a_likelihood_ratio_has_no_direction(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = lines(capsys, "de", "--design", "~ lane + group", "--lrt", "~ lane", "-o", "out")
    (found,) = facts("out")["contrasts"]
    genes = f"{found['n_significant']} genes at an FDR of 10%"
    assert told[0] == f"~ lane + group against ~ lane: {genes}"
    assert "x" not in told[1].removeprefix("Strongest")
    assert told[1].count(", ") == 8


def test_names_with_controls_break_no_line(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv("counts.csv", index_col=0)
    odd = [f"long {'x' * 300}", "g\n6", "\x1b[31mred", *(f"g{i}" for i in range(3, len(table)))]
    for shift in range(3):
        table.index = pd.Index([*odd[shift:3], *odd[:shift], *odd[3:]])
        # One gene changes more than all others, and is the first to be told.
        table.iloc[0, 4:8] = 90_000
        table.to_csv("counts.csv")
        told = lines(capsys, "de", *TEST, "--no-report")
        assert [line.split()[0] for line in told[1:]] == TITLES
        assert max(map(len, told)) < 80
        verbose = lines(capsys, "de", *TEST, "--no-report", "--verbose")
        assert "\x1b" not in "".join([*told, *verbose])
    assert told[1].startswith("Strongest   [31mred up ")


def test_the_intercept_alone_comes_with_a_caution(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--design", "~ 1", "--contrast", "Intercept", "-o", "out", "--no-report",
             "--fit-type", "local")  # fmt: skip
    told = lines(capsys, "de", *asked)
    assert told[1] == "Caution    only the intercept is tested: a gene's level, not a difference"
    assert len(told) == 6
    text = (study / "out" / "summary.txt").read_text()
    assert "Caution: The intercept alone is tested" in text
    lines(capsys, "de", *TEST, "--no-report")
    assert "Caution" not in (study / "out" / "summary.txt").read_text()
