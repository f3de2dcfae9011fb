"""Opening a container of counts: which storage lies inside, and which names it carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from countglm._backed import Reading, Unread
from countglm._count_checks import holds_counts, missing_error
from countglm._kinds import advice_on, is_a
from countglm._names import (
    Names,
    anndata_sample_names,
    first_few,
    name_array,
    plural,
    positions_as_names,
    sample_names_of,
)
from countglm._object_counts import object_counts
from countglm._open_file import OpenFile, matrix_of, open_path, stored_in_file
from countglm._panels import PanelSource
from countglm._runs import MOST_SAMPLES
from countglm._sources import DenseSource, Source, checked_sparse, sparse_source
from countglm._stored_matrix import StoredMatrix
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Opened:
    """A source with the names and the tables of samples and genes that came with it.

    ``elsewhere`` says which other parts of the container hold whole numbers.
    """

    source: Source | Unread
    sample_names: Names | None = None
    gene_names: Names | None = None
    obs: pd.DataFrame | None = None
    var: pd.DataFrame | None = None
    elsewhere: Callable[[], str] | None = None


def open_counts(counts: Any, layer: str | None, reading: Reading) -> Opened:
    """Recognise the container; nothing is validated yet but what the storage itself demands.

    Of a large matrix in a file nothing is read: it comes back as `Unread`.
    """
    if isinstance(counts, str | bytes) or hasattr(counts, "__fspath__"):
        counts = open_path(Path(os.fsdecode(counts)), layer, reading)
    if isinstance(counts, OpenFile):
        return _open_opened(counts)
    if is_a(counts, "anndata", "AnnData"):
        return _open_anndata(counts, layer, reading)
    if layer is not None:
        raise no_layers(layer, f"a {type(counts).__name__}")
    if is_a(counts, "pandas", "DataFrame"):
        return _open_frame(counts)
    return Opened(_source_of(counts, None, None, reading))


def _open_opened(file: OpenFile) -> Opened:
    samples, genes = anndata_sample_names(file.obs.index), name_array(file.var.index)
    values = file.values
    source = values if isinstance(values, Unread) else _array_source(values, samples, genes)
    return Opened(source, samples, genes, file.obs, file.var, file.elsewhere)


def _source_of(
    values: Any, samples: Names | None, genes: Names | None, reading: Reading
) -> Source | Unread:
    """The source for an array without names, which may lie in a file."""
    found = stored_in_file(values)
    if found is not None:
        stored, path, name = found
        values = matrix_of(stored, reading, path, name)
    elif is_a(values, "scipy.sparse", "csr_array", "csr_matrix") and values.shape[0] > MOST_SAMPLES:
        # Runs take less than half of a copy by columns.
        return Unread(StoredMatrix.of_rows(checked_sparse(values)), reading, None)
    return values if isinstance(values, Unread) else _array_source(values, samples, genes)


def _array_source(values: Any, samples: Names | None, genes: Names | None) -> Source:
    """The source for an array without names; names serve error messages only."""
    if is_a(values, "scipy.sparse", "sparray", "spmatrix"):
        _check_ndim(values.ndim, values.shape)
        return sparse_source(values)
    if is_a(values, "dask.array", "Array"):
        return _dask_source(values)
    if is_a(values, "h5py", "Dataset") or is_a(values, "zarr", "Array"):
        _check_ndim(len(values.shape), values.shape)
        return PanelSource(lambda a, b: values[:, a:b], tuple(values.shape))
    if hasattr(values, "to_memory"):  # a sparse matrix that AnnData left in its file
        return sparse_source(values.to_memory())
    array = _plain_array(values)
    if array.dtype.kind == "O":
        array = object_counts(array, samples, _names_or_positions(genes, array.shape[1]))
    return DenseSource(array)


def _plain_array(values: Any) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        if mask.ndim == 2 and mask.any():
            raise missing_error(mask, None, _names_or_positions(None, mask.shape[1]))
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(
            "The counts are no rectangular table: the rows have different lengths; give one count "
            "per sample and gene."
        ) from error
    if array.ndim == 0:
        raise InputError(
            f"counts is of type {type(values).__name__}; give an array, DataFrame, SciPy sparse "
            "matrix, AnnData or Dask array of samples x genes."
        )
    _check_ndim(array.ndim, array.shape)
    return array


def _dask_source(array: Any) -> PanelSource:
    _check_ndim(array.ndim, array.shape)
    if any(np.isnan(size) for size in array.shape):
        raise InputError(
            "The Dask array does not know its shape; call compute_chunk_sizes() on it first."
        )
    edges = np.cumsum(array.chunks[1]).tolist()
    return PanelSource(lambda a, b: array[:, a:b].compute(), tuple(array.shape), edges)


def _open_anndata(adata: Any, layer: str | None, reading: Reading) -> Opened:
    if layer is None:
        values = adata.X
        if values is None:
            raise InputError(
                f"The AnnData has no X; name one of its layers with layer= "
                f"({first_few(adata.layers, 10) or 'it has none'})."
            )
    elif layer in adata.layers:
        values = adata.layers[layer]
    else:
        raise InputError(
            f"The AnnData has no layer {layer!r}; its layers are "
            f"{first_few(adata.layers, 10) or 'none'}."
        )
    samples, genes = anndata_sample_names(adata.obs_names), name_array(adata.var_names)
    if is_a(values, "pandas", "DataFrame"):
        values = values.to_numpy()
    return Opened(
        _source_of(values, samples, genes, reading), samples, genes, adata.obs, adata.var,
        lambda: whole_elsewhere(adata, layer),
    )  # fmt: skip


def whole_elsewhere(adata: Any, layer: str | None) -> str:
    """Advice naming the parts of an AnnData, other than ``layer``, that hold whole numbers."""
    places: list[tuple[str, str, Any]] = []
    if layer is not None and adata.X is not None:
        places.append(("X", "leave layer= out", adata.X))
    places += [
        (f"layers[{name!r}]", f"pass layer={name!r}", adata.layers[name])
        for name in adata.layers
        if name != layer
    ]
    if adata.raw is not None:
        places.append((".raw", "pass adata.raw.to_adata()", adata.raw.X))
    return advice_on([place[:2] for place in places if _is_whole(place[2])])


def _is_whole(values: Any) -> bool:
    try:
        if is_a(values, "pandas", "DataFrame"):
            values = values.to_numpy()
        return holds_counts(_array_source(values, None, None))
    except InputError:
        return False


def _open_frame(frame: pd.DataFrame) -> Opened:
    import pandas as pd

    samples, genes = sample_names_of(frame.index), name_array(frame.columns)
    dtypes = frame.dtypes.unique()
    if not all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes) or not dtypes.size:
        values = frame.to_numpy()
        if values.dtype.kind in "mMc":
            values = frame.to_numpy(dtype=object)
        return Opened(_array_source(values, samples, genes), samples, genes)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        values = frame.to_numpy(dtype=np.result_type(*dtypes))
        return Opened(DenseSource(values), samples, genes)
    if all(isinstance(d, pd.SparseDtype) and d.fill_value == 0 for d in dtypes):
        source: Source = sparse_source(cast(Any, frame).sparse.to_coo())
        return Opened(source, samples, genes)
    plain = [getattr(d, "subtype", getattr(d, "numpy_dtype", d)) for d in dtypes]
    try:
        source = DenseSource(frame.to_numpy(dtype=np.result_type(*plain)))
        return Opened(source, samples, genes)
    except ValueError as error:  # integers and booleans cannot hold NA
        raise missing_error(frame.isna().to_numpy(), samples, genes) from error


def no_layers(layer: str, what: str) -> InputError:
    """The error for ``layer=`` where there are none."""
    return InputError(f"layer={layer!r} needs an AnnData, and counts is {what}; leave layer out.")


def _names_or_positions(names: Names | None, n: int) -> Names:
    return positions_as_names(n) if names is None else names


def _check_ndim(ndim: int, shape: Any) -> None:
    if ndim != 2:
        raise InputError(
            f"The counts have {plural(ndim, 'dimension')} (shape {tuple(shape)}); give a table "
            "of samples x genes."
        )
