"""What made a result is recorded truly and as plain data."""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import numpy as np

import countglm
from countglm import _provenance
from countglm._provenance import provenance


def test_versions_time_and_options() -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    record = provenance(solver="irls", tol=1e-8, formula=None)
    versions = record["versions"]
    assert versions["countglm"] == countglm.__version__
    assert versions["python"] == platform.python_version()
    assert {name: versions[name] for name in ("numpy", "numba", "scipy")} == {
        name: version(name) for name in ("numpy", "numba", "scipy")
    }
    assert record["platform"] == sys.platform
    assert before <= datetime.fromisoformat(record["time"]) <= datetime.now(UTC)
    assert record["options"] == {"solver": "irls", "tol": 1e-8, "formula": None}
    assert json.loads(json.dumps(record)) == record


def test_processor_is_named_wherever_it_can_be_read(monkeypatch) -> None:
    assert isinstance(_provenance._cpu(), str)

    def unreadable(*args: object, **kwargs: object) -> None:
        raise OSError("no such file")

    monkeypatch.setattr("builtins.open", unreadable)
    _provenance._cpu.cache_clear()
    monkeypatch.setattr(_provenance, "_cpu", _provenance._cpu.__wrapped__)
    assert _provenance._cpu() == (platform.processor() or platform.machine())


def test_a_fit_records_its_options() -> None:
    counts = np.arange(1, 13).reshape(4, 3)
    fit = countglm.fit_glm(
        counts, np.ones((4, 1)), dispersion=0.1, size_factors=np.ones(4), solver="newton",
        tol=1e-6, max_iter=50, threads=1, block_size=2,
    )  # fmt: skip
    options = fit.provenance["options"]
    expected = {
        "family": "nb", "solver": "newton", "tol": 1e-6, "max_iter": 50, "dispersion": "given",
        "size_factors": "given", "formula": None, "threads": 1, "block_size": 2,
        "max_dispersion": 10.0,
    }  # fmt: skip
    assert {name: options[name] for name in expected} == expected
    assert options["seconds"] > 0.0
    json.dumps(fit.provenance)
