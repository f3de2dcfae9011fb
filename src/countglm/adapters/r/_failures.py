"""Why R gave no result, each as one error with its remedy."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from countglm.errors import InputError

_LOG_LINES = 5
DEBIAN = {
    "DESeq2": "r-bioc-deseq2",
    "edgeR": "r-bioc-edger",
    "limma": "r-bioc-limma",
    "glmGamPoi": "r-bioc-glmgampoi",
    "statmod": "r-cran-statmod",
    "scran": "r-bioc-scran",
}


class RError(RuntimeError):
    """R, one of its packages or an analysis in it failed; the message says which and what to do.

    Attributes
    ----------
    log : str
        What R had written until then.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.log)


def failure(engine: str, answer: Mapping[str, Any], log: str) -> Exception:
    """Return the error that an answer other than a result stands for."""
    kind, message = answer["kind"], answer["message"]
    if kind == "input":
        return InputError(_one_line(message))
    if kind == "package":
        return RError(_missing_packages(engine, answer["packages"]), log)
    if kind == "no rpy2":
        return RError(
            f"{engine} runs in R through rpy2, which is not installed here ({_one_line(message)}): "
            'RPY2_CFFI_MODE=ABI pip install "countglm[r]" (in this mode no compiler is needed).',
            log,
        )
    if kind == "no R":
        return RError(
            f"{engine} needs R, and {message}. Install R (on Debian: apt-get install r-base-core "
            f"{_debian([engine])}), or put it on PATH.".replace("  ", " "),
            log,
        )
    if kind == "no start":
        return RError(
            f"rpy2 could not start R ({_one_line(message)}). R before 4.5 needs rpy2-rinterface "
            'before 3.6.6: pip install "rpy2-rinterface<3.6.6"; a newer R may need a newer one.',
            log,
        )
    where = f" (in {answer['call']})" if answer.get("call") else ""
    return RError(f"{engine} stopped with an error in R: {_one_line(message)}{where}", log)


def died(engine: str, status: int, log: str) -> RError:
    """Return the error of a child that ended without an answer."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = {
            "SIGKILL": "; the system does so when memory runs out",
            "SIGSEGV": "; R or compiled code of a package crashed",
        }.get(name, "")
        return RError(
            f"R was ended by {name} while it ran {engine}{hint}. Nothing here was harmed; try "
            f"again, with fewer genes or samples if it repeats.{_last_lines(log)}",
            log,
        )
    return RError(
        f"R ended with status {status} and without a result while it ran {engine}; see the log "
        f"of this error.{_last_lines(log)}",
        log,
    )


def late(engine: str, timeout: float, log: str) -> RError:
    """Return the error of a child that took longer than the caller allows."""
    return RError(
        f"{engine} was stopped after timeout={timeout:g} seconds; allow more, or pass fewer genes."
        f"{_last_lines(log)}",
        log,
    )


def _missing_packages(engine: str, packages: list[str]) -> str:
    names = ", ".join(packages)
    listed = ", ".join(f'"{name}"' for name in packages)
    message = (
        f"{engine} needs the R package{'s' if len(packages) > 1 else ''} {names}, which "
        f"{'are' if len(packages) > 1 else 'is'} not installed. In R: "
        f'install.packages("BiocManager"); BiocManager::install(c({listed}))'
    )
    debian = " ".join(DEBIAN[name] for name in packages if name in DEBIAN)
    return f"{message}; on Debian: apt-get install {debian}." if debian else f"{message}."


def _debian(engines: list[str]) -> str:
    return " ".join(
        {"limma-voom": DEBIAN["limma"], "apeglm": DEBIAN["DESeq2"]}.get(name, DEBIAN.get(name, ""))
        for name in engines
    )


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _last_lines(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()][-_LOG_LINES:]
    return f" R wrote last: {' | '.join(lines)}" if lines else ""
