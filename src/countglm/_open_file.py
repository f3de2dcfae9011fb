"""Opening counts in a file: names and tables are read, the matrix only as far as it is small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._backed import Reading, Unread, fits_in_memory, identity_of
from countglm._count_checks import holds_counts_in
from countglm._kinds import advice_on, is_a
from countglm._names import first_few
from countglm._stored_counts import kind_of, read_anndata_file, read_matrix_market, sound_file
from countglm._stored_matrix import StoredMatrix
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# Entries looked at together while other matrices of a file are tried for counts.
_ENTRIES = 1 << 20
# Matrices of a file that are tried: more would keep the user waiting for an error.
_MOST_TRIED = 20


@dataclass(frozen=True)
class OpenFile:
    """An h5ad file or zarr store: ``values`` is its matrix in memory, or what is to be read."""

    values: Any
    obs: pd.DataFrame
    var: pd.DataFrame
    root: Any
    layer: str | None

    def elsewhere(self) -> str:
        """Advice naming the matrices of the file, but this one, that hold whole numbers."""
        found: list[tuple[str, str]] = []
        for name, advice, element in self._others():
            if len(found) < _MOST_TRIED and _is_whole(element):
                found.append((name, advice))
        return advice_on(found)

    def _others(self) -> Iterator[tuple[str, str, Any]]:
        if self.layer is not None and "X" in self.root:
            yield "X", "leave layer= out", self.root["X"]
        for name in _layers(self.root):
            if name != self.layer:
                yield f"layers[{name!r}]", f"pass layer={name!r}", self.root["layers"][name]
        if "raw" in self.root and "X" in self.root["raw"]:
            yield ".raw", "pass adata.raw.to_adata()", self.root["raw"]["X"]


def open_path(path: Path, layer: str | None, reading: Reading) -> OpenFile | AnnData:
    """Open a file of counts; one that must be read whole comes as an AnnData.

    Raises
    ------
    InputError
        A missing, damaged or foreign file, an unknown layer, a text table.
    """
    kind = kind_of(path)
    if kind == "text":
        raise InputError(
            f"counts is the text table {str(path)!r}, which does not say whether its rows are "
            "genes or samples; read it first with countglm.readers.read_counts(path, samples=...)."
        )
    if kind == "mtx":
        return read_matrix_market(path)
    with sound_file(path, kind):
        root = _root(path, kind)
        if "encoding-type" not in dict(root["obs"].attrs):
            return read_anndata_file(path, kind)  # as AnnData wrote before 0.7
        from anndata.io import read_elem

        element, name = _element(root, layer, path)
        stored = StoredMatrix(element)
        values = matrix_of(stored, reading, path, name)
        return OpenFile(values, read_elem(root["obs"]), read_elem(root["var"]), root, layer)


def matrix_of(stored: StoredMatrix, reading: Reading, path: Path | None, name: str) -> Any:
    """Return a stored matrix in memory where it is small, else what is to be read in parts."""
    if fits_in_memory(stored, reading):
        return stored.in_memory()
    return Unread(stored, reading, None if path is None else identity_of(path, name, stored))


def stored_in_file(values: Any) -> tuple[StoredMatrix, Path | None, str] | None:
    """Return a matrix that a backed AnnData, h5py or zarr left in its file, and where it lies."""
    element: Any = getattr(values, "group", None) if hasattr(values, "to_memory") else values
    if is_a(element, "h5py", "Dataset", "Group"):
        return StoredMatrix(element), Path(element.file.filename), element.name
    if is_a(element, "zarr", "Array", "Group"):
        root = getattr(element.store, "root", None)
        return StoredMatrix(element), None if root is None else Path(root), element.name
    return None


def element_of(path: Path, name: str) -> Any:
    """Return a matrix of a file by its name in there, such as ``"/X"``."""
    return _root(path, kind_of(path))[name.strip("/")]


def stored_bytes(path: Path) -> int:
    """Return the bytes of all arrays in an h5ad file or zarr store, unpacked."""
    kind = kind_of(path)
    with sound_file(path, kind):
        return _bytes_in(_root(path, kind))


def _bytes_in(element: Any) -> int:
    if not hasattr(element, "keys"):
        return int(getattr(element, "nbytes", 0))
    return sum(_bytes_in(element[name]) for name in element)


def _root(path: Path, kind: str) -> Any:
    if kind == "h5ad":
        import h5py

        return h5py.File(path, "r")
    import zarr

    return zarr.open_group(path, mode="r")


def _layers(root: Any) -> list[str]:
    if "layers" not in root:
        return []
    return [*root["layers"]]


def _element(root: Any, layer: str | None, path: Path) -> tuple[Any, str]:
    layers = _layers(root)
    if layer is not None:
        if layer not in layers:
            raise InputError(
                f"{path} has no layer {layer!r}; its layers are {first_few(layers, 10) or 'none'}."
            )
        return root["layers"][layer], f"/layers/{layer}"
    if "X" not in root or dict(root["X"].attrs).get("encoding-type") == "null":
        raise InputError(
            f"{path} has no X; name one of its layers with layer= "
            f"({first_few(layers, 10) or 'it has none'})."
        )
    return root["X"], "/X"


def _is_whole(element: Any) -> bool:
    try:
        parts = StoredMatrix(element).parts(_ENTRIES)
        return all(holds_counts_in(part.values) for _, part in parts)
    except InputError:
        return False
