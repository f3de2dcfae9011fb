import gzip
import time

import numpy as np
import pandas as pd
import pytest

from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.readers import read_counts, read_samples

SAMPLES = pd.DataFrame({"group": ["a", "b", "a"]}, index=["s1", "s2", "s3"])
VALUES = np.array([[1, 20, 300, 0], [2, 0, 7, 9007199254740992], [5, 6, 7, 8]])
GENES = ["ENSG1", "NA", "MARCH1", "00123"]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def table(delimiter=",", corner="gene", end="\n", orientation="genes"):
    rows, columns, values = GENES, list(SAMPLES.index), VALUES.T
    if orientation == "samples":
        rows, columns, values = columns, rows, VALUES
    lines = [delimiter.join(([] if corner is None else [corner]) + list(columns))]
    for name, numbers in zip(rows, values, strict=True):
        lines.append(delimiter.join([name, *map(str, numbers)]))
    return end.join(lines) + end


TEXTS = {
    "comma": table(),
    "tab": table("\t"),
    "semicolon": table(";"),
    "space": table(" "),
    "empty corner": table(corner=""),
    "header one short, as in R": table("\t", corner=None),
    "CRLF": table(end="\r\n"),
    "CR": table(end="\r"),
    "byte order mark": "\ufeff" + table(),
    "quoted": '"gene","s1","s2","s3"\n"ENSG1","1","2","5"\n"NA","20","0",6\n'
    '"MARCH1","300","7","7"\n"00123","0","9007199254740992","8"\n',
    "no end of line": table().rstrip("\n"),
    "blank lines and empty rows": "\n" + table().replace("\nMARCH1", "\n\n,,,\nMARCH1") + "\n\n",
    "comments": "# made by hand, today\n# twice\n" + table(),
    "header behind a hash": table("\t", corner="#OTU ID"),
    "whole floats": table().replace("300", "300.0").replace("20", "2e1"),
    "samples x genes": table(orientation="samples"),
    "samples x genes, tab": table("\t", orientation="samples", corner=""),
    "spaces around numbers": table().replace("300", " 300 "),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_text_counts(tmp_path, text, packed):
    path = tmp_path / "counts.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    counts, obs = read_counts(path, samples=SAMPLES)
    matrix = as_count_matrix(counts)
    assert matrix.sample_names.tolist() == ["s1", "s2", "s3"]
    assert matrix.gene_names.tolist() == GENES
    assert matrix.block(0, 4).tolist() == VALUES.T.tolist()
    pd.testing.assert_frame_equal(obs, SAMPLES)


def test_utf16_and_several_gzip_members(tmp_path):
    counts, _ = read_counts(write(tmp_path / "a.txt", table("\t"), "utf-16"), samples=SAMPLES)
    assert counts.to_numpy().tolist() == VALUES.tolist()
    halves = table()[:30].encode(), table()[30:].encode()
    (tmp_path / "b.csv.gz").write_bytes(b"".join(map(gzip.compress, halves)))
    counts, _ = read_counts(tmp_path / "b.csv.gz", samples=SAMPLES)
    assert counts.to_numpy().tolist() == VALUES.tolist()


def test_the_sample_table_follows_the_counts_by_name(tmp_path):
    path = write(tmp_path / "c.csv", table())
    counts, obs = read_counts(path, samples=SAMPLES.iloc[[2, 0, 1]])
    assert counts.index.tolist() == ["s1", "s2", "s3"]
    assert obs.index.tolist() == ["s1", "s2", "s3"]
    assert obs["group"].tolist() == ["a", "b", "a"]


def test_numbered_samples_are_matched_by_name_too(tmp_path):
    path = write(tmp_path / "c.csv", "g,2,0,1\n7,22,0,11\n0,4,5,6\n")
    samples = write(tmp_path / "s.csv", "sample,x\n0,0\n1,11\n2,22\n")
    counts, obs = read_counts(path, samples=samples)
    assert counts.index.tolist() == ["2", "0", "1"]
    assert obs["x"].tolist() == counts["7"].tolist() == [22, 0, 11]


def test_quotes_inside_names(tmp_path):
    path = write(tmp_path / "c.tsv", "gene\ts1\ts2\ts3\n5'-tRNA\t1\t2\t3\n3\"-x\t4\t5\t6\n")
    assert read_counts(path, samples=SAMPLES)[0].columns.tolist() == ["5'-tRNA", '3"-x']
    path = write(tmp_path / "c.csv", 'g,s1,s2,s3\n"a ""b"", c",1,2,3\n')
    assert read_counts(path, samples=SAMPLES)[0].columns.tolist() == ['a "b", c']


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table().replace("\nNA,20,0,6", "\nNA,20,0"), r"line 3: 3 fields, but the lines before ha"),
        (table().replace("\nNA,20,0,6", "\nNA,20,0,6,1"), r"line 3: 5 fields, .* have 4; look"),
        (table().replace("gene,", "gene,more,x,"), r"line 2: 4 fields, but the header \(line 1\)"),
        (table().replace("300", "many"), r"line 4: .* row 'MARCH1', column 's1' is no number"),
        (table().replace("300", '"1,300"'), r"is no number \('1,300'\); .*thousands separators"),
        (table().replace("300", ""), r"row 'MARCH1', column 's1' is missing \(''\)"),
        (table().replace("300", "NA"), r"is missing \('NA'\); every gene needs"),
        (table().replace("300", "TRUE"), "is no number"),
        (
            table().replace("s3", "s4"),
            r"1 of 3 .*c\.csv is missing in the sample table \('s4'\) an",
        ),
        (
            table().replace("s1,s2", "symbol,s2").replace("300", "ACTB"),
            r"1 of 3 samples of the sample table is not in c\.csv \('s1'\)",
        ),
        (table().replace("s", "t"), "None of the samples of the sample table"),
        (table().replace("s2", "s1"), "'s1' occurs more than once in .*c.csv"),
        ("g,s1,s2,s3\ns1,1,2,3\ns2,1,2,3\ns3,1,2,3\n", "both carry the sample names"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("gene,s1,s2,s3\n", "a header and no row"),
        ("gene\nENSG1\n", "a single column"),
        ('g,s1,s2,s3\n"a,1,2,3\n', "cannot be split into fields"),
        ("g,s1\x00,s2,s3\na,1,2,3\n", "binary data"),
    ],
)
def test_damaged_text_counts(tmp_path, text, message):
    path = write(tmp_path / "c.csv", text)
    with pytest.raises(InputError, match=message) as caught:
        read_counts(path, samples=SAMPLES)
    assert "\n" not in str(caught.value)


