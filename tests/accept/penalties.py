"""Penalised paths at full size: gaps, another solver, references, the largest penalty, refits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import countglm
from countglm import PenalizedPath, Status, fit_glm, fit_penalized
from countglm.penalties import Penalty, chain, pairwise, to_reference
from tests.accept.table import Table
from tests.support import convex
from tests.support.cases import data_folder
from tests.support.penalized import FAMILIES, GAP, SOLVED, random_case

GENES, LAMBDAS = 500, 50
# Genes that are read for every one that is asked for: some are separated by another term.
SPARE = 1.3


@dataclass(frozen=True)
class Study:
    """Some expressed genes of a study, with the size factors of all."""

    name: str
    formula: str
    penalty: Penalty
    counts: pd.DataFrame
    obs: pd.DataFrame
    size_factors: np.ndarray
    dispersion: np.ndarray

    def path(self, formula: str | None = None, obs: Any = None, **choices: Any) -> PenalizedPath:
        """The path of all genes, at the study's dispersions."""
        return fit_penalized(
            self.counts, formula or self.formula, choices.pop("penalty", self.penalty),
            obs=self.obs if obs is None else obs, size_factors=self.size_factors,
            dispersion=self.dispersion, **choices,
        )  # fmt: skip


STUDIES = {
    "fission": ("~ strain + minute", chain("minute")),
    "mammary_gse60450": ("~ CellTypeStatus", pairwise("CellTypeStatus")),
    "gse96870_cerebellum": ("~ sex + time", pairwise("time")),
}


def load(name: str, genes: int) -> Study | None:
    """Read a study, or None where it is not at hand."""
    folder = data_folder()
    if folder is None:
        return None
    formula, penalty = STUDIES[name]
    counts = pd.read_csv(folder / name / "counts.csv.gz", index_col=0, dtype={0: str}).T
    obs = pd.read_csv(folder / name / "samples.csv", index_col=0)
    if "minute" in obs:
        obs["minute"] = pd.Categorical(obs["minute"])
    factors = np.asarray(countglm.estimate_size_factors(counts))
    expressed = np.flatnonzero(counts.to_numpy().sum(axis=0) > 0)
    chosen = np.sort(np.random.default_rng(60).permutation(expressed)[: int(SPARE * genes)])
    some = counts.iloc[:, chosen]
    alpha = countglm.estimate_dispersion(some, formula, obs=obs, size_factors=factors).final
    return Study(name, formula, penalty, some, obs, factors, alpha)


def check_gaps(table: Table, study: Study, path: PenalizedPath, genes: int) -> None:
    """Every fit of every path has its certificate; the others have a status that says why."""
    fitted = path.status == Status.CONVERGED
    worst = float(np.max(path.relative_gap[fitted]))
    lost = {Status(code).name: int(n) for code, n in enumerate(np.bincount(path.status)) if n}
    table.row(
        f"{study.name}: relative duality gap, {fitted.sum()} genes x {LAMBDAS} penalties",
        f"<= 1e-8, of {genes} or more", f"{worst:.1e}; {lost}",
        worst <= 1e-8 and int(fitted.sum()) >= genes,
    )  # fmt: skip
    separated = int((path.status == Status.SEPARATED).sum())
    explained = separated == (~fitted).sum()
    table.row(
        f"{study.name}: genes without a path", "none but separated by other terms of the design",
        str(int((~fitted).sum())), explained,
    )  # fmt: skip


def check_start(table: Table, study: Study, path: PenalizedPath) -> None:
    """At the largest penalty nothing differs, just below it something does."""
    fitted = path.status == Status.CONVERGED
    top = path.lambdas[:, :1]
    close = study.path(lambdas=np.hstack([top * (1.0 + 1e-7), top, top * (1.0 - 1e-4)]))
    differ = close.labels[fitted].max(axis=2) > 0
    table.row(
        f"{study.name}: differences at the largest penalty, and at 0.9999 of it",
        "0 genes, all genes", f"{int(differ[:, :2].sum())}, {int(differ[:, 2].sum())} of "
        f"{int(fitted.sum())}", not differ[:, :2].any() and bool(differ[:, 2].all()),
    )  # fmt: skip


