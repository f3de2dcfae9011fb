"""Delimited text, plain or gzipped: rows of fields with their line numbers, never ragged."""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from countglm._names import plural
from countglm.errors import InputError

_DELIMITERS = ("\t", ",", ";", " ")
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (an Excel workbook?)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zX": "an xz archive",
    b"RDX3": "R's own binary data",
    b"PAR1": "a parquet file",
}
_GZIP = b"\x1f\x8b"
_GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class TextTable:
    """Header and rows of a table whose first column names the rows.

    ``columns`` leaves the first column out, whose title (perhaps empty) is ``corner``. ``rows``
    yields (line number, fields) with the row's name as the first field; it may be read once.
    """

    path: Path
    corner: str
    columns: list[str]
    rows: Iterator[Row]


@contextmanager
def open_table(path: Path) -> Iterator[TextTable]:
    """Open a CSV or TSV file; the delimiter, gzip and encoding are told from the content.

    A header with one field less than the rows (as R's ``write.table`` makes it) is understood, as
    are comment lines before the header, quoted fields and any line ends. Damage found while the
    rows are read is an InputError like damage found at once.
    """
    with described_errors(path), open_text(path) as handle:
        first, delimiter, n_comments = _find_header(handle, path)
        lines = itertools.chain(first, handle)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows = (
            (reader.line_num + n_comments, fields) for fields in reader if fields and any(fields)
        )
        yield _with_header(path, rows)


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A text handle on a plain or gzipped file, decoded as its byte order mark says or as UTF-8."""
    with open_bytes(path) as peek:
        head = peek.read(4)
    if not head:
        raise InputError(f"{path} is empty; look where it was written.")
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {kind}, not text; save it as CSV or TSV.")
    encoding = next((e for mark, e in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")
    if is_gzip(path):
        with gzip.open(path, "rt", encoding=encoding, newline="") as handle:
            yield handle
    else:
        with path.open(encoding=encoding, newline="") as handle:
            yield handle


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The content of a file, unpacked where it is gzipped."""
    if is_gzip(path):
        with gzip.open(path, "rb") as packed:
            yield cast(IO[bytes], packed)
    else:
        with path.open("rb") as plain:
            yield plain


def is_gzip(path: Path) -> bool:
    """Whether the content is gzip, whatever the name says."""
    with path.open("rb") as handle:
        return handle.read(2) == _GZIP


@contextmanager
def described_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while ``path`` is read into one InputError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the name.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; give the name of a file.") from error
    except _GZIP_ERRORS as error:
        raise _damaged(path, error) from error
    except InputError:
        _require_sound_gzip(path)
        raise
    except UnicodeError as error:
        _require_sound_gzip(path)
        raise InputError(
            f"{path} is not UTF-8 text ({error}); save it in that encoding, which Excel calls "
            "'CSV UTF-8', or as CSV if it is some other format."
        ) from error
    except csv.Error as error:
        _require_sound_gzip(path)
        raise InputError(
            f"{path} cannot be split into fields ({error}); look for a quote that is not closed."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _require_sound_gzip(path: Path) -> None:
    """Damage in a gzip often shows as nonsense in the text first: name the cause, not that."""
    if not (path.is_file() and is_gzip(path)):
        return
    try:
        with gzip.open(path, "rb") as packed:
            while packed.read(1 << 20):
                continue
    except _GZIP_ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> InputError:
    return InputError(
        f"{path} is damaged: its gzip data are cut short or corrupt ({error}); copy or download it "
        "again."
    )


def _find_header(handle: IO[str], path: Path) -> tuple[list[str], str, int]:
    """First lines (comments skipped), delimiter, and the number of lines skipped."""
    skipped, line = 0, next(handle, "")
    while line and not line.strip():
        skipped, line = skipped + 1, next(handle, "")
    following = next(handle, "")
    while line.startswith("#") and following:
        delimiter = _best_delimiter(following)
        # "#OTU ID", with as many fields as the rows (or one less), is a header and no comment.
        if not following.startswith("#") and _n_fields(line, delimiter) >= max(
            2, _n_fields(following, delimiter) - 1
        ):
            break
        skipped, line, following = skipped + 1, following, next(handle, "")
    if not line.strip():
        raise InputError(f"{path} is empty; look where it was written.")
    if "\x00" in line:
        raise InputError(f"{path} is binary data, not text; save it as CSV or TSV.")
    delimiter = _best_delimiter(line)
    if _n_fields(line, delimiter) < 2 and following:
        delimiter = _best_delimiter(following)
    return [line, following], delimiter, skipped


def _best_delimiter(line: str) -> str:
    """The one of tab, comma, semicolon that splits most; a space where none of them splits."""
    fields = {delimiter: _n_fields(line, delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS[:-1], key=lambda delimiter: fields[delimiter])
    return _DELIMITERS[-1] if fields[best] < 2 <= fields[_DELIMITERS[-1]] else best


def _n_fields(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _with_header(path: Path, rows: Iterator[Row]) -> TextTable:
    header_line, header = next(rows, (0, []))
    header = [title.strip() for title in header]
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} has a header and no row; look where it was written.")
    line, fields = first
    if len(fields) == len(header) + 1:
        corner, columns = "", header
    elif len(fields) == len(header):
        corner, columns = header[0], header[1:]
    else:
        raise _ragged(path, line, len(fields), len(header), f"the header (line {header_line})")
    if not columns:
        raise InputError(
            f"{path} has a single column; give fields separated by tabs or commas, the names of "
            "the rows first."
        )
    even = _even(path, itertools.chain([first], rows), len(fields))
    return TextTable(path, corner, columns, even)


def _even(path: Path, rows: Iterator[Row], width: int) -> Iterator[Row]:
    for line, fields in rows:
        if len(fields) != width:
            raise _ragged(path, line, len(fields), width, "the lines before")
        yield line, fields


def _ragged(path: Path, line: int, found: int, expected: int, against: str) -> InputError:
    has = "have" if against == "the lines before" else "has"
    return InputError(
        f"{path}, line {line}: {plural(found, 'field')}, but {against} {has} {expected}; look for "
        "a missing or extra delimiter, or a file that was cut short."
    )
