"""The large tables of the field: every one is read, matched by name and made a design."""

import pandas as pd
import pytest

from countglm.counts import as_count_matrix
from countglm.design import as_design
from countglm.readers import read_counts, read_samples

pytestmark = pytest.mark.data

TREATED = ["condition", "treated", "untreated"]
# Folder, formula, shape, first gene, and a contrast of the design.
TABLES = [
    ("airway", "~ cell + dex", (8, 64_102), "ENSG00000000003", ["dex", "trt", "untrt"]),
    (
        "pasilla",
        "~ type + condition",
        (7, 14_599),
        "FBgn0000003",
        ["type", "paired-end", "single-read"],
    ),
    ("fission", "~ strain * C(minute)", (36, 7_039), "SPAC212.11", ["minute", 60, 0]),
    ("fission", "~ strain * ns(minute, df=3)", (36, 7_039), "SPAC212.11", ["strain", "wt", "mut"]),
    ("gse96870_cerebellum", "~ sex + time", (22, 41_786), "Xkr4", ["time", "Day8", "Day0"]),
    ("mammary_gse60450", "~ 0 + CellTypeStatus", (12, 27_179), "497097", None),
    ("riaz_nivolumab", "~ time", (109, 22_187), "1", ["time", "On", "Pre"]),
    ("yeast48", "~ condition + clean", (96, 7_126), "15S_rRNA", ["clean", True, False]),
    ("kang_muscat_pseudobulk", "~ group_id + cluster_id", (20, 1_267), "HES4", None),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{t[0]} {t[1]}")
def test_text_tables(data_dir, table):
    name, formula, shape, gene, contrast = table
    samples = read_samples(data_dir / name / "samples.csv")
    shuffled = samples.sample(frac=1, random_state=1)
    raw, obs = read_counts(data_dir / name / "counts.csv.gz", samples=shuffled)
    counts = as_count_matrix(raw)
    assert (counts.n_samples, counts.n_genes) == shape
    assert counts.gene_names[0] == gene
    pd.testing.assert_frame_equal(obs, samples)
    design = as_design(formula, counts, obs=shuffled)
    assert design.matrix.tobytes() == as_design(formula, counts, obs=obs).matrix.tobytes()
    if contrast is not None:
        assert design.contrast(contrast)[0].any()


@pytest.mark.parametrize("name", ["kang_muscat", "paul15_subset", "soilrep"])
def test_h5ad_tables(data_dir, name):
    samples = read_samples(data_dir / name / "samples.csv")
    raw, obs = read_counts(data_dir / name / "counts.h5ad", samples=samples[::-1])
    counts = as_count_matrix(raw)
    assert counts.sample_names.tolist() == obs.index.tolist() == samples.index.tolist()
