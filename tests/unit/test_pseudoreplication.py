"""Cells in place of replicates: told where a condition was given to donors, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import CountglmWarning, InputError, differential_expression
from countglm._pseudoreplication import find_nesting, names_replicates
from countglm.counts import as_count_matrix
from countglm.design import as_design
from tests.support.screens import cells

N = 240


def table(**columns) -> pd.DataFrame:
    place = np.arange(N)
    donor = place % 6
    frame = {
        "donor": [f"d{i}" for i in donor],
        "condition": np.where(donor < 3, "ctrl", "stim"),
        "age": 20.0 + donor,
        "kind": np.where(place // 6 % 2, "T", "B"),
        "mito": np.random.default_rng(1).normal(size=N),
    }
    return pd.DataFrame(frame | columns, index=[f"c{i}" for i in place])


def nesting(formula, contrast, obs, replicates=None):
    counts = as_count_matrix(np.ones((N, 2)), sample_names=obs.index)
    design = as_design(formula, counts, obs=obs)
    return find_nesting(design, [design.contrast(contrast)[0]], obs, replicates)


@pytest.mark.parametrize(
    ("formula", "contrast"),
    [
        ("~ condition", "condition[T.stim]"),
        ("~ kind + mito + condition", ["condition", "stim", "ctrl"]),
        ("~ 0 + condition", ["condition", "stim", "ctrl"]),
        ("~ kind * condition", "condition[T.stim]"),
        ("~ kind * condition", "kind[T.T]:condition[T.stim]"),
        ("~ age", "age"),
        ("~ C(condition)", "C(condition)[T.stim]"),
    ],
)
def test_what_donors_were_given_is_told(formula, contrast):
    found = nesting(formula, contrast, table())
    assert (found.column, found.n_rows, found.n_replicates) == ("donor", N, 6)
    text = found.message(", 'kind'")
    assert "240 rows stand for 6 replicates" in text
    assert "countglm.pseudobulk(adata, 'donor', 'kind')" in text


@pytest.mark.parametrize(
    ("formula", "contrast"),
    [
        ("~ kind + condition", "kind[T.T]"),
        ("~ mito", "mito"),
        ("~ donor", "donor[T.d1]"),
        ("~ condition", "Intercept"),
    ],
)
def test_what_varies_within_donors_is_not(formula, contrast):
    assert nesting(formula, contrast, table()) is None


def test_a_condition_given_to_cells_of_every_donor_is_not():
    crossed = table(condition=np.where(np.arange(N) % 4 < 2, "ctrl", "stim"))
    assert nesting("~ donor + condition", "condition[T.stim]", crossed) is None
    # But the samples of the donors are named where each was given one condition.
    sample = crossed["donor"] + crossed["condition"]
    found = nesting("~ condition", "condition[T.stim]", crossed.assign(sample_id=sample))
    assert (found.column, found.n_replicates) == ("sample_id", 12)


def test_the_coarsest_column_is_named():
    both = table()
    both["sample_id"] = both["donor"] + both["kind"]
    assert nesting("~ condition", "condition[T.stim]", both).column == "donor"


def test_few_rows_a_sample_are_no_cells():
    few = table(donor=[f"d{i % 40}" for i in range(N)], condition=["a", "b"] * (N // 2))
    assert nesting("~ condition", "condition[T.b]", few) is None
    found = nesting("~ condition", "condition[T.b]", few, "donor")
    assert found.n_replicates == 40


def test_one_sample_per_condition_is_told_where_it_is_asked_for():
    alias = table().drop(columns="donor")
    alias["sample"] = alias["condition"]
    assert nesting("~ condition", "condition[T.stim]", alias) is None
    assert nesting("~ condition", "condition[T.stim]", alias, "sample").n_replicates == 2


def test_sums_over_cells_are_replicates():
    assert nesting("~ condition", "condition[T.stim]", table(n_cells=30)) is None


def test_false_says_that_rows_are_replicates():
    assert nesting("~ condition", "condition[T.stim]", table(), False) is None


def test_a_matrix_as_the_design():
    obs = table()
    x = pd.DataFrame({"one": 1.0, "stim": (obs["condition"] == "stim").astype(float)}, obs.index)
    found = nesting(x, "stim", obs.iloc[::-1])
    assert (found.column, found.variables) == ("donor", ())
    assert "what is tested is the same" in found.message()


@pytest.mark.parametrize(
    "name",
    ["donor", "donor_id", "DonorID", "sample", "Sample.Name", "orig.ident", "mouse_no", "sampleid",
     "patient", "ind", "biological_replicate", "library_id"],
)  # fmt: skip
def test_names_of_replicates(name):
    assert names_replicates(name)


@pytest.mark.parametrize(
    "name",
    ["donor_age", "sample_type", "condition", "library_size", "n_samples", "batch", "cell",
     "patient_status", "index", "replicates_ok", "identity", 3],
)  # fmt: skip
def test_names_of_others(name):
    assert not names_replicates(name)


@pytest.mark.compiled
def test_a_workflow_warns_once():
    adata = cells()
    with pytest.warns(CountglmWarning, match="Cells are no replicates") as caught:
        differential_expression(
            adata, "~ kind + condition", size_factors="library", fit_type="mean"
        )
    assert len(caught) == 1


def test_mistakes_are_named():
    obs = table()
    with pytest.raises(InputError, match="replicates='animal' is no column of the sample table"):
        nesting("~ condition", "condition[T.stim]", obs, "animal")
    with pytest.raises(InputError, match="replicates=3 must be the name"):
        nesting("~ condition", "condition[T.stim]", obs, 3)
    obs.loc["c3", "donor"] = None
    with pytest.raises(InputError, match="'donor' of the replicates has no value in 1 row"):
        nesting("~ condition", "condition[T.stim]", obs, "donor")
    assert nesting("~ condition", "condition[T.stim]", obs) is None
