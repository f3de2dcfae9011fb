"""What a caller tells of a loss, read once and without complaint: the faults are to be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._names import did_you_mean
from ._nb_libraries import PLACES, SIZES, NBParameters, known_library, our_name
from ._nb_parameters import resolve
from ._nb_precision import precision_of
from ._nb_values import numbers_of

Floats = NDArray[np.float64]

LINKS = ("softplus", "exp", "identity", "relu", "sigmoid")
CLAMPED = (*PLACES, *SIZES)
EPS_PLACES = ("lgamma", "log")
# Libraries whose probability is that of what is counted, mean / (r + mean).
_PROBS = ("torch", "pyro", "tensorflow", "numpyro")


@dataclass
class Facts:
    """Arguments of `check_nb_loss` as arrays."""

    library: str
    counts: Floats | None
    given: dict[str, Floats]
    precision: str  # in which the loss is computed
    clamps: dict[str, tuple[float, float]]
    loss_clamp: tuple[float, float] | None
    eps: dict[str, float]
    loss: Floats | None
    gradients: dict[str, Floats]
    link: str | None
    start: Floats | None
    start_mean: Floats | None
    no_gradients: tuple[str, ...] = ()  # parameters whose gradient is None
    log: dict[str, Floats] = field(default_factory=dict)

    @cached_property
    def size(self) -> str | None:
        """The name by which the size was given."""
        return next((name for name in SIZES if name in self.given), None)

    @cached_property
    def handed(self) -> dict[str, Floats] | None:
        """Size and place as the library gets them: a probability comes before a mean."""
        place = [name for name in ("probs", "p", "logits", "mean", "eta") if name in self.given]
        if self.size is None or not place:
            return None
        return {self.size: self.given[self.size], place[0]: self.given[place[0]]}

    @cached_property
    def parameters(self) -> NBParameters | None:
        """The distribution that the library makes of them."""
        return None if self.handed is None else resolve(self.handed)

    @cached_property
    def intended(self) -> Floats | None:
        """The mean that was meant, where it is given beside a probability."""
        if "mean" in self.given:
            return self.given["mean"]
        return np.exp(self.given["eta"]) if "eta" in self.given else None

    @cached_property
    def sound(self) -> NDArray[np.bool_] | None:
        """Where the likelihood is defined, of the shape of the counts."""
        if self.aligned is None:
            return None
        y, eta, theta = self.aligned
        fine = (y >= 0.0) & (y <= 2.0**53) & (y == np.floor(y))
        return np.asarray(fine & (eta < np.inf) & (theta < np.inf))

    @cached_property
    def entries(self) -> tuple[Floats, Floats, Floats] | None:
        """Counts, eta and log alpha where the likelihood is defined, flat."""
        if self.aligned is None or self.sound is None or not self.sound.any():
            return None
        y, eta, theta = (a[self.sound] for a in self.aligned)
        return y, eta, theta

    def spread(self, flat: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what holds for ``entries`` in the shape of the counts."""
        if self.sound is None:
            return flat
        full = np.zeros(self.sound.shape, dtype=bool)
        full[self.sound] = flat
        return full

    @cached_property
    def aligned(self) -> tuple[Floats, Floats, Floats] | None:
        """Counts, eta and log alpha broadcast to the shape of the counts."""
        if self.counts is None or self.parameters is None:
            return None
        arrays = (self.counts, self.parameters.eta, self.parameters.log_alpha)
        y, eta, theta = np.broadcast_arrays(*arrays)
        return y, eta, theta


def read_facts(
    *, counts: Any, given: Mapping[str, Any], library: str | None, dtype: Any,
    clamps: Mapping[str, Any] | None, loss_clamp: Any, eps: Any, loss: Any, gradients: Any,
    link: str | None, start: Any, start_mean: Any,
) -> Facts:  # fmt: skip
    """Read the arguments of `check_nb_loss`.

    Raises
    ------
    InputError
        Arguments that cannot be understood: unknown names, shapes that do not fit, two sizes.
    """
    arrays = {name: numbers_of(v, name) for name, v in given.items() if v is not None}
    sizes = [name for name in SIZES if name in arrays]
    if len(sizes) > 1:
        raise InputError(
            f"The size is given twice ({', '.join(sizes)}); give it once, as the library gets it."
        )
    if link is not None and link not in LINKS:
        raise InputError(f"link={link!r} is unknown; choose one of {', '.join(LINKS)}.")
    if gradients is not None and not isinstance(gradients, Mapping):
        gradients = {"": gradients}
    if clamps is not None and not isinstance(clamps, Mapping):
        raise InputError(
            f"clamps={clamps!r} is no dict; give {{'log_alpha': (-10, 10)}}, by parameter."
        )
    known = _library(library, arrays)
    slopes = {str(name): v for name, v in (gradients or {}).items()}
    facts = Facts(
        library=known,
        counts=None if counts is None else numbers_of(_matrix(counts), "counts"),
        given=arrays,
        precision=precision_of(dtype, given.values()),
        clamps={_clamp_name(k, library and known): _range(v, k) for k, v in (clamps or {}).items()},
        loss_clamp=None if loss_clamp is None else _range(loss_clamp, "loss_clamp"),
        eps=_eps(eps),
        loss=_optional(loss, "loss"),
        gradients={k: numbers_of(v, f"gradients {k}") for k, v in slopes.items() if v is not None},
        link=link,
        start=_optional(start, "start"),
        start_mean=_optional(start_mean, "start_mean"),
        no_gradients=tuple(k for k, v in slopes.items() if v is None),
    )
    _check_shapes(facts)
    _check_start(facts)
    return facts


