"""Parity certificates: what is equal, what is explained, and what must not be."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import countglm
from countglm.adapters.parity import REASONS, ParityCertificate, compare, stages
from countglm.adapters.parity.words import sentence
from countglm.adapters.r import RResult
from countglm.deresult import DEResult
from countglm.errors import InputError
from tests.support.analyses import CONTRAST, ON_OFF, SPIKED, study
from tests.support.replayed import replayed_result

pytestmark = pytest.mark.compiled


@cache
def analysed(mode: str, **choices: Any) -> DEResult:
    """A sixth of pasilla, whose every stage differs from R's where it can."""
    adata = countglm.datasets.pasilla()
    some = np.flatnonzero(np.asarray(adata.X.sum(axis=0)).ravel())[::12]
    return countglm.differential_expression(
        adata[:, some].copy(), "~ type + condition", ["condition", "treated", "untreated"],
        mode=mode, threads=1, **choices,
    )  # fmt: skip


@cache
def theirs(**choices: Any) -> RResult:
    return replayed_result(analysed("replay", **choices))


@cache
def certificate() -> ParityCertificate:
    return compare(analysed("exact"), theirs=theirs())


def changed(column: str, gene: int, factor: float, table: str = "table") -> RResult:
    """R's answer with one number multiplied."""
    frame = getattr(theirs(), table).copy()
    frame.iloc[gene, frame.columns.get_loc(column)] *= factor
    return replace(theirs(), **{table: frame})


class TestEqual:
    def test_replay_beside_itself_is_equal_at_every_stage(self) -> None:
        found = compare(analysed("replay"), theirs=theirs())
        assert set(found.stages["verdict"]) == {"equal"}
        assert found.passed
        assert (found.reasons == "").all(axis=None)
        assert len(found.genes()) == 0
        assert found.calls["jaccard"] == 1.0
        assert "Every value agrees." in str(found)
        gene = found.reasons.index[0]
        assert found.explain(gene) == f"{gene}: equal at every stage, to 1e-06."

    @pytest.mark.parametrize(
        "choices",
        [
            {"test": "lrt", "reduced": "~ type"},
            {"lfc_threshold": 0.5, "alternative": "lessAbs"},
            {"fit_type": "local", "use_t": True},
            {"size_factors": "poscounts", "independent_filtering": False},
        ],
        ids=["lrt", "threshold", "local", "poscounts"],
    )
    def test_every_choice_is_explained(self, choices: dict[str, Any]) -> None:
        found = compare(analysed("exact", **choices), theirs=theirs(**choices))
        assert found.passed
        assert found.stages.loc["base mean", "verdict"] == "equal"
        assert found.stages.loc["p-value", "verdict"] == "explained"


