"""What a step of a workflow works on: counts, design, scale and weights, checked and in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample, resolve_offset, resolve_options, resolve_weights
from ._fit_arrays import FitArrays, assemble_fit
from ._fitting import Prior, Problem
from ._parallel import run_blocks
from ._progress import progress_bar
from ._resources import Resources, entries_within, resolve_resources
from ._spellings import warn_of_like_levels
from ._thread_memory import Work, threads_within
from .counts import as_count_matrix
from .design import as_design
from .size_factors import resolve_size_factors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._session import Session
    from ._tiles import Learnt
    from .counts import CountMatrix
    from .design import Design
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Model:
    """Counts and everything but the dispersion that their model needs.

    A fitted mean is ``exp(offset + x @ beta)``; ``offset`` holds the log size factors and what
    the caller adds to them.
    """

    counts: CountMatrix
    design: Design
    size_factors: Floats
    offset: PerSample
    weights: PerSample
    options: Options
    resources: Resources
    session: Session | None = None

    @property
    def threads(self) -> int:
        return self.resources.threads

    @property
    def block(self) -> int:
        """Genes of a block."""
        return self.resources.block(self.n_samples)

    @property
    def n_genes(self) -> int:
        return self.counts.n_genes

    @property
    def n_samples(self) -> int:
        return self.counts.n_samples

    @property
    def n_weighted(self) -> int:
        """Samples that have a positive weight in some gene: weight 0 leaves a sample out."""
        given = self.weights.given
        if given is None:
            return self.n_samples
        return int(np.count_nonzero((given.reshape(self.n_samples, -1) > 0.0).any(axis=1)))

    def scale(self, start: int, stop: int) -> Floats:
        """What fitted means of genes [start, stop) are multiplied by: (1, n) or (g, n)."""
        return np.exp(self.offset.rows(start, stop))

    def weight_rows(self, start: int, stop: int) -> Floats | None:
        """Weights of genes [start, stop), (1, n) or (g, n); None where the caller gave none."""
        if self.weights.given is None:
            return None
        return self.weights.rows(start, stop)

    def normalized(self, start: int, stop: int) -> Floats:
        """Counts of genes [start, stop) divided by their scale (g, n)."""
        return self.counts.block(start, stop) / self.scale(start, stop)

    def take(self, genes: Index, counts: CountMatrix | None = None) -> Model:
        """The model of some genes; of ``counts`` instead of its own, if given."""
        chosen = (self.counts if counts is None else counts).take_genes(genes)
        return replace(
            self,
            counts=chosen,
            offset=self.offset.take(genes),
            weights=self.weights.take(genes),
            resources=self.resources.silent(),
        )

    def problem(
        self,
        alpha: Floats | None,
        prior: Prior | None = None,
        *,
        finish: bool = True,
        learnt: Learnt | None = None,
        means: bool = True,
    ) -> Problem:
        """The fit of every gene at dispersions ``alpha``, or estimating them; not yet run.

        Without ``finish`` nothing but dispersions; ``learnt`` is of a search of the same genes;
        without ``means`` the base means are left out.
        """
        return Problem(
            self.counts, self.design.matrix, self.size_factors, self.offset, self.weights,
            alpha, self.options, prior, finish, learnt, means=means,
            dense_entries=entries_within(self.resources.room),
        )  # fmt: skip

    def begin(self, call: str, **choices: Any) -> None:
        """Tell an open session what is fitted; a checkpoint of something else is refused."""
        if self.session is not None:
            self.session.begin(self, {"call": call, **choices})

    def fit(self, problem: Problem, stage: str = "genes") -> Problem:
        """Fit every gene of a problem of this model: here, or in parts where a session is open.

        ``stage`` names the work to who watches it.
        """
        if self.resources.client is not None and self.session is not None:
            self.session.fit(problem, self.counts, stage, self.threads)
            return problem
        # Where a rule stands for the zeros, few genes are ever dense at once.
        sizes = None
        if problem.has_rule and self.counts.is_sparse:
            sizes = self.counts.nonzero_sizes()
        block = self.resources.block(self.n_samples, sizes)
        segments = 0 if problem.has_rule else self.n_samples
        work = Work(self.n_samples, segments, block, problem.dense_entries, sizes)
        threads = threads_within(self.resources.memory_limit, self.threads, work)
        if self.session is not None:
            self.session.fit(problem, self.counts, stage, threads)
        else:
            problem.run(
                lambda task: self.each_block(task, stage, block=block, threads=threads), threads
            )
        return problem

    def assemble(self, arrays: FitArrays, family: str, record: dict[str, Any]) -> GLMFit:
        """The frozen result of arrays that are complete."""
        return assemble_fit(
            arrays, self.counts, self.design, size_factors=self.size_factors,
            offset=self.offset.given, weights=self.weights.given, family=family,
            tol=self.options.tol, provenance=record, traced=self.options.trace,
        )  # fmt: skip

    def each_block(
        self,
        task: Callable[[int, int], None],
        what: str = "genes",
        *,
        block: int | None = None,
        threads: int | None = None,
    ) -> None:
        """Run ``task(start, stop)`` over all genes, in parallel, ``block`` of them at once."""
        with progress_bar(self.resources.progress, self.n_genes, what) as advance:
            run_blocks(
                task, self.n_genes, block_size=block or self.block,
                threads=threads or self.threads, progress=advance,
            )  # fmt: skip


def prepare_model(
    counts: Any,
    design: Any,
    *,
    size_factors: Any = "ratio",
    offset: Any = None,
    weights: Any = None,
    obs: Any = None,
    layer: str | None = None,
    gene_names: Any = None,
    allow_noninteger: bool = False,
    allow_saturated: bool = False,
    solver: str = "irls",
    tol: float = 1e-8,
    max_iter: int = 100,
    max_dispersion: float | None = None,
    zeros: str = "auto",
    threads: int | None = None,
    block_size: int | None = None,
    trace: bool = False,
    resources: Resources | None = None,
    session: Session | None = None,
) -> Model:
    """Check all inputs of a workflow and bring them into the order of the counts.

    Parameters and errors are those of `fit_glm`; ``resources`` stand for ``threads`` and
    ``block_size``, and hold what else the call may use.
    """
    if resources is None:
        resources = resolve_resources(threads, block_size)
    matrix = as_count_matrix(
        counts, layer=layer, gene_names=gene_names, allow_noninteger=allow_noninteger,
        reading=resources.reading,
    )  # fmt: skip
    options = resolve_options(solver, tol, max_iter, max_dispersion, trace, matrix.n_samples, zeros)
    model = as_design(design, matrix, obs=obs, allow_saturated=allow_saturated)
    if isinstance(design, str):
        warn_of_like_levels(model.factors)
    weight = resolve_weights(weights, matrix)
    factors = resolve_size_factors(matrix, size_factors, threads=resources.threads)
    total = resolve_offset(offset, factors, matrix)
    return Model(matrix, model, factors, total, weight, options, resources, session)
