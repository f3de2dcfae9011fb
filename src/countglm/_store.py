"""Files of named arrays: HDF5 or npz, version stamped, without pickle, written atomically."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

Arrays = dict[str, NDArray[Any]]

FORMAT_VERSION = 1
_HEADER = "countglm"
_HDF5_SUFFIXES = (".h5", ".hdf5")
_SUFFIXES = (*_HDF5_SUFFIXES, ".npz")
# What h5py and NumPy raise on damage, and on sound files of some other content.
_READ_ERRORS = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


def check_target(path: Path, *, force: bool) -> None:
    """Raise InputError unless ``path`` can take a new file: folder there, name free or forced."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file.")
    if path.exists() and not force:
        raise InputError(f"{path} exists already; choose another name, or overwrite it with force.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; create it first.")


@contextlib.contextmanager
def atomic_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` and move it there only when the block succeeds."""
    check_target(path, force=force)
    try:
        # mkstemp would fix the mode at 0600; a private folder keeps the caller's umask.
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror}.") from error
    with folder as name:
        temporary = Path(name) / path.name
        yield temporary
        check_target(path, force=force)
        os.replace(temporary, path)


def write_arrays(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any],
    *,
    force: bool = False,
) -> None:
    """Write named arrays and JSON-able ``meta`` to ``path`` (.h5, .hdf5 or .npz).

    Parameters
    ----------
    path : path-like
        Target; the suffix decides the format.
    kind : str
        What the file holds, for example ``"GLMFit"``; checked by `read_arrays`.
    arrays : mapping of str to ndarray
        Numeric, boolean or string arrays (object arrays must hold strings).
    meta : mapping
        Anything that ``json.dumps`` takes.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    InputError
        Unknown suffix, existing file without ``force``, or a folder that cannot be written.
    """
    target = Path(path)
    _check_suffix(target)
    header = json.dumps({"kind": kind, "version": FORMAT_VERSION, **meta})
    with atomic_file(target, force=force) as temporary:
        if target.suffix in _HDF5_SUFFIXES:
            _write_hdf5(temporary, header, arrays)
        else:
            _write_npz(temporary, header, arrays)


def read_arrays(path: str | os.PathLike[str], *kinds: str) -> tuple[Arrays, dict[str, Any]]:
    """Read what `write_arrays` wrote under one of ``kinds``.

    A foreign, newer or damaged file is an InputError.
    """
    source = Path(path)
    _check_suffix(source)
    if not source.is_file():
        raise InputError(f"There is no file {source}; check the name.")
    try:
        header, arrays = (
            _read_hdf5(source) if source.suffix in _HDF5_SUFFIXES else _read_npz(source)
        )
        meta = json.loads(header)
    except _READ_ERRORS as error:
        raise InputError(
            f"{source} is not a file that countglm saved, or it is damaged ({_brief(error)}); "
            "save the fit again."
        ) from error
    if not isinstance(meta, dict) or meta.get("kind") not in kinds:
        raise InputError(
            f"{source} does not hold a {' or '.join(kinds)}; give a file that "
            f"{' or '.join(f'{kind}.save' for kind in kinds)} wrote."
        )
    version = meta.get("version")
    if not isinstance(version, int):
        raise InputError(f"{source} has no format version: it is damaged; save the fit again.")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{source} has format version {version}, this countglm reads up to {FORMAT_VERSION}; "
            "update countglm."
        )
    return arrays, meta


def _check_suffix(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise InputError(
            f"{path.name!r} ends in {path.suffix or 'no suffix'!r}; use one of "
            f"{', '.join(_SUFFIXES)}."
        )


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else type(error).__name__


def _is_text(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "OUT"


def _write_hdf5(path: Path, header: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs[_HEADER] = header
        written: dict[tuple[Any, ...], str] = {}
        for name, array in arrays.items():
            content = _content(array)
            if content in written:
                # A result names some arrays twice; a second name of one dataset costs nothing.
                file[name] = file[written[content]]
                continue
            written[content] = name
            # Deflate finds repeated numbers only where their bytes stay together: no shuffling.
            packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}
            if array.ndim == 0 or array.size == 0:
                packing = {}
            if _is_text(array):
                values = np.array([str(item) for item in array.ravel()], dtype=object)
                file.create_dataset(
                    name, data=values.reshape(array.shape), dtype=h5py.string_dtype(), **packing
                )
            else:
                file.create_dataset(name, data=array, **packing)


def _content(array: NDArray[Any]) -> tuple[Any, ...]:
    """What tells an array from one of other values."""
    if _is_text(array):
        words = repr([str(item) for item in array.ravel()]).encode()
        return "text", array.shape, hashlib.blake2b(words).digest()
    return array.dtype.str, array.shape, hashlib.blake2b(array.tobytes()).digest()


def _read_hdf5(path: Path) -> tuple[str, Arrays]:
    import h5py

    with h5py.File(path, "r") as file:
        header = str(file.attrs[_HEADER])
        arrays = {}
        for name, dataset in file.items():
            text = h5py.check_string_dtype(dataset.dtype) is not None
            arrays[str(name)] = np.asarray(dataset.asstr()[()] if text else dataset[()])
    return header, arrays


def _write_npz(path: Path, header: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    plain: dict[str, Any] = {_HEADER: np.array(header)}
    for name, array in arrays.items():
        plain[name] = array.astype(str) if _is_text(array) else array
    with open(path, "wb") as stream:
        np.savez_compressed(stream, **plain)


def _read_npz(path: Path) -> tuple[str, Arrays]:
    # NumPy leaves the file open where the archive is broken; our own stream closes.
    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != _HEADER}
        header = str(archive[_HEADER])
    text = {name: array.astype(object) for name, array in arrays.items() if array.dtype.kind == "U"}
    return header, {**arrays, **text}
