"""The likelihood by itself: many digits, SciPy and torch, conversions, planted faults."""

from __future__ import annotations

import numpy as np

from countglm.likelihood import check_nb_loss, gradient, hessian, log_likelihood
from tests.accept.table import Table
from tests.parity import test_likelihood as parity
from tests.support.nb_digits import errors, usual_points, wide_points
from tests.support.nb_training import drawn, train
from tests.unit.test_nb_check import planted
from tests.unit.test_nb_parameters import check as check_conversion

QUANTITIES = (
    ("log-likelihood", 2e-15), ("slope in eta", 2e-15), ("slope in log alpha", 1e-14),
    ("curvature in eta", 2e-15), ("mixed curvature", 2e-15), ("curvature in log alpha", 2e-14),
)  # fmt: skip


def digits(table: Table) -> None:
    """Values and derivatives against mpmath, in data and over all of double precision."""
    for name, points, n in (
        ("usual", usual_points, 4000),
        ("|eta|, |log alpha| <= 700", wide_points, 1200),
    ):
        y, eta, theta = points(n // 10 if table.quick else n, seed=1)
        got = np.column_stack(
            [log_likelihood(y, eta, theta), *gradient(y, eta, theta), *hessian(y, eta, theta)]
        )
        largest = errors(got, y, eta, theta).max(axis=0)
        for (quantity, most), error in zip(QUANTITIES, largest, strict=True):
            item = f"likelihood, {name}, {y.size} points: {quantity} against mpmath"
            table.row(item, f"<= {most:.0e}", f"{error:.1e}", bool(error <= most))


def corners(table: Table) -> None:
    """Every end of the arguments at once."""
    ends = [-700.0, 0.0, 700.0]
    grid = np.meshgrid([0.0, 1.0, 2.0, 2.0**53], ends, ends)
    y, eta, theta = (a.ravel() for a in grid)
    got = np.column_stack(
        [log_likelihood(y, eta, theta), *gradient(y, eta, theta), *hessian(y, eta, theta)]
    )
    error = float(errors(got, y, eta, theta).max())
    item = "likelihood: corners at 700, values and derivatives against mpmath"
    table.row(item, "<= 2e-14", f"{error:.1e}", error <= 2e-14)


def conversions(table: Table) -> None:
    """Every pair of parameters into all others, at random and at the ends."""
    rng = np.random.default_rng(2)
    n = 50 if table.quick else 500
    missed = 0
    for _ in range(n):
        size = float(np.exp(rng.uniform(-690.0, 690.0)))
        mean = float(np.exp(rng.uniform(-690.0, 690.0)))
        probability = float(np.exp(-rng.exponential(100.0)))
        moderate = float(np.exp(rng.uniform(-200.0, 200.0)))
        for given in (
            {"mean": mean, "inverse_dispersion": size}, {"mean": mean, "dispersion": size},
            {"eta": np.log(mean), "log_alpha": np.log(size)}, {"n": moderate, "p": probability},
            {"total_count": moderate, "probs": probability},
            {"total_count": moderate, "logits": float(rng.uniform(-450.0, 450.0))},
        ):  # fmt: skip
            try:
                check_conversion(given)
            except AssertionError as error:
                missed += 1
                table.detail(str(error))
    item = f"likelihood: {6 * n} conversions beyond 6 units of the last place"
    table.row(item, "0", str(missed), missed == 0)


def faults(table: Table) -> None:
    """Planted faults by their code, and trainings without."""
    found, codes = 0, set()
    for name, (code, _, arguments, _) in planted().items():
        if code in check_nb_loss(**arguments).codes:
            found, codes = found + 1, codes | {code}
        else:
            table.detail(f"not found: {name}")
    total = len(planted())
    item = "likelihood: planted faults found, of at least eight kinds"
    table.row(item, f"all {total}", f"{found} of {len(codes)} kinds", found == total)
    loud = 0
    runs = 10 if table.quick else 30
    for seed in range(runs):
        counts, _, _ = drawn(100 + 5 * seed, 10 + seed, seed)
        done = train(counts, steps=60 + 2 * seed, rate=0.02 + 0.002 * seed)
        report = check_nb_loss(
            counts, mean=done["mean"], dispersion=done["dispersion"], log=done["log"],
            library="scvi", dtype="float32" if seed % 2 else "float64",
        )  # fmt: skip
        if report.findings:
            loud += 1
            table.detail(str(report))
    table.row(f"likelihood: findings in {runs} sound trainings", "none", f"{loud} loud", loud == 0)


def check(table: Table) -> None:
    """Fill the table."""
    digits(table)
    corners(table)
    for name, test in (
        ("torch's table", parity.test_torch_has_the_same_values_slopes_and_means),
        ("SciPy", parity.test_scipy_has_the_same_values),
    ):
        try:
            test()
            fine = True
        except AssertionError as error:
            fine = False
            table.detail(str(error))
        told = "agrees" if fine else "differs"
        table.row(f"likelihood: {name}", f"<= {parity.ROUNDING:.0e}", told, fine)
    conversions(table)
    faults(table)
