"""Tables as delimited text: every byte as pandas writes it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from countglm.cli import delimited as module
from countglm.cli.products import write_table
from countglm.status import Status

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, 1 / 3]


def table_of(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    numbers = np.exp(rng.normal(0, 20, n))
    numbers[: len(SPECIAL)] = SPECIAL
    return pd.DataFrame(
        {
            "a": numbers,
            "b": np.round(rng.normal(size=n), 1),
            "whole": rng.integers(-(10**12), 10**12, n),
            "flag": rng.random(n) < 0.5,
            "word": [None if i % 3 else f"w{i % 7}" for i in range(n)],
        },
        index=pd.Index([f"gene{i}" for i in range(n)], name="gene"),
    )


def by_pandas(table: pd.DataFrame, separator: str) -> str:
    return table.to_csv(sep=separator, na_rep="NA", lineterminator="\n")


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("at_once", [1, 40, 1 << 20])
def test_text_is_that_of_pandas(
    separator: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", at_once)
    table = table_of(50)
    assert module._piece(table, separator, "NA") is not None
    assert "".join(module.delimited(table, separator, "NA")) == by_pandas(table, separator)


@pytest.mark.parametrize(
    "word",
    ["a,b", "a\tb", 'say "no"', "two\nlines", "return\r", "", "NA", " ", "é", 1.5, Status(1)],
)
def test_odd_cells_and_names_are_as_pandas_writes_them(word: object) -> None:
    table = table_of(12)
    table["odd"] = pd.Series([word] * 12, dtype=object, index=table.index)
    as_name = table_of(12).rename(columns={"a": word}).rename(index={"gene3": word})
    as_name.index.name = word
    for each in (table, as_name):
        for separator in ("\t", ","):
            assert "".join(module.delimited(each, separator, "NA")) == by_pandas(each, separator)


@pytest.mark.parametrize(
    "table",
    [
        table_of(12).astype({"word": "category", "whole": "Int64", "b": np.float32}),
        table_of(12).reset_index(drop=True),
        table_of(12).iloc[:0],
        table_of(12)[[]],
        pd.DataFrame(np.eye(3), columns=["same", "same", "same"]),
    ],
)
def test_other_tables_are_as_pandas_writes_them(table: pd.DataFrame) -> None:
    assert "".join(module.delimited(table, "\t", "NA")) == by_pandas(table, "\t")


def test_files_by_their_names(tmp_path: Path) -> None:
    table = table_of(30)
    for name, separator in (("t.tsv", "\t"), ("t.csv", ","), ("t.tsv.gz", "\t"), ("t.csv.gz", ",")):
        write_table(table, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        if name.endswith(".gz"):
            assert content[4:8] == bytes(4), "a date would make equal tables differ"
            content = gzip.decompress(content)
        assert content.decode() == by_pandas(table, separator)
