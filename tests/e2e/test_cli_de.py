"""``countglm de``: from files to one folder of tables, results and report."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.deresult import DEResult
from tests.support.pages import Page

CONTRAST = ["condition", "treated", "untreated"]


@pytest.fixture(scope="module")
def adata() -> ad.AnnData:
    study = countglm.datasets.pasilla()[:, :900].copy()
    study.var["symbol"] = [f"SYM{i}" for i in range(study.n_vars)]
    return study


@pytest.fixture(scope="module")
def study(adata: ad.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the counts as genes x samples, their samples, and both as h5ad."""
    folder = tmp_path_factory.mktemp("study")
    counts = np.asarray(adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X)
    table = pd.DataFrame(counts.T, index=adata.var_names, columns=adata.obs_names)
    with gzip.open(folder / "counts.csv.gz", "wt") as stream:
        table.to_csv(stream, index_label="gene")
    adata.obs.iloc[::-1].to_csv(folder / "samples.csv", index_label="sample")
    adata.write_h5ad(folder / "study.h5ad")
    return folder


def de(out: Path, counts: Path, *options: str) -> int:
    samples = ["--samples", str(counts.parent / "samples.csv")] if counts.suffix == ".gz" else []
    arguments = ["de", str(counts), *samples, "-o", str(out), "--threads", "1", *options]
    return run_command(app, arguments)


def facts_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


def read(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / name, sep="\t", index_col=0, float_precision="round_trip")


MODEL = ("--design", "~ type + condition", "--contrast", "condition,treated,untreated")


