"""One call for every group of samples: each as if it were alone, none in the way of another."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import CountglmWarning, GroupedResult, InputError, differential_expression
from countglm.counts import as_count_matrix
from tests.support.screens import cells, screen

CONTRAST = ["condition", "stim", "ctrl"]
OPTIONS = {"size_factors": "library", "replicates": False, "fit_type": "mean"}

pytestmark = pytest.mark.compiled


@cache
def by_kind() -> GroupedResult:
    with pytest.warns(CountglmWarning, match="1 of 3 groups could not be fitted, first 'B'"):
        return differential_expression(cells(), "~ condition", CONTRAST, by="kind", **OPTIONS)


def alone(adata, mask, *args, **options):
    return differential_expression(adata[mask].copy(), *args, **OPTIONS | options)


def assert_same(one, other) -> None:
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    for name in ("coefficients", "standard_errors", "size_factors", "newton_decrement"):
        assert np.array_equal(getattr(one.fit, name), getattr(other.fit, name), equal_nan=True)
    assert np.array_equal(one.dispersion.final, other.dispersion.final, equal_nan=True)
    assert one.fit.counts_fingerprint == other.fit.counts_fingerprint
    assert one.fit.sample_names.tolist() == other.fit.sample_names.tolist()


def test_a_group_has_the_bits_of_a_call_of_its_own():
    adata, grouped = cells(), by_kind()
    assert list(grouped) == ["NK", "T"]
    for kind, result in grouped.items():
        assert_same(result, alone(adata, adata.obs["kind"] == kind, "~ condition", CONTRAST))


def test_a_group_without_what_is_tested_is_told_and_stops_no_other():
    grouped = by_kind()
    assert list(grouped.failed) == ["B"]
    assert "one level" in grouped.failed["B"]
    assert grouped.n_samples == {"B": 12, "NK": 150, "T": 150}
    with pytest.raises(KeyError, match="was not fitted"):
        grouped["B"]
    with pytest.raises(KeyError, match="there is no group 'X'"):
        grouped["X"]


@pytest.mark.parametrize("storage", ["dense", "csc", "frame", "matrix"])
def test_storage_makes_no_difference(storage):
    adata = cells()
    dense = adata.X.toarray()
    data = {
        "dense": lambda: dense,
        "csc": lambda: adata.X.tocsc(),
        "frame": lambda: pd.DataFrame(dense, adata.obs_names, adata.var_names),
        "matrix": lambda: as_count_matrix(adata),
    }[storage]()
    with pytest.warns(CountglmWarning, match="could not be fitted"):
        grouped = differential_expression(
            data, "~ condition", CONTRAST, by="kind", obs=adata.obs, **OPTIONS
        )
    for kind in grouped:
        got = grouped[kind].table["pvalue"].to_numpy()
        assert np.array_equal(got, by_kind()[kind].table["pvalue"].to_numpy(), equal_nan=True)


def test_labels_and_several_columns():
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    half = np.where(np.arange(adata.n_obs) % 2, "odd", "even")
    adata.obs["half"] = half
    two = differential_expression(adata, "~ condition", CONTRAST, by=["kind", "half"], **OPTIONS)
    assert list(two) == [("NK", "even"), ("NK", "odd"), ("T", "even"), ("T", "odd")]
    assert list(two.table.columns[:3]) == ["kind", "half", "gene"]
    one = differential_expression(
        adata, "~ condition", CONTRAST,
        by=pd.Series(half, adata.obs_names, name="half").iloc[::-1], **OPTIONS,
    )  # fmt: skip
    assert list(one) == ["even", "odd"]
    assert_same(one["odd"], alone(adata, half == "odd", "~ condition", CONTRAST))
    mask = ((adata.obs["kind"] == "T") & (half == "odd")).to_numpy()
    assert_same(two["T", "odd"], alone(adata, mask, "~ condition", CONTRAST))


def test_the_table_is_tidy():
    grouped = by_kind()
    table = grouped.table
    assert table.columns[:3].tolist() == ["kind", "gene", "baseMean"]
    assert len(table) == sum(len(result.table) for result in grouped.values())
    assert table["kind"].cat.categories.tolist() == ["NK", "T"]
    part = table[table["kind"] == "T"].set_index("gene")
    assert np.array_equal(part["padj"], grouped["T"].table["padj"], equal_nan=True)
    assert part.index.tolist() == grouped["T"].table.index.tolist()
    found = grouped.significant(0.05)
    assert found["pvalue"].is_monotonic_increasing
    assert (found["padj"] < 0.05).all()
    assert len(found) == int((table["padj"] < 0.05).sum()) > 4


def test_a_column_of_a_taken_name():
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    adata.obs["status"] = adata.obs["kind"]
    grouped = differential_expression(adata, "~ condition", CONTRAST, by="status", **OPTIONS)
    assert grouped.table.columns[0] == "by_status"


def test_the_summary_has_a_line_for_every_group():
    summary = by_kind().summary(0.05)
    text = str(summary)
    assert "condition stim vs ctrl by kind" in text
    assert "Not fitted: 1 group" in text
    frame = summary.frame
    assert frame.index.tolist() == ["NK", "T"]
    assert frame.loc["T", "samples"] == 150
    assert frame.loc["T", "up"] == by_kind()["T"].summary(0.05).facts["n_up"]
    assert "2 groups, 1 not fitted" in repr(by_kind())


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_save_and_load(tmp_path, suffix):
    grouped = by_kind()
    path = tmp_path / f"groups{suffix}"
    grouped.save(path)
    again = GroupedResult.load(path)
    pd.testing.assert_frame_equal(again.table, grouped.table, check_exact=True)
    assert again.failed == grouped.failed
    assert again.n_samples == grouped.n_samples
    assert str(again.summary()) == str(grouped.summary())
    with pytest.raises(InputError, match="exists already"):
        grouped.save(path)
    with pytest.raises(InputError, match="does not hold a DEResult"):
        countglm.DEResult.load(path)


def test_what_is_told_of_many_groups_has_room_in_a_file(tmp_path):
    grouped = by_kind()
    results = {(f"k{i}", i): grouped["T"] for i in range(60)}
    failed = {("lonely", i): 900 * "x" for i in range(200)}
    many = GroupedResult(results=results, by=("kind", "number"), failed=failed)
    many.save(tmp_path / "many.h5")
    again = GroupedResult.load(tmp_path / "many.h5")
    assert again.failed == failed
    pd.testing.assert_frame_equal(again.table, many.table, check_exact=True)


def test_a_damaged_file_is_told(tmp_path):
    import h5py

    path = tmp_path / "groups.h5"
    by_kind().save(path)
    with h5py.File(path, "a") as file:
        del file["told"]
    with pytest.raises(InputError, match=r"damaged.*does not tell its groups"):
        GroupedResult.load(path)


def test_another_contrast_and_shrinkage_of_every_group():
    grouped = by_kind()
    twofold = grouped.test(CONTRAST, lfc_threshold=1.0)
    expected = grouped["T"].test(CONTRAST, lfc_threshold=1.0)
    assert np.array_equal(twofold["T"].table["padj"], expected.table["padj"], equal_nan=True)
    again = grouped.test(lfc_threshold=1.0)
    assert again.label == grouped.label
    assert again["T"].table.equals(twofold["T"].table)
    shrunken = grouped.shrink(method="normal")
    change = shrunken["NK"].table["log2FoldChange"]
    assert np.array_equal(change, grouped["NK"].shrink(method="normal").table["log2FoldChange"])
    with pytest.raises(InputError, match="None of 3 groups"):
        grouped.test(["condition", "other", "ctrl"])


def test_adjusted_over_all_groups():
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    grouped = differential_expression(
        adata, "~ condition", CONTRAST, by="kind", p_adjust_across=True, **OPTIONS
    )
    table = grouped.table
    part = table["padj"].notna()
    expected = countglm.benjamini_hochberg(table["pvalue"].where(part).to_numpy())
    assert np.array_equal(table["padj_across"], expected, equal_nan=True)
    assert table.columns.tolist().index("padj_across") == table.columns.tolist().index("padj") + 1
    again = grouped.test(CONTRAST, alpha=0.05)
    assert again.across is not None
    assert "over all" in str(grouped.summary())
    assert len(grouped.significant()) == int((table["padj_across"] < 0.1).sum())


def test_a_screen_puts_the_control_beside_every_target():
    adata = screen()
    grouped = differential_expression(
        adata, "~ batch + guide", by="guide", control="none", **OPTIONS
    )
    assert list(grouped) == ["t0", "t1", "t2"]
    assert grouped.control == "none"
    assert grouped.label == "guide vs none"
    for target, result in grouped.items():
        mask = adata.obs["guide"].isin(["none", target]).to_numpy()
        part = adata[mask].copy()
        part.obs["guide"] = pd.Categorical(part.obs["guide"], ["none", target])
        expected = differential_expression(
            part, "~ batch + guide", ["guide", target, "none"], **OPTIONS
        )
        assert result.label == f"guide {target} vs none"
        assert_same(result, expected)
        first = 5 * int(target[1])
        assert (result.table["padj"].iloc[first : first + 5] < 0.05).sum() >= 3
    assert "each against none" in str(grouped.summary())


def test_a_control_within_each_type():
    adata = screen()
    adata.obs["kind"] = np.where(np.arange(adata.n_obs) % 3, "T", "B")
    adata = adata[~((adata.obs["kind"] == "B") & (adata.obs["guide"] == "none"))].copy()
    with pytest.warns(CountglmWarning, match="3 of 6 groups .*No sample of the control 'none'"):
        grouped = differential_expression(
            adata, "~ guide", by=["kind", "guide"], control="none", **OPTIONS
        )
    assert list(grouped) == [("T", "t0"), ("T", "t1"), ("T", "t2")]


def test_values_by_sample_go_with_their_samples():
    adata = cells()
    n = adata.n_obs
    rng = np.random.default_rng(0)
    factors = pd.Series(rng.uniform(0.5, 2.0, n), adata.obs_names)
    weights = rng.uniform(0.5, 1.0, (n, adata.n_vars))
    offset = rng.normal(0.0, 0.1, n)
    mask = (adata.obs["kind"] == "T").to_numpy()
    with pytest.warns(CountglmWarning, match="could not be fitted"):
        grouped = differential_expression(
            adata, "~ condition", CONTRAST, by="kind", size_factors=factors.iloc[::-1],
            weights=weights, offset=offset, replicates=False, cooks_cutoff=False, fit_type="mean",
        )  # fmt: skip
    expected = differential_expression(
        adata[mask].copy(), "~ condition", CONTRAST, size_factors=factors[mask].to_numpy(),
        weights=weights[mask], offset=offset[mask], replicates=False, cooks_cutoff=False,
        fit_type="mean",
    )  # fmt: skip
    assert_same(grouped["T"], expected)


def test_a_matrix_as_the_design_and_the_reduced_one():
    adata = cells()
    x = np.column_stack([np.ones(adata.n_obs), adata.obs["condition"] == "stim"]).astype(float)
    with pytest.warns(CountglmWarning, match="could not be fitted"):
        grouped = differential_expression(
            adata, x, by="kind", test="lrt", reduced=x[:, :1], **OPTIONS
        )
    mask = (adata.obs["kind"] == "NK").to_numpy()
    expected = alone(adata, mask, x[mask], None, test="lrt", reduced=x[mask, :1])
    assert_same(grouped["NK"], expected)


def dosed(without: str):
    """Cells of three doses; those of type NK lack one."""
    adata = cells()
    dose = np.where(np.arange(adata.n_obs) % 2, "1", "2")
    adata.obs["dose"] = pd.Categorical(np.where(adata.obs["condition"] == "ctrl", "0", dose))
    lacking = (adata.obs["kind"] == "NK") & (adata.obs["dose"] == without)
    return adata[~lacking].copy()


def test_a_dict_of_contrasts_gives_a_dict():
    adata = dosed(without="2")
    contrasts = {"low": ["dose", "1", "0"], "high": ["dose", "2", "0"]}
    with pytest.warns(CountglmWarning, match="for 'high'"):
        grouped = differential_expression(adata, "~ dose", contrasts, by="kind", **OPTIONS)
    assert list(grouped) == ["low", "high"]
    assert list(grouped["low"]) == ["NK", "T"]
    assert list(grouped["high"]) == ["T"]
    assert "'2' is no level" in grouped["high"].failed["NK"]


def test_a_missing_reference_does_not_change_the_question():
    adata = dosed(without="0")
    with pytest.warns(CountglmWarning, match="2 of 3 groups"):
        grouped = differential_expression(adata, "~ dose", by="kind", **OPTIONS)
    assert list(grouped) == ["T"]
    assert "no sample with dose '0', which is the reference" in grouped.failed["NK"]
    assert grouped.label == "dose[T.2]"
    # Two named levels mean the same everywhere.
    with pytest.warns(CountglmWarning, match="1 of 3 groups"):
        levels = differential_expression(adata, "~ dose", ["dose", "2", "1"], by="kind", **OPTIONS)
    assert list(levels) == ["NK", "T"]


def test_the_last_coefficient_is_that_of_the_whole():
    adata = dosed(without="2")
    with pytest.warns(CountglmWarning, match="2 of 3 groups"):
        grouped = differential_expression(adata, "~ dose", by="kind", **OPTIONS)
    assert "no column 'dose[T.2]'" in grouped.failed["NK"]
    assert list(grouped) == ["T"]


def test_warnings_of_groups_become_one():
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        differential_expression(
            adata,
            "~ condition",
            CONTRAST,
            by="kind",
            size_factors="library",
        )
    assert len([each for each in caught if each.category is CountglmWarning]) == 1
    text = str(caught[-1].message)
    assert "In 2 of 2 groups: Cells are no replicates: 'condition'" in text
    assert "countglm.pseudobulk(adata, 'donor', 'kind')" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "cluster"}, "by='cluster' is no column"),
        ({"by": ["cluster"]}, r"by='cluster' is no column of the sample table \(it has .*kind"),
        ({"by": ["A", "B"]}, "by='A' is no column .*name one of these, or give one label per"),
        ({"by": []}, "empty list"),
        ({"by": ["kind", "kind"]}, "names a column twice"),
        ({"by": ["kind", "cluster"]}, "by='cluster' is no column"),
        ({"by": np.array(["a", "b"])}, "2 labels for 312 samples"),
        ({"by": 3}, "by= is a int"),
        ({"by": "kind", "control": "Z"}, "control='Z' is no level of 'kind'"),
        ({"by": "kind", "replicates": "animal"}, "replicates='animal' is no column"),
        ({"by": "kind", "p_adjust_across": "holm"}, "p_adjust_across='holm' is not known"),
        ({"control": "T"}, "control= belongs to by="),
        ({"p_adjust_across": "BH"}, "p_adjust_across= belongs to by="),
        (
            {"by": "kind", "reference": {"kind": "T"}},
            "the formula '~ condition' does not use",
        ),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(InputError, match=message):
        differential_expression(cells(), "~ condition", CONTRAST, **options)


def test_what_fails_in_all_groups_is_an_error():
    with pytest.raises(InputError, match="None of 3 groups could be fitted"):
        differential_expression(cells(), "~ nothing", CONTRAST, by="kind", **OPTIONS)
    adata = cells()
    adata.obs.loc[adata.obs_names[3], "kind"] = None
    with pytest.raises(InputError, match="by='kind' has no value for row 3"):
        differential_expression(adata, "~ condition", CONTRAST, by="kind", **OPTIONS)
