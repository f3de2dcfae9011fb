"""Responses in the forms that counts do not come in, brought into those: vectors, gaps, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import as_real_array
from ._kinds import is_a
from ._names import plural
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def as_table(responses: Any) -> Any:
    """Return responses in a container with two dimensions.

    What is missing is NaN then, so that it is told with its place.

    Raises
    ------
    InputError
        No table or vector.
    """
    if isinstance(responses, list | tuple):
        responses = _of_lists(responses)
    elif is_a(responses, "pandas", "Series"):
        named = responses.name is not None
        responses = responses.to_frame(str(responses.name) if named else "0")
    elif is_a(responses, "pandas.api.extensions", "ExtensionArray") or is_a(
        responses, "pandas", "Index"
    ):
        responses = _without_marks(responses)
    elif isinstance(responses, np.ma.MaskedArray) and responses.dtype.kind in "biuf":
        responses = np.where(np.ma.getmaskarray(responses), np.nan, np.ma.getdata(responses))
    if isinstance(responses, np.ndarray) and responses.ndim == 1:
        responses = responses[:, None]
    _require_two_dimensions(responses)
    if is_a(responses, "pandas", "DataFrame"):
        return _without_gaps(responses)
    if isinstance(responses, np.ndarray) and responses.dtype.kind == "O":
        return as_real_array(responses, "responses")
    return responses


def _of_lists(rows: Any) -> Any:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise InputError(
            "The responses are no rectangular table: the rows have different lengths; give one "
            "response per sample and column."
        ) from error


def _without_marks(values: Any) -> NDArray[np.float64]:
    """Return a column of pandas (n,) as floats, its marks of what is missing as NaN."""
    import pandas as pd

    plain = pd.Series(values).to_numpy(dtype=object, na_value=np.nan)
    return as_real_array(plain, "responses")


def _require_two_dimensions(responses: Any) -> None:
    ndim = getattr(responses, "ndim", None)
    if isinstance(responses, str | bytes) or hasattr(responses, "__fspath__"):
        return
    if ndim is None and hasattr(responses, "shape"):
        return
    if ndim is None or ndim == 0:
        raise InputError(
            f"The responses are of type {type(responses).__name__}; give an array, DataFrame, "
            "SciPy sparse matrix or AnnData of samples x columns, or one vector."
        )
    if ndim != 2:
        raise InputError(
            f"The responses have {plural(ndim, 'dimension')} (shape {tuple(responses.shape)}); "
            "give a table of samples x columns, or one vector."
        )


def _without_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns with marks of what is missing are floats with NaN."""
    kinds = frame.dtypes.tolist()
    marked = [
        place
        for place, kind in enumerate(kinds)
        if not (isinstance(kind, np.dtype) and kind.kind in "biuf")
        and frame.iloc[:, place].isna().any()
    ]
    if not marked:
        return frame
    out = frame.copy(deep=False)
    for place in marked:
        out.isetitem(place, _without_marks(frame.iloc[:, place]))
    return out
