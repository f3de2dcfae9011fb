import numpy as np
import pytest

from countglm._gram_schmidt import gram_schmidt


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("condition", [1.0, 1e4, 1e8])
def test_factors_are_orthonormal_and_reproduce_x(condition, in_turn):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 6))
    x[:, 5] = x[:, 0] + x[:, 5] / condition
    q, r, independent = gram_schmidt(x, in_turn=in_turn)
    assert independent.all()
    np.testing.assert_allclose(q.T @ q, np.eye(6), atol=1e-15 * 40)
    np.testing.assert_allclose(q @ r, x, rtol=1e-14, atol=1e-14)
    assert (np.tril(r, -1) == 0).all()
    assert (np.diag(r) > 0).all()


def test_dependent_and_zero_columns_are_found_at_any_scale():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 20))
    x = np.column_stack([a * 1e200, b * 1e-200, a + b, 0 * a, rng.standard_normal(20)])
    q, r, independent = gram_schmidt(x)
    assert independent.tolist() == [True, True, False, False, True]
    assert (q[:, ~independent] == 0).all()
    np.testing.assert_allclose(q @ r[:, 2], x[:, 2], rtol=1e-13, atol=1e-13)


def test_uncentred_covariate_is_independent_of_the_intercept():
    year = np.arange(1950.0, 1970.0)
    x = np.column_stack([np.ones(20), year, year**2])
    assert gram_schmidt(x)[2].all()


def test_memory_order_does_not_change_bits():
    x = np.random.default_rng(3).standard_normal((30, 5))
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        for left, right in zip(gram_schmidt(x), gram_schmidt(other), strict=True):
            assert left.tobytes() == right.tobytes()
