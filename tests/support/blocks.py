"""One or a few genes through the compiled entry, with the arrays it expects and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from countglm._fitting import scaled_spectra
from countglm.basis import Basis, make_basis, pad
from countglm.kernels import blocks
from countglm.kernels.gene import Workspace, lay_out, make_scratch
from countglm.kernels.solver import FISHER, NEWTON


class BlockFit(NamedTuple):
    """What ``fit_block`` writes for every gene."""

    coefficients: np.ndarray
    standard_errors: np.ndarray
    stats: np.ndarray
    counters: np.ndarray
    trace: np.ndarray
    basis: Basis

    def path(self, gene: int = 0) -> np.ndarray:
        """Rows of the trace that the solver wrote: kind, length, decrement, deviance, gamma."""
        return self.trace[gene, : self.counters[gene, blocks.STEPS] + 1]


def per_sample(values, n: int, default: float) -> np.ndarray:
    """Padded (1, n_pad) or (g, n_pad) rows of an offset or weight."""
    given = np.full(n, default) if values is None else np.asarray(values, dtype=float)
    return pad(np.ascontiguousarray(np.atleast_2d(given)))


def fit_block(
    counts,
    design,
    alpha=0.1,
    *,
    offset=None,
    weight=None,
    screened=False,
    estimate=False,
    cap=10.0,
    prior=None,
    fisher=True,
    tol=1e-8,
    max_iter=100,
    trace_rows=0,
    basis=None,
) -> BlockFit:
    """Fit counts (g, n) or (n,) on a design (n, p); ``prior`` is (log mean, precision)."""
    y = np.atleast_2d(np.asarray(counts, dtype=float))
    design = np.asarray(design, dtype=float)
    basis = make_basis(design) if basis is None else basis
    genes, n = y.shape
    p, rank = basis.to_coef.shape
    log_mean, precision = (0.0, 0.0) if prior is None else prior
    coef, errors = np.zeros((genes, p)), np.zeros((genes, p))
    stats = np.full((genes, blocks.N_STATS), np.nan)
    counters = np.zeros((genes, blocks.N_COUNTERS), dtype=np.int32)
    trace = np.full((genes, trace_rows, rank + 4), np.nan)
    scratch = make_scratch(basis.columns.shape[1], rank)
    hessian = np.zeros((genes, p, p))
    blocks.fit_block(
        pad(y), per_sample(offset, n, 0.0), per_sample(weight, n, 1.0),
        np.full(genes, alpha, dtype=float),
        basis.columns, basis.raw, basis.to_coef, basis.skeel, screened, estimate, cap,
        np.full(genes, log_mean), precision, FISHER if fisher else NEWTON, tol, float(max_iter),
        scratch, coef, errors, stats, counters, hessian, trace,
    )  # fmt: skip
    spectra = scaled_spectra(hessian)
    stats[:, blocks.MIN_EIGENVALUE], stats[:, blocks.CONDITION] = spectra
    return BlockFit(coef, errors, stats, counters, trace, basis)


class OneGene(NamedTuple):
    """Padded arrays of one gene and a workspace, for kernels called as plain Python."""

    y: np.ndarray
    w: np.ndarray
    offset: np.ndarray
    basis: Basis
    ws: Workspace

    @property
    def start(self) -> np.ndarray:
        """A vector of coefficients, zero."""
        return np.zeros(self.basis.columns.shape[0])


def one_gene(counts, design, *, offset=None, weight=None) -> OneGene:
    """Lay out one gene for the kernels below the entries."""
    design = np.asarray(design, dtype=float)
    basis = make_basis(design)
    n = design.shape[0]
    ws = lay_out(make_scratch(basis.columns.shape[1], basis.columns.shape[0]))
    y = pad(np.asarray(counts, dtype=float)[None, :])[0]
    return OneGene(y, per_sample(weight, n, 1.0)[0], per_sample(offset, n, 0.0)[0], basis, ws)
