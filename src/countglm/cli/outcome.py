"""From an exception to an exit status and one line on stderr."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import TextIO

import click

from countglm._warn import CountglmWarning
from countglm.cli.plain import plain
from countglm.cli.shell_words import in_shell
from countglm.cli.usage import in_words
from countglm.errors import CheckpointError, ClusterError, InputError

DONE, FAILURE, WRONG_INPUT = 0, 1, 2
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FailedError(Exception):
    """A failure that is neither the user's mistake nor a bug; the message says what to do."""


def run_command(app: click.Command, arguments: Sequence[str] | None) -> int:
    """Run ``app`` and return its exit status; problems become one line on stderr."""
    if threading.current_thread() is threading.main_thread():
        # A job scheduler's stop cleans up like Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", CountglmWarning)
        warnings.showwarning = _show_warning
        return _run(app, arguments)


def _run(app: click.Command, arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app.main(
            args=given or ["--help"],
            prog_name="countglm",
            standalone_mode=False,
            # The words themselves: an analysis keeps how it was asked.
            obj=["countglm", *given],
        )
        sys.stdout.flush()
    except click.UsageError as error:
        return _stop(WRONG_INPUT, in_words(error))
    except (InputError, click.ClickException) as error:
        return _stop(WRONG_INPUT, str(error))
    except (FailedError, ClusterError, CheckpointError) as error:
        return _stop(FAILURE, str(error))
    except (click.Abort, KeyboardInterrupt):
        return _stop(FAILURE, "interrupted; no output was written.")
    except BrokenPipeError:
        # The reader (head, less) has gone: Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except OSError as error:
        return _stop(FAILURE, _of_system(error))
    except MemoryError:
        return _stop(FAILURE, "not enough memory; fit fewer genes or samples at a time.")
    except Exception as error:
        if os.environ.get("COUNTGLM_TRACEBACK"):
            raise
        return _stop(
            FAILURE,
            f"failed with {type(error).__name__}: {error} (a bug or a broken installation; "
            "COUNTGLM_TRACEBACK=1 shows where).",
        )
    return DONE


def _of_system(error: OSError) -> str:
    """Return what the system refused, and what to do."""
    if os.environ.get("COUNTGLM_TRACEBACK"):
        raise error
    # HDF5 gives the cause within its text alone.
    full = error.errno in _FULL or "No space left on device" in str(error)
    what = f"{error.filename}: " if error.filename else ""
    if full:
        return (
            f"{what}no space is left on the disk; no output was written. Free some, or name a "
            "folder on another disk with -o."
        )
    return f"{what}{error.strerror or error}; no output was written."


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop(status: int, message: str) -> int:
    _say(message)
    return status


def _say(message: str) -> None:
    """Write to stderr: one line, which is broken between words where a person reads it."""
    line = f"countglm: {in_shell(' '.join(plain(message).split()))}"
    if sys.stderr.isatty():
        line = click.wrap_text(line, shutil.get_terminal_size().columns - 1, subsequent_indent="  ")
    click.echo(line, err=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(f"warning: {message}")
