"""Every way in which R can fail reaches the caller as one clear error, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import InputError
from countglm.adapters.r import RError, _process, require, run_r

FORMULA = "~ type + condition"
CONTRAST = ["condition", "treated", "untreated"]
needs_r = pytest.mark.r


@pytest.fixture(scope="module")
def adata():
    return countglm.datasets.pasilla()[:, :200].copy()


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.fixture
def children(monkeypatch):
    """Collect the processes that are started, and check at the end that none of them is left."""
    started: list[subprocess.Popen[bytes]] = []
    original = _process._start

    def start(*args):
        started.append(original(*args))
        return started[-1]

    monkeypatch.setattr(_process, "_start", start)
    yield started
    assert started
    assert not any(alive(child.pid) for child in started)


def error_of(adata, **given) -> RError:
    with pytest.raises(RError) as caught:
        run_r("DESeq2", adata, **{"design": FORMULA, "contrast": CONTRAST, **given})
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_r_absent(adata, children, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    message = str(error_of(adata))
    assert "DESeq2 needs R, and no R is on PATH" in message
    assert "apt-get install r-base-core r-bioc-deseq2" in message


def test_rpy2_absent(adata, children, monkeypatch, tmp_path) -> None:
    # A package of that name without the module stands for none at all.
    (tmp_path / "rpy2").mkdir()
    (tmp_path / "rpy2" / "__init__.py").write_text("")
    monkeypatch.setattr(_process, "_source", lambda: f"{tmp_path}{os.pathsep}{SOURCE}")
    monkeypatch.setenv("R_HOME", str(tmp_path))
    assert 'pip install "countglm[r]"' in str(error_of(adata))


def test_r_that_does_not_start(adata, children, monkeypatch, tmp_path) -> None:
    (tmp_path / "rpy2").mkdir()
    (tmp_path / "rpy2" / "__init__.py").write_text("")
    (tmp_path / "rpy2" / "rinterface.py").write_text("raise OSError('libR.so: not found')")
    monkeypatch.setattr(_process, "_source", lambda: f"{tmp_path}{os.pathsep}{SOURCE}")
    monkeypatch.setenv("R_HOME", str(tmp_path))
    message = str(error_of(adata))
    assert "rpy2 could not start R (OSError: libR.so: not found)" in message
    assert 'pip install "rpy2-rinterface<3.6.6"' in message


@needs_r
def test_package_absent(adata, children, monkeypatch) -> None:
    known = _options_with_package(monkeypatch, "notapackage")
    message = str(error_of(adata))
    assert f"DESeq2 needs the R packages {known}, which are not installed" in message
    assert 'BiocManager::install(c("notapackage", "northis"))' in message


def _options_with_package(monkeypatch, name: str) -> str:
    from countglm.adapters.r import _request

    monkeypatch.setattr(_request, "needed_packages", lambda *_: ["DESeq2", name, "northis"])
    return f"{name}, northis"


@needs_r
def test_error_in_r_has_its_message_and_its_log(adata, children) -> None:
    design = '~ {cat("heard before\\n"); stop("no such luck"); condition}'
    with pytest.raises(InputError, match="no such luck"):
        run_r("DESeq2", adata, design=design)
    zero = adata.copy()
    zero.X = np.zeros(adata.shape, dtype=np.int32)
    error = error_of(zero)
    assert str(error).startswith("DESeq2 stopped with an error in R: ")
    assert "\n" not in str(error)


@needs_r
def test_r_killed_in_the_middle(adata, children) -> None:
    error = error_of(adata, design='~ {system(paste("kill -9", Sys.getpid())); condition}')
    assert "R was ended by SIGKILL while it ran DESeq2" in str(error)


@needs_r
def test_r_that_quits_without_a_result(adata, children) -> None:
    error = error_of(adata, design='~ {cat("last words\\n"); quit("no", 3, FALSE); condition}')
    assert "without a result" in str(error)
    assert "last words" in str(error)


@needs_r
def test_timeout_ends_r(adata, children) -> None:
    begun = time.perf_counter()
    error = error_of(adata, design="~ {Sys.sleep(60); condition}", timeout=2.5)
    assert time.perf_counter() - begun < 20
    assert "DESeq2 was stopped after timeout=2.5 seconds" in str(error)


@needs_r
def test_ctrl_c_leaves_no_child(adata, children) -> None:
    def interrupt() -> None:
        while not children:
            time.sleep(0.05)
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell that starts tests in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_r("DESeq2", adata, design="~ {Sys.sleep(60); condition}")
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()


@needs_r
def test_the_childs_end_follows_the_callers(tmp_path) -> None:
    code = (
        "import countglm\n"
        "from countglm.adapters.r import _process, run_r\n"
        "original = _process._start\n"
        "def start(*arguments):\n"
        "    child = original(*arguments)\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "    return child\n"
        "_process._start = start\n"
        "run_r('DESeq2', countglm.datasets.pasilla()[:, :50], "
        "design='~ {Sys.sleep(60); condition}')\n"
    )
    (tmp_path / "folders").mkdir()
    environment = {**os.environ, "PYTHONPATH": SOURCE, "TMPDIR": str(tmp_path / "folders")}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as caller:
        pid = None
        for _ in range(400):
            time.sleep(0.05)
            text = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
            if text:
                pid = int(text)
                break
        assert pid is not None
        time.sleep(1.5)
        lived = alive(pid)
        folders = list((tmp_path / "folders").glob("countglm-r-*/request.npz"))
        caller.kill()
    assert lived
    assert len(folders) == 1
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)
    assert not any((tmp_path / "folders").iterdir())


@needs_r
def test_profiles_of_the_user_are_not_read(adata, monkeypatch, tmp_path) -> None:
    profile = tmp_path / "profile.R"
    profile.write_text('stop("a profile was read")\n')
    monkeypatch.setenv("R_PROFILE_USER", str(profile))
    monkeypatch.setenv("R_PROFILE", str(profile))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".Rprofile").write_text('stop("a profile was read")\n')
    assert run_r("edgeR", adata, design=FORMULA).versions["edgeR"]


@needs_r
def test_repeated_gene_names_are_kept_in_order(adata) -> None:
    names = [f"gene{i // 2}" for i in range(adata.n_vars)]
    with pytest.warns(countglm.CountglmWarning, match="occur more than once"):
        twice = run_r("edgeR", adata.X, adata.obs, FORMULA, CONTRAST, gene_names=names)
    once = run_r("edgeR", adata, design=FORMULA, contrast=CONTRAST)
    assert list(twice.table.index) == names
    assert np.array_equal(twice.table.to_numpy(), once.table.to_numpy(), equal_nan=True)


@needs_r
def test_unused_levels_are_left_out(adata) -> None:
    obs = adata.obs.copy()
    obs["condition"] = pd.Categorical(
        obs["condition"].astype(str), categories=["untreated", "never", "treated"]
    )
    result = run_r("edgeR", adata.X, obs, FORMULA)
    assert list(result.design.columns) == [
        "(Intercept)",
        "typesingle-read",
        "conditiontreated",
    ]
    assert not result.info["warnings"]


@needs_r
@pytest.mark.parametrize(
    ("design", "contrast", "message"),
    [
        ("~ condition + twin", None, "The design has rank 2 with 3 columns: 'twinuntreated'"),
        ("~ condition + nothing", None, "The sample table has no column 'nothing'"),
        ("~ condition +", None, "R cannot read the formula '~ condition +' (unexpected end of"),
        ("~ condition + _x", None, "R takes a name such as '_x' only between backticks: `_x`."),
        ("~ condition + _x", None, "R cannot read the formula '~ condition + _x' (unexpected "),
        ("y ~ condition", None, "has a left-hand side"),
        ("~ condition + offset(size)", None, "has an offset(), which a design cannot hold"),
        ("~ .", None, "does not stand for all columns here"),
        ("~ condition + lonely", None, "R cannot evaluate the formula"),
        ("~ condition + holes", None, "is missing (NA) in 2 samples, first in sample"),
        ("~ 0 + id", None, "The design has 7 columns for 7 samples"),
        (FORMULA, "conditiontretaed", "The design has no column 'conditiontretaed'"),
        (FORMULA, ["condition", "treated", "heated"], "'heated' is no level of 'condition'"),
        (FORMULA, ["size", "a", "b"], "'size' is no factor of the design"),
        (FORMULA, [1, 0], "The contrast has 2 numbers and the design 3 columns"),
        (FORMULA, [0, 0, 0], "The contrast must be finite and not all zero"),
    ],
)
def test_mistakes_in_design_and_contrast(adata, design, contrast, message) -> None:
    obs = adata.obs.assign(
        twin=adata.obs["condition"].astype(str),
        lonely="same",
        holes=[1.0, np.nan, 2.0, 5.0, np.nan, 1.0, 4.0],
        id=[f"s{i}" for i in range(7)],
        _x=range(7),
    )
    with pytest.raises(InputError) as caught:
        run_r("DESeq2", adata.X, obs, design, contrast)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_r
def test_a_look_whether_an_engine_is_there(children) -> None:
    assert list(require("edger", timeout=60)) == ["R", "edgeR"]
    assert list(require("limma-voom", robust=False)) == ["R", "limma", "edgeR"]
    with pytest.raises(InputError, match="engine='limma' is not known"):
        require("limma")


def test_a_look_finds_what_is_missing(children, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    with pytest.raises(RError, match="edgeR needs R, and no R is on PATH"):
        require("edgeR")


@needs_r
def test_warnings_of_r_are_kept_as_text(adata) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        design = '~ {warning("mind the gap"); condition}'
        result = run_r("edgeR", adata, design=design)
    assert "mind the gap" in result.info["warnings"]


SOURCE = str(Path(countglm.__file__).parent.parent)
