"""Choices of an analysis: each mistake is one error, told before anything is fitted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import CountglmWarning, InputError
from countglm._samples import annotation_columns, compared_samples, named_contrasts
from countglm.counts import CountMatrix, as_count_matrix
from countglm.design import as_design
from tests.support.analyses import CONTRAST, N_GENES, N_SAMPLES, SPIKED, analysis, study

pytestmark = pytest.mark.compiled

GENES = [f"g{i}" for i in range(N_GENES)]
SHUFFLE = np.random.default_rng(8).permutation(N_SAMPLES)


def de(design: Any = "~ batch + group", contrast: Any = CONTRAST, data: Any = None, **options: Any):
    options = {"threads": 1} | options
    return countglm.differential_expression(
        study() if data is None else data, design, contrast, **options
    )


@pytest.fixture
def unfitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a fit begins."""

    def begun(*args: Any) -> None:
        raise AssertionError("the fit began")

    monkeypatch.setattr("countglm.workflows.deseq2.analyse", begun)


def by_gene(order: slice = slice(None)) -> pd.Series:
    return pd.Series(np.linspace(1.0, 2.0, N_GENES), index=GENES)[order]


BACKWARD = slice(None, None, -1)
MATRIX = np.column_stack([np.ones(N_SAMPLES), np.arange(N_SAMPLES) >= 7]).astype(float)
MATRIX_OPTIONS = {"design": MATRIX, "contrast": [0.0, 1.0]}
MISTAKES = {
    "replicates": ({"min_replicates_for_replacement": 2}, "=2 must be a number of at least 3"),
    "text replicates": ({"min_replicates_for_replacement": "7"}, "='7' must be a number"),
    "replicates without Cook": (
        {"min_replicates_for_replacement": np.nan, "cooks_cutoff": False}, "=nan must be",
    ),
    "level": ({"interval": "wald", "level": 95}, "level=95 must lie between 0 and 1"),
    "text alpha": ({"alpha": "0.1"}, "alpha='0.1' must lie between 0 and 1"),
    "length of a statistic": ({"filter_statistic": [1.0, 2.0]}, "90 finite numbers.*shape"),
    "statistic in another order": (
        {"filter_statistic": by_gene(BACKWARD)}, "gene names of filter_statistic.*first 'g89'",
    ),
    "infinite statistic": ({"filter_statistic": np.full(N_GENES, np.inf)}, "90 not finite"),
    "unknown term": ({"test": "lrt", "reduced": "~ bacth"}, "no column 'bacth'"),
    "not nested": ({"test": "lrt", "reduced": np.arange(14.0)[:, None]}, "not nested"),
    "prior variance": ({"prior_variance": "a"}, "prior_variance='a' must be positive"),
    "true prior variance": ({"prior_variance": True}, "prior_variance=True must be positive"),
    "trends as words": ({"fit_type": ["local", "mean"]}, "fit_type must hold real numbers"),
    "trend in another order": ({"fit_type": by_gene(BACKWARD)}, "names of fit_type.*first 'g89'"),
    "infinite trend": ({"fit_type": by_gene() * np.inf}, "90 not positive and finite"),
    "adjustments": ({"p_adjust": np.array(["BH", "BY"])}, "p_adjust=.* is not known"),
    "threshold": ({"lfc_threshold": True}, "lfc_threshold=True must be a log2 fold change"),
    "reference as text": ({"reference": "a"}, "reference='a' must be a dict"),
    "reference of a matrix": (
        {"reference": {"group": "b"}, **MATRIX_OPTIONS}, "names 'group', but the design is given",
    ),
    "reference of no term": (
        {"reference": {"batch": "y"}, "design": "~ group"}, "names 'batch', which the formula",
    ),
    "unknown reference": ({"reference": {"group": "c"}}, "no level of 'group'.*'a', 'b'"),
    "no such column": ({"reference": {"grp": "a"}}, "'grp', which the sample table does not"),
    "solver in replay": ({"mode": "replay", "solver": "newton"}, "so solver would change nothing"),
    "limits in replay": (
        {"mode": "replay", "tol": 1e-6, "max_iter": 5, "max_dispersion": 3.0},
        "so tol, max_iter, max_dispersion would",
    ),
    "contrasts that read alike": (
        {"contrast": {1: CONTRAST, "1": "batch[T.y]"}}, "names '1' more than once",
    ),
    "transposed factors": (
        {"normalization_factors": np.ones((N_GENES, N_SAMPLES))},
        r"normalization_factors has shape \(90, 14\).*transposed",
    ),
    "factors per sample": (
        {"normalization_factors": np.ones(N_SAMPLES)},
        r"normalization_factors has shape \(14,\)",
    ),
    "a table of a dict": ({"obs": {"group": ["a"], "batch": ["x", "y"]}}, "makes no table"),
}  # fmt: skip


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_the_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        de(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "trend",
    [lambda mean: -mean, lambda mean: np.nan * mean, lambda mean: 0.1, lambda mean: ["a"]],
    ids=["negative", "NaN", "one number", "text"],
)
def test_a_trend_that_gives_no_dispersions(trend: Any) -> None:
    with pytest.raises(InputError, match="What the function fit_type returns must hold"):
        de(fit_type=trend)


