"""Options of R's engines: spellings, defaults, refusals, and the packages that they need."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import InputError
from countglm.adapters.r._options import (
    ENGINES,
    find_engine,
    needed_packages,
    resolve_options,
)


def resolved(name: str, **given):
    return resolve_options(name, ENGINES[name], given)


def test_engines_are_found_in_any_case() -> None:
    assert [find_engine(name)[0] for name in ("deseq2", "EDGER", "limma-voom")] == [
        "DESeq2",
        "edgeR",
        "limma-voom",
    ]


@pytest.mark.parametrize("name", ["limma", "", None, 3])
def test_an_unknown_engine_lists_the_known(name) -> None:
    with pytest.raises(InputError, match="is not known; choose 'DESeq2'"):
        find_engine(name)


@pytest.mark.parametrize("name", ENGINES)
def test_defaults_pass_their_own_checks(name) -> None:
    defaults = resolved(name)
    assert resolved(name, **defaults) == defaults


def test_both_spellings_mean_the_same() -> None:
    ours = resolved("DESeq2", fit_type="mean", sf_type="poscounts", lfc_threshold=1, use_t=True)
    theirs = resolved("DESeq2", fitType="mean", sfType="poscounts", lfcThreshold=1.0, useT=True)
    assert ours == theirs
    assert ours["lfc_threshold"] == 1.0
    assert resolved("DESeq2", test="lrt")["test"] == "LRT"
    assert resolved("edgeR", test="ql")["test"] == "QL"


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("DESeq2", {"fitTyp": "mean"}, "DESeq2 has no option 'fitTyp'; its options are 'test'"),
        ("DESeq2", {"fitType": "loess"}, "fitType='loess' is not known; choose 'parametric'"),
        ("DESeq2", {"fitType": True}, "fitType=True is not known"),
        ("DESeq2", {"fitType": "mean", "fit_type": "mean"}, "'fit_type' is given twice"),
        ("DESeq2", {"alpha": 2}, "alpha=2 must be a number from 0 to 1"),
        ("DESeq2", {"alpha": True}, "alpha=True must be a number"),
        ("DESeq2", {"alpha": np.nan}, "alpha=nan must be a number"),
        ("DESeq2", {"useT": 1}, "useT=1 must be True or False"),
        ("DESeq2", {"cooks_cutoff": -1}, "cooks_cutoff=-1 must be a number from 0"),
        ("DESeq2", {"shrink": "ash"}, "shrink='ash' is not known"),
        ("apeglm", {"shrink": "normal"}, "shrink='normal' is not known; choose 'apeglm'"),
        ("edgeR", {"test": "Wald"}, "test='Wald' is not known; choose 'QL', 'LRT'"),
        ("glmGamPoi", {"robust": True}, "glmGamPoi has no option 'robust'"),
    ],
)
def test_refusals_name_the_option(name, given, message) -> None:
    with pytest.raises(InputError) as caught:
        resolved(name, **given)
    assert message in str(caught.value)


def test_cooks_cutoff_takes_words_of_both_sides() -> None:
    cutoffs = [resolved("DESeq2", cooksCutoff=v)["cooks_cutoff"] for v in (None, True, False, 3)]
    assert cutoffs == [None, None, False, 3.0]


@pytest.mark.parametrize(
    ("name", "given", "packages"),
    [
        ("DESeq2", {}, ["DESeq2"]),
        ("DESeq2", {"shrink": "ashr"}, ["DESeq2", "ashr"]),
        ("DESeq2", {"fit_type": "glmGamPoi"}, ["DESeq2", "glmGamPoi"]),
        ("apeglm", {}, ["DESeq2", "apeglm"]),
        ("edgeR", {"robust": True}, ["edgeR", "statmod"]),
        ("limma-voom", {}, ["limma", "edgeR"]),
        ("glmGamPoi", {"norm": "deconvolution"}, ["glmGamPoi", "scran"]),
    ],
)
def test_packages_follow_the_options(name, given, packages) -> None:
    assert needed_packages(ENGINES[name], resolved(name, **given)) == packages
