"""The report on a design against linear algebra, and the table and summary of a fit."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import countglm
from countglm._aliasing import aliased_columns
from countglm.diagnostics import diagnose, report_design
from countglm.status import Status
from tests.support.fits import synthetic_fit
from tests.support.separation import null_space, rational

A = np.repeat([0.0, 1.0], 6)
B = np.tile([0.0, 1.0, 2.0], 4)
X = np.array([0.3, -1.2, 0.8, 2.0, -0.4, 0.9, 1.1, -0.7, 0.2, -1.5, 0.6, 1.4])
SAMPLES = [f"s{i}" for i in range(12)]


def report(**columns):
    matrix = np.column_stack([np.broadcast_to(c, 12) for c in columns.values()]).astype(float)
    return report_design(matrix, tuple(columns), SAMPLES), matrix


def test_full_rank_design() -> None:
    got, matrix = report(Intercept=np.ones(12), a=A, x=X)
    assert got.rank == 3
    assert got.aliased == {}
    scaled = matrix / np.linalg.norm(matrix, axis=0)
    assert got.condition_number == pytest.approx(np.linalg.cond(scaled), rel=1e-12)
    hat = matrix @ np.linalg.inv(matrix.T @ matrix) @ matrix.T
    np.testing.assert_allclose(got.leverage, np.diag(hat), rtol=1e-12)
    assert got.leverage.sum() == pytest.approx(3.0, rel=1e-13)
    cosine = np.abs(scaled.T @ scaled) - np.eye(3)
    i, j = np.unravel_index(np.argmax(np.triu(cosine)), (3, 3))
    assert got.closest_pair is not None
    assert got.closest_pair[:2] == (("Intercept", "a", "x")[i], ("Intercept", "a", "x")[j])
    assert got.closest_pair[2] == pytest.approx(cosine.max(), rel=1e-13)


@pytest.mark.parametrize(
    ("columns", "aliased"),
    [
        ({"one": np.ones(12), "a": A, "not_a": 1 - A}, {"not_a": ["one", "a"]}),
        ({"a": A, "b": B, "sum": A + B, "x": X}, {"sum": ["a", "b"]}),
        ({"one": np.ones(12), "x": X, "twice": 2 * X}, {"twice": ["x"]}),
        ({"one": np.ones(12), "five": np.full(12, 5.0), "x": X}, {"five": ["one"]}),
        ({"one": np.ones(12), "gone": np.zeros(12), "x": X}, {"gone": []}),
        (
            {"one": np.ones(12), "b1": B == 1, "a": A, "b2": B == 2, "b0": B == 0,
             "ab": A * (B == 1), "again": A * (B == 1) - A},
            {"b0": ["one", "b1", "b2"], "again": ["a", "ab"]},
        ),
        ({"big": X * 1e9, "small": A * 1e-9, "mix": X + A}, {"mix": ["big", "small"]}),
    ],
    ids=["factor", "sum", "multiple", "constant", "zero", "two", "scales"],
)  # fmt: skip
def test_aliased_columns_and_what_makes_them(columns, aliased) -> None:
    got, matrix = report(**columns)
    assert got.aliased == aliased
    assert got.rank == matrix.shape[1] - len(aliased)
    assert got.condition_number == math.inf
    assert got.leverage.sum() == pytest.approx(got.rank, rel=1e-12)
    if "big" not in columns:
        assert got.rank == matrix.shape[1] - len(null_space(rational(matrix), matrix.shape[1]))
    text = str(got)
    for name, others in aliased.items():
        what = f"a combination of {', '.join(others)}" if others else "zero everywhere"
        assert f"{name} is {what}: remove it" in text


def test_aliased_columns_of_many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    group, batch = rng.integers(0, 3, 500), rng.integers(0, 2, 500)
    levels = [group == k for k in (1, 2, 0)]
    x = np.column_stack([np.ones(500), *levels, batch, 2 * batch - 1, np.zeros(500)]).astype(float)
    expected = aliased_columns(x, list("abcdefg"))
    monkeypatch.setattr("countglm._aliasing._MANY", 1)
    assert aliased_columns(x, list("abcdefg")) == expected
    assert set(expected) == {"d", "f", "g"}


def test_samples_of_extreme_leverage() -> None:
    x = X.copy()
    x[7] = 40.0
    got, matrix = report(Intercept=np.ones(12), x=x)
    hat = np.diag(matrix @ np.linalg.pinv(matrix))
    assert got.extreme_samples == tuple(f"s{i}" for i in np.flatnonzero(hat > 2 * 2 / 12))
    assert "s7" in got.extreme_samples
    assert "samples of extreme leverage: s7" in str(got)
    calm, _ = report(Intercept=np.ones(12), a=A)
    assert calm.extreme_samples == ()
    assert "extreme leverage" not in str(calm)


def test_a_sample_that_alone_determines_a_coefficient() -> None:
    # Twice the mean leverage exceeds 1 here: leverage 1 is extreme all the same.
    matrix = np.eye(4)[:, :3] + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]])
    got = report_design(matrix, ("p", "q", "r"), list("abcd"))
    assert got.extreme_samples == ("a",)


def test_long_lists_of_samples_are_cut() -> None:
    matrix = np.column_stack([np.eye(40)[:, :12], np.r_[np.zeros(12), np.ones(28)]])
    got = report_design(matrix, tuple(f"c{j}" for j in range(13)), [f"s{i}" for i in range(40)])
    assert len(got.extreme_samples) == 12
    assert "s8, s9 and 2 more" in str(got)


def test_near_collinearity_is_said() -> None:
    # An uncentred year against the intercept.
    year = 1990.0 + np.arange(12)
    got, matrix = report(Intercept=np.ones(12), year=year)
    cosine = matrix[:, 0] @ year / math.sqrt(12 * year @ year)
    assert f"Intercept and year are nearly collinear (cosine {cosine:.4f})" in str(got)
    assert got.rank == 2
    far, _ = report(Intercept=np.ones(12), x=X)
    assert "collinear" not in str(far)


TIME = np.linspace(0.0, 10.0, 12)


def test_conditioning_of_columns_as_they_stand_grows_with_their_units() -> None:
    got, matrix = report(Intercept=np.ones(12), dose=1e6 * X)
    assert got.raw_condition_number == pytest.approx(np.linalg.cond(matrix), rel=1e-9)
    assert got.raw_condition_number > 1e5
    assert got.condition_number < 2
    assert got.cautions == ()


def test_extreme_units_do_not_overflow() -> None:
    got, _ = report(Intercept=np.full(12, 1e-200), x=1e200 * X)
    plain, _ = report(Intercept=np.ones(12), x=X)
    assert got.condition_number == pytest.approx(plain.condition_number, rel=1e-12)
    assert got.variance_inflation[1] == pytest.approx(1.0, rel=1e-12)


def test_variance_inflation_is_by_the_others_explained_share() -> None:
    got, matrix = report(Intercept=np.ones(12), a=A, b=B, x=X + 0.4 * A - 0.3 * B)
    for j in (1, 2, 3):
        others = np.delete(matrix, j, axis=1)
        rest = matrix[:, j] - others @ np.linalg.lstsq(others, matrix[:, j], rcond=None)[0]
        share = 1 - rest @ rest / np.sum((matrix[:, j] - matrix[:, j].mean()) ** 2)
        assert got.variance_inflation[j] == pytest.approx(1 / (1 - share), rel=1e-10)
    assert math.isnan(got.variance_inflation[0])
    assert f"largest variance inflation {got.variance_inflation[3]:.3g} (x)" in str(got)


def test_variance_inflation_without_a_constant_is_about_zero() -> None:
    got, matrix = report(x=X, more=X + TIME)
    direct = np.diag(np.linalg.inv(matrix.T @ matrix)) * np.sum(matrix**2, axis=0)
    np.testing.assert_allclose(got.variance_inflation, direct, rtol=1e-10)


def test_nearly_equal_columns_are_named_with_their_cost() -> None:
    got, _ = report(Intercept=np.ones(12), time=TIME, a=A, batch=TIME + 0.001 * X)
    (caution,) = got.cautions
    assert got.condition_number > 30
    assert "'time', 'batch' carry nearly the same information" in caution
    assert "'a'" not in caution
    worst = np.nanmax(got.variance_inflation)
    assert f"up to {worst:.3g}" in caution
    assert f"{math.sqrt(worst):.3g} times" in caution
    assert caution in str(got)


def test_a_mean_far_from_zero_is_told_apart_from_shared_information() -> None:
    got, _ = report(Intercept=np.ones(12), year=1990.0 + np.arange(12), a=A)
    (caution,) = got.cautions
    assert "'year' hardly varies beside its mean" in caution
    assert "Subtract the mean" in caution
    assert got.caution_kinds == ("mean",)


@pytest.mark.parametrize("constant", [True, False], ids=["reference", "cell means"])
def test_variance_inflation_does_not_depend_on_how_the_mean_is_coded(constant: bool) -> None:
    year = 1990.0 + np.arange(12) - 6 * A
    first = {"Intercept": np.ones(12)} if constant else {"a0": 1 - A}
    got, _ = report(**first, a=A, year=year)
    centred, _ = report(Intercept=np.ones(12), a=A, year=year - year.mean())
    assert got.variance_inflation[2] == pytest.approx(centred.variance_inflation[2], rel=1e-6)
    assert math.isnan(got.variance_inflation[0])
    assert math.isnan(got.variance_inflation[1]) == (not constant)
    assert got.caution_kinds == ("mean",)


@pytest.mark.parametrize("kind", ["interaction", "square"])
def test_products_with_a_mean_far_from_zero_are_no_shared_information(kind: str) -> None:
    year = 1990.0 + np.tile(np.arange(6.0), 2)
    product = year * A if kind == "interaction" else year**2
    got, _ = report(Intercept=np.ones(12), year=year, a=A, product=product)
    (caution,) = got.cautions
    assert "'year' hardly varies" in caution
    assert "keep one" not in caution


def test_a_small_reference_level_is_not_taken_for_shared_information() -> None:
    group = np.repeat(np.arange(4), [1, 400, 400, 400])
    matrix = np.column_stack([np.ones(group.size), *(group == k for k in (1, 2, 3))]).astype(float)
    got = report_design(matrix, ("Intercept", "b", "c", "d"), [f"s{i}" for i in group])
    assert got.caution_kinds == ("reference", "alone")
    assert "'b', 'c', 'd' are compared with a level that few samples have" in got.cautions[0]


def test_a_dependency_shared_by_many_columns_names_them() -> None:
    # No column has half of its variance in the small direction: all are near one line.
    rng = np.random.default_rng(7)
    line = rng.normal(0, 1, 30)
    apart = np.linalg.qr(rng.normal(size=(30, 6)))[0]
    told = 0
    for seed in range(40):
        width = np.random.default_rng(seed).uniform(0.06, 0.1, 6)
        matrix = (line / np.linalg.norm(line))[:, None] + apart * width
        got = report_design(matrix, tuple("abcdef"), [str(i) for i in range(30)])
        told += got.condition_number >= 30
        assert len(got.cautions) == (got.condition_number >= 30)
    assert told > 5


def test_conditioning_is_silent_below_thirty() -> None:
    for shift, expected in ((0.3, 0), (0.03, 1)):
        got, _ = report(Intercept=np.ones(12), x=X, near=X + shift * TIME / 5)
        assert len(got.cautions) == expected
        assert (got.condition_number >= 30) == bool(expected)


def test_one_against_many_is_told_by_leverage_where_condition_numbers_pass() -> None:
    n = 100
    matrix = np.column_stack([np.ones(n), np.r_[np.zeros(n - 1), 1.0]])
    got = report_design(matrix, ("Intercept", "treated"), [f"s{i}" for i in range(n)])
    assert got.raw_condition_number == pytest.approx(10.0, rel=0.01)
    assert got.condition_number < 1.2
    assert got.variance_inflation[1] == pytest.approx(1.0)
    (caution,) = got.cautions
    assert caution.startswith("1 sample alone determines a coefficient (leverage 1): 's99'.")


def test_every_exact_dependency_has_a_caution_and_infinite_inflation() -> None:
    got, _ = report(one=np.ones(12), x=X, twice=2 * X, gone=np.zeros(12))
    assert got.cautions == (
        "twice is a combination of x: remove it.", "gone is zero everywhere: remove it."
    )  # fmt: skip
    assert np.isinf(got.variance_inflation[1:]).all()
    assert got.raw_condition_number == math.inf


def test_one_column_has_no_pair() -> None:
    got, _ = report(Intercept=np.ones(12))
    assert got.closest_pair is None
    assert got.condition_number == pytest.approx(1.0)
    expected = "Design: 12 samples, 1 coefficients, rank 1, condition number 1"
    assert str(got) == expected


def test_table_repeats_the_certificate_of_the_fit() -> None:
    fit = synthetic_fit(40)
    table = diagnose(fit).genes
    assert table.index.name == "gene"
    assert table.index.tolist() == fit.gene_names.tolist()
    for name in (
        "n_iter", "dispersion", "newton_decrement", "distance_bound", "scaled_score",
        "min_eigenvalue", "condition_number", "max_leverage",
    ):  # fmt: skip
        np.testing.assert_array_equal(table[name], getattr(fit, name))
    np.testing.assert_allclose(table["condition_sqrt_w_x"] ** 2, fit.condition_number)
    assert table["status"].tolist() == [Status(s).name for s in fit.status]
    assert table["sentence"].tolist() == [Status(s).sentence for s in fit.status]


def test_condition_of_weighted_design_is_that_of_its_singular_values() -> None:
    counts = np.random.default_rng(2).poisson(20.0, (12, 3)).astype(float)
    design = np.column_stack([np.ones(12), A, X])
    fit = countglm.fit_glm(counts, design, dispersion=0.2, size_factors="none")
    table = countglm.diagnose(fit).genes
    for gene in range(3):
        mu, y = fit.mu(gene)[:, 0], counts[:, gene]
        weighted = np.sqrt(mu * (1 + 0.2 * y) / (1 + 0.2 * mu) ** 2)[:, None] * design
        weighted /= np.linalg.norm(weighted, axis=0)
        assert table["condition_sqrt_w_x"].iloc[gene] == pytest.approx(
            np.linalg.cond(weighted), rel=1e-9
        )


def test_summary_counts_every_status_with_its_sentence() -> None:
    fit = synthetic_fit(40)
    text = str(diagnose(fit))
    assert "Genes: 40" in text
    for status in Status:
        count = int(np.sum(fit.status == status))
        assert f"{count:>9,}  {status.name}: {status.sentence}" in text
    worst = fit.newton_decrement[fit.converged].max()
    assert f"Largest Newton decrement of converged genes: {worst:.2e} standard errors" in text
    condition = fit.condition_number[fit.converged].max()
    assert f"Largest condition number of converged genes: {condition:.3g}" in text


def test_summary_without_a_converged_gene_claims_nothing() -> None:
    fit = synthetic_fit(3, status=np.full(3, Status.MAX_ITER, dtype=np.int8))
    text = str(diagnose(fit))
    assert "converged genes" not in text
    assert "3  MAX_ITER" in text
    assert "CONVERGED:" not in text


def test_samples_without_names_are_counted() -> None:
    fit = synthetic_fit(10)
    matrix = fit.design.matrix.copy()
    matrix[0, 1] = 50.0
    design = dataclasses.replace(fit.design, matrix=matrix)
    named = diagnose(dataclasses.replace(fit, design=design))
    assert named.design.extreme_samples == ("s0",)
    bare = diagnose(dataclasses.replace(fit, design=design, sample_names=None))
    assert bare.design.extreme_samples == ("0",)
    assert fit.diagnose().design.rank == 3