def test_nan_and_huge_numbers_reach_the_count_check(tmp_path):
    for bad, message in [
        ("nan", r"missing \(NaN\) \(at sample 's1', gene 'MARCH1'\)"),
        ("-4", "negative"),
        ("9007199254740993", r"larger than 2\^53"),
        ("1" + "0" * 30, r"larger than 2\^53"),
        ("1.5", r"1\.5 at sample 's1', gene 'MARCH1'"),
    ]:
        path = write(tmp_path / "c.csv", table().replace("300", bad))
        counts, _ = read_counts(path, samples=SAMPLES)
        with pytest.raises(InputError, match=message):
            as_count_matrix(counts)


def test_a_better_column_of_the_sample_table_is_pointed_out(tmp_path):
    samples = write(tmp_path / "s.csv", ",Run,group\n1,s1,a\n2,s2,b\n3,s3,a\n")
    with pytest.raises(InputError, match="its column 'Run' holds such names and should stand fir"):
        read_counts(write(tmp_path / "c.csv", table()), samples=samples)


def test_text_without_sample_table(tmp_path):
    path = write(tmp_path / "c.csv", table())
    with pytest.raises(InputError, match="give the sample table too"):
        read_counts(path)
    with pytest.raises(InputError, match="has no layers"):
        read_counts(path, samples=SAMPLES, layer="raw")


