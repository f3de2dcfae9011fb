"""What runs in the child process: ``python -m countglm.adapters.r._child FOLDER``.

R lives here and nowhere else, so that its crash, its output and its threads stay away from the
caller. The folder has the request and takes the answer.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from countglm.adapters.r._exchange import FOLDER_PREFIX, read_tree, write_tree

SCRIPTS = Path(__file__).parent / "scripts"
# No profile of a user or site: they may attach packages or change options that enter results.
R_OPTIONS = ("rpy2", "--quiet", "--no-save", "--no-restore", "--no-init-file", "--no-site-file")


def main(folder: Path) -> None:
    """Answer the request in ``folder``; never returns."""
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    write_tree(folder, "answer", _answer(folder))
    sys.stdout.flush()
    sys.stderr.flush()
    # Skips R's own ending, which has crashed after good results with some builds of R.
    os._exit(0)


def _end_with_parent(folder: Path) -> None:
    """Wait for the pipe from the parent to close, which its death does too, and end all of us.

    A parent that lives ends the child before it closes the pipe and removes the folder itself;
    one that was killed leaves the folder, with the counts in it, to the child.
    """
    while os.read(0, 1024):
        continue
    # R goes on meanwhile and may write another file into a folder that is about to go.
    for _ in range(10):
        if folder.name.startswith(FOLDER_PREFIX) and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _answer(folder: Path) -> dict[str, Any]:
    if not os.environ.get("R_HOME") and shutil.which("R") is None:
        return {"kind": "no R", "message": "no R is on PATH and R_HOME is not set"}
    # The mode that needs no compiler and works with every R; the other one only with the R that
    # rpy2 was compiled for.
    os.environ["RPY2_CFFI_MODE"] = "ABI"
    try:
        rinterface = import_module("rpy2.rinterface")
        callbacks: Any = import_module("rpy2.rinterface_lib.callbacks")
        embedded: Any = import_module("rpy2.rinterface_lib.embedded")
    except ModuleNotFoundError as error:
        return {"kind": "no rpy2", "message": str(error)}
    # Whatever a library of another language raises while it is loaded is told, not passed on.
    except Exception as error:
        return {"kind": "no start", "message": f"{type(error).__name__}: {error}"}
    callbacks.consolewrite_print = _write
    callbacks.consolewrite_warnerror = _write
    try:
        embedded.set_initoptions(R_OPTIONS)
        rinterface.initr(interactive=False)
    except Exception as error:
        return {"kind": "no start", "message": f"{type(error).__name__}: {error}"}
    return _run(rinterface, embedded, read_tree(folder, "request"))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _run(rinterface: Any, embedded: Any, request: dict[str, Any]) -> dict[str, Any]:
    from countglm.adapters.r._convert import from_r, to_r

    try:
        source = rinterface.baseenv["sys.source"]
        for script in ("common.R", *request.pop("scripts")):
            source(to_r(rinterface, str(SCRIPTS / script)), rinterface.globalenv)
        name = request.pop("function")
        engine = rinterface.NULL if name is None else rinterface.globalenv[name]
        answered = rinterface.globalenv["answer"](engine, to_r(rinterface, request))
    except embedded.RRuntimeError as error:
        return {"kind": "error", "message": str(error)}
    answer: dict[str, Any] = from_r(rinterface, answered)
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
