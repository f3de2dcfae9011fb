"""What penalised fits are made of: responses, design and the ordinary fits of fused designs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._arguments import resolve_dispersion
from ._model import Model, prepare_model
from ._penalized_data import Data, EachBlock
from ._resources import resolve_resources

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


@dataclass(frozen=True, eq=False)
class CountSource:
    """Counts: negative binomial, or Poisson at dispersion 0."""

    model: Model
    family: str
    dispersion: Floats

    @classmethod
    def of(
        cls,
        counts: Any,
        design: Any,
        family: str,
        dispersion: Any,
        *,
        threads: int | None,
        block_size: int | None,
        progress: bool,
        **choices: Any,
    ) -> CountSource:
        """Check all inputs; dispersions that are not given are estimated."""
        resources = resolve_resources(threads, block_size, progress=progress)
        given = dispersion is not None or family == "poisson"
        model = prepare_model(counts, design, allow_saturated=given, resources=resources, **choices)
        alpha = resolve_dispersion(dispersion, family, model.counts)
        if alpha is None:
            from .dispersion import estimate_dispersion

            alpha = estimate_dispersion(
                model.counts, model.design, size_factors=model.size_factors,
                offset=model.offset.given, weights=model.weights.given, threads=threads,
            ).final  # fmt: skip
        # Genes without counts have none, and need none.
        return cls(model, family, np.where(np.isnan(alpha), 0.0, alpha))

    @property
    def data(self) -> Data:
        model = self.model
        return Data(
            model.counts, model.design.matrix, model.offset, model.weights, self.dispersion,
            self.family,
        )  # fmt: skip

    @property
    def design(self) -> Design:
        return self.model.design

    @property
    def gene_names(self) -> NDArray[Any]:
        return self.model.counts.gene_names

    @property
    def each_block(self) -> EachBlock:
        return self.model.each_block

    def fused_fit(self, genes: Index, columns: Floats) -> GLMFit:
        """Return the certified fit of some genes at the columns (n, q) of a fused design."""
        whole = genes.size == self.model.n_genes
        some = self.model if whole else self.model.take(genes)
        names = tuple(f"direction {k}" for k in range(columns.shape[1]))
        narrow = replace(some, design=replace(
            some.design, matrix=np.ascontiguousarray(columns), names=names, spec=None,
            formula=None, factors={}, codings={},
        ))  # fmt: skip
        problem = narrow.fit(narrow.problem(self.dispersion[genes]))
        return narrow.assemble(problem, self.family, {})
