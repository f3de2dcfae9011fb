"""The command line: exit statuses, one line on stderr, whole outputs or none."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.results import GLMFit
from tests.support.fits import synthetic_fit
from tests.support.fresh import SOURCE, run_python

SAMPLES = [f"s{i}" for i in range(8)]
FORMULA = "~ cell + dex"
CONTRAST = "dex,trt,untrt"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


def small_counts() -> pd.DataFrame:
    """Genes x samples: 30 genes, one of them zero, one on and off."""
    rng = np.random.default_rng(11)
    counts = rng.negative_binomial(5, 5 / (5 + rng.uniform(20, 200, (30, 1))), size=(30, 8))
    counts[3] = 0
    counts[4, 4:] = 0
    counts[4, :4] += 5
    return pd.DataFrame(counts, index=[f"g{i}" for i in range(30)], columns=SAMPLES)


def sample_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": ["a", "b", "c", "d"] * 2,
            "dex": ["untrt"] * 4 + ["trt"] * 4,
            "age": [30.0, 41, 52, 29, 30, 41, 52, 29],
        },
        index=pd.Index(SAMPLES, name="sample"),
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with counts.tsv and samples.csv."""
    small_counts().to_csv(tmp_path / "counts.tsv", sep="\t", index_label="gene")
    sample_table().to_csv(tmp_path / "samples.csv")
    return tmp_path


def fit_arguments(study: Path, *more: str, **changed: str) -> list[str]:
    given = {"design": FORMULA, "samples": str(study / "samples.csv"), "output": str(study / "out")}
    given |= changed
    counts = given.pop("counts", str(study / "counts.tsv"))
    options = [part for name, value in given.items() if value for part in (f"--{name}", value)]
    return ["fit", counts, *options, *more]