class TestExplained:
    def test_every_deviating_gene_has_a_reason(self) -> None:
        found = certificate()
        assert found.passed
        assert found.unexplained == 0
        used = set(np.unique(found.reasons.to_numpy()))
        assert {"stuck", "off_maximum", "trend", "separated", "clamp"} <= used
        assert used <= {"", *REASONS} - {"unknown"}

    def test_evidence_is_never_against_us(self) -> None:
        evidence = certificate().evidence
        for loss in ("objective_loss", "genewise_loss", "map_loss"):
            values = evidence[loss].to_numpy()
            assert np.nanmin(values) > -1e-9
            assert np.nanmax(values) > 1e-3

    def test_separated_genes_are_those_of_the_fit_at_their_dispersions(self) -> None:
        found, result = certificate(), analysed("exact")
        infinite = np.isinf(result.table["log2FoldChange"].to_numpy())
        assert infinite.any()
        assert set(found.reasons.loc[infinite, stages.LFC]) <= {"separated", "zero_contrast"}

    def test_stuck_dispersions_are_at_the_floor(self) -> None:
        found = certificate()
        stuck = found.reasons[stages.GENEWISE] == "stuck"
        values = found.values[stuck]
        assert (values["gene-wise dispersion theirs"] < 1e-7).all()
        assert (values["gene-wise dispersion ours"] > 1e-7).all()
        assert (found.evidence.loc[stuck, "genewise_loss"] > 0).all()

    def test_sentences_carry_the_numbers(self) -> None:
        found = certificate()
        told = found.genes()
        assert len(told) == (found.reasons != "").any(axis=1).sum()
        assert not told["sentence"].str.contains("nan|no reason").any()
        separated = found.reasons.index[found.reasons[stages.LFC] == "separated"][0]
        assert "is an artefact of its clamp" in found.explain(separated)

    def test_a_fit_that_stopped_short_is_told_by_its_decrement(self) -> None:
        values = {f"{name} {side}": 1.5 for name in stages.BY_NAME for side in ("ours", "theirs")}
        evidence = {"decrement": 3e-4, "objective_loss": 4.5e-8, "genewise_loss": 0.0,
                    "map_loss": 0.0, "lowest_mean": 3.0}  # fmt: skip
        told = sentence("early_stop", stages.LFC, values, evidence, "DESeq2")
        assert "DESeq2 stopped 0.0003 SE short, log-likelihood 4e-08 lower" in told

    def test_stage_table_counts_what_is_beyond(self) -> None:
        found = certificate()
        for name in stages.BY_NAME:
            assert found.stages.loc[name, "beyond"] == (found.reasons[name] != "").sum()
        assert found.stages.loc["size factors", "worst"] == 0.0
        assert found.reason_counts()["trend"].sum() == found.stages.loc["trend", "beyond"]

    def test_calls_are_those_of_the_tables(self) -> None:
        calls, made = certificate().calls, certificate().call_reasons()
        ours = analysed("exact").table["padj"] < 0.1
        other = analysed("replay").table["padj"] < 0.1
        assert calls["both"] == (ours & other).sum()
        assert made["only ours"].sum() == calls["only_ours"] == (ours & ~other).sum()
        assert made["only theirs"].sum() == calls["only_theirs"]

    def test_replaced_counts_and_outliers(self) -> None:
        options = {"min_replicates_for_replacement": 3, "threads": 1}
        exact, replay = (
            countglm.differential_expression(
                study(), "~ batch + group", CONTRAST, mode=mode, **options
            )
            for mode in ("exact", "replay")
        )
        assert replay.outliers is not None
        assert replay.outliers.refitted[SPIKED]
        found = compare(exact, theirs=replayed_result(replay))
        assert found.passed
        assert found.reasons[stages.LFC].iloc[ON_OFF] == "separated"
        flagged = countglm.differential_expression(
            study(), "~ batch + group", CONTRAST, mode="replay", threads=1,
            min_replicates_for_replacement=np.inf,
        )  # fmt: skip
        other = compare(exact, theirs=replayed_result(flagged))
        assert other.passed
        assert other.reasons[stages.BASE_MEAN].iloc[SPIKED] == "replaced"
        assert other.reasons[stages.P].iloc[SPIKED] == "cooks"


class TestLastDigit:
    def test_a_search_that_the_last_digit_of_a_size_factor_ends(self) -> None:
        # FBgn0000559: mean 1e5, the first step gains what the stopping rule asks for. One more
        # step, or a grid of 20 points: 0.00469 or 0.00456, with an objective 8e-4 apart.
        adata = countglm.datasets.pasilla()[:, :600].copy()
        factors = countglm.estimate_size_factors(adata)
        found = [
            countglm.differential_expression(
                adata, "~ type + condition", ["condition", "treated", "untreated"],
                mode="replay", size_factors=factors * (1.0 + np.arange(7) * k * 2.0**-52),
            )
            for k in (0, 1, -1, 2, -2, 3, -3, 4)
        ]  # fmt: skip
        gene = found[0].table.index.get_loc("FBgn0000559")
        values = np.array([each.dispersion.genewise[gene] for each in found])
        other = int(np.argmax(np.abs(values - values[0])))
        assert abs(values[other] - values[0]) > 1e-4
        told = compare(found[0], theirs=replayed_result(found[other]))
        assert told.passed
        assert told.reasons[stages.GENEWISE].iloc[gene] == "rounding"
        # A value that no last digit leads to has no reason.
        genes = replayed_result(found[other]).genes
        genes.iloc[gene, genes.columns.get_loc("dispGeneEst")] *= 1.01
        wrong = compare(found[0], theirs=replace(replayed_result(found[other]), genes=genes))
        assert wrong.reasons[stages.GENEWISE].iloc[gene] == "unknown"


