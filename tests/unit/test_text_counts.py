"""Tables as spreadsheets and read counters write them: what is beside the counts, and names."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from countglm._warn import CountglmWarning, gathered
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.readers import read_counts, read_samples

SAMPLES = pd.DataFrame({"group": ["a", "b", "a"]}, index=["Sample 1", "Sample 2", "Sample 3"])
ROWS = {"g1": [1, 20, 300], "g2": [0, 5, 6], "g3": [7, 0, 9]}


def write(path, lines, end="\r\n", mark=True):
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + (end.join(lines) + end).encode())
    return path


def table(header="gene;Sample 1;Sample 2;Sample 3", rows=ROWS, before="", after=""):
    return [header] + [
        ";".join([name, *before.split(), *map(str, numbers), *after.split()])
        for name, numbers in rows.items()
    ]


def read(tmp_path, lines, samples=SAMPLES):
    """Counts (DataFrame or AnnData), their values by gene, and the warnings."""
    with gathered() as told:
        counts, obs = read_counts(write(tmp_path / "c.csv", lines), samples=samples)
    matrix = as_count_matrix(counts)
    values = dict(zip(matrix.gene_names, matrix.block(0, matrix.n_genes).tolist(), strict=True))
    assert list(obs.index) == list(matrix.sample_names)
    return counts, values, told


def test_annotation_stays_with_the_genes(tmp_path):
    lines = [
        "Gene ID;Gene symbol;Length (bp);Sample 3;Sample 1;Sample 2;Entrez;Comment",
        "g1;ACTB;1824;300.0;1.0;20.0;60;",
        "g2;;900;6.0;0.0;5.0;NA;look again",
        "g3;MYC;12;9.0;7.0;0.0;4609;",
    ]
    counts, values, told = read(tmp_path, lines)
    assert told == []
    assert isinstance(counts, ad.AnnData)
    assert list(counts.obs_names) == ["Sample 3", "Sample 1", "Sample 2"]
    assert values == {g: [float(r[2]), float(r[0]), float(r[1])] for g, r in ROWS.items()}
    assert list(counts.var.columns) == ["Gene symbol", "Length (bp)", "Entrez", "Comment"]
    assert counts.var["Gene symbol"].tolist() == ["ACTB", None, "MYC"]
    assert counts.var["Length (bp)"].tolist() == [1824, 900, 12]
    np.testing.assert_array_equal(counts.var["Entrez"], [60.0, np.nan, 4609.0])


def test_columns_of_featurecounts(tmp_path):
    lines = [
        "# Program:featureCounts v2.0.1",
        "Geneid\tChr\tStart\tEnd\tStrand\tLength\tSample 1\tSample 2\tSample 3",
        *[f"{g}\t1;1\t5;9\t7;11\t+;+\t6\t" + "\t".join(map(str, r)) for g, r in ROWS.items()],
    ]
    counts, values, told = read(tmp_path, lines)
    assert told == []
    assert list(counts.var.columns) == ["Chr", "Start", "End", "Strand", "Length"]
    assert values == {gene: list(map(float, row)) for gene, row in ROWS.items()}


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("name", ["Total", "all genes"])
def test_a_row_of_sums_is_no_gene(tmp_path, place, name):
    sums = {name: np.sum(list(ROWS.values()), axis=0)}
    rows = {**sums, **ROWS} if place == "first" else {**ROWS, **sums}
    _, values, told = read(tmp_path, table(rows=rows))
    assert set(values) == set(ROWS)
    why = "a total by its name" if name == "Total" else "the sum of all other rows"
    assert told == [f"c.csv holds more than counts: left out the row {name!r} ({why})."]


def test_a_total_that_is_no_longer_one(tmp_path):
    # Genes were deleted below it: it has still as many counts as any of them.
    _, values, told = read(tmp_path, table(rows={**ROWS, "TOTAL": [9, 20, 350]}))
    assert "TOTAL" not in values
    assert "the row 'TOTAL' (a total by its name)" in told[0]


def test_a_gene_that_is_called_a_total_is_kept(tmp_path):
    _, values, told = read(tmp_path, table(rows={**ROWS, "Sum": [1, 2, 3]}))
    assert values["Sum"] == [1, 2, 3]
    assert "The row 'Sum' of c.csv was kept as a gene" in told[0]
    lines = ["s;g1;Total;g3", "Sample 1;1;2;3", "Sample 2;4;5;6", "Sample 3;7;8;9"]
    _, values, told = read(tmp_path, lines)
    assert values["Total"] == [2, 5, 8]
    assert "The column 'Total' of c.csv was kept as a gene" in told[0]
    _, values, told = read(tmp_path, [lines[0], "Sample 1;1;4;3", "Sample 2;4;10;6", lines[3]])
    assert "Total" in values
    _, values, told = read(tmp_path, [lines[0], *(f"Sample {i};{i};9;{i}" for i in (1, 2, 3))])
    assert "left out the column 'Total' (a total by its name)" in told[0]


@pytest.mark.parametrize("name", ["end", "No (2)", "size"])
def test_numbers_taken_as_annotation_by_a_word_are_told(tmp_path, name):
    lines = [f"{line};{more}" for line, more in zip(table(), [name, 5, 6, 7], strict=True)]
    counts, _, told = read(tmp_path, lines)
    assert list(counts.var.columns) == [name]
    assert f"numbers in the column {name!r}, taken as annotation by name" in told[0]


def test_columns_of_sums_are_no_samples(tmp_path):
    sums = [str(sum(row)) for row in ROWS.values()]
    lines = [f"{line};{more}" for line, more in zip(table(), ["reads", *sums], strict=True)]
    counts, values, told = read(tmp_path, lines)
    assert isinstance(counts, pd.DataFrame)
    assert set(values) == set(ROWS)
    assert told == ["c.csv holds more than counts: left out the column 'reads' (a total)."]


def test_two_equal_genes_are_not_sums_of_each_other(tmp_path):
    for rows in (
        {"g1": [1, 2, 3], "g2": [1, 2, 3]},
        {"g0": [0, 0, 0], **dict.fromkeys("ab", [1] * 3)},
    ):
        _, values, told = read(tmp_path, table(rows=rows))
        assert list(values) == list(rows)
        assert told == []


def test_counters_of_read_counters(tmp_path):
    rows = {**ROWS, "__no_feature": [900, 800, 700], "__ambiguous": [1, 2, 3]}
    _, values, told = read(tmp_path, table(rows=rows))
    assert set(values) == set(ROWS)
    assert "left out the rows '__no_feature', '__ambiguous' (counters of a read counter)" in told[0]
    rows = {"N_unmapped": [1, 2, 3], "N_noFeature": [3, 2, 1], **ROWS}
    assert set(read(tmp_path, table(rows=rows))[1]) == set(ROWS)


def test_names_that_differ_in_case_spaces_and_punctuation(tmp_path):
    lines = table("gene;sample.1;Sample 2 ;SAMPLE_3")
    counts, values, told = read(tmp_path, lines)
    assert list(counts.index) == list(SAMPLES.index)
    assert values["g1"] == [1.0, 20.0, 300.0]
    assert told == [
        "c.csv and the sample table write names differently, which were taken as the same "
        "('sample.1' is 'Sample 1', 'SAMPLE_3' is 'Sample 3'); nothing but case, spaces and "
        "punctuation differs."
    ]
    # The X that R puts before digits, and samples in rows.
    table_of_numbers = SAMPLES.set_axis(["1-1", "1-2", "2-1"])
    lines = ["sample;g1;g2", "X1.1;1;2", "X1.2;3;4", "X2.1;5;6"]
    counts, values, told = read(tmp_path, lines, table_of_numbers)
    assert list(counts.index) == ["1-1", "1-2", "2-1"]
    assert values == {"g1": [1.0, 3.0, 5.0], "g2": [2.0, 4.0, 6.0]}
    assert len(told) == 1


def test_names_that_could_mean_two_samples_are_not_guessed(tmp_path):
    twins = SAMPLES.set_axis(["Sample 1", "sample 1", "Sample 3"])
    lines = table("gene;SAMPLE 1;sample 1;Sample 3")
    with pytest.raises(InputError, match=r"'SAMPLE 1'.*write them alike on both sides"):
        read(tmp_path, lines, twins)
    with pytest.raises(InputError, match="missing in the sample table"):
        read(tmp_path, table("gene;Sample1;Sample 2;Sample 3"))


def test_numbers_that_may_be_a_sample_are_not_left_out(tmp_path):
    lines = table("gene;Sample 1;Sample 2;Sample 3;Sample 4", after="8")
    with pytest.raises(InputError, match=r"column 'Sample 4' of numbers, which is no sample of .*"):
        read(tmp_path, lines)
    # Missing counts do not make a sample an annotation.
    lines[1] = lines[1].replace(";8", ";NA")
    with pytest.raises(InputError, match="'Sample 4' of numbers"):
        read(tmp_path, lines)
    lines = table("gene;Sample 1;Sample 2;Other", after="")
    with pytest.raises(InputError, match=r"missing in the sample table \('Other'\) and 1 of 3"):
        read(tmp_path, lines)


def test_genes_that_became_dates(tmp_path):
    rows = dict(zip(["1-Mar", "SEP-2", "MARCH3"], ROWS.values(), strict=True))
    _, values, told = read(tmp_path, table(rows=rows))
    assert set(values) == set(rows)
    assert told == [
        "In c.csv 2 gene names are dates ('1-Mar', 'SEP-2'), as spreadsheets make them of names "
        "like MARCH1 and SEPT2; take the names from the original file."
    ]


def test_empty_columns_of_spreadsheets(tmp_path):
    lines = [f"{line};;" for line in table()]
    counts, values, told = read(tmp_path, lines)
    assert isinstance(counts, pd.DataFrame)
    assert set(values) == set(ROWS)
    assert told == []
    path = write(tmp_path / "s.csv", ["Sample ; Dose ;;", "s1; 1 ;;", " s2;2;;", ";;;"])
    samples = read_samples(path)
    assert list(samples.columns) == ["Dose"]
    assert samples["Dose"].to_dict() == {"s1": 1, "s2": 2}


def test_samples_in_rows_win_over_a_gene_of_their_name(tmp_path):
    lines = ["s;g1;Sample 2;g3", "Sample 1;1;2;3", "Sample 2;4;5;6", "Sample 3;7;8;9"]
    _, values, told = read(tmp_path, lines)
    assert values == {"Sample 2": [2.0, 5.0, 8.0], "g1": [1, 4, 7], "g3": [3, 6, 9]}
    assert told == []
    with pytest.raises(InputError, match="line 3: the count in row 'Sample 2', column 'g1' is no"):
        read(tmp_path, [line.replace("4;5;6", "x;5;6") for line in lines])


@pytest.mark.parametrize(("cell", "remedy"), [("1,0", "decimal point"), ("1,300", "thousands")])
def test_commas_in_numbers(tmp_path, cell, remedy):
    rows = {**ROWS, "g2": [0, cell, 6]}
    with pytest.raises(InputError, match=f"row 'g2', column 'Sample 2' is no number .*{remedy}"):
        read(tmp_path, table(rows=rows))


def test_the_warning_points_at_the_caller(tmp_path):
    path = write(tmp_path / "c.csv", table(rows={**ROWS, "Total": [1, 2, 3]}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_counts(path, samples=SAMPLES)
    assert [w.category for w in caught] == [CountglmWarning]
    assert caught[0].filename == __file__


def test_names_that_no_table_shares_explain_cells_that_are_words(tmp_path):
    lines = [
        "Gene;Symbol;Sample 1;Sample 2;Sample 3",
        *[f"{gene};SYM;" + ";".join(map(str, row)) for gene, row in ROWS.items()],
    ]
    numbered = SAMPLES.rename_axis("name").reset_index()
    with pytest.raises(InputError, match="its column 'name' holds such names and should stand fir"):
        read(tmp_path, lines, numbered)
    with pytest.raises(InputError, match=r"columns 'Symbol', 'a', 'b'\); write the names alike"):
        read(tmp_path, ["g;a;b;Symbol", "x;1;2;ACTB"])


def test_files_that_were_exchanged(tmp_path):
    counts = read_samples(write(tmp_path / "counts.csv", table()))
    with pytest.raises(InputError, match="counts and sample table look exchanged"):
        read(tmp_path, ["Sample;group", "Sample 1;a", "Sample 2;b", "Sample 3;a"], counts)