def test_a_trend_and_a_statistic_in_the_order_of_the_genes() -> None:
    given = de(fit_type=by_gene(), filter_statistic=by_gene())
    same = de(fit_type=by_gene().to_numpy(), filter_statistic=by_gene().tolist())
    pd.testing.assert_frame_equal(given.table, same.table, check_exact=True)


def test_the_result_keeps_its_own_sample_table() -> None:
    data = study()
    obs = data.obs.copy()
    for given in ({"obs": obs}, {}):
        result = de(data=data, **given)
        before = result.test(CONTRAST, test="lrt", reduced="~ batch").table
        for table in (obs, data.obs):
            table["batch"] = list("xxyyxxyyxxyyxx")
        after = result.test(CONTRAST, test="lrt", reduced="~ batch").table
        pd.testing.assert_frame_equal(after, before, check_exact=True)
        data, obs = study(), study().obs.copy()


def test_a_dict_of_columns_is_a_sample_table_by_position() -> None:
    data = study()
    frame = pd.DataFrame(data.X, index=SHUFFLE, columns=GENES)
    columns = {name: data.obs[name].tolist() for name in data.obs}
    given = de(data=frame, obs=columns)
    np.testing.assert_array_equal(given.table["stat"], de().table["stat"])
    assert given.obs.index.tolist() == [str(i) for i in SHUFFLE]


def test_no_replacement_is_null_in_json() -> None:
    settings = de(min_replicates_for_replacement=np.inf).settings
    assert settings["min_replicates_for_replacement"] is None
    json.dumps(settings, allow_nan=False)


class TestReference:
    def test_numbers_are_matched_as_in_contrasts(self) -> None:
        data = study()
        data.obs["dose"] = np.repeat([1.0, 2.0], 7)
        for level in (2, 2.0, "2", "2.0"):
            result = de("~ batch + C(dose)", ["dose", 1, level], data, reference={"dose": level})
            assert result.fit.coef_names[-1] == "C(dose)[T.1.0]"

    @pytest.mark.usefixtures("unfitted")
    def test_a_number_of_the_formula_stays_one(self) -> None:
        data = study()
        data.obs["age"] = np.arange(14.0)
        for formula in ("~ group + age", "~ group + log(age + 1)", "~ group + age:batch"):
            with pytest.raises(InputError, match=r"'age', which the formula .* takes as a number"):
                de(formula, data=data, reference={"age": 2})

    @pytest.mark.usefixtures("unfitted")
    def test_levels_of_several_types_are_text(self) -> None:
        data = pd.DataFrame(study().X)
        obs = pd.DataFrame({"group": [1] * 7 + ["b"] * 7})
        with pytest.raises(InputError, match="reference=group=c is no level of 'group'"):
            de("~ group", "group[T.b]", data, obs=obs, reference={"group": "c"})
        with pytest.raises(AssertionError, match="the fit began"):
            de("~ group", "group[T.1]", data, obs=obs, reference={"group": "b"})


