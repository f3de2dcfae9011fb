"""``countglm compare``: an analysis beside the same one in R, with and without R on the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
import countglm.adapters.parity
import countglm.adapters.r
from countglm.adapters.parity import REASONS
from countglm.adapters.r import RError
from countglm.cli import app
from countglm.cli.outcome import run_command
from tests.support.analyses import N_GENES, study
from tests.support.parity import NAMES, STRANGE, certificate

MODEL = ("--design", "~ batch + group", "--contrast", "group,b,a", "--with", "DESeq2")
FILES = ["parity_genes.tsv", "parity_stages.tsv", "report.html", "summary.json", "summary.txt"]


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.h5ad"
    study().write_h5ad(path)
    return path


def compare(counts: Path, *options: str) -> int:
    return run_command(app, ["compare", str(counts), "--threads", "1", *options])


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t", index_col=0, float_precision="round_trip")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks to compare; the answer has a gene without a reason, or agrees."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(countglm.adapters.r, "require", {"DESeq2": {}}.__getitem__)

    def answer(result: Any, against: str, **options: Any) -> Any:
        calls.append({"result": result, "against": against, **options})
        return certificate(changed=options["tolerance"] < 1e-3)

    monkeypatch.setattr(countglm.adapters.parity, "compare", answer)
    return calls


def test_without_a_folder_the_text_is_printed(
    counts: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(counts, *MODEL, "--tolerance", "0.01") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.strip() == str(certificate(False))
    assert asked[0]["against"] == "DESeq2"


def test_a_deviation_without_a_reason_is_status_one_after_all_is_written(
    counts: Path, asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert compare(counts, *MODEL, "-o", str(out)) == 1
    shown = capsys.readouterr()
    assert shown.err == (
        f"countglm: for 1 gene of {N_GENES} no reason was found why DESeq2 gives another value, "
        "at the stages log2 fold change, p-value; such genes come first in the table.\n"
    )
    assert shown.out.splitlines()[-2:] == [
        f"Report     {out}/report.html; in words: {out}/summary.txt",
        f"Table      {out}/parity_genes.tsv",
    ]
    assert (out / "summary.txt").read_text() == f"{certificate()}\n"
    assert sorted(path.name for path in out.iterdir()) == FILES
    genes = read(out, "parity_genes.tsv")
    assert genes.index[0] == NAMES[STRANGE]
    assert len(genes) == 5
    assert genes["sentence"].str.len().min() > 20
    assert (
        read(out, "parity_stages.tsv")["verdict"].tolist()
        == certificate().stages["verdict"].tolist()
    )
    page = (out / "report.html").read_text()
    for words in ("study.h5ad: ~ batch + group against DESeq2", "Agreement with", "Certificate"):
        assert words in page


def test_the_summary_is_what_json_prints(
    counts: Path, asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("-o", str(out), "--json", "--no-report", "--tolerance", "0.01")
    assert compare(counts, *MODEL, *options) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((out / "summary.json").read_text())
    assert facts["files"] == [name for name in FILES if name != "report.html"]
    assert facts["command"] == "compare"
    assert facts["parity"]["passed"] is True
    assert facts["parity"]["versions"]["DESeq2"] == "1.38.3"
    assert compare(counts, *MODEL, "--json", "--tolerance", "0.01") == 0
    printed = json.loads(capsys.readouterr().out)
    assert "files" not in printed
    assert printed["parity"] == facts["parity"]
    assert compare(counts, *MODEL, *options) == 2
    assert "is not empty" in capsys.readouterr().err
    assert compare(counts, *MODEL, *options, "--force") == 0


def test_choices_reach_the_analysis_and_r(
    counts: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        "--mode", "replay", "--fit-type", "mean", "--alpha", "0.05", "--no-cooks",
        "--no-independent-filtering", "--lfc-threshold", "0.5", "--alternative", "greater",
        "--size-factors", "poscounts", "--reference", "group=b", "--min-count", "100",
        "--timeout", "60", "--tolerance", "0.002",
    )  # fmt: skip
    lower = tuple("deseq2" if word == "DESeq2" else word for word in MODEL)
    assert compare(counts, *lower, *options, "--json") == 0
    (call,) = asked
    assert (call["against"], call["timeout"], call["tolerance"]) == ("DESeq2", 60.0, 0.002)
    result = call["result"]
    chosen = {
        "mode": "replay", "fit_type": "mean", "alpha": 0.05, "cooks_cutoff": None,
        "independent_filtering": False, "lfc_threshold": 0.5, "alternative": "greater",
        "size_factors": "poscounts",
    }  # fmt: skip
    assert result.settings | chosen == result.settings
    assert "group[T.a]" in result.fit.coef_names
    dropped = json.loads(capsys.readouterr().out)["n_dropped"]
    assert result.fit.n_genes == N_GENES - dropped < N_GENES


def test_the_last_coefficient_by_a_likelihood_ratio(
    counts: Path, asked: list[dict[str, Any]]
) -> None:
    options = ("--design", "~ batch + group", "--with", "DESeq2", "--lrt", "~ batch")
    assert compare(counts, *options, "--tolerance", "0.01") == 0
    assert asked[0]["result"].settings["test"] == "lrt"
    np.testing.assert_array_equal(asked[0]["result"].contrast, [0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (MODEL[:4], "compare needs --with DESeq2: the package of R"),
        ((*MODEL[:4], "--with", "edgeR"), "--with 'edgeR' is not known; choose DESeq2."),
        (MODEL[2:], "compare needs --design FORMULA"),
        ((*MODEL, "--tolerance", "1"), "--tolerance 1 must lie between 0 and 1"),
        ((*MODEL, "--tolerance", "nan"), "--tolerance nan must lie between 0 and 1"),
        ((*MODEL, "--timeout", "0"), "--timeout '0.0' must be a number above 0"),
        ((*MODEL, "--force"), "--force is about the folder of -o"),
        ((*MODEL, "--no-report"), "--no-report is about the folder of -o"),
        ((*MODEL[:1], "~ nothing", *MODEL[2:]), "nothing"),
        ((*MODEL[:3], "group,b,none", *MODEL[4:]), "none"),
        ((*MODEL, "--lrt", "~ batch * group"), "not nested"),
        ((*MODEL, "--min-count", "1e9"), f"None of {N_GENES} genes passes"),
        ((*MODEL, "--min-count", "-1"), "--min-count -1 must be"),
        ((*MODEL, "--reference", "group"), "must be variable=level"),
        ((*MODEL, "--layer", "raw"), "no layer 'raw'"),
    ],
)
def test_wrong_use_is_one_line_and_status_two_before_any_fit(
    options: tuple[str, ...],
    told: str,
    counts: Path,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(countglm.workflows, "differential_expression", asked.append)
    assert compare(counts, *options) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""
    assert asked == []


def test_a_failure_of_r_is_one_line_without_talk_of_bugs(
    counts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise RError("DESeq2 stopped with an error in R: why (in f)", "log")

    monkeypatch.setattr(countglm.adapters.r, "require", {"DESeq2": {}}.__getitem__)
    monkeypatch.setattr(countglm.adapters.parity, "compare", stop)
    assert compare(counts, *MODEL, "-o", str(tmp_path / "out")) == 1
    error = capsys.readouterr().err
    assert error == "countglm: DESeq2 stopped with an error in R: why (in f)\n"
    assert not (tmp_path / "out").exists()


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit before R was looked for fails the test."""
    monkeypatch.setattr(countglm.workflows, "differential_expression", None)


