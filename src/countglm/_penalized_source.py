"""What penalised fits are made of: responses, design and the ordinary fits of fused designs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._arguments import PerSample, resolve_dispersion
from ._families import COUNTS as COUNT_FAMILIES
from ._model import Model, prepare_model
from ._penalized_data import Data, EachBlock, PerGene
from ._resources import Resources, resolve_resources
from ._response_model import assemble_responses, prepare_responses, run_responses
from ._responses import refuse_count_options, refuse_trials, resolve_family

if TYPE_CHECKING:
    from .design import Design
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class Source(Protocol):
    """Responses of a family with their design."""

    @property
    def data(self) -> Data: ...
    @property
    def design(self) -> Design: ...
    @property
    def family(self) -> str: ...
    @property
    def dispersion(self) -> Floats: ...
    @property
    def gene_names(self) -> NDArray[Any]: ...
    @property
    def each_block(self) -> EachBlock: ...
    def fused_fit(self, genes: Index, columns: Floats) -> GLMFit:
        """Return the certified fit of some genes at the columns (n, q) of a fused design."""
        ...


class _OfModel:
    """What a source takes from its model."""

    model: Model

    @property
    def design(self) -> Design:
        return self.model.design

    @property
    def gene_names(self) -> NDArray[Any]:
        return self.model.counts.gene_names

    @property
    def each_block(self) -> EachBlock:
        return self.model.each_block


@dataclass(frozen=True, eq=False)
class CountSource(_OfModel):
    """Counts: negative binomial, or Poisson at dispersion 0."""

    model: Model
    family: str
    dispersion: Floats

    @classmethod
    def of(
        cls, counts: Any, design: Any, family: str, dispersion: Any, resources: Resources,
        **choices: Any,
    ) -> CountSource:  # fmt: skip
        """Check all inputs; dispersions that are not given are estimated."""
        given = dispersion is not None or family == "poisson"
        model = prepare_model(counts, design, allow_saturated=given, resources=resources, **choices)
        alpha = resolve_dispersion(dispersion, family, model.counts)
        if alpha is None:
            from .dispersion import estimate_dispersion

            alpha = estimate_dispersion(
                model.counts, model.design, size_factors=model.size_factors,
                offset=model.offset.given, weights=model.weights.given, threads=resources.threads,
            ).final  # fmt: skip
        # Genes without counts have none, and need none.
        return cls(model, family, np.where(np.isnan(alpha), 0.0, alpha))

    @property
    def data(self) -> Data:
        model = self.model
        return Data(
            model.counts, model.design.matrix, model.offset, model.weights,
            PerGene(self.dispersion, model.n_samples), self.family,
        )  # fmt: skip

    def fused_fit(self, genes: Index, columns: Floats) -> GLMFit:
        """Return the certified fit of some genes at the columns (n, q) of a fused design."""
        narrow = _narrowed(self.model, genes, columns)
        problem = narrow.fit(narrow.problem(self.dispersion[genes]))
        return narrow.assemble(problem, self.family, {})


@dataclass(frozen=True, eq=False)
class ResponseSource(_OfModel):
    """Binomial responses out of ``trials``, or Gaussian ones."""

    model: Model
    family: str
    trials: PerSample

    @property
    def dispersion(self) -> Floats:
        """1: a penalty stands beside the likelihood of unit variance."""
        return np.ones(self.model.n_genes)

    @property
    def data(self) -> Data:
        model, weights = self.model, self.model.weights
        if (self.trials.values == 0.0).any():
            # No trials are no sample, and have no slope.
            flat = self.trials.values.ndim == weights.values.ndim
            shape = (model.n_samples, -1)
            tried = self.trials.values if flat else self.trials.values.reshape(shape)
            given = weights.values if flat else weights.values.reshape(shape)
            weights = PerSample((tried > 0.0) * given)
        return Data(
            model.counts, model.design.matrix, model.offset, weights, self.trials, self.family
        )

    def fused_fit(self, genes: Index, columns: Floats) -> GLMFit:
        """Return the certified fit of some genes at the columns (n, q) of a fused design."""
        narrow = _narrowed(self.model, genes, columns)
        trials = self.trials.take(genes)
        problem = run_responses(narrow, trials, self.family)
        return assemble_responses(narrow, problem, trials, self.family, {})


def _narrowed(model: Model, genes: Index, columns: Floats) -> Model:
    """Return the model of some genes at the columns (n, q) of a fused design."""
    some = model if genes.size == model.n_genes else model.take(genes)
    names = tuple(f"direction {k}" for k in range(columns.shape[1]))
    return replace(some, design=replace(
        some.design, matrix=np.ascontiguousarray(columns), names=names, spec=None,
        formula=None, factors={}, codings={},
    ))  # fmt: skip


def source_of(
    responses: Any, design: Any, family: str, *, trials: Any, dispersion: Any, size_factors: Any,
    threads: int | None, block_size: int | None, progress: bool, **inputs: Any,
) -> Source:  # fmt: skip
    """Check all inputs of a penalised fit of any family."""
    name = resolve_family(family)
    resources = resolve_resources(threads, block_size, progress=progress)
    if name in COUNT_FAMILIES:
        refuse_trials(trials, family)
        return CountSource.of(
            responses, design, name, dispersion, resources,
            size_factors="ratio" if size_factors is None else size_factors, **inputs,
        )  # fmt: skip
    refuse_count_options(family, size_factors=size_factors, dispersion=dispersion)
    model, tries = prepare_responses(
        responses, design, name, family, resources, trials=trials, **inputs
    )
    return ResponseSource(model, name, tries)
