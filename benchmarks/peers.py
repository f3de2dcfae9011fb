"""Which interpreter runs which peer, and why a peer is not here; ``peers.py PYTHON`` installs them.

Peers may ask for versions that exclude each other, so each package may have a Python of its own:
``--python PATH`` names the one for all, ``--python inmoose=PATH`` the one for a package. What
installing said is kept beside the interpreter and repeated in the tables where a peer is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# Versions are pinned where results are compared with published ones of that version.
PACKAGES = {
    "edgepython": "edgepython==0.5.0",
    "pyedger": "pyedger[fast]==0.2.1",
    "pydeseq2": "pydeseq2==0.5.4",
    "statsmodels": "statsmodels",
    "glum": "glum",
    "inmoose": "inmoose==0.9.1",
}
_PROBE = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
_PROBE_R = "cat(as.character(utils::packageVersion(commandArgs(TRUE)[1])))"


def _kept(python: str) -> Path:
    return Path(python).parent.parent / "peers.json"


def last_error(text: str) -> str:
    """Return the line of a tool's output that tells what went wrong, without its path names."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()] or ["no message"]
    told = [line for line in lines if "error" in line.lower()] or lines
    return " ".join(word if "/" not in word else "…" for word in told[-1].split())[:120]


def install(python: str) -> dict[str, str]:
    """Install every peer into an environment, one by one; return what could not be, and why."""
    failed = {}
    for name, wanted in PACKAGES.items():
        command = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed[name] = last_error(done.stderr)
        print(f"{wanted}: {failed.get(name, 'installed')}", flush=True)
    _kept(python).write_text(json.dumps(failed))
    return failed


class Interpreters:
    """The interpreters of the peers: one for all, and those of single packages."""

    def __init__(self, given: list[str]) -> None:
        named = dict(each.split("=", 1) for each in given if "=" in each)
        general = [each for each in given if "=" not in each]
        self.general = general[-1] if general else sys.executable
        self.named = named

    def of(self, package: str) -> str:
        """Return the interpreter that runs a package; ours has the one that runs this."""
        if package == "countglm":
            return sys.executable
        return self.named.get(package, self.general)

    def missing(self, package: str, in_r: bool) -> str | None:
        """Return why a package cannot be run, None where it can."""
        python = self.of(package)
        command = ["Rscript", "--vanilla", "-e", _PROBE_R, package]
        command = command if in_r else [python, "-c", _PROBE, package]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return f"not installed: there is no {Path(command[0]).name}"
        if done.returncode == 0:
            return None
        told = json.loads(_kept(python).read_text()) if _kept(python).exists() else {}
        return f"not installed: {told.get(package) or last_error(done.stderr)}"


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that names interpreters."""
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="[PACKAGE=]PATH",
        help="interpreter of the peers, or of one package; default this one",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("python", help="interpreter of the environment to install into")
    options: Any = parser.parse_args()
    # A missing peer is a row of the tables, not a failure of the build.
    install(options.python)


if __name__ == "__main__":
    main()