def test_fit_writes_everything(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, fit_arguments(study, "--contrast", CONTRAST, "--h5ad")) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Fitted 30 genes in 8 samples: ~ cell + dex\n")
    assert shown.err == ""
    out = study / "out"
    assert "30 genes x 8 samples" in (out / "summary.txt").read_text()
    facts = json.loads((out / "summary.json").read_text())
    assert sorted(path.name for path in out.iterdir()) == facts["files"]
    assert facts["n_genes"] == 30
    assert sum(facts["status"].values()) == 30
    fit = GLMFit.load(out / "fit.h5")
    table = pd.read_csv(out / facts["contrasts"][0]["file"], sep="\t", index_col="gene")
    assert table.index.tolist() == fit.gene_names.tolist()
    np.testing.assert_allclose(
        table["log2FoldChange"].iloc[0] * np.log(2),
        fit.design.contrast(["dex", "trt", "untrt"])[0] @ fit.coefficients[0],
        rtol=1e-12,
    )
    samples = pd.read_csv(out / "samples.tsv", sep="\t", index_col="sample")
    np.testing.assert_array_equal(samples["size_factor"], fit.size_factors)
    assert (out / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_h5ad_holds_counts_and_fit(study: Path) -> None:
    import anndata

    assert run_command(app, fit_arguments(study, "--h5ad", "--no-report")) == 0
    adata = anndata.read_h5ad(study / "out" / "result.h5ad")
    np.testing.assert_array_equal(adata.X.toarray(), small_counts().to_numpy().T)
    assert adata.varm["countglm_coefficients"].shape == (30, 5)
    assert not (study / "out" / "report.html").exists()


def test_json_on_stdout_equals_the_file(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, fit_arguments(study, "--json", "--gzip")) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads((study / "out" / "summary.json").read_text())
    assert (study / "out" / "coefficients.tsv.gz").exists()


def test_options_reach_the_fit(study: Path) -> None:
    arguments = fit_arguments(
        study, "--family", "poisson", "--solver", "newton", "--size-factors", "library",
        "--tol", "1e-6", "--threads", "1",
    )  # fmt: skip
    assert run_command(app, arguments) == 0
    fit = GLMFit.load(study / "out" / "fit.h5")
    assert (fit.family, fit.tol) == ("poisson", 1e-6)
    total = small_counts().sum()
    np.testing.assert_allclose(fit.size_factors, total / np.exp(np.log(total).mean()), rtol=1e-12)


def test_size_factors_and_design_from_files(study: Path) -> None:
    factors = pd.DataFrame({"factor": np.linspace(0.5, 2, 8)}, index=SAMPLES)
    factors.iloc[::-1].to_csv(study / "factors.csv")
    x = pd.DataFrame({"one": 1, "dex": [0, 0, 0, 0, 1, 1, 1, 1]}, index=SAMPLES)
    x.iloc[::-1].to_csv(study / "design.csv")
    arguments = fit_arguments(
        study, "--size-factors", str(study / "factors.csv"), "--contrast", "dex",
        design=str(study / "design.csv"), samples="",
    )  # fmt: skip
    assert run_command(app, arguments) == 0
    fit = GLMFit.load(study / "out" / "fit.h5")
    np.testing.assert_allclose(fit.size_factors, np.linspace(0.5, 2, 8))
    np.testing.assert_array_equal(fit.design.matrix[:, 1], [0, 0, 0, 0, 1, 1, 1, 1])


def test_output_is_kept_without_force(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, fit_arguments(study, "--contrast", CONTRAST)) == 0
    before = {path.name: path.read_bytes() for path in (study / "out").iterdir()}
    (study / "out" / "mine.txt").write_text("mine")
    assert run_command(app, fit_arguments(study)) == 2
    assert "--force" in capsys.readouterr().err
    assert {n: (study / "out" / n).read_bytes() for n in before} == before
    assert run_command(app, fit_arguments(study, "--force", "--no-report")) == 0
    left = {path.name for path in (study / "out").iterdir()}
    assert "mine.txt" in left, "files that countglm did not write stay"
    assert not any(name.startswith(("test_", "report")) for name in left), "stale files go"


# What a user may get wrong: arguments (made in the study's folder) and words of the answer.
def _write(study: Path, name: str, text: str) -> str:
    (study / name).write_text(text)
    return str(study / name)


def _counts_with(study: Path, value: object) -> str:
    table = small_counts().astype(object)
    table.loc["g7", "s2"] = value
    table.to_csv(study / "bad.tsv", sep="\t", index_label="gene")
    return str(study / "bad.tsv")


def _samples_with(study: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    change(sample_table()).to_csv(study / "other.csv")
    return str(study / "other.csv")


def _truncated_h5ad(study: Path) -> str:
    synthetic_fit(400).to_anndata().write_h5ad(study / "cut.h5ad")
    content = (study / "cut.h5ad").read_bytes()
    (study / "cut.h5ad").write_bytes(content[: len(content) // 3])
    return str(study / "cut.h5ad")


def _corrupt_gzip(study: Path) -> str:
    packed = gzip.compress((study / "counts.tsv").read_bytes())
    (study / "bad.tsv.gz").write_bytes(packed[: len(packed) // 2])
    return str(study / "bad.tsv.gz")


def _saved_fit(study: Path) -> str:
    synthetic_fit(20).save(study / "fit.h5")
    return str(study / "fit.h5")


def _full_folder(study: Path) -> str:
    (study / "full").mkdir()
    (study / "full" / "thesis.txt").write_text("mine")
    return str(study / "full")


Case = tuple[str, Callable[[Path], list[str]], str]
CASES: list[Case] = [
    ("unknown command", lambda s: ["fti"], "fti"),
    ("unknown option", lambda s: fit_arguments(s, "--colour", "red"), "--colour"),
    ("no design", lambda s: fit_arguments(s, design=""), "--design"),
    ("no output", lambda s: fit_arguments(s, output=""), "fit needs -o FOLDER: folder for"),
    ("no counts", lambda s: ["fit", "--design", "~ dex", "-o", str(s / "o")], "COUNTS"),
    ("family", lambda s: fit_arguments(s, "--family", "gamma"), "gamma"),
    ("solver", lambda s: fit_arguments(s, "--solver", "adam"), "adam"),
    ("no threads", lambda s: fit_arguments(s, "--threads", "0"), "--threads"),
    ("threads text", lambda s: fit_arguments(s, "--threads", "all"), "all"),
    ("dispersion negative", lambda s: fit_arguments(s, "--dispersion", "-1"), "-1"),
    ("dispersion nan", lambda s: fit_arguments(s, "--dispersion", "nan"), "nan"),
    ("dispersion text", lambda s: fit_arguments(s, "--dispersion", "low"), "low"),
    ("tol zero", lambda s: fit_arguments(s, "--tol", "0"), "--tol"),
    ("no iterations", lambda s: fit_arguments(s, "--max-iter", "0"), "--max-iter"),
    ("design word", lambda s: fit_arguments(s, design="dex"), "'dex'"),
    ("formula syntax", lambda s: fit_arguments(s, design="~ dex +* cell"), "dex +* cell"),
    ("unknown column", lambda s: fit_arguments(s, design="~ dexx"), "dexx"),
    ("constant column", lambda s: fit_arguments(s, design="~ cell + dex + age"), "age"),
    (
        "saturated",
        lambda s: fit_arguments(s, design="~ 0 + C(cell):C(dex)"),
        "give --dispersion",
    ),
    (
        "parquet gzip",
        lambda s: fit_arguments(s, "--format", "parquet", "--gzip"),
        "leave it out with --format parquet",
    ),
    ("missing samples", lambda s: fit_arguments(s, samples=""), "--samples"),
    ("no samples file", lambda s: fit_arguments(s, samples=str(s / "none.csv")), "none.csv"),
    ("no counts file", lambda s: fit_arguments(s, counts=str(s / "none.tsv")), "none.tsv"),
    ("counts folder", lambda s: fit_arguments(s, counts=str(s)), "matrix.mtx"),
    ("empty counts", lambda s: fit_arguments(s, counts=_write(s, "e.tsv", "")), "e.tsv"),
    ("ragged", lambda s: fit_arguments(s, counts=_write(s, "r.csv", "g,a\nx,1,2,3\n")), "r.csv"),
    ("corrupt gzip", lambda s: fit_arguments(s, counts=_corrupt_gzip(s)), "bad.tsv.gz"),
    ("truncated h5ad", lambda s: fit_arguments(s, counts=_truncated_h5ad(s)), "cut.h5ad"),
    ("negative", lambda s: fit_arguments(s, counts=_counts_with(s, -3)), "-3"),
    ("fraction", lambda s: fit_arguments(s, counts=_counts_with(s, 2.5)), "2.5"),
    ("text count", lambda s: fit_arguments(s, counts=_counts_with(s, "many")), "many"),
    ("missing count", lambda s: fit_arguments(s, counts=_counts_with(s, "NA")), "g7"),
    (
        "other samples",
        lambda s: fit_arguments(s, samples=_samples_with(s, lambda t: t.rename(lambda n: n + "x"))),
        "s0",
    ),
    (
        "covariate missing",
        lambda s: fit_arguments(
            s,
            samples=_samples_with(s, lambda t: t.assign(age=[np.nan, *t["age"][1:]])),
            design="~ age",
        ),
        "age",
    ),
    ("contrast factor", lambda s: fit_arguments(s, "--contrast", "drug,trt,untrt"), "drug"),
    ("contrast level", lambda s: fit_arguments(s, "--contrast", "dex,high,untrt"), "high"),
    ("contrast name", lambda s: fit_arguments(s, "--contrast", "dex[T.no]"), "dex[T.no]"),
    ("contrast length", lambda s: fit_arguments(s, "--contrast", "0,1"), "5"),
    ("size factor word", lambda s: fit_arguments(s, "--size-factors", "median"), "median"),
    (
        "size factor samples",
        lambda s: fit_arguments(s, "--size-factors", _write(s, "f.csv", "sample,f\ns0,1\n")),
        "s1",
    ),
    (
        "size factor zero",
        lambda s: fit_arguments(
            s,
            "--size-factors",
            _write(s, "f.csv", "sample,f\n" + "".join(f"{n},0\n" for n in SAMPLES)),
        ),
        "0",
    ),
    (
        "size factor text",
        lambda s: fit_arguments(
            s,
            "--size-factors",
            _write(s, "f.csv", "sample,f\n" + "".join(f"{n},x\n" for n in SAMPLES)),
        ),
        "numbers",
    ),
    ("output full", lambda s: fit_arguments(s, output=_full_folder(s)), "full"),
    ("output a file", lambda s: fit_arguments(s, output=_write(s, "f", "x")), "is a file"),
    ("output below a file", lambda s: fit_arguments(s, output=_write(s, "f", "x") + "/o"), "/f"),
    ("demo over others", lambda s: ["demo", "-o", _full_folder(s)], "--force"),
    ("diagnose nothing", lambda s: ["diagnose", str(s / "none.h5")], "none.h5"),
    ("diagnose text", lambda s: ["diagnose", _write(s, "t.h5", "text")], "t.h5"),
    ("diagnose other suffix", lambda s: ["diagnose", str(s / "samples.csv")], ".csv"),
    ("diagnose gene", lambda s: ["diagnose", _saved_fit(s), "--gene", "TP53"], "TP53"),
    ("diagnose table", lambda s: ["diagnose", _saved_fit(s), "-o", str(s / "t.xls")], "t.xls"),
    (
        "diagnose over a file",
        lambda s: ["diagnose", _saved_fit(s), "-o", _write(s, "t.tsv", "mine")],
        "t.tsv",
    ),
]


@pytest.mark.parametrize(("arguments", "named"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_wrong_use_ends_in_one_line(
    study: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Callable[[Path], list[str]],
    named: str,
) -> None:
    given = arguments(study)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    assert run_command(app, given) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1, shown.err
    assert shown.err.startswith("countglm: ")
    assert named in shown.err
    assert "Traceback" not in shown.err
    after = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    assert after.keys() == before.keys(), "nothing may be left behind"
    assert {p: t for p, t in after.items() if p.is_file()} == {
        p: t for p, t in before.items() if p.is_file()
    }


def test_a_bug_is_status_one_and_one_line(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import countglm.cli.fit as command

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inner\nstate")

    monkeypatch.setattr(command, "read_inputs", broken)
    assert run_command(app, fit_arguments(study)) == 1
    error = capsys.readouterr().err
    assert error.startswith("countglm: failed with RuntimeError: inner state")
    assert len(error.splitlines()) == 1


def test_diagnose_tells_statuses_and_design(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, fit_arguments(study)) == 0
    capsys.readouterr()
    table = study / "genes.tsv"
    assert run_command(app, ["diagnose", str(study / "out" / "fit.h5"), "-o", str(table)]) == 0
    text = capsys.readouterr().out
    assert "ALL_ZERO: 1 gene." in text
    assert "SEPARATED: 1 gene." in text
    assert "  g4" in text
    assert "rank" in text
    assert len(pd.read_csv(table, sep="\t")) == 30


def test_diagnose_one_gene_and_json(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, fit_arguments(study)) == 0
    capsys.readouterr()
    path = str(study / "out" / "fit.h5")
    assert run_command(app, ["diagnose", path, "--gene", "g4"]) == 0
    text = capsys.readouterr().out
    assert "g4: SEPARATED." in text
    assert "dex[T.untrt] runs to +inf" in text
    assert run_command(app, ["diagnose", path, "--gene", "g4", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["genes"]["g4"]["status"] == "SEPARATED"
    assert facts["sentences"]["ALL_ZERO"]


def run_process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "countglm", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **{"env": ENVIRONMENT} | options,  # type: ignore[call-overload]
    )


def test_demo_and_its_rerun(tmp_path: Path) -> None:
    done = run_process("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "FKBP5" in done.stdout
    assert "Largest Newton decrement" in done.stdout
    assert "Slowest gene" in done.stdout
    assert (tmp_path / "countglm-demo" / "report.html").stat().st_size < 5_000_000
    assert max(len(line) for line in done.stdout.splitlines()[:20]) <= 80
    again = run_process("demo", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["n_genes"] == 64102


def test_process_status_and_stderr(study: Path) -> None:
    wrong = run_process(*fit_arguments(study, counts=str(study / "none.tsv")))
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert len(wrong.stderr.splitlines()) == 1


def test_help_and_version_load_no_engine() -> None:
    code = (
        "import sys; from countglm.cli import app\n"
        "try: app.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'pandas', 'anndata', 'matplotlib', 'h5py', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    assert "precompile" in run_python(code)
    version = run_process("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("countglm ")


# A fit that lasts as long as it takes to stop it, on a machine of any speed.
ENDLESS_FIT = """
import signal, sys
from pathlib import Path
# Those who test in the background of a shell have Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from countglm import _fitting
from countglm.cli import main
fit_once = _fitting.Problem.run
def fit_on(problem, *arguments):
    while True:
        fit_once(problem, *arguments)
        Path(sys.argv[-1], "fitted_once").touch()
_fitting.Problem.run = fit_on
main(sys.argv[1:-1])
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_a_long_fit_leaves_nothing(
    study: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    seen, results = tmp_path / "seen", tmp_path / "results"
    seen.mkdir()
    results.mkdir()
    arguments = fit_arguments(study, output=str(results / "out"))
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_FIT, *arguments, str(seen)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    deadline = time.monotonic() + 120
    while not list(seen.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, "the fit must still run when it is stopped"
    process.send_signal(stop)
    try:
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert error.strip() == "countglm: interrupted; no output was written."
    assert list(results.iterdir()) == []


@pytest.mark.parametrize("more", [("--family", "poisson"), ("--dispersion", "0.1")])
def test_a_saturated_design_needs_no_estimated_dispersion(
    study: Path, more: tuple[str, ...]
) -> None:
    arguments = fit_arguments(study, *more, "--no-report", design="~ 0 + C(cell):C(dex)")
    assert run_command(app, arguments) == 0
    assert GLMFit.load(study / "out" / "fit.h5").coefficients.shape == (30, 8)


def test_contrasts_whose_labels_round_alike_keep_their_tables(study: Path) -> None:
    contrasts = ["0,0,0,0,1", "0,0,0,0,1.00000000001", "0,0,0,0,1"]
    options = [part for text in contrasts for part in ("--contrast", text)]
    assert run_command(app, fit_arguments(study, *options, "--no-report")) == 0
    listed = json.loads((study / "out" / "summary.json").read_text())["contrasts"]
    assert len({entry["file"] for entry in listed}) == len({e["contrast"] for e in listed}) == 2
    assert all((study / "out" / entry["file"]).exists() for entry in listed)


def stored_study(folder: Path) -> Path:
    import anndata

    counts = small_counts().T
    adata = anndata.AnnData(counts.astype(float), obs=sample_table())
    adata.var["symbol"] = [f"S{i}" for i in range(30)]
    adata.layers["raw"] = adata.X.copy()
    adata.X = adata.X / 7
    adata.uns["study"] = "ours"
    adata.write_h5ad(folder / "in.h5ad")
    return folder / "in.h5ad"


def test_h5ad_keeps_what_the_input_held(study: Path) -> None:
    import anndata

    given = stored_study(study)
    before = given.read_bytes()
    arguments = fit_arguments(
        study, "--layer", "raw", "--h5ad", "--no-report", counts=str(given), samples=""
    )
    assert run_command(app, arguments) == 0
    assert given.read_bytes() == before
    read, result = anndata.read_h5ad(given), anndata.read_h5ad(study / "out" / "result.h5ad")
    np.testing.assert_array_equal(result.X, read.X)
    np.testing.assert_array_equal(result.layers["raw"], small_counts().to_numpy().T)
    pd.testing.assert_frame_equal(result.obs[list(read.obs)], read.obs)
    pd.testing.assert_frame_equal(result.var[list(read.var)], read.var)
    assert result.uns["study"] == "ours"
    assert result.varm["countglm_coefficients"].shape == (30, 5)


def test_counts_inside_the_output_are_not_replaced(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "out").mkdir()
    given = stored_study(study).rename(study / "out" / "result.h5ad")
    before = given.read_bytes()
    arguments = fit_arguments(study, "--layer", "raw", "--force", counts=str(given), samples="")
    assert run_command(app, arguments) == 2
    assert "files that a run may overwrite: 'result.h5ad'" in capsys.readouterr().err
    assert given.read_bytes() == before


@pytest.mark.parametrize("more", [(), ("--gzip",)])
def test_tables_as_csv(study: Path, more: tuple[str, ...]) -> None:
    arguments = fit_arguments(study, "--format", "csv", "--contrast", CONTRAST, *more)
    assert run_command(app, arguments) == 0
    end = ".csv.gz" if more else ".csv"
    tables = [path for path in (study / "out").iterdir() if path.name.endswith(end)]
    assert len(tables) == 3
    path = study / "out" / f"coefficients{end}"
    coefficients = pd.read_csv(path, index_col="gene", float_precision="round_trip")
    fit = GLMFit.load(study / "out" / "fit.h5")
    np.testing.assert_array_equal(coefficients["dispersion"], fit.dispersion)


def test_parquet_goes_through_pandas_or_names_the_package(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = fit_arguments(study, "--format", "parquet", "--no-report")
    monkeypatch.setattr("countglm.cli.products._PARQUET_ENGINES", ("countglm_no_such_package",))
    assert run_command(app, arguments) == 2
    assert "pip install pyarrow" in capsys.readouterr().err
    assert not (study / "out").exists()
    written = []

    def to_parquet(table: pd.DataFrame, path: Path) -> None:
        written.append((path.name, table.columns.is_unique))
        path.write_bytes(b"PAR1")

    monkeypatch.setattr("countglm.cli.products._PARQUET_ENGINES", ("pandas",))
    monkeypatch.setattr(pd.DataFrame, "to_parquet", to_parquet)
    assert run_command(app, arguments) == 0
    assert written == [("coefficients.parquet", True), ("samples.parquet", True)]
