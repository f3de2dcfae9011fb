"""Which column of an annotation names the genes."""

import pandas as pd
import pytest

from countglm._gene_labels import is_symbol, labels_of


@pytest.mark.parametrize("title", ["symbol", "Gene symbol", "GENE_NAME", "hgnc-symbol", " Symbol "])
def test_titles_of_symbols(title):
    assert is_symbol(title)
    table = pd.DataFrame({"padj": [0.1, 0.2, 0.3], title: ["TP53", None, ""]}, ["g1", "g2", "g3"])
    assert labels_of(table).tolist() == ["TP53", "g2", "g3"]


@pytest.mark.parametrize("title", ["description", "symbol source", "gene", "Length"])
def test_other_titles(title):
    table = pd.DataFrame({title: ["a", "b"]}, ["g1", "g2"])
    assert labels_of(table).tolist() == ["g1", "g2"]