class TestRowNumbers:
    """A default index is no name: rows go by position, with a warning where the other is sorted."""

    plain = pd.DataFrame(study().X, columns=GENES)
    table = study().obs.reset_index(drop=True)

    def stat(self, data: Any, obs: Any) -> np.ndarray:
        return de(data=data, obs=obs).table["stat"].to_numpy()

    @pytest.mark.parametrize("order", [SHUFFLE, np.arange(N_SAMPLES)[::-1]])
    def test_one_side_is_shuffled(self, order: np.ndarray) -> None:
        expected = self.stat(self.plain.iloc[order].reset_index(drop=True), self.table)
        with pytest.warns(CountglmWarning, match="samples were taken by position"):
            found = self.stat(self.plain.iloc[order], self.table)
        np.testing.assert_array_equal(found, expected)

    def test_default_numbers_on_both_sides_go_by_position(self) -> None:
        assert as_count_matrix(self.plain).sample_names is None
        named = self.plain.set_axis(study().obs_names)
        np.testing.assert_array_equal(
            self.stat(self.plain, self.table), self.stat(named, self.table)
        )


def test_levels_compared_are_found_as_contrasts_find_them() -> None:
    obs = pd.DataFrame({"dose": np.repeat([1.0, 2.0, 3.0], 4)})
    counts = as_count_matrix(np.ones((12, 2)))
    for formula in ("~ C(dose)", "~ 0 + C(dose)"):
        design = as_design(formula, counts, obs=obs)
        for levels in (["3", "2"], [3, 2], [3.0, "2.0"]):
            found = compared_samples(design, ["dose", *levels])
            np.testing.assert_array_equal(found, obs["dose"] > 1.0)


def test_contrasts_of_different_names_are_kept() -> None:
    design = analysis().fit.design
    assert list(named_contrasts({1: CONTRAST, "2": "batch[T.y]"}, design)) == ["1", "2"]


class TestAnnotation:
    def test_names_never_collide(self) -> None:
        data = study()
        names = ["status", "var_status", "symbol", "var_symbol", "ciLower", "svalue"]
        data.var = pd.DataFrame(
            {name: [f"{name}{i}" for i in range(N_GENES)] for name in names}, index=GENES
        )
        result = de(data=data, interval="wald")
        labels = annotation_columns(result.var)
        assert labels == [
            "var_var_status", "var_status", "symbol", "var_symbol", "var_ciLower", "var_svalue",
        ]  # fmt: skip
        assert result.table.columns.is_unique
        for name, label in zip(names, labels, strict=True):
            assert result.table[label].iloc[0] == f"{name}0"
        shrunken = result.shrink(method="apeglm", svalue=True, threads=1)
        assert shrunken.table["var_svalue"].iloc[0] == "svalue0"
        assert shrunken.table["var_ciLower"].iloc[0] == "ciLower0"
        kept = result.to_anndata().varm["countglm_de"]
        assert not set(labels) & set(kept.columns)

    def test_repeated_names_of_the_annotation(self) -> None:
        var = pd.DataFrame([[1, 2]], columns=["a", "a"])
        assert annotation_columns(var) == ["a", "var_a"]
        assert annotation_columns(None) == []


class TestOutlierFlags:
    def test_another_table_without_them(self) -> None:
        result = analysis(min_replicates_for_replacement=np.inf)
        assert result.table["na_reason"].iloc[SPIKED] == "outlier"
        bare = result.test(CONTRAST, cooks_cutoff=False)
        assert np.isfinite(bare.table["pvalue"].iloc[SPIKED])
        assert "outlier" not in set(bare.table["na_reason"])
        assert bare.settings["cooks_cutoff"] is None
        assert bare.summary().facts["cooks_cutoff"] is None
        assert bare.fit.dispersion is result.fit.dispersion
        assert result.outliers.outlier.any()
        again = result.test(CONTRAST)
        pd.testing.assert_frame_equal(again.table, result.table, check_exact=True)
        # What a table leaves out, tables made of it leave out.
        pd.testing.assert_frame_equal(bare.test(CONTRAST).table, bare.table, check_exact=True)

    def test_replaced_counts_stay_replaced(self) -> None:
        bare = analysis().test(CONTRAST, cooks_cutoff=False)
        assert bare.outliers.refitted.sum() == analysis().outliers.refitted.sum() >= 1
        counts = bare.require_counts()
        assert isinstance(counts, CountMatrix)
        assert counts.fingerprint() == analysis().require_counts().fingerprint()

    def test_no_other_cutoff(self) -> None:
        with pytest.raises(InputError, match=r"cooks_cutoff=9\.0: test\(\) can only drop"):
            analysis().test(CONTRAST, cooks_cutoff=9.0)