def _optional(values: Any, name: str) -> Floats | None:
    return None if values is None else numbers_of(values, name)


def _matrix(counts: Any) -> Any:
    """Return the matrix of an AnnData, anything else as it is."""
    return counts.X if hasattr(counts, "X") and hasattr(counts, "var_names") else counts


def _library(library: str | None, arrays: Mapping[str, Floats]) -> str:
    """Return the library's name, that which the parameters' names suggest where none is given."""
    if library is None:
        return "scipy" if {"p", "n"} & arrays.keys() else "torch"
    name = known_library(library)
    foreign = {"probs"} if name in ("scipy", "numpy", "jax", "pymc") else set()
    foreign = {"p"} if name in _PROBS else foreign
    wrong = foreign & arrays.keys()
    if wrong:
        other = "probs (= mean/(r + mean))" if name in _PROBS else "p (= r/(r + mean))"
        raise InputError(
            f"{wrong.pop()} is no parameter of {name}, whose probability is called {other}; pass "
            "the array under the name by which the library gets it."
        )
    return name


def _clamp_name(given: Any, library: str | None) -> str:
    name = our_name(str(given), library)
    if name not in CLAMPED:
        raise InputError(
            f"clamps has the unknown parameter {name!r}{did_you_mean(name, CLAMPED)}; choose from "
            f"{', '.join(CLAMPED)}. A clamp of the loss itself is loss_clamp=(low, high)."
        )
    return name


def _range(value: Any, name: str) -> tuple[float, float]:
    """Return (low, high), None being open."""
    try:
        low, high = value
        ends = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
    except (TypeError, ValueError):
        raise InputError(
            f"The clamp of {name} is {value!r}; give (low, high), with None for an open end."
        ) from None
    if not ends[0] < ends[1]:
        raise InputError(f"The clamp of {name} is {value!r}, whose low end is not below the high.")
    return ends


def _eps(eps: Any) -> dict[str, float]:
    """Return where something is added, and how much; a bare number stands inside lgamma."""
    if eps is None:
        return {}
    places = eps if isinstance(eps, Mapping) else {"lgamma": eps}
    for place, value in places.items():
        if place not in EPS_PLACES or not (isinstance(value, Real) and 0.0 < float(value) < 1.0):
            raise InputError(
                f"eps={eps!r} is not understood; give {{'lgamma': 1e-8}} or {{'log': 1e-8}}, "
                "by the function inside of which it is added."
            )
    return {place: float(value) for place, value in places.items()}


def _check_shapes(facts: Facts) -> None:
    named = {"counts": facts.counts, **facts.given}
    shapes = {name: a.shape for name, a in named.items() if a is not None}
    others = {"loss": facts.loss, "start": facts.start, "start_mean": facts.start_mean}
    for name, values in {**named, **others, **facts.gradients}.items():
        if values is not None and not values.size:
            raise InputError(f"{name or 'gradients'} is empty; give a batch with values.")
    told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    try:
        shape = np.broadcast_shapes(*shapes.values())
    except ValueError:
        shape = None
    if shape is None or (facts.counts is not None and shape != facts.counts.shape):
        raise InputError(
            f"The shapes do not fit: {told}. With counts (cells, genes) a value for every gene "
            "has shape (genes,), one for every cell (cells, 1)."
        )
    if facts.loss is not None and facts.counts is not None and facts.loss.shape != shape:
        raise InputError(
            f"loss has shape {facts.loss.shape}, the counts have {shape}; give the loss of every "
            "count, before it is averaged, and the averages of a training in log=."
        )


def _check_start(facts: Facts) -> None:
    """Refuse start values that nothing can be said of."""
    if facts.start is None:
        return
    if facts.start_mean is None:
        raise InputError(
            "start is given without start_mean, the mean that it is meant to give; pass both, as "
            "in check_nb_loss(link='softplus', start=2.3, start_mean=10.0)."
        )
    if not (facts.start_mean > 0.0).all():
        raise InputError(
            f"start_mean has the value {float(facts.start_mean.min()):g}; the mean of a negative "
            "binomial is positive."
        )
    try:
        np.broadcast_shapes(facts.start.shape, facts.start_mean.shape)
    except ValueError:
        raise InputError(
            f"start has shape {facts.start.shape} and start_mean {facts.start_mean.shape}; give "
            "one mean for every start value."
        ) from None
