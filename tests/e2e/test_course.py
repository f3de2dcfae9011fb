"""The course notebook as a download: an .ipynb that runs from start to end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.fresh import REPOSITORY, SOURCE

PAGE = REPOSITORY / "docs" / "course" / "optimisation.md"

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the notebook after a run without the tables that are not in the repository."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("course")
    jupytext.write(jupytext.read(PAGE, fmt="md:myst"), folder / "optimisation.ipynb")
    book = nbformat.read(folder / "optimisation.ipynb", as_version=4)
    nbformat.validate(book)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COUNTGLM_TEST_DATA", raising=False)
        patch.setenv("PYTHONPATH", str(SOURCE))
        # An assertion in a cell that fails ends the run with an error.
        NotebookClient(
            book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    return book


def printed(book: Any) -> str:
    return "".join(
        output.get("text", "") for cell in book.cells for output in cell.get("outputs", [])
    )


def test_the_notebook_runs_from_start_to_end(notebook: Any) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    streams = {o.name for cell in code for o in cell.outputs if o.output_type == "stream"}
    assert streams == {"stdout"}
    assert "a table of the same make-up is drawn at random" in printed(notebook)


def test_ten_fits_have_the_same_bits(notebook: Any) -> None:
    assert re.search(r"10 fits, different results: [0-9a-f]{16}\n", printed(notebook))


def test_the_designs_are_named_by_their_columns(notebook: Any) -> None:
    told = " ".join(printed(notebook).split())
    assert "'time', 'batch' carry nearly the same information" in told
    assert "1 sample alone determines a coefficient (leverage 1): '99'" in told
    assert "'group_id[T.stim]' = sample_id[T.stim101] + sample_id[T.stim107]" in told


def test_text_and_headings_are_those_of_the_lesson(notebook: Any) -> None:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    numbers = [int(n) for n in re.findall(r"^## (\d)\.", text, re.MULTILINE)]
    assert numbers == list(range(1, 9))
    # Every exercise has a solution: a folded cell after it.
    folded = [cell for cell in notebook.cells if "hide-cell" in cell.metadata.get("tags", [])]
    assert len(folded) == len(re.findall(r"^\*\*\d\.\*\*", text, re.MULTILINE)) == 6


def test_the_page_is_linked_from_the_index() -> None:
    index = (PAGE.parent.parent / "index.md").read_text()
    assert "course/optimisation.md" in index
