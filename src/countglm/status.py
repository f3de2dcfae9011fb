"""Status of one gene's fit: an integer code and a sentence a person can act on."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one gene's fit; the first that applies, in the order of ``PRECEDENCE``."""

    CONVERGED = 0
    BOUNDARY_DISPERSION = 1
    MAX_ITER = 2
    SEPARATED = 3
    SINGULAR = 4
    ALL_ZERO = 5
    INVALID = 6

    @property
    def sentence(self) -> str:
        """What happened, the likely causes, and what to do."""
        return _SENTENCES[self]


PRECEDENCE: tuple[Status, ...] = (
    Status.INVALID,
    Status.ALL_ZERO,
    Status.SINGULAR,
    Status.SEPARATED,
    Status.MAX_ITER,
    Status.BOUNDARY_DISPERSION,
    Status.CONVERGED,
)

_SENTENCES: dict[Status, str] = {
    Status.CONVERGED: (
        "The estimate is the optimum: its Newton decrement is within the tolerance or at the "
        "rounding floor. Nothing to do."
    ),
    Status.BOUNDARY_DISPERSION: (
        "The coefficients are the optimum and the dispersion lies at an end of its range: at 0 "
        "the counts vary no more than Poisson counts, at the upper end too few counts are "
        "positive to bound it. Usable; share information between genes if the end is the upper."
    ),
    Status.MAX_ITER: (
        "The iterations ran out before the Newton decrement reached the tolerance, usually with "
        "extreme counts, offsets or a nearly collinear design. Look at condition_number, rescale "
        "the covariates, or raise max_iter; do not use the estimate as it stands."
    ),
    Status.SEPARATED: (
        "No finite maximum exists: the zero counts let some coefficients run to infinity, as when "
        "a whole group is zero, or when successes and failures lie apart. Infinite coefficients "
        "are the true limits and the log-likelihood is its supremum; test with a likelihood ratio "
        "instead of Wald."
    ),
    Status.SINGULAR: (
        "The samples with positive weight do not determine all coefficients of this gene, or "
        "nothing is left of them for its dispersion. What remains determined is reported, the "
        "rest is NaN; drop columns of the design, check the weights, or give the dispersion."
    ),
    Status.ALL_ZERO: (
        "Every sample with positive weight has count zero, so nothing can be estimated. Filter "
        "such genes or leave them: they do not affect the others."
    ),
    Status.INVALID: (
        "No sample has a positive weight for this gene, so there is nothing to fit. Check the "
        "weights."
    ),
}
