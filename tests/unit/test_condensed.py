"""Lines of few points instead of all samples: the same likelihood, slopes and information."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import countglm
from countglm import _contrast_lines, _counts_of_fit
from countglm._condensed import condense
from countglm._contrast_lines import ContrastLines
from countglm._counts_of_fit import FittedCounts
from countglm._fit_covariance import covariance_of
from countglm._grouped_fit import grouped_fit
from countglm._profile import Lines, local, profile, start, value
from countglm.counts import as_count_matrix
from countglm.status import Status
from tests.support.sparse_fits import GENES, study

CONTRAST = np.array([0.0, 1.0, -1.0])


def both(monkeypatch: pytest.MonkeyPatch, module, make):
    """Return what ``make`` gives from points and from all samples."""
    found = []
    for least in (1, 10**9):
        monkeypatch.setattr(module, "CONDENSED", least)
        found.append(make())
    return found


def with_gaps(seed: int) -> SimpleNamespace:
    """Return a study in which some genes are separated or have no dispersion."""
    one = study(1500, seed)
    one.counts[one.group == 1, 5] = 0
    one.counts[one.group == 2, 6] = 0
    one.fit.status[[5, 6]] = Status.SEPARATED
    one.fit.dispersion[7] = 0.0
    return one


def test_points_have_the_masses_of_samples_and_counts() -> None:
    one = study(1500, 3)
    grouped, counts = grouped_fit(one.fit), as_count_matrix(one.counts)
    points = condense(grouped, counts.nonzeros(0, GENES))
    np.testing.assert_allclose(points.weight.sum(axis=0), 1500.0, rtol=1e-12)
    np.testing.assert_allclose((points.weight * points.y).sum(axis=0), one.counts.sum(axis=0))
    assert points.group.size < 250


def in_other_directions(one, few: Lines, all_: Lines, t: np.ndarray, gamma: np.ndarray):
    """Return the nuisance coefficients of ``few`` with the predictors of ``all_``."""
    group = condense(grouped_fit(one.fit), as_count_matrix(one.counts).nonzeros(0, 1)).group
    points = [int(np.flatnonzero(group == k)[0]) for k in range(3)]
    samples = [int(np.flatnonzero(one.group == k)[0]) for k in range(3)]
    out = np.empty_like(gamma)
    for gene in range(t.size):
        eta = all_.along[samples, gene] * t[gene] - few.along[points, gene] * t[gene]
        eta += gamma[:, gene] @ all_.basis[:, samples, gene]
        out[:, gene] = np.linalg.lstsq(few.basis[:, points, gene].T, eta)[0]
    return out


@pytest.mark.parametrize("seed", range(3))
def test_profiles_of_a_contrast(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    one = with_gaps(seed)
    counts = as_count_matrix(one.counts)
    genes = np.flatnonzero(one.counts.any(axis=0))
    few, all_ = both(
        monkeypatch, _contrast_lines, lambda: ContrastLines(one.fit, counts, CONTRAST).lines(genes)
    )
    assert few.y.shape[0] < 250 < all_.y.shape[0] == 1500
    t = np.linspace(-2.0, 2.0, genes.size)
    profiles = [profile(lines, t, start(lines, t)) for lines in (few, all_)]
    assert all(at.converged.all() for at in profiles)
    gamma = in_other_directions(one, few, all_, t, profiles[1].gamma)
    mine, theirs = local(few, t, gamma), local(all_, t, profiles[1].gamma)
    scale = np.sqrt(theirs.curvature)
    np.testing.assert_array_less(np.abs(mine.slope - theirs.slope), 1e-10 * scale + 1e-12)
    np.testing.assert_allclose(mine.curvature, theirs.curvature, rtol=1e-10)
    nothing = np.zeros_like(t), np.zeros_like(gamma)
    moved = [
        value(lines, t, at) - value(lines, *nothing)
        for lines, at in ((few, gamma), (all_, profiles[1].gamma))
    ]
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-10, atol=1e-9)


def test_a_gene_has_its_bits_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    one = with_gaps(4)
    monkeypatch.setattr(_contrast_lines, "CONDENSED", 1)
    lines = ContrastLines(one.fit, as_count_matrix(one.counts), CONTRAST)
    genes = np.flatnonzero(one.counts.any(axis=0))[:12]

    def seen(some: np.ndarray) -> tuple[np.ndarray, ...]:
        part = lines.lines(some).take(np.arange(some.size))
        zero = np.zeros(part.size)
        at = local(part, zero, start(part, zero))
        return at.slope[: some.size], at.curvature[: some.size]

    together = seen(genes)
    for place, gene in enumerate(genes):
        for alone, whole in zip(seen(np.array([gene])), together, strict=True):
            assert alone[0] == whole[place]


def test_lines_of_a_wider_design(monkeypatch: pytest.MonkeyPatch) -> None:
    one = study(1500, 6)
    counts, penalty = as_count_matrix(one.counts), np.diag([1e-6, 1.0, 1.0, 1.0])
    wide = np.column_stack([np.ones(1500), *(one.group == k for k in range(3))]).astype(float)
    genes = np.flatnonzero(one.counts.any(axis=0))
    few, all_ = both(
        monkeypatch, _counts_of_fit,
        lambda: FittedCounts(one.fit, counts, genes).lines_of(np.arange(9), wide, penalty),
    )  # fmt: skip
    zero = np.zeros(9)
    mine, theirs = (profile(lines, zero, start(lines, zero)) for lines in (few, all_))
    np.testing.assert_allclose(mine.gamma, theirs.gamma, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("observed", [False, True])
def test_covariances_from_groups(monkeypatch: pytest.MonkeyPatch, observed: bool) -> None:
    one = study(1500, 7)
    one.fit.standard_errors = np.repeat(one.fit.dispersion[:, None], 3, axis=1)
    counts = as_count_matrix(one.counts) if observed else None
    genes = np.arange(GENES)
    found = covariance_of(one.fit, genes, counts)
    monkeypatch.setattr("countglm._points.grouped_fit", lambda fit: None)
    np.testing.assert_allclose(found, covariance_of(one.fit, genes, counts), rtol=1e-9)


@pytest.mark.compiled
@pytest.mark.parametrize("vector", [CONTRAST, np.array([0.0, 1.0, 0.0])])
def test_profile_intervals_on_points(monkeypatch: pytest.MonkeyPatch, vector: np.ndarray) -> None:
    one = study(1500, 8)
    counts = one.counts[:, 1:25]
    counts[one.group == 1, 3] = 0
    counts[one.group == 2, 4] = 0
    counts[one.group != 0, 5] = 0
    fit = countglm.fit_glm(counts, one.x, size_factors=one.factors, dispersion=0.4)
    few, all_ = both(
        monkeypatch, _contrast_lines,
        lambda: countglm.confidence_intervals(fit, vector, method="profile", threads=1),
    )  # fmt: skip
    assert np.isinf(few[["lower", "upper"]]).to_numpy().any()
    for end in ("lower", "upper"):
        np.testing.assert_allclose(few[end], all_[end], rtol=1e-7, atol=1e-9)
