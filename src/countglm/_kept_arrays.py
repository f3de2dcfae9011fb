"""One file of named arrays under a checksum, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
_MAGIC = b"countglm arrays 1\n"
_SUM = 16


class DamagedError(Exception):
    """The file is not what was written; the message says how."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, and give it its own when it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def packed(name: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as bytes that `unpacked` reads under the same name."""
    whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    table = [[key, array.dtype.str, array.shape] for key, array in whole.items()]
    header = json.dumps({"name": name, "arrays": table}).encode()
    body = [
        len(header).to_bytes(8, "little"),
        header,
        *(array.tobytes() for array in whole.values()),
    ]
    digest = hashlib.blake2b(digest_size=_SUM)
    for piece in body:
        digest.update(piece)
    return b"".join([_MAGIC, digest.digest(), *body])


def unpacked(name: str, content: bytes) -> Arrays:
    """Return the arrays that `packed` took, or raise DamagedError."""
    start = len(_MAGIC) + _SUM
    if len(content) < start + 8 or not content.startswith(_MAGIC):
        raise DamagedError("its beginning is missing")
    body = memoryview(content)[start:]
    if hashlib.blake2b(body, digest_size=_SUM).digest() != content[len(_MAGIC) : start]:
        raise DamagedError("its checksum is wrong")
    at = 8 + int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:at]))
    if header["name"] != name:
        raise DamagedError("it stands under the name of another")
    arrays: Arrays = {}
    for key, dtype, shape in header["arrays"]:
        kind = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64))
        arrays[key] = np.frombuffer(body, kind, size, at).reshape(shape)
        at += size * kind.itemsize
    return arrays
