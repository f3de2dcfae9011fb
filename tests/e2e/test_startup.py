"""What `import countglm` loads. Time depends on the machine, so modules are counted instead."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.fresh import run_python

HEAVY = ("pandas", "anndata", "formulaic", "dask", "scipy.stats", "h5py", "matplotlib", "zarr")
# Modules beyond those of numba and numpy: our own, and a few of the standard library.
OWN_MODULES = 150

REPORT = """
import json, sys
{statement}
print(json.dumps(sorted(sys.modules)))
"""


def loaded(statement: str) -> set[str]:
    """Return the names of the modules that a fresh process has loaded after ``statement``."""
    start = time.perf_counter()
    names = set(json.loads(run_python(REPORT.format(statement=statement))))
    print(f"{statement}: {len(names)} modules, {time.perf_counter() - start:.2f} s in all")
    return names


@pytest.mark.parametrize(
    "statement", ["import countglm", "from countglm import fit_glm, wald_test, diagnose, GLMFit"]
)
def test_import_stays_light(statement: str) -> None:
    names = loaded(statement)
    assert [name for name in HEAVY if name in names] == []
    assert len(names - loaded("import numba, numpy, scipy.sparse")) <= OWN_MODULES


def test_facade_lists_what_it_gives() -> None:
    code = (
        "import countglm; names = countglm.__all__; assert names == sorted(set(names)), names; "
        "missing = [n for n in names if getattr(countglm, n, None) is None]; "
        "unlisted = [n for n in names if n not in dir(countglm)]; print(missing, unlisted)"
    )
    assert run_python(code).strip() == "[] []"
