"""Re-referencing: each condition told from its own wild type, and exactly back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import countglm
from tests.support.deep_scan import DeepScan, simulate_deep_scan


def small_scan(joint: bool, seed: int = 3) -> DeepScan:
    return simulate_deep_scan(
        variants=600, sites=8, changes=4, conditions=3, bundle=4, joint=joint, seed=seed
    )


def sites_of(scan: DeepScan) -> list[str | None]:
    return [name.split(".")[0] if "." in name else None for name in scan.names]


def own(scan: DeepScan) -> dict[str, list[str]]:
    """Columns that are 1 in each condition's wild type."""
    names = np.array(scan.names)
    row = {d: (scan.conditions == d).argmax() for d in scan.bundles}  # the wild types come first
    return {d: names[scan.design[[r]].toarray()[0] == 1.0].tolist() for d, r in row.items()}


def rereferenced(scan: DeepScan, **options: object) -> countglm.Reconditioned:
    return countglm.recondition(
        scan.design, "rereference", names=scan.names, conditions=scan.conditions, **options
    )


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("sites", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_the_model_is_the_same_and_the_maps_are_exact(
    joint: bool, sites: bool, scale: bool
) -> None:
    scan = small_scan(joint)
    options = {"sites": sites_of(scan)} if sites else {}
    made = rereferenced(scan, scale=scale, **options)
    forward, backward = made.transformation, made.inverse_transformation
    assert (abs(forward @ backward - sparse.eye_array(len(scan.names)))).max() == 0.0
    assert (abs(scan.design @ forward - made.matrix)).max() == 0.0
    assert made.matrix.nnz < scan.design.nnz
    # Whole coefficients: every sum is exact, and so is the way there and back.
    gamma = np.random.default_rng(1).integers(-99, 100, (2, len(scan.names))).astype(float)
    beta = made.map_coefficients(gamma)
    np.testing.assert_array_equal(made.inverse_coefficients(beta), gamma)
    np.testing.assert_array_equal(scan.design @ beta.T, made.matrix @ gamma.T)


def test_own_columns_turn_and_the_wild_type_is_a_row_of_zeros() -> None:
    scan = small_scan(joint=False)
    made = rereferenced(scan)
    carried = {name for columns in own(scan).values() for name in columns if ":" in name}
    assert len(made.turned) == len(carried) == 8
    assert set(made.turned) == carried
    assert all(made.names[k] == f"1 - {n}" for k, n in enumerate(scan.names) if n in made.turned)
    assert set(np.unique(made.matrix.data)) == {1.0}
    for d, label in enumerate(scan.bundles):
        row = made.matrix[[(scan.conditions == label).argmax()]].toarray()[0]
        assert np.flatnonzero(row).tolist() == [d]
    # By hand: signs change, and intercepts take what the bundle has.
    gamma = np.random.default_rng(2).normal(size=len(scan.names))
    beta = made.map_coefficients(gamma)
    for k, name in enumerate(scan.names):
        if name in made.turned:
            assert beta[k] == -gamma[k]
        elif ":" in name:
            assert beta[k] == gamma[k]
    for d, label in enumerate(scan.bundles):
        mine = [k for k, n in enumerate(scan.names) if n in made.turned and n.startswith(label)]
        np.testing.assert_allclose(beta[d], gamma[d] + gamma[mine].sum(), rtol=1e-14)


def test_shared_columns_keep_their_effects_and_a_penalty_on_shifts_its_meaning() -> None:
    scan = small_scan(joint=True)
    made = rereferenced(scan)
    shared = [k for k, n in enumerate(scan.names) if n.startswith("s")]
    assert not set(made.turned) & {scan.names[k] for k in shared}
    assert set(np.unique(made.matrix[:, shared].data)) <= {-1.0, 1.0}
    gamma = np.random.default_rng(3).normal(size=len(scan.names))
    beta = made.map_coefficients(gamma)
    np.testing.assert_array_equal(beta[shared], gamma[shared])
    np.testing.assert_array_equal(abs(beta[scan.shifts]), abs(gamma[scan.shifts]))
    rows = sparse.csr_array(sparse.eye_array(len(scan.names)).tocsr()[scan.shifts])
    mapped = made.map_penalty(rows)
    assert sparse.issparse(mapped)
    np.testing.assert_array_equal(abs(mapped @ gamma), abs(rows @ beta))
    np.testing.assert_array_equal(made.map_penalty(rows.toarray()), mapped.toarray())


def test_sites_are_told_from_the_residue_of_the_wild_type() -> None:
    scan = small_scan(joint=False)
    plain, by_site = rereferenced(scan), rereferenced(scan, sites=sites_of(scan))
    assert set(np.unique(by_site.matrix.data)) == {1.0}
    assert by_site.condition_after.scaled < plain.condition_after.scaled
    assert plain.condition_after.scaled < plain.condition_before.scaled
    # A turned column now marks the residue that the reference has: one single mutant has it alone.
    turned = scan.names.index(by_site.turned[0])
    assert by_site.names[turned] == f"1 - {by_site.turned[0]} and its site"
    condition, site = by_site.turned[0].split(".")[0].split(":")
    here = [k for k, n in enumerate(scan.names) if n.startswith(f"{condition}:{site}.")]
    rows = scan.conditions == condition
    has_reference = scan.design[:, here].sum(axis=1) == 0
    np.testing.assert_array_equal(by_site.matrix[:, [turned]].toarray()[:, 0], rows & has_reference)


def test_wild_types_may_be_named_or_given_as_rows() -> None:
    scan = small_scan(joint=False)
    found = rereferenced(scan)
    assert {d: set(c) for d, c in found.wild_types.items()} == {
        d: {n for n in columns if ":" in n} for d, columns in own(scan).items()
    }
    for given in (
        own(scan),
        {d: scan.design[[(scan.conditions == d).argmax()]].toarray()[0] for d in scan.bundles},
    ):
        made = rereferenced(scan, wild_type=given)
        assert made.names == found.names
        assert abs(made.matrix - found.matrix).max() == 0.0
    nothing = rereferenced(scan, wild_type={})
    assert abs(nothing.matrix - scan.design).max() == 0.0
    assert nothing.names == found.original_names


def test_intercepts_may_be_sums_of_columns_and_numbers_may_be_shifted() -> None:
    condition = np.repeat(["a", "b", "c"], 6)
    marks = (condition[:, None] == ["b", "c"]).astype(float)
    dose = np.arange(18.0)
    carried = np.where(condition == "a", [1, 1, 1, 1, 0, 1] * 3, [0, 0, 1, 0, 0, 0] * 3)
    matrix = np.column_stack([np.ones(18), marks, carried, dose])
    names = ["Intercept", "b", "c", "x", "dose"]
    wild = {"a": {"x": 1.0, "dose": 2.0}, "b": {"dose": 8.0}, "c": {}}
    rows = {d: np.array([value.get(name, 0.0) for name in names]) for d, value in wild.items()}
    made = countglm.recondition(
        matrix, "rereference", names=names, conditions=condition, wild_type=rows
    )
    shift = np.select([condition == "a", condition == "b"], [2.0, 8.0], 0.0)
    np.testing.assert_array_equal(made.matrix[:, 4], dose - shift)
    np.testing.assert_array_equal(made.matrix[:, 3], carried - (condition == "a"))
    gamma = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    # The first condition's intercept is the constant less the two marks.
    np.testing.assert_array_equal(made.map_coefficients(gamma), [-8.0, -28.0, 15.0, 1.0, 5.0])
    np.testing.assert_array_equal(matrix @ made.map_coefficients(gamma), made.matrix @ gamma)


def test_conditions_may_be_left_to_their_rows_or_left_out() -> None:
    scan = small_scan(joint=False)
    found = rereferenced(scan)
    asked = rereferenced(scan, wild_type=dict.fromkeys(scan.bundles))
    assert asked.wild_types == found.wild_types
    label = next(d for d, columns in found.wild_types.items() if columns)
    alone = rereferenced(scan, wild_type={label: None})
    assert alone.wild_types == {
        d: columns if d == label else () for d, columns in found.wild_types.items()
    }
    # An intercept that is named takes up the difference, and is not changed itself.
    assert rereferenced(scan, wild_type=own(scan)).wild_types == alone.wild_types | found.wild_types


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_labels_are_told_whatever_marks_them(missing: object) -> None:
    matrix = np.column_stack([np.ones(4), [0.0, 1, 1, 1]])
    given = pd.Series(["a", "a", missing, "a"], dtype=object)
    with pytest.raises(countglm.InputError, match="no label for 1 row, first row 2"):
        countglm.recondition(matrix, "rereference", conditions=given)
    whole = pd.array(["a", "a", "b", "b"], dtype="string")
    made = countglm.recondition(matrix, "rereference", conditions=whole, wild_type={"a": []})
    assert list(made.wild_types) == ["a", "b"]
    sites = pd.Series([missing, "s1"], dtype=object)
    assert countglm.recondition(matrix, "rereference", sites=sites).turned == ("x1",)


def test_labels_decide_and_not_places() -> None:
    rng = np.random.default_rng(5)
    rows = [f"v{k}" for k in range(12)]
    condition = pd.Series(["a"] * 6 + ["b"] * 6, index=rows)
    carried = np.where(condition == "a", [1, 1, 1, 1, 0, 1] * 2, 0.0)
    design = pd.DataFrame(
        {"a": (condition == "a") * 1.0, "b": (condition == "b") * 1.0, "x": carried, "y": 0.0},
        index=rows,
    )
    design.loc[["v4", "v9"], "y"] = 1.0
    weights = pd.Series(rng.random(12), index=rows)
    sites = pd.Series([None, None, "s", "s"], index=design.columns)
    wild = {"a": pd.Series([1.0, 0, 1, 0], index=design.columns)}

    def made(order: list[int], turn: int, design: pd.DataFrame) -> countglm.Reconditioned:
        return countglm.recondition(
            design, "rereference", conditions=condition.iloc[order], weights=weights.iloc[order],
            sites=sites.iloc[::turn] if turn > 0 else None,
            wild_type={"a": wild["a"].iloc[::-1]},
        )  # fmt: skip

    shuffled = rng.permutation(12).tolist()
    for turn in (1, -1):
        expected, found = made(list(range(12)), turn, design), made(shuffled, turn, design)
        np.testing.assert_array_equal(found.matrix, expected.matrix)
        assert found.condition_before == expected.condition_before
        assert found.turned == ("x",)
    # A table that counts its rows has labels for a Series that counts them in another order.
    counted = countglm.recondition(
        design.reset_index(drop=True), "rereference",
        conditions=condition.reset_index(drop=True).iloc[shuffled],
    )  # fmt: skip
    assert counted.turned == ("x",)
    with pytest.raises(countglm.InputError, match="labels of weights= are not those of the design"):
        countglm.recondition(design, weights=weights.rename({"v3": "v33"}))
    by_place = countglm.recondition(design, weights=weights.iloc[shuffled].to_numpy())
    assert by_place.condition_before != expected.condition_before


def test_mistakes_are_told() -> None:
    scan = small_scan(joint=False)

    def complaint(**options: object) -> str:
        with pytest.raises(countglm.InputError) as caught:
            countglm.recondition(
                **{"design": scan.design, "coding": "rereference", "names": scan.names,
                   "conditions": scan.conditions, **options}
            )  # fmt: skip
        return str(caught.value)

    assert "has shape (2,) and the design 600 rows" in complaint(conditions=["a", "b"])
    missing = scan.conditions.astype(object)
    missing[[4, 7]] = None
    assert "no label for 2 rows, first row 4" in complaint(conditions=missing)
    assert "there are 3 conditions" in complaint(wild_type=["homolog1:s1.1"])
    assert "names the condition 'homolog9'" in complaint(wild_type={"homolog9": []})
    unknown = complaint(wild_type={"homolog1": ["homolog1:s1.9"]})
    assert "does not have, first 'homolog1:s1.9' (did you mean 'homolog1:s1." in unknown
    assert "has 3 numbers for 99 columns" in complaint(wild_type={"homolog1": [0.0, 1.0, 1.0]})
    for nonsense in ({"homolog1": 2}, {"homolog1": [0.5, np.nan]}):
        assert "numbers), or the names of the columns" in complaint(wild_type=nonsense)
    assert "sites= has shape (1,)" in complaint(sites=["s1"])
    everywhere = ["all" if ":" in name else None for name in scan.names]
    assert "do not exclude each other" in complaint(sites=everywhere)
    without = scan.design[:, 3:]
    assert "no intercept for condition 'homolog1'" in complaint(
        design=without, names=scan.names[3:]
    )