def test_one_folder_with_everything(
    study: Path, adata: ad.AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert de(out, study / "counts.csv.gz", *MODEL) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert len(shown.out.splitlines()) == 6
    told = (out / "summary.txt").read_text()
    assert told.startswith("condition treated vs untreated  (mode exact, Wald test)\n")
    facts = facts_of(out)
    assert sorted(path.name for path in out.iterdir()) == facts["files"]
    (contrast,) = facts["contrasts"]
    direct = countglm.differential_expression(adata, "~ type + condition", CONTRAST, threads=1)
    table = read(out, contrast["file"])
    for name in ("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj"):
        np.testing.assert_array_equal(table[name], direct.table[name], err_msg=name)
    assert contrast["n_significant"] == (direct.table["padj"] < 0.1).sum() > 0
    assert facts["provenance"]["versions"]["countglm"] == countglm.__version__
    normalized = read(out, "normalized_counts.tsv")
    np.testing.assert_allclose(normalized.mean(axis=1), direct.table["baseMean"], rtol=1e-12)
    assert normalized.columns.tolist() == adata.obs_names.tolist()
    np.testing.assert_array_equal(read(out, "dispersions.tsv")["final"], direct.dispersion.final)
    assert run_command(app, ["diagnose", str(out / contrast["result"])]) == 0
    assert "900 genes x 7 samples" in capsys.readouterr().out
    loaded = DEResult.load(out / contrast["result"])
    again = loaded.test("type[T.single-read]", counts=adata, threads=1)
    assert again.label == "type[T.single-read]"


def test_normalized_counts_are_written_where_asked_for(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    name, kept = "normalized_counts.tsv", {}
    for choice in ("always", "auto", "never"):
        out = tmp_path / choice
        assert de(out, study / "study.h5ad", *MODEL, "--no-report", "--normalized", choice) == 0
        kept[choice] = facts_of(out)["normalized_counts"]
        assert (out / name).exists() == (choice == "always")
        shown = capsys.readouterr().out
        said = "left out: 6,300 entries, more than 6,299; --normalized always writes them"
        assert (said in shown) == (choice == "auto")
        # From here on the table is too large, and what is asked for is written some genes at once.
        monkeypatch.setattr("countglm.cli.normalized.MOST_ENTRIES", 6_299)
        monkeypatch.setattr("countglm.cli.normalized._ENTRIES_AT_ONCE", 100)
    assert kept == {"always": name, "auto": None, "never": None}
    again = tmp_path / "again"
    assert de(again, study / "study.h5ad", *MODEL, "--no-report", "--normalized", "always") == 0
    assert (again / name).read_bytes() == (tmp_path / "always" / name).read_bytes()
    options = ("--normalized", "always", "--by", "type")
    assert de(tmp_path / "by", study / "study.h5ad", *MODEL, *options) == 2
    assert "--normalized is of one test" in capsys.readouterr().err


def test_report_stands_alone(study: Path, tmp_path: Path) -> None:
    assert de(tmp_path / "out", study / "study.h5ad", *MODEL) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.endswith("</html>\n")
    for words in ("condition treated vs untreated", "Dispersion", "Certificate", "SYM"):
        assert words in page
    assert Page(page).foreign() == []
    kinds = re.findall(r'<figure class="points" data-contrast="0" data-points="(\w+)">', page)
    assert kinds == ["ma", "volcano", "dispersion"]


def test_symbols_and_h5ad(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert de(out, study / "study.h5ad", *MODEL, "--h5ad", "--no-report") == 0
    assert not (out / "report.html").exists()
    table = read(out, facts_of(out)["contrasts"][0]["file"])
    assert table["symbol"].tolist() == [f"SYM{i}" for i in range(900)]
    annotated = ad.read_h5ad(out / "result.h5ad")
    np.testing.assert_array_equal(annotated.varm["countglm_de"]["padj"], table["padj"])
    assert annotated.var["symbol"].iloc[5] == "SYM5"


def test_a_table_of_contrasts_makes_its_designs(
    study: Path, adata: ad.AnnData, tmp_path: Path
) -> None:
    (tmp_path / "contrasts.csv").write_text(
        "id,variable,reference,target,blocking\n"
        "treated,condition,untreated,treated,type\n"
        "reads,type,paired-end,single-read,\n"
        "plain,condition,untreated,treated,NA\n"
    )
    out = tmp_path / "out"
    options = ("--contrasts", str(tmp_path / "contrasts.csv"), "--no-report")
    assert de(out, study / "study.h5ad", *options) == 0
    facts = facts_of(out)
    assert facts["designs"] == ["~ type + condition", "~ type", "~ condition"]
    assert [each["name"] for each in facts["contrasts"]] == ["treated", "reads", "plain"]
    assert {"result_treated.h5", "test_reads.tsv", "samples_2.tsv", "dispersions_3.tsv"} <= set(
        facts["files"]
    )
    direct = countglm.differential_expression(adata, "~ type + condition", CONTRAST, threads=1)
    np.testing.assert_array_equal(read(out, "test_treated.tsv")["padj"], direct.table["padj"])


def test_blocking_is_added_to_a_given_design_once(study: Path, tmp_path: Path) -> None:
    (tmp_path / "contrasts.tsv").write_text(
        "variable\treference\ttarget\tblocking\n"
        "condition\tuntreated\ttreated\ttype;number of lanes\n"
    )
    out = tmp_path / "out"
    options = ("--contrasts", str(tmp_path / "contrasts.tsv"), "--design", "~ type + condition")
    assert de(out, study / "study.h5ad", *options, "--no-report", "--min-count", "500") == 0
    assert facts_of(out)["designs"] == ["~ type + condition + `number of lanes`"]
    names = [each["name"] for each in facts_of(out)["contrasts"]]
    assert names == ["condition_treated_vs_untreated_type_number of lanes"]


def test_choices_reach_the_analysis(study: Path, adata: ad.AnnData, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = (
        "--reference", "condition=untreated", "--lfc-threshold", "0.3", "--alternative", "greater",
        "--alpha", "0.05", "--fit-type", "local", "--no-independent-filtering", "--no-cooks",
        "--interval", "wald", "--size-factors", "tmm", "--no-report", "--gzip", "--format", "csv",
    )  # fmt: skip
    design = ("--design", "~ type + condition", "--contrast", "condition[T.treated]")
    assert de(out, study / "study.h5ad", *design, *options) == 0
    settings = facts_of(out)["settings"]
    assert settings | {"lfc_threshold": 0.3, "alternative": "greater", "alpha": 0.05} == settings
    assert settings["fit_type"] == "local"
    assert settings["independent_filtering"] is False
    assert settings["cooks_cutoff"] is None
    table = pd.read_csv(out / "test_condition_T.treated.csv.gz", index_col=0)
    assert (table["ciLower"] <= table["ciUpper"]).any()
    assert not table["na_reason"].isin(["low_mean", "outlier"]).any()


def test_likelihood_ratio_needs_no_contrast(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--design", "~ type + condition", "--lrt", "~ type", "--no-report")
    assert de(out, study / "study.h5ad", *options) == 0
    (contrast,) = facts_of(out)["contrasts"]
    assert set(read(out, contrast["file"])["test"]) == {"LRT"}
    assert facts_of(out)["settings"]["reduced"] == "~ type"


def test_shrunken_and_replayed(study: Path, tmp_path: Path) -> None:
    shrunken, replayed = tmp_path / "shrunken", tmp_path / "replayed"
    assert de(shrunken, study / "study.h5ad", *MODEL, "--shrink", "apeglm") == 0
    (contrast,) = facts_of(shrunken)["contrasts"]
    assert contrast["shrinkage"] == "apeglm"
    table = read(shrunken, contrast["file"])
    assert "stat" not in table
    assert np.isfinite(table["log2FoldChange"][table["pvalue"].notna()]).all()
    assert de(replayed, study / "study.h5ad", *MODEL, "--mode", "replay") == 0
    page = (replayed / "report.html").read_text()
    assert "carries no certificate" in page
    assert "at the optimum" not in page.lower()
    assert facts_of(replayed)["contrasts"][0]["mode"] == "replay"


def test_genes_are_dropped_and_counted(
    study: Path, adata: ad.AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total = np.asarray(adata.X.sum(axis=0)).ravel()
    few = tmp_path / "few"
    assert de(few, study / "study.h5ad", *MODEL, "--min-count", "10", "--no-report", "--h5ad") == 0
    dropped = int((total < 10).sum())
    assert f", {dropped} dropped)" in capsys.readouterr().out
    assert f"{dropped} genes dropped before the fit." in (few / "summary.txt").read_text()
    assert facts_of(few)["n_dropped"] == dropped > 0
    assert ad.read_h5ad(few / "result.h5ad").n_vars == 900 - dropped
    kept = countglm.filter_by_expression(adata, "~ type + condition")
    by_rule = tmp_path / "rule"
    options = ("--filter-by-expression", "--no-report", "--json", "--h5ad")
    assert de(by_rule, study / "counts.csv.gz", *MODEL, *options) == 0
    assert json.loads(capsys.readouterr().out) == facts_of(by_rule)
    table = read(by_rule, facts_of(by_rule)["contrasts"][0]["file"])
    assert table.index.tolist() == adata.var_names[kept].tolist()
    annotated = ad.read_h5ad(by_rule / "result.h5ad")
    np.testing.assert_array_equal(annotated.X.sum(axis=0).A1, total[kept])
    assert annotated.obs["condition"].tolist() == adata.obs["condition"].tolist()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "Give --design"),
        (("--design", "condition"), "neither a formula"),
        (("--design", "~ nothing"), "nothing"),
        ((*MODEL, "--reference", "condition"), "must be variable=level"),
        ((*MODEL, "--reference", "condition=none"), "no level of 'condition'"),
        ((*MODEL[:3], "condition,treated,none"), "none"),
        ((*MODEL, "--min-count", "1e9"), "None of 900 genes passes"),
        ((*MODEL, "--lrt", "~ type", "--lfc-threshold", "1"), "leave them out"),
        ((*MODEL, "--lrt", "~ condition + nothing"), "nothing"),
        ((*MODEL, "--lrt", "~ type * condition"), "not nested"),
        (("--design", "~ condition", "--reference", "type=paired-end"), "names 'type'"),
        (
            (*MODEL, "--alpha", "2"),
            "--alpha '2.0' must be a number between 0 and 1, such as 0.05 for 5%",
        ),
        ((*MODEL, "--contrasts", "none.csv"), "not both"),
        (("--contrasts", "none.csv"), "none.csv"),
        ((*MODEL, "--layer", "raw"), "no layer 'raw'"),
        ((*MODEL, "--min-count", "-1"), "--min-count -1 must be"),
        ((*MODEL, "--min-count", "nan"), "--min-count nan must be"),
        ((*MODEL, "--shrink", "ash", "--interval", "wald"), "leave out --interval"),
        (
            (*MODEL, "--reference", "condition=untreated", "--reference", "condition=treated"),
            "two levels of 'condition'",
        ),
    ],
)
def test_wrong_use_is_one_line_and_status_two(
    options: tuple[str, ...],
    told: str,
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert de(tmp_path / "out", study / "study.h5ad", *options) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_reduced_design_is_checked_for_every_design_before_the_first_fit(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitted = []
    monkeypatch.setattr(countglm.workflows, "differential_expression", fitted.append)
    table = tmp_path / "contrasts.csv"
    table.write_text(
        "variable,reference,target,blocking\n"
        "condition,untreated,treated,type\ntype,paired-end,single-read,\n"
    )
    options = ("--contrasts", str(table), "--lrt", "~ condition")
    assert de(tmp_path / "out", study / "study.h5ad", *options) == 2
    assert "not nested" in capsys.readouterr().err
    assert fitted == []


@pytest.mark.parametrize(
    ("design", "options"),
    [
        ("~ type * condition", ("--shrink", "normal")),
        ("~ type + condition", ("--shrink", "apeglm", "--mode", "replay")),
    ],
)
def test_shrinkage_that_a_contrast_cannot_have_is_refused_before_the_fit(
    design: str,
    options: tuple[str, ...],
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fitted = []
    monkeypatch.setattr(countglm.workflows, "differential_expression", fitted.append)
    model = ("--design", design, "--contrast", "type,single-read,paired-end")
    contrast = ("--contrast", "0,1,1" if "+" in design else "0,1,1,0")
    assert de(tmp_path / "out", study / "study.h5ad", *model, *contrast, *options) == 2
    error = capsys.readouterr().err
    assert f"--shrink {options[1]}" in error
    assert "is none; take" in error
    assert len(error.splitlines()) == 1
    assert fitted == []


def test_contrasts_whose_names_look_alike_all_reach_the_h5ad(study: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "contrasts.csv", tmp_path / "out"
    table.write_text(
        "id,variable,reference,target\n"
        "a+b,condition,untreated,treated\na b,condition,treated,untreated\n"
    )
    options = ("--contrasts", str(table), "--h5ad", "--no-report")
    assert de(out, study / "study.h5ad", *options) == 0
    one, other = facts_of(out)["contrasts"]
    assert [one["h5ad_key"], other["h5ad_key"]] == ["countglm_de_a_b", "countglm_de_a_b_2"]
    annotated = ad.read_h5ad(out / "result.h5ad")
    for contrast in (one, other):
        expected = read(out, contrast["file"])["log2FoldChange"]
        stored = DEResult.load(out / contrast["result"]).table["log2FoldChange"]
        np.testing.assert_array_equal(stored, expected)
        np.testing.assert_array_equal(
            annotated.varm[contrast["h5ad_key"]]["log2FoldChange"], expected
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("variable,reference\ncondition,a\n", "lacks the column 'target'"),
        ("variable,reference,target\n", "has a header and no row"),
        ("variable,reference,target\ncondition,,treated\n", "line 2: reference is empty"),
        ("variable,reference,target\ncondition,untreated,dead\n", "'dead'"),
        ("variable,reference,target,exclude\ncondition,untreated,treated,x\n", "'exclude'"),
        (
            "id,variable,reference,target\na,condition,untreated,treated\n"
            "a,type,paired-end,single-read\n",
            "names the contrast 'a' twice",
        ),
    ],
)
def test_wrong_tables_of_contrasts(
    text: str, told: str, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "contrasts.csv").write_text(text)
    options = ("--contrasts", str(tmp_path / "contrasts.csv"))
    assert de(tmp_path / "out", study / "study.h5ad", *options) == 2
    assert told in capsys.readouterr().err


def test_normalised_input_names_the_layer(
    adata: ad.AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = adata.copy()
    data.layers["counts"] = data.X.copy()
    data.X = data.X.astype(float) / 3
    data.write_h5ad(tmp_path / "study.h5ad")
    assert de(tmp_path / "out", tmp_path / "study.h5ad", *MODEL) == 2
    assert "layers['counts'] holds whole numbers" in capsys.readouterr().err
    options = ("--layer", "counts", "--no-report")
    assert de(tmp_path / "out", tmp_path / "study.h5ad", *MODEL, *options) == 0
