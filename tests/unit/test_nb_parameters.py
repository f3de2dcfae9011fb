"""Parametrisations of the negative binomial into each other, at every end of double precision."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import countglm
from countglm.likelihood import parameters
from tests.support.digits import EPS

NAMES = ("mean", "eta", "dispersion", "log_alpha", "inverse_dispersion", "p", "probs", "logits")


def truth(given: dict[str, float]) -> dict[str, mpf]:
    """Return all parametrisations in many digits, from one size and one place."""
    with mp.workdps(400):
        v = {name: mpf(float(value)) for name, value in given.items()}
        sizes = {
            "dispersion": lambda a: 1 / a, "log_alpha": lambda t: mp.exp(-t),
            "inverse_dispersion": lambda r: r, "n": lambda r: r, "total_count": lambda r: r,
        }  # fmt: skip
        (r,) = [make(v[name]) for name, make in sizes.items() if name in v]
        places = {
            "mean": lambda m: m, "eta": mp.exp, "logits": lambda x: r * mp.exp(x),
            "probs": lambda q: r * q / (1 - q), "p": lambda p: r * (1 - p) / p,
        }  # fmt: skip
        if {"p", "probs"} <= v.keys():
            mu = r * v["probs"] / v["p"]
        else:
            (mu,) = [make(v[name]) for name, make in places.items() if name in v]
        p, q = r / (r + mu), mu / (r + mu)
        logarithms = {"eta": mp.log(mu), "log_alpha": -mp.log(r), "logits": mp.log(mu / r)}
        return {
            "mean": mu, "dispersion": 1 / r, "inverse_dispersion": r, "p": p, "probs": q,
            **logarithms,
        }  # fmt: skip


def check(given: dict[str, float], most: float = 6.0) -> None:
    """Assert that every attribute is within a few units of its last place, or of its argument's."""
    found, exact = parameters(**given), truth(given)
    sizes = [abs(float(v)) for name, v in given.items() if name in ("eta", "log_alpha", "logits")]
    room = most * EPS * max(1.0, *sizes, 0.0)
    with mp.workdps(60):
        for name in NAMES:
            value = float(getattr(found, name))
            number = exact[name]
            if abs(number) < mpf(10) ** -307 and name not in ("eta", "log_alpha", "logits"):
                assert 0.0 <= value <= 1e-306, (given, name)
                continue
            if abs(number) > mpf(10) ** 308:
                assert value > 1e307, (given, name)
                continue
            # Logarithms near 0 are as good as the ratio they are of.
            size = max(abs(number), 1) if name in ("eta", "log_alpha", "logits") else abs(number)
            assert abs(mpf(value) - number) <= room * size, (given, name, value, number)


@pytest.mark.parametrize("r", [1e-300, 1e-8, 0.3, 1.0, 7.0, 1e5, 1e300])
@pytest.mark.parametrize("mean", [1e-300, 1e-9, 0.2, 1.0, 7.0, 7.000001, 1e6, 1e300])
def test_from_means(mean: float, r: float) -> None:
    check({"mean": mean, "inverse_dispersion": r})
    check({"mean": mean, "dispersion": 1.0 / r})
    check({"eta": np.log(mean), "log_alpha": -np.log(r)})
    check({"eta": np.log(mean), "total_count": r})
    check({"mean": mean, "log_alpha": -np.log(r)})


@pytest.mark.parametrize("r", [1e-200, 0.3, 2.0, 1e6])
@pytest.mark.parametrize("small", [1e-300, 1e-200, 1e-17, 1e-8, 0.01, 0.3, 0.5, 0.499999999])
def test_from_probabilities(small: float, r: float) -> None:
    check({"n": r, "p": small})
    check({"total_count": r, "probs": small})
    # Near 1 both are given, and each is used where it is small.
    check({"n": r, "p": 1.0 - small, "probs": small})
    check({"n": r, "p": small, "probs": 1.0 - small})


@pytest.mark.parametrize("logits", [-600.0, -40.0, -1e-9, 0.0, 0.7, 40.0, 600.0])
@pytest.mark.parametrize("r", [1e-200, 0.3, 1e6])
def test_from_logits(logits: float, r: float) -> None:
    check({"total_count": r, "logits": logits})


