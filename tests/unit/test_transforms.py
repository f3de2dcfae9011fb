import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

from countglm.counts import as_count_matrix
from countglm.design import as_design
from countglm.errors import InputError
from countglm.transforms import natural_spline, radial_basis

KNOTS = np.array([0.0, 15.0, 30.0, 60.0, 120.0, 180.0])


def design_of(formula, t):
    counts = as_count_matrix(np.ones((len(t), 3)))
    return as_design(formula, counts, obs=pd.DataFrame({"t": t}))


@pytest.mark.parametrize("n_knots", [2, 3, 4, 6])
def test_natural_spline_interpolates_as_scipy_does(n_knots):
    knots = KNOTS[:n_knots]
    values = np.random.default_rng(n_knots).standard_normal(n_knots)
    x = np.linspace(knots[0], knots[-1], 101)
    ours = values[0] + natural_spline(x, knots) @ (values[1:] - values[0])
    expected = CubicSpline(knots, values, bc_type="natural")(x)
    np.testing.assert_allclose(ours, expected, atol=1e-13)


def test_natural_spline_is_straight_outside_and_smooth_at_the_border():
    outside = np.array([-50.0, -30.0, -10.0])
    for x in (outside, 180.0 - outside):
        basis = natural_spline(x, KNOTS)
        np.testing.assert_allclose(basis[0] - basis[1], basis[1] - basis[2], atol=1e-13)
    step = 1e-4
    for border in (0.0, 180.0):
        around = natural_spline(border + step * np.array([-1.0, 0.0, 1.0]), KNOTS)
        np.testing.assert_allclose(around[1] - around[0], around[2] - around[1], atol=1e-9)


def test_natural_spline_is_cardinal():
    np.testing.assert_allclose(natural_spline(KNOTS, KNOTS), np.eye(6)[:, 1:], atol=1e-15)


def test_ns_in_a_formula_takes_quantiles_and_remembers_them():
    t = np.random.default_rng(0).gamma(2.0, 10.0, 40)
    design = design_of("~ ns(t, df=4)", t)
    assert design.names[1:] == tuple(f"ns(t, df=4)[{j}]" for j in range(1, 5))
    knots = np.quantile(t, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(design.matrix[:, 1:], natural_spline(t, knots), atol=1e-14)
    new = pd.DataFrame({"t": [3.0, 500.0]})
    np.testing.assert_allclose(
        design.rebuild(new)[:, 1:], natural_spline(new["t"], knots), atol=1e-12
    )
    given = design_of("~ ns(t, knots=[10, 20], boundary_knots=[0, 100])", t)
    np.testing.assert_allclose(given.matrix[:, 1:], natural_spline(t, [0, 10, 20, 100]), atol=1e-14)
    assert design_of("~ ns(t, df=1)", t).matrix.shape == (40, 2)


def test_rbf_in_a_formula_spaces_centres_evenly_and_remembers_them():
    t = np.array([0.0, 15, 30, 60, 120, 180, 90, 45])
    design = design_of("~ rbf(t, k=4, width=40)", t)
    assert design.names[-1] == "rbf(t, k=4, width=40)[4]"
    np.testing.assert_array_equal(design.matrix[:, 1:], radial_basis(t, [0, 60, 120, 180], 40.0))
    assert design.matrix[0, 1] == 1.0
    np.testing.assert_array_equal(
        design.rebuild(pd.DataFrame({"t": [60.0, 7.0]})),
        np.column_stack([np.ones(2), radial_basis([60.0, 7.0], [0, 60, 120, 180], 40.0)]),
    )
    default = design_of("~ rbf(t, k=4)", t)
    np.testing.assert_array_equal(default.matrix[:, 1:], radial_basis(t, [0, 60, 120, 180], 60.0))
    given = design_of("~ rbf(t, centers=[0, 50], width=10) + t", t)
    np.testing.assert_array_equal(given.matrix[:, 1:3], radial_basis(t, [0, 50], 10.0))
    assert design_of("~ rbf(t, k=1)", t).matrix.shape == (8, 2)


def test_bumps_in_an_interaction_with_a_factor():
    table = pd.DataFrame({"t": np.tile(np.arange(6.0), 4), "g": np.repeat(list("abab"), 6)})
    design = as_design("~ g * rbf(t, k=3)", as_count_matrix(np.ones((24, 2))), obs=table)
    assert design.matrix.shape == (24, 8)
    np.testing.assert_allclose(design.rebuild(table), design.matrix, atol=1e-15)
    assert design.contrast(["g", "b", "a"])[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: natural_spline([1.0], [3.0]), "at least two different"),
        (lambda: natural_spline([1.0], [1.0, 1.0, 2.0]), "at least two different"),
        (lambda: natural_spline([np.nan], [0.0, 1.0]), "finite numbers"),
        (lambda: natural_spline(["a"], [0.0, 1.0]), "needs numbers"),
        (lambda: radial_basis([1.0], [1.0, 1.0], 2.0), "no two alike"),
        (lambda: radial_basis([1.0], [], 2.0), "at least one centre"),
        (lambda: radial_basis([1.0], [1.0], 0.0), r"width=0\.0"),
        (lambda: radial_basis([1.0], [1.0], np.inf), "width=inf"),
    ],
)
def test_impossible_knots_and_widths(call, message):
    with pytest.raises(InputError, match=message):
        call()
