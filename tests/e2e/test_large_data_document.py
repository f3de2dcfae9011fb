"""The examples of the page on large data run, with stand-ins for a site's cluster."""

from __future__ import annotations

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tests.support.documents import blocks, run_shell
from tests.support.fresh import run_python

pytestmark = pytest.mark.compiled
DOCUMENT = "docs/guides/large-data.md"
ADDRESS = '"tcp://10.0.0.1:8786"'
# Workers are threads of the process that runs the code, for both of the page's clusters.
LOCAL = """
from distributed import Client, LocalCluster


class KubeCluster(LocalCluster):
    def __init__(self, name="local", image="registry.example/countglm:0", n_workers=1):
        assert image.startswith("registry.example/countglm:")
        choices = {"dashboard_address": ":0", "silence_logs": 50}
        super().__init__(n_workers=1, threads_per_worker=n_workers, processes=False, **choices)

    def get_client(self):
        return Client(self)
"""
# Starts the first job that is submitted, as a busy site would; the others wait for ever.
SUBMIT = """
case "$*" in
*--wrap*)
  for command; do :; done
  SLURM_ARRAY_TASK_ID=1 exec sh -c "$command"
  ;;
esac
cat "${1:--}" >job.$$
if mkdir first 2>waiting; then
  setsid bash job.$$ >job.log 2>&1 &
fi
echo "job $$"
"""
CANCEL = "exit 0\n"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a folder with the cells that the examples name."""
    rng = np.random.default_rng(3)
    obs = pd.DataFrame(
        {
            "batch": np.tile(["x", "y"], 60),
            "condition": np.repeat(["untreated", "treated"], 60),
        },
        [f"cell{i}" for i in range(120)],
    )
    mean = np.exp(rng.normal(2.0, 1.2, 40))
    alpha = 0.1 + 1.5 / mean
    counts = sparse.csr_matrix(rng.negative_binomial(1 / alpha, 1 / (1 + alpha * mean), (120, 40)))
    data = ad.AnnData(counts, obs=obs, layers={"counts": counts})
    data.var_names = [f"g{j}" for j in range(40)]
    data.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path


def test_python_examples_run(study: Path) -> None:
    operator = study / "dask_kubernetes" / "operator.py"
    operator.parent.mkdir()
    operator.write_text(LOCAL)
    code = "\n".join(blocks(DOCUMENT, "python"))
    assert code.count(ADDRESS) == 1
    code = code.replace(ADDRESS, "__import__('dask_kubernetes.operator').operator.KubeCluster()")
    code = f"import warnings\nwarnings.simplefilter('error')\n{code}\nprint(result.summary())"
    shown = run_python(code, cwd=study)
    assert "condition treated vs untreated" in shown
    assert (study / "run1" / "manifest.json").is_file()


@pytest.mark.parametrize("block", range(len(blocks(DOCUMENT, "sh"))))
def test_command_line_examples_run(block: int, study: Path) -> None:
    activate = study / "venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f"PATH={os.environ['PATH']}\n")
    code = blocks(DOCUMENT, "sh")[block]
    done = run_shell(code, study, sbatch=SUBMIT, scancel=CANCEL, pip="echo $*\n")
    assert done.returncode == 0, done.stderr
    if "-o results" in code:
        assert (study / "results" / "summary.json").is_file()
    else:
        assert done.stdout == "install countglm[cluster]\n"