def test_what_is_given_comes_back_as_it_is() -> None:
    rng = np.random.default_rng(1)
    r, mean = np.exp(rng.normal(0.0, 20.0, (2, 200)))
    back = parameters(mean=mean, inverse_dispersion=r)
    np.testing.assert_array_equal(back.mean, mean)
    np.testing.assert_array_equal(back.inverse_dispersion, r)
    # Round and back: once through each form.
    for pair in (("total_count", "logits"), ("dispersion", "mean"), ("log_alpha", "eta")):
        other = parameters(**{name: getattr(back, name) for name in pair})
        np.testing.assert_allclose(other.mean, mean, rtol=1e-14 * 60)
        np.testing.assert_allclose(other.inverse_dispersion, r, rtol=1e-14 * 60)
    both = parameters(n=back.n, p=back.p, probs=back.probs)
    np.testing.assert_allclose(both.mean, mean, rtol=2e-15)


def test_the_poisson_and_a_mean_of_zero() -> None:
    poisson = parameters(mean=[3.0, 0.0], dispersion=0.0)
    assert (poisson.n == np.inf).all()
    assert (poisson.log_alpha == -np.inf).all()
    assert (poisson.p == 1.0).all()
    assert (poisson.probs == 0.0).all()
    assert (poisson.logits == -np.inf).all()
    np.testing.assert_array_equal(poisson.variance, [3.0, 0.0])
    np.testing.assert_array_equal(parameters(eta=np.log(3.0), n=np.inf).dispersion, 0.0)
    zero = parameters(n=2.0, p=1.0)
    assert (float(zero.mean), float(zero.eta), float(zero.probs)) == (0.0, -np.inf, 0.0)


def test_every_library_gets_its_words() -> None:
    from scipy.stats import nbinom

    law = parameters(mean=[4.0, 0.5], dispersion=0.25)
    moments = nbinom.stats(**law.to("scipy"))
    np.testing.assert_allclose(moments[0], law.mean)
    np.testing.assert_allclose(moments[1], law.variance)
    drawn = np.random.default_rng(0).negative_binomial(**law.to("numpy"), size=(200_000, 2))
    np.testing.assert_allclose(drawn.mean(axis=0), law.mean, rtol=0.02)
    words = law.to("Torch")
    np.testing.assert_allclose(words["total_count"] * np.exp(words["logits"]), law.mean)
    assert law.to("torch").keys() == law.to("pyro").keys() == law.to("tensorflow").keys()
    assert {name: float(v[0]) for name, v in law.to("pymc").items()} == {"mu": 4.0, "alpha": 4.0}
    assert {name: float(v[0]) for name, v in law.to("stan").items()} == {"mu": 4.0, "phi": 4.0}
    assert {name: float(v[0]) for name, v in law.to("scvi").items()} == {"mu": 4.0, "theta": 4.0}
    assert {name: float(v[0]) for name, v in law.to("r").items()} == {"mu": 4.0, "size": 4.0}
    assert {"mean", "concentration"} == set(law.to("numpyro"))
    assert {"eta", "log_alpha"} == set(law.to("countglm"))
    with pytest.raises(
        countglm.InputError, match=r"'torsch' is unknown \(did you mean 'torch'\?\)"
    ):
        law.to("torsch")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "was given nothing; it needs one of dispersion"),
        ({"mean": 1.0}, "was given mean; it needs one of dispersion"),
        ({"mean": 1.0, "p": 0.3, "n": 2.0}, "was given mean, p, n|was given mean, n, p"),
        ({"mean": 1.0, "dispersion": 1.0, "n": 1.0}, "needs one of dispersion"),
        ({"n": 2.0, "p": 0.0}, r"p must be in \(0, 1\] and has 1 of 1"),
        ({"n": [2.0, -1.0], "p": 0.5}, "n must be positive and has 1 of 2 values that are not, the "
         "first -1"),
        ({"n": 2.0, "probs": 1.5}, r"probs must be in \[0, 1\)"),
        ({"n": 2.0, "p": 0.3, "probs": 0.3}, "p and probs do not add up to 1"),
        ({"n": np.inf, "logits": 0.0}, "is the Poisson, whose mean no probability tells"),
        ({"mean": np.nan, "n": 1.0}, "mean must be finite and not negative"),
        ({"eta": np.inf, "n": 1.0}, "eta must be below inf"),
        ({"mean": [1.0, 2.0], "n": [1.0, 2.0, 3.0]}, r"do not broadcast: mean \(2,\), n \(3,\)"),
    ],
)  # fmt: skip
def test_mistakes(given: dict, words: str) -> None:
    with pytest.raises(countglm.InputError, match=words):
        parameters(**given)
