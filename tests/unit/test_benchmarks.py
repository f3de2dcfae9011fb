"""Benchmarks stand aside of what they measure, and time what the pipeline calls."""

from __future__ import annotations

import ast

import pytest

from tests.support.fresh import REPOSITORY, run_python

FOLDER = REPOSITORY / "benchmarks"


@pytest.mark.parametrize("worker", ["pipeline_worker", "worker"])
def test_measured_packages_find_the_modules_of_python(worker: str) -> None:
    assert (FOLDER / "profile.py").exists()
    printed = run_python(
        f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import {worker}
import profile
print(hasattr(profile, "Profile"), sys.path[-1])
"""
    )
    assert printed.split() == ["True", str(FOLDER)]


@pytest.mark.compiled
def test_every_stage_is_met_by_the_pipeline() -> None:
    printed = run_python(
        f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import profile
from studies import simulate
study = simulate(300, 8)
print(sorted(profile.profile(study, 0)["stages"]))
profile.STAGES += (("countglm.inference", "wald_test", "never"),)
try:
    profile.profile(study, 0)
except RuntimeError as error:
    print(error)
"""
    )
    stages, error = printed.splitlines()
    assert {"Wald test", "table", "trend", "reading counts"} < set(ast.literal_eval(stages))
    assert error == "The pipeline no longer calls what is timed: wald_test."
