"""Messages of Python as users of the command line read them."""

from __future__ import annotations

import pytest

from countglm.cli.shell_words import in_shell


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        (
            "by='a' is no column (it has b); name one of these, or give one label per sample.",
            "--by 'a' is no column (it has b); name one of these.",
        ),
        (
            "by='a' is no column (there is none); pass obs=, or give one label per sample.",
            "--by 'a' is no column (there is none); give one with --samples.",
        ),
        ("control= belongs to by=, which makes", "--control belongs to --by, which makes"),
        ("memory_limit=50 MB is too little", "--memory-limit 50 MB is too little"),
        ("(TMPDIR, or checkpoint=), or raise memory_limit so",
         "(TMPDIR, or --checkpoint), or raise --memory-limit so"),
        ("pass layer='raw', or pass allow_noninteger=True",
         "give --layer raw, or give --allow-noninteger"),
        (
            "test the sums: countglm.pseudobulk(adata, 'donor'). replicates=False says so.",
            "test the sums, in Python: countglm.pseudobulk(adata, 'donor'). --replicates none says "
            "so.",
        ),
        (
            "by='a' has no value for row 3 (counted from 0; 2 of 9 are missing); fill it in or "
            "leave these rows out.",
            "--by 'a' has no value for row 3 (counted from 0; 2 of 9 are missing); give a sample "
            "table with --samples in which they have one, such as 'unknown', which is a group of "
            "its own.",
        ),
        ("There is no file or folder /a/by=b/x; check the name.",
         "There is no file or folder /a/by=b/x; check the name."),
    ],
)  # fmt: skip
def test_options_stand_for_arguments(python: str, shell: str) -> None:
    assert in_shell(python) == shell