@pytest.mark.usefixtures("no_fit")
def test_r_that_is_not_there(
    counts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    assert compare(counts, *MODEL, "-o", str(tmp_path / "out")) == 1
    error = capsys.readouterr().err
    assert "DESeq2 needs R, and no R is on PATH" in error
    assert "apt-get install r-base-core r-bioc-deseq2" in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_fit")
def test_rpy2_that_is_not_there(
    counts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "rpy2.py").write_text("raise ModuleNotFoundError('No module named rpy2')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("R_HOME", str(tmp_path))
    assert compare(counts, *MODEL) == 1
    error = capsys.readouterr().err
    assert 'pip install "countglm[r]"' in error
    assert len(error.splitlines()) == 1


@pytest.fixture(scope="module")
def pasilla(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pasilla") / "pasilla.h5ad"
    countglm.datasets.pasilla()[:, :600].copy().write_h5ad(path)
    return path


@pytest.mark.r
class TestLive:
    """The real DESeq2 on some genes of pasilla, through the command."""

    options = ("--design", "~ type + condition", "--contrast", "condition,treated,untreated")

    def test_exact_has_a_reason_for_every_gene(self, pasilla: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        options = (*self.options, "--with", "DESeq2", "-o", str(out))
        assert compare(pasilla, *options) == 0
        genes = read(out, "parity_genes.tsv")
        assert len(genes) > 300
        assert set(genes["reason"]) <= set(REASONS) - {"unknown"}
        facts = json.loads((out / "summary.json").read_text())["parity"]
        assert facts["unexplained"] == 0
        assert facts["stages"]["size factors"]["verdict"] == "equal"
        assert facts["reasons"]["separated"]["log2 fold change"] > 0
        page = (out / "report.html").read_text()
        assert page.count("<figure>") > 6 + 4
        assert len(page.encode()) < 3_000_000

    def test_replay_calls_the_same_genes(
        self, pasilla: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        options = (*self.options, "--with", "DESeq2", "--mode", "replay", "--json")
        assert compare(pasilla, *options, "--tolerance", "1e-4") == 0
        calls = json.loads(capsys.readouterr().out)["parity"]["calls"]
        assert calls["both"] == calls["ours"] == calls["theirs"] > 0