def check_bits(table: Table, study: Study, path: PenalizedPath) -> None:
    """Threads and blocks change no bit."""
    same = True
    for threads, block in ((1, None), (2, 16), (2, 333)):
        other = study.path(threads=threads, block_size=block)
        for what in ("lambdas", "coefficients", "gap", "kkt_residual", "deviance", "n_iter"):
            same &= getattr(path, what).tobytes() == getattr(other, what).tobytes()
        same &= path.refits.coefficients.tobytes() == other.refits.coefficients.tobytes()
        same &= path.labels.tobytes() == other.labels.tobytes()
    table.row(f"{study.name}: bits for threads and blocks", "the same", str(same), same)


def check_references(table: Table, study: Study, path: PenalizedPath) -> None:
    """Pairwise: the level means are the same whatever the reference or the coding."""
    factor = study.formula.split()[-1]
    levels = sorted(study.obs[factor].unique())
    others = {
        f"reference {level}": (study.formula, [level, *(v for v in levels if v != level)])
        for level in levels[1:]
    }
    for coding in ("sum", "helmert", "poly"):
        others[coding] = study.formula.replace(factor, f"C({factor}, contr.{coding})"), levels
    fitted = path.status == Status.CONVERGED
    worst = 0.0
    for label, (formula, order) in others.items():
        obs = study.obs.assign(**{factor: pd.Categorical(study.obs[factor], categories=order)})
        other = study.path(formula, obs, lambdas=path.lambdas)
        gap = np.abs(predictors(other, fitted) - predictors(path, fitted)).max()
        same = bool((fused_pairs(other, levels) == fused_pairs(path, levels)).all())
        worst = max(worst, float(gap))
        if gap > 1e-8 or not same:
            table.detail(f"{label}: predictors {gap:.1e}, the same labels: {same}")
            worst = worst if same else np.inf
    table.row(
        f"{study.name}: linear predictors, {len(others)} references and codings",
        "<= 1e-8, labels the same", f"{worst:.1e}", worst <= 1e-8,
    )  # fmt: skip


def predictors(path: PenalizedPath, genes: np.ndarray) -> np.ndarray:
    """Linear predictors (G, L, n) without offsets: what a coding does not change."""
    return np.asarray(path.coefficients[genes] @ path.design.matrix.T)


def fused_pairs(path: PenalizedPath, levels: list[str]) -> np.ndarray:
    """Which pairs of levels (G, L, K, K) share an effect, levels in the order given."""
    place = [path.differences.nodes.index(str(level)) for level in levels]
    labels = path.labels[:, :, place]
    return np.asarray(labels[..., None] == labels[..., None, :])


def check_refits(table: Table, study: Study, path: PenalizedPath) -> None:
    """The refit of what is fused is `fit_glm` with the levels merged."""
    factor = study.formula.split()[-1]
    chosen = path.select("bic")
    worst, compared = 0.0, 0
    for pattern in np.unique(chosen.labels, axis=0):
        genes = np.flatnonzero(
            (chosen.labels == pattern).all(axis=1) & (path.status == Status.CONVERGED)
        )
        if genes.size == 0:
            continue
        merged = dict(zip(path.differences.nodes, (f"m{k}" for k in pattern), strict=True))
        obs = study.obs.assign(**{factor: study.obs[factor].astype(str).map(merged)})
        kept = study.formula if pattern.max() else study.formula.replace(factor, "1")
        fit = fit_glm(
            study.counts.iloc[:, genes], kept, obs=obs, size_factors=study.size_factors,
            dispersion=study.dispersion[genes],
        )  # fmt: skip
        own = chosen.coefficients[genes]
        ok = fit.converged & np.isfinite(own).all(axis=1)
        ordinary = fit.coefficients[ok] @ fit.design.matrix.T
        apart = np.abs(own[ok] @ path.design.matrix.T - ordinary)
        worst, compared = max(worst, float(apart.max(initial=0.0))), compared + int(ok.sum())
    table.row(
        f"{study.name}: refit against fit_glm on merged levels, {compared} genes",
        "<= 1e-7", f"{worst:.1e}", worst <= 1e-7,
    )  # fmt: skip


