"""Summaries of earlier runs: whole, damaged, of others; and whose files lie in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from countglm.cli.earlier import foreign_files, read_summary, whole_summary
from countglm.errors import InputError

SOUND: dict[str, Any] = {
    "countglm": "0.3",
    "command": "de",
    "title": None,
    "files": ["report.html", "summary.json"],
    "contrasts": [{"name": "b vs a", "result": "result_b_vs_a.h5"}],
    "input": {"counts": "counts.csv", "min_count": 10.0, "command": ["countglm", "de"]},
}


def left(folder: Path, text: str) -> Path:
    (folder / "summary.json").write_text(text)
    return folder


def test_a_sound_summary_is_read(tmp_path: Path) -> None:
    left(tmp_path, json.dumps(SOUND))
    assert whole_summary(tmp_path) == read_summary(tmp_path) == SOUND
    assert foreign_files(tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"files": None}, "its 'files' is no list of names"),
        ({"files": [5]}, "its 'files' is no list of names"),
        ({"title": 5}, "its 'title' is not a text"),
        ({"n_dropped": True}, "its 'n_dropped' is not a whole number"),
        ({"contrasts": {}}, "its 'contrasts' is not a list"),
        ({"contrasts": [5]}, "its 'contrasts' are not all objects"),
        ({"contrasts": [{"name": 5}]}, "in its 'contrasts', its 'name' is not a text"),
        ({"contrasts": [{"result": "r.h5"}]}, "in its 'contrasts', it has no 'name'"),
        ({"input": {"counts": []}}, "in its 'input', its 'counts' is not a text"),
        ({"input": {"command": [1]}}, "in its 'input', its 'command' is not all words"),
    ],
)
def test_a_damaged_summary_is_told_in_a_sentence(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    left(tmp_path, json.dumps(SOUND | changed))
    with pytest.raises(InputError, match="is damaged") as refused:
        whole_summary(tmp_path)
    assert told in str(refused.value)
    assert read_summary(tmp_path) == {}


def test_half_a_file_is_damaged_and_none_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no summary"):
        whole_summary(tmp_path)
    left(tmp_path, json.dumps(SOUND)[:40])
    with pytest.raises(InputError, match="it is no JSON, or only a part of it"):
        whole_summary(tmp_path)
    left(tmp_path, '{"other": 1}')
    with pytest.raises(InputError, match="of countglm; name the output"):
        whole_summary(tmp_path)


def test_without_a_summary_files_of_the_names_of_a_run_are_foreign(tmp_path: Path) -> None:
    for name in ("report.html", "notes.txt", "test_a.tsv", "counts.csv"):
        (tmp_path / name).write_text("mine")
    assert foreign_files(tmp_path) == ["report.html", "test_a.tsv"]