class TestUnexplained:
    """A number that no rule of R's accounts for must not find a reason."""

    @pytest.mark.parametrize("mode", ["replay", "exact"])
    @pytest.mark.parametrize(
        ("table", "column", "stage"),
        [
            ("table", "log2FoldChange", stages.LFC),
            ("table", "lfcSE", stages.ERROR),
            ("table", "stat", stages.STATISTIC),
            ("table", "pvalue", stages.P),
            ("table", "padj", stages.PADJ),
            ("genes", "baseMean", stages.BASE_MEAN),
            ("genes", "dispGeneEst", stages.GENEWISE),
            ("genes", "dispFit", stages.TREND),
            ("genes", "dispMAP", stages.MAP),
            ("genes", "dispersion", stages.FINAL),
        ],
    )
    def test_a_wrong_number(self, table: str, column: str, stage: str, mode: str) -> None:
        # A gene of large counts, whose values R's rules move little.
        gene = int(np.nanargmax(theirs().table["padj"].notna() * theirs().genes["baseMean"]))
        found = compare(analysed(mode), theirs=changed(column, gene, 1.01, table))
        codes = found.reasons[stage]
        # One adjusted p or trend that is not its rule's makes all of them doubtful.
        where = codes if column in ("padj", "dispFit") else codes.iloc[[gene]]
        assert (where == "unknown").any()
        assert not found.passed
        assert found.stages.loc[stage, "verdict"] == "unexplained"
        assert (found.reasons.loc[found.genes().index[0]] == "unknown").any()
        assert "without a reason, at the stages" in str(found)

    @pytest.mark.parametrize("mode", ["replay", "exact"])
    def test_wrong_coefficients_that_agree_with_each_other(self, mode: str) -> None:
        separated = certificate().reasons[stages.LFC] == "separated"
        large = np.argsort(-theirs().genes["baseMean"].to_numpy())[:10]
        rows = np.r_[large, np.flatnonzero(separated)[:10]]
        table, beta = theirs().table.copy(), theirs().coefficients.copy()
        table.iloc[rows, table.columns.get_loc("log2FoldChange")] += 0.5
        table["stat"] = table["log2FoldChange"] / table["lfcSE"]
        beta.iloc[rows, -1] -= 0.5 * np.log(2.0)
        wrong = replace(theirs(), table=table, coefficients=beta)
        found = compare(analysed(mode), theirs=wrong)
        assert (found.reasons[stages.LFC].iloc[rows] == "unknown").all()

    def test_a_missing_p_without_a_distance(self) -> None:
        table = theirs().table.copy()
        gene = int(np.flatnonzero(table["padj"].notna())[5])
        table.iloc[gene, table.columns.get_indexer(["pvalue", "padj"])] = np.nan
        found = compare(analysed("replay"), theirs=replace(theirs(), table=table))
        assert found.reasons[stages.P].iloc[gene] == "unknown"

    def test_size_factors_that_are_not_of_the_rule(self) -> None:
        factors = theirs().size_factors * np.linspace(0.95, 1.05, 7)
        found = compare(analysed("replay"), theirs=replace(theirs(), size_factors=factors))
        assert found.stages.loc["size factors", "verdict"] == "unexplained"
        assert not found.passed

    def test_a_trend_that_is_not_that_of_its_dispersions(self) -> None:
        genes = theirs().genes.assign(dispFit=lambda table: table["dispFit"] * 1.001)
        found = compare(analysed("exact"), theirs=replace(theirs(), genes=genes))
        assert found.stages.loc["trend", "verdict"] == "unexplained"
        assert not found.passed

    def test_a_prior_that_is_not_that_of_its_dispersions(self) -> None:
        info = theirs().info | {"prior_variance": theirs().info["prior_variance"] * 1.001}
        found = compare(analysed("exact"), theirs=replace(theirs(), info=info))
        assert found.stages.loc["prior variance", "verdict"] == "unexplained"

    def test_a_better_estimate_than_ours(self) -> None:
        # Ours spoiled: R's own is then nearer to the optimum, which no rule of R's explains.
        result = analysed("exact")
        moved = replace(result.dispersion, genewise=result.dispersion.genewise * 1.3)
        found = compare(replace(result, dispersion=moved), theirs=theirs())
        assert (found.reasons[stages.GENEWISE] == "unknown").sum() > 100


