"""The output folder: filled under a temporary name beside it, then moved into place."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from countglm._leftovers import OwnFolder
from countglm._names import first_few
from countglm.cli.earlier import SUMMARY, foreign_files, read_summary
from countglm.errors import InputError


def check_output(folder: Path, *, force: bool, own_command: str | None = None) -> None:
    """Raise InputError unless ``folder`` may be written.

    Parameters
    ----------
    folder : Path
        The output folder; it may be absent or empty.
    force : bool
        Allow a folder that is not empty.
    own_command : str, optional
        A folder left by this command is replaced without ``force``.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"Output {folder} is a file; name a folder with -o.")
        used = folder.is_dir() and any(folder.iterdir())
        foreign = foreign_files(folder) if used else []
    except OSError as error:
        raise InputError(f"Output {folder} cannot be read: {error.strerror}.") from error
    if used:
        _check_used(folder, foreign, force=force, own_command=own_command)
    ancestor = _existing_ancestor(folder)
    if not ancestor.is_dir():
        raise InputError(f"Output {folder} cannot be made: {ancestor} is a file.")
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise InputError(f"Output {folder} cannot be written: no permission in {ancestor}.")


def _check_used(folder: Path, foreign: list[str], *, force: bool, own_command: str | None) -> None:
    """Raise InputError unless a folder with files in it may be written."""
    earlier = read_summary(folder)
    if foreign:
        raise InputError(
            f"Output folder {folder} holds no earlier output of countglm, but files that a "
            f"run may overwrite: {first_few(foreign)}; name another with -o."
        )
    if force or (own_command is not None and earlier.get("command") == own_command):
        return
    remedy = "replace the earlier output" if earlier else "write beside the files in it"
    raise InputError(
        f"Output folder {folder} is not empty; name another with -o, or {remedy} with --force."
    )


def check_checkpoint(checkpoint: Path | None, output: Path) -> None:
    """Raise InputError for a checkpoint in the output folder, which must not be there before."""
    if checkpoint is None:
        return
    folder, target = checkpoint.resolve(), output.resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--checkpoint {checkpoint} is a file; name a folder, which may be new.")
    if target in (folder, *folder.parents):
        raise InputError(
            f"--checkpoint {checkpoint} lies in the output folder {output}; name one beside it."
        )


@contextlib.contextmanager
def output_folder(folder: Path, *, force: bool, own_command: str | None = None) -> Iterator[Path]:
    """Yield a temporary folder whose files reach ``folder`` only when the block succeeds.

    A new folder appears by one rename. In an existing one every file is replaced by a rename,
    files of the earlier run that are not written again are removed, and all others stay.
    """
    check_output(folder, force=force, own_command=own_command)
    target = folder.resolve()
    try:
        own = OwnFolder(_existing_ancestor(target), f".{target.name}.")
    except OSError as error:
        why = error.strerror
        if error.errno == errno.ENOENT:
            # What lies there, such as /proc, is no folder of files.
            why = f"{_existing_ancestor(target)} takes no new folder; name another with -o"
        raise InputError(f"Output {folder} cannot be written: {why}.") from error
    with contextlib.closing(own):
        staged = own.path / "output"
        staged.mkdir()
        yield staged
        check_output(folder, force=force, own_command=own_command)
        with _undisturbed():
            _commit(staged, target)


def _existing_ancestor(folder: Path) -> Path:
    ancestor = folder.resolve()
    while not ancestor.exists():
        ancestor = ancestor.parent
    return ancestor


def _commit(staged: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(staged, target)
        return
    fresh = {path.name for path in staged.iterdir()}
    for name in read_summary(target).get("files", []):
        # Only plain names: a summary edited by hand must not reach outside the folder.
        if name not in fresh and Path(name).name == name:
            (target / name).unlink(missing_ok=True)
    # The summary vouches for the other files, so it comes last.
    for name in sorted(fresh, key=lambda item: item == SUMMARY):
        os.replace(staged / name, target / name)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back for the few milliseconds of the final renames."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
