"""Warnings point at the caller's line, whatever the depth inside the package."""

from __future__ import annotations

import inspect
import linecache
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import countglm
from countglm import _warn
from countglm._warn import CountglmWarning, gathered, recorded, warn


def record(call: Callable[[], Any]) -> warnings.WarningMessage:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert len(caught) == 1
    return caught[0]


def inside_package(source: str) -> dict[str, Any]:
    """Run source as if it stood in a module of the package."""
    namespace: dict[str, Any] = {"warn": warn}
    exec(compile(source, _warn._PACKAGE_DIR + "made_up.py", "exec"), namespace)
    return namespace


DEPTHS = """
def first(): warn("deep")
def second(): first()
def third(): second()
"""


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_line_of_the_caller_is_named(name: str) -> None:
    function = inside_package(DEPTHS)[name]

    def call() -> None:
        function()  # this very line

    caught = record(call)
    assert caught.filename == __file__
    assert "# this very line" in linecache.getline(caught.filename, caught.lineno)
    assert str(caught.message) == "deep"
    assert caught.category is CountglmWarning


def test_direct_call_names_its_own_line() -> None:
    caught = record(lambda: warn("here"))
    assert caught.filename == __file__
    assert caught.lineno == inspect.currentframe().f_lineno - 2  # type: ignore[union-attr]


def test_category_is_a_user_warning_and_can_be_another() -> None:
    assert issubclass(CountglmWarning, UserWarning)
    caught = record(lambda: warn("old", DeprecationWarning))
    assert caught.category is DeprecationWarning


def test_a_stack_that_stays_inside_still_warns() -> None:
    # A thread whose outermost frame is the package's own: there is no caller to name.
    source = "def start(): warn('alone')"
    function = inside_package(source)["start"]
    messages: list[str] = []

    def run() -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function()
        messages.extend(str(w.message) for w in caught)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert messages == ["alone"]


def test_warnings_can_be_made_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", CountglmWarning)
        with pytest.raises(CountglmWarning, match="stop"):
            warn("stop")


def test_a_record_keeps_what_is_warned_of_and_what_is_gathered() -> None:
    with recorded() as outer, recorded() as inner:
        with pytest.warns(CountglmWarning, match="told"):
            warn("told")
        with gathered() as kept:
            warn("gathered")
        with pytest.warns(DeprecationWarning, match="another"):
            warn("of another kind", DeprecationWarning)
    assert outer == inner == ["told", "gathered"]
    assert kept == ["gathered"]
    with pytest.warns(CountglmWarning, match="later"):
        warn("later")
    assert outer == ["told", "gathered"]


def test_results_keep_the_warnings_of_their_call() -> None:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.poisson(30.0, (6, 3)), columns=["g", "g", "h"])
    design = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    with pytest.warns(CountglmWarning, match="'g'"):
        fit = countglm.fit_glm(table, design)
    with pytest.warns(CountglmWarning) as told:
        result = countglm.differential_expression(table, design)
    assert len(fit.provenance["warnings"]) == 1
    assert "'g'" in fit.provenance["warnings"][0]
    assert result.provenance["warnings"] == [str(each.message) for each in told]
    assert len(told) == 2  # names, and no trend in Poisson counts


def test_public_call_warns_once_at_the_line_of_the_user() -> None:
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(np.arange(1, 13).reshape(4, 3), columns=["g", "g", "h"])

    def call() -> None:
        countglm.fit_glm(table, np.ones((4, 1)), dispersion=0.1, size_factors="none")

    caught = record(call)
    assert "'g'" in str(caught.message)
    assert caught.filename == __file__
    assert "fit_glm" in linecache.getline(caught.filename, caught.lineno)
