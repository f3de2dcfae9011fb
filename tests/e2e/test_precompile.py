"""``countglm precompile`` leaves nothing to compile for whatever comes after it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from countglm import _jit
from tests.support.fresh import environment_of

# Its name in the package belongs to the command.
precompile = import_module("countglm.cli.precompile")

pytestmark = pytest.mark.compiled

# Each way that reaches the kernels with arguments of its own.
LATER = """
import warnings
import numpy as np, pandas as pd
from scipy import sparse
import countglm
from countglm import _jit

warnings.simplefilter("ignore")
rng = np.random.default_rng(3)
counts = rng.negative_binomial(4.0, 4.0 / (4.0 + rng.gamma(2.0, 60.0, 80)), size=(10, 80))
counts[:5, 2] = 0
obs = pd.DataFrame({"g": list("aaaaabbbbb"), "x": np.linspace(-1, 1, 10)})
for given in (counts, counts.astype(np.int32).T.copy().T, counts.astype(float), counts[:, :1],
              sparse.csr_matrix(counts), sparse.csc_matrix(counts)):
    countglm.fit_glm(given, "~ g", obs=obs, threads=2, block_size=7)
frozen = counts.copy()
frozen.setflags(write=False)
factors = np.exp(rng.normal(0, 0.1, counts.shape))
common = {"obs": obs, "size_factors": "none"}
for options in ({"solver": "newton"}, {"family": "poisson"}, {"dispersion": 0.3},
                {"dispersion": np.full(80, 0.2)}, {"trace": True}, {"max_dispersion": 5.0},
                {"weights": factors}, {"weights": np.ones(10)},
                {"offset": np.log(factors)}, {"offset": np.zeros(10)}):
    fit = countglm.fit_glm(frozen, "~ g * x", **common, **options)
countglm.wald_test(fit, "x")
countglm.confidence_intervals(fit, "x", method="profile")
countglm.likelihood_ratio_test(fit, "~ g + x")
countglm.diagnose(fit)
study = {"obs": obs, "fit_type": "mean"}
for options in ({}, {"mode": "replay"}, {"test": "lrt", "reduced": "~ x"},
                {"interval": "profile", "lfc_threshold": 0.5},
                {"normalization_factors": factors}, {"min_replicates_for_replacement": 3},
                {"cooks_cutoff": 0.5}, {"dispersion": 0.2}):
    result = countglm.differential_expression(counts, "~ x + g", **study, **options)
result = countglm.differential_expression(counts, "~ x + g", **study)
for method in ("apeglm", "normal", "ash"):
    result.shrink(method=method)
penalty = countglm.penalties.pairwise("g")
for given in (counts, sparse.csr_matrix(counts)):
    path = countglm.fit_penalized(given, "~ g", penalty, obs=obs, lambdas=3, block_size=7)
for options in ({"family": "poisson"}, {"dispersion": 0.3}, {"weights": factors, "dispersion": 0.3},
                {"lambdas": [3.0, 1.0], "ridge": 0.1, "dispersion": 0.3}):
    path = countglm.fit_penalized(frozen, "~ g", penalty, **common, **options)
path.cross_validate(folds=2)
lines = np.array([[0.0, 1.0, -1.0]])
columns = np.column_stack([np.ones(10), obs["g"] == "a", obs["x"]])
for given in (columns, sparse.csr_matrix(columns), sparse.csc_matrix(columns.astype(np.float32))):
    for options in ({"dispersion": 0.2, "prox": "admm"}, {"family": "poisson"},
                    {"family": "gaussian"}):
        countglm.fit_penalized_wide(counts[:, 3], given, lines, lambdas=2, threads=2, **options)
countglm.vst(counts, fit_type="mean")
countglm.rlog(counts, fit_type="mean")
print([entry.__name__ for entry in _jit.ENTRIES if entry.stats.cache_misses])
"""


@dataclass(frozen=True)
class Prepared:
    """An image's folder of kernels, and what the command told of filling it."""

    folder: Path
    facts: dict[str, Any]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment_of(NUMBA_CACHE_DIR=str(self.folder)),
            capture_output=True,
            text=True,
            check=True,
        )

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    empty = Prepared(tmp_path_factory.mktemp("image"), {})
    done = empty.run("-m", "countglm", "precompile", "--json")
    assert done.stderr == "", "a log of a build is not for lines of progress"
    return Prepared(empty.folder, json.loads(done.stdout))


def test_every_entry_is_compiled_and_told(prepared: Prepared) -> None:
    facts = prepared.facts
    known = [each for each in precompile._every_entry() if "kernels" in each.__module__]
    assert sorted(facts["compiled"]) == sorted(each.__name__ for each in known)
    assert facts["found"] == facts["unused"] == []
    assert Path(facts["cache"]).parent == prepared.folder
    assert facts["folders"] == [facts["cache"]]
    files = prepared.files()
    assert facts["n_files"] == len(files) == len(facts["compiled"])
    assert facts["bytes"] == sum(map(len, files.values()))


def test_nothing_is_left_to_compile(prepared: Prepared) -> None:
    before = prepared.files()
    assert prepared.run("-c", LATER).stdout.strip() == "[]"
    assert prepared.files() == before


def test_a_second_time_finds_what_is_there(prepared: Prepared) -> None:
    told = prepared.run("-m", "countglm", "precompile").stdout
    kernels = len(prepared.facts["compiled"])
    assert told.startswith(f"Nothing to compile: {kernels} kernels found")
    assert prepared.facts["cache"] in told


def test_where_nothing_can_be_kept_the_remedy_is_told() -> None:
    facts = {
        "compiled": ["a", "b"], "found": [], "seconds": 2.0, "cache": None, "folders": [],
        "bytes": 0,
    }  # fmt: skip
    told = precompile._told(facts)
    assert told.startswith("2 kernels compiled in 2.0 s, but no folder can be written")
    assert "NUMBA_CACHE_DIR" in told
    facts |= {"cache": "here", "folders": ["there", "here"], "found": ["c"], "bytes": 1_500_000}
    assert precompile._told(facts).endswith("kept in here (1.5 MB); 1 found there.")


def test_an_entry_that_nothing_uses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jit, "ENTRIES", [*_jit.ENTRIES])
    _jit.entry(lambda x: x)
    monkeypatch.setattr(precompile, "_use_every_entry", lambda: None)
    with pytest.raises(RuntimeError, match=r"kernels that nothing here uses: .*<lambda>"):
        precompile.run(as_json=True)