class TestFiles:
    def test_json_is_complete_and_plain(self, tmp_path: Path) -> None:
        path = tmp_path / "parity.json"
        certificate().save(path)
        told = json.loads(path.read_text())
        assert told["passed"] is True
        assert told["stages"]["trend"]["verdict"] == "explained"
        assert told["reasons"]["stuck"]["gene-wise dispersion"] > 0
        assert told["versions"]["DESeq2"] == "1.38.3"
        assert told["warnings"] == ["made up"]
        with pytest.raises(InputError, match="exists; pass force=True"):
            certificate().save(path)
        with pytest.raises(InputError, match="cannot be written"):
            certificate().save(tmp_path / "none" / "parity.json")


class TestRefused:
    @pytest.mark.parametrize(
        ("choices", "words"),
        [
            ({"dispersion": 0.1}, "its dispersions were given"),
            ({"fit_type": np.square}, "its trend was given"),
            ({"weights": np.full(7, 2.0)}, "observation weights"),
            ({"prior_variance": 1.0}, "its prior variance was given"),
            ({"max_dispersion": 1.0}, "its largest dispersion was given"),
            ({"p_adjust": "BY"}, "adjusted by 'BY'"),
            ({"filter_statistic": np.arange(200.0)}, "filtered by a statistic"),
        ],
        ids=["dispersion", "trend", "weights", "prior", "cap", "adjust", "filter"],
    )
    def test_results_that_r_cannot_repeat(self, choices: dict[str, Any], words: str) -> None:
        adata = countglm.datasets.pasilla()[:, 100:300].copy()
        result = countglm.differential_expression(adata, "~ type + condition", **choices)
        with pytest.raises(InputError, match=words):
            compare(result, theirs=theirs())

    def test_shrunken_other_engine_and_tolerance(self) -> None:
        result = analysed("exact")
        with pytest.raises(InputError, match=r"before shrink\(\)"):
            compare(result.shrink(method="normal"), theirs=theirs())
        with pytest.raises(InputError, match="against='edgeR' is not known"):
            compare(result, "edgeR", theirs=theirs())
        with pytest.raises(InputError, match="between 0 and 1"):
            compare(result, theirs=theirs(), tolerance=2.0)

    def test_other_genes_or_design(self) -> None:
        wrong = theirs().table.rename(index=lambda name: f"{name}x")
        with pytest.raises(InputError, match="are not those of the result"):
            compare(analysed("exact"), theirs=replace(theirs(), table=wrong))
        design = theirs().design.copy()
        design.iloc[0, -1] = 7.0
        with pytest.raises(InputError, match="no column equal to"):
            compare(analysed("exact"), theirs=replace(theirs(), design=design))

    def test_columns_in_another_order_are_brought_into_ours(self) -> None:
        names = list(theirs().design.columns)[::-1]
        other = replace(
            theirs(), design=theirs().design[names], coefficients=theirs().coefficients[names],
            contrast=theirs().contrast[::-1],
        )  # fmt: skip
        found = compare(analysed("exact"), theirs=other)
        assert found.reasons.equals(certificate().reasons)

    def test_another_question(self) -> None:
        options = {"test": "LRT", "fit_type": "local", "alpha": 0.05, "use_t": True}
        for name, value in options.items():
            info = theirs().info | {"options": {name: value}}
            with pytest.raises(InputError, match=f"R ran with {name}={value!r}"):
                compare(analysed("exact"), theirs=replace(theirs(), info=info))
        with pytest.raises(InputError, match="compare one contrast"):
            compare(analysed("exact"), theirs=replace(theirs(), contrast=np.array([0.0, 1.0, 0.0])))
        with pytest.raises(InputError, match="is an answer of edgeR"):
            compare(analysed("exact"), theirs=replace(theirs(), engine="edgeR"))

    def test_a_gene_that_is_not_there(self) -> None:
        with pytest.raises(InputError, match="no gene 'nobody'"):
            certificate().explain("nobody")

    def test_loaded_result_needs_its_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "result.h5"
        analysed("exact").save(path)
        loaded = DEResult.load(path)
        with pytest.raises(InputError, match="counts"):
            compare(loaded, theirs=theirs())
        counts = analysed("exact").require_counts()
        assert compare(loaded, theirs=theirs(), counts=counts).passed
