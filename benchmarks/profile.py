"""Where the time of a pipeline goes: seconds, passes over the counts and their price, by stage.

    python benchmarks/profile.py [--sizes 20000x8,20000x100]

One thread, CPU seconds, the quickest of several runs. A stage's time is its own: what a stage
inside it takes counts there. Passes are those that the engine counts, over the genes it fitted;
what a pass costs is all time of the stage spread over them, so that the ratio to the bare pass of
benchmarks/kernel_pass.py, one core's time for gradient and Hessian alone, holds everything that is
not a pass as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np

from cost_table import KERNELS
from countglm import differential_expression
from countglm.kernels import columns
from kernel_pass import nanoseconds, step_passes
from machine import describe_machine, save_result
from studies import SIZES, Study, simulate
from table import write_page

WHOLE = "everything else"
# Where a stage begins and ends: module, name (with its class where it has one), stage.
STAGES = (
    ("countglm.counts", "as_count_matrix", "reading counts"),
    ("countglm.design", "as_design", "design"),
    ("countglm.size_factors", "resolve_size_factors", "size factors"),
    ("countglm._moments", "base_moments", "means and variances"),
    ("countglm._exact_steps", "ExactSteps.genewise", KERNELS[0]),
    ("countglm.trend", "fit_trend", "trend"),
    ("countglm.prior_variance", "prior_variance", "prior variance"),
    ("countglm._exact_steps", "ExactSteps.shrunken", KERNELS[1]),
    ("countglm._exact_steps", "ExactSteps.final", KERNELS[2]),
    ("countglm._fit_arrays", "assemble_fit", "fit object"),
    ("countglm.outliers", "find_outliers", "Cook's distances"),
    ("countglm._testing", "wald_columns", "Wald test"),
    ("countglm._testing", "adjust", "filtering, adjustment"),
    ("countglm._testing", "contrast_table", "table"),
    ("countglm._provenance", "provenance", "provenance"),
)
REPEATS = 3


class Clock:
    """Own seconds of each stage, and the passes of the fits that were run in it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.passes: dict[str, list[Any]] = defaultdict(list)
        self._open = [WHOLE]
        self._since = 0.0

    def _turn(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def run(self, task: Callable[[], Any]) -> None:
        """Run the whole; what no stage claims is its own."""
        self._since = time.process_time()
        task()
        self._turn()

    def watch(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return a function that does the same, and takes its time for ``stage``."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._turn()
            self._open.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._turn()
                self._open.pop()

        return timed

    def count(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, and notes the passes of the fit it returns."""

        @wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            fit = function(*args, **kwargs)
            counter = columns.PASSES if fit.dispersion is None else columns.STEPS
            self.passes[self._open[-1]].append(fit.counters[:, counter].copy())
            return fit

        return noted


def replace_everywhere(old: Any, new: Any) -> list[tuple[Any, str]]:
    """Put ``new`` where modules of the package hold ``old``; return the places."""
    places = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").partition(".")[0] == "countglm"
        for name, value in list(vars(module).items())
        if value is old
    ]
    for module, name in places:
        setattr(module, name, new)
    return places


class Hooks:
    """The package with a clock in its stages, until it is closed."""

    def __init__(self, clock: Clock) -> None:
        self._undo: list[tuple[Any, str, Any]] = []
        for module, name, stage in STAGES:
            self._hook(module, name, lambda function, stage=stage: clock.watch(function, stage))
        self._hook("countglm._model", "Model.fit", clock.count)

    def _hook(self, module: str, name: str, change: Callable[[Any], Any]) -> None:
        owner, _, method = name.rpartition(".")
        found = import_module(module)
        if owner:
            holder = getattr(found, owner)
            old = getattr(holder, method)
            setattr(holder, method, change(old))
            self._undo.append((holder, method, old))
            return
        old = getattr(found, name)
        for place, attribute in replace_everywhere(old, change(old)):
            self._undo.append((place, attribute, old))

    def close(self) -> None:
        for holder, name, old in reversed(self._undo):
            setattr(holder, name, old)


def run_once(study: Study, clock: Clock) -> None:
    """Run the pipeline on one thread."""
    clock.run(
        lambda: differential_expression(
            study.counts, study.formula, [study.factor, study.tested, study.reference],
            obs=study.obs, size_factors=study.size_factors, threads=1,
        )
    )  # fmt: skip


def profile(study: Study, repeats: int) -> dict[str, Any]:
    """Return the stages of the quickest run."""
    best: Clock | None = None
    for _ in range(repeats + 1):  # the first reads compiled kernels
        clock = Clock()
        hooks = Hooks(clock)
        try:
            run_once(study, clock)
        finally:
            hooks.close()
        idle = [name for _, name, stage in STAGES if stage not in clock.seconds]
        if idle:
            raise RuntimeError(f"The pipeline no longer calls what is timed: {', '.join(idle)}.")
        if best is None or sum(clock.seconds.values()) < sum(best.seconds.values()):
            best = clock
    assert best is not None
    n, p = study.counts.shape[0], study.design()[0].shape[1]
    bare = nanoseconds(step_passes, n, p)
    total = sum(best.seconds.values())
    stages: dict[str, dict[str, Any]] = {}
    for stage, seconds in sorted(best.seconds.items(), key=lambda each: -each[1]):
        row: dict[str, Any] = {"seconds": seconds, "share": seconds / total}
        if stage in best.passes:
            passes = np.concatenate(best.passes[stage])
            fitted = int(np.count_nonzero(passes))
            price = seconds / (max(passes.sum(), 1) * n) * 1e9
            each = float(passes.sum() / max(fitted, 1))
            row |= {"genes": fitted, "passes": each, "ns": price, "ratio": price / bare}
        stages[stage] = row
    rest = 1.0 - sum(stages[stage]["share"] for stage in KERNELS if stage in stages)
    return {
        "description": study.description,
        "seconds": total,
        "bare_ns": bare,
        "beside_kernels": rest,
        "stages": stages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", help="GENESxSAMPLES, by commas; default those of the pipelines")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    options = parser.parse_args()
    sizes = SIZES
    if options.sizes:
        pairs = (each.split("x") for each in options.sizes.split(","))
        sizes = tuple((int(genes), int(samples)) for genes, samples in pairs)
    found = {}
    for genes, samples in sizes:
        row = found[f"{genes}x{samples}"] = profile(simulate(genes, samples), options.repeats)
        print(f"{row['description']}: {row['seconds']:.3f} s; bare pass {row['bare_ns']:.2f} ns")
        for stage, each in row["stages"].items():
            passes = f"{each['passes']:6.1f} passes" if "passes" in each else ""
            price = f"{each['ns']:7.2f} ns, {each['ratio']:.1f} times" if "ns" in each else ""
            print(f"{each['seconds']:9.4f} s {each['share']:6.1%}  {stage} {passes} {price}")
    if not options.trial:
        save_result("profile", {"machine": describe_machine(), "sizes": found})
        write_page()


if __name__ == "__main__":
    main()