def check_solver(table: Table) -> None:
    """Fifty problems of four families and five penalties, solved by Clarabel through CVXPY."""
    worst: dict[str, float] = dict.fromkeys(FAMILIES, 0.0)
    gap, solved, count = 0.0, True, 10 if table.quick else 50
    for seed in range(count):
        case = random_case(seed, FAMILIES[seed % 4], seed % 5)
        beta, facts = case.fit()
        other = convex.minimise(
            case.family, case.y, case.design.matrix, case.differences.rows,
            case.lam * case.differences.cost, offset=case.offset, weight=case.weight,
            size=case.size, ridge=case.ridge,
        )  # fmt: skip
        apart = float(np.abs(beta[0] - other).max())
        worst[case.family] = max(worst[case.family], apart)
        gap, solved = max(gap, float(facts[0, GAP])), solved and facts[0, SOLVED] == 1.0
    table.row(
        f"{count} random problems: coefficients against CVXPY with Clarabel", "<= 1e-5",
        ", ".join(f"{name} {value:.1e}" for name, value in worst.items()) + f"; gap {gap:.1e}",
        max(worst.values()) <= 1e-5 and gap <= 1e-8 and bool(solved),
    )  # fmt: skip


def branch_case(genes: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Five conditions and four samples of each; only the reference's own branch is shifted."""
    rng = np.random.default_rng(16)
    level = np.repeat(np.arange(5), 4)
    mean = rng.lognormal(5.0, 0.5, genes)
    mu = mean * np.where(level[:, None] == 0, np.exp(0.6), 1.0)
    counts = rng.negative_binomial(20.0, 20.0 / (20.0 + mu))
    return counts, pd.DataFrame({"group": [f"g{k}" for k in level]})


def check_branch(table: Table) -> None:
    """A shift of the reference alone: one difference for pairs, four for a reference."""
    counts, obs = branch_case(40 if table.quick else 400)
    found = {}
    for penalty in (pairwise("group"), to_reference("group")):
        path = fit_penalized(
            counts, "~ group", penalty, obs=obs, dispersion=0.05, size_factors="none"
        )
        # Of the whole path, the first penalty at which the reference has left somebody.
        place = np.argmax((path.labels != path.labels[:, :, :1]).any(axis=2), axis=1)
        labels = path.labels[np.arange(path.n_genes), place]
        found[penalty.kind] = float(np.mean((labels == [0, 1, 1, 1, 1]).all(axis=1)))
    table.row(
        "shift of the reference alone: genes whose first split is the true one",
        "pairwise more than 0.9, reference less than 0.1",
        ", ".join(f"{kind} {share:.2f}" for kind, share in found.items()),
        found["pairwise"] > 0.9 and found["reference"] < 0.1,
    )  # fmt: skip


def check(table: Table) -> None:
    """Fill the table."""
    check_solver(table)
    check_branch(table)
    for name in STUDIES:
        genes = GENES // 10 if table.quick else GENES
        study = load(name, genes)
        if study is None:
            table.not_run(f"{name}: penalised paths", "COUNTGLM_TEST_DATA is not set")
            continue
        path = study.path(lambdas=LAMBDAS)
        check_gaps(table, study, path, genes)
        check_start(table, study, path)
        check_bits(table, study, path)
        if path.differences.kind == "pairwise":
            check_references(table, study, path)
        check_refits(table, study, path)