def test_files_that_are_damaged_or_foreign(tmp_path):
    whole = gzip.compress(table().encode() * 50)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for name, content, message in [
        ("cut.csv.gz", whole[:-20], "gzip data are cut short or corrupt"),
        ("flip.csv.gz", bytes(flipped), "gzip data are cut short or corrupt"),
        ("empty.csv.gz", gzip.compress(b""), "is empty"),
        ("empty.csv", b"", "is empty"),
        ("book.csv", b"PK\x03\x04rest", "Excel"),
        ("latin.csv", table().replace("MARCH1", "Mörk").encode("latin-1"), "not UTF-8 text"),
        ("utf16.csv", table().encode("utf-16-le"), "binary data"),
        ("no.h5ad", b"text", "is not an HDF5 file"),
        ("no2.h5ad", b"", r"is not an HDF5 file \(it is empty\)"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_counts(tmp_path / name, samples=SAMPLES)
    with pytest.raises(InputError, match="no file or folder"):
        read_counts(tmp_path / "absent.csv", samples=SAMPLES)
    with pytest.raises(InputError, match="There is no file"):
        read_samples(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_samples(tmp_path)
    with pytest.raises(InputError, match="holds neither a zarr store nor MatrixMarket"):
        read_counts(tmp_path)


def test_sample_table_columns(tmp_path):
    text = (
        "id,condition,dose,plate,note,old,when,flag,number of lanes\n"
        "007,None,1.5,01,NA,TRUE,1,true,2\n"
        "NA,null,2,02,x,FALSE,NA,false,6\n"
        "1e3,Inf,-3e2,10,,TRUE,3,TRUE,1\n"
    )
    table = read_samples(write(tmp_path / "s.csv", text))
    assert table.index.tolist() == ["007", "NA", "1e3"]
    assert table.index.name == "id"
    assert table["condition"].tolist() == ["None", "null", "Inf"]
    assert table["dose"].tolist() == [1.5, 2.0, -300.0]
    assert table["plate"].tolist() == ["01", "02", "10"]
    assert table["note"].isna().tolist() == [True, False, True]
    assert table["old"].tolist() == [True, False, True]
    assert table["when"].isna().tolist() == [False, True, False]
    assert table["flag"].dtype == bool
    assert table["number of lanes"].dtype == np.int64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s,x\na,1\na,2\n", "'a' occurs more than once"),
        ("s,x,x\na,1,2\n", "several columns named 'x'"),
        ("s,x,\na,1,2\n", "a column without a name"),
        ("s,x\na,1\nb\n", "line 3: 1 field,"),
        ("s\na\n", "single column"),
    ],
)
def test_damaged_sample_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_samples(write(tmp_path / "s.csv", text))


@pytest.mark.parametrize("shape", [(64_102, 8), (8, 64_102)], ids=["tall", "wide"])
def test_speed_of_a_whole_transcriptome(tmp_path, shape):
    values = np.random.default_rng(0).poisson(100, shape)
    names = [[f"{letter}{i}" for i in range(n)] for letter, n in zip("rc", shape, strict=True)]
    frame = pd.DataFrame(values, index=names[0], columns=names[1])
    frame.to_csv(tmp_path / "c.csv.gz", compression={"method": "gzip", "compresslevel": 1})
    samples = pd.DataFrame({"x": range(8)}, index=names[shape.index(8)])
    started = time.perf_counter()
    counts, _ = read_counts(tmp_path / "c.csv.gz", samples=samples)
    # 0.3 s on one core; the bound only catches work that grows with the square of a side.
    assert time.perf_counter() - started < 5.0
    expected = values.T if shape[1] == 8 else values
    np.testing.assert_array_equal(counts.to_numpy(), expected)


@pytest.mark.parametrize("cell", ["1_000", "\u0661\u0662", "\u00b2", "1\u00a0000"])
def test_numbers_of_other_notations_are_no_counts(tmp_path, cell):
    path = write(tmp_path / "counts.csv", f"gene,s1,s2,s3\na,1,2,3\nb,4,{cell},6\n")
    with pytest.raises(InputError, match="line 3: the count in row 'b', column 's2' is no number"):
        read_counts(path, samples=SAMPLES)
    samples = read_samples(write(tmp_path / "samples.csv", f"sample,dose\ns1,1\ns2,{cell}\n"))
    assert samples["dose"].tolist() == ["1", cell]
