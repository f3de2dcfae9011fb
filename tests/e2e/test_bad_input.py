"""A caller's mistake gives one clear error: what is wrong, how many, where first, what to do."""

import gzip
import re
import warnings

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import countglm
from countglm.readers import read_counts, read_samples

N, G = 6, 9
SAMPLES = [f"s{i}" for i in range(N)]
GENES = [f"g{i}" for i in range(G)]


def counts():
    values = np.random.default_rng(3).poisson(30, (N, G)) + 1
    return pd.DataFrame(values, index=SAMPLES, columns=GENES)


def obs(**columns):
    given = {"condition": list("aaabbb"), "batch": list("xyzxyz"), "dose": [0.0, 1, 2, 0, 1, 2]}
    return pd.DataFrame(given | columns, index=SAMPLES)


def with_value(value, dtype=float):
    table = counts().astype(dtype)
    table.iloc[2, 5] = table.iloc[4, 7] = value
    return table


def fit(values=None, design="~ condition", table=None, **options):
    values = counts() if values is None else values
    table = obs() if table is None and isinstance(design, str) else table
    return countglm.fit_glm(values, design, obs=table, **options)


def design_with(value):
    x = np.column_stack([np.ones(N), [0, 0, 0, 1, 1, 1]]).astype(float)
    x[4, 1] = value
    return x


def broken_csr():
    matrix = sp.csr_array(counts().to_numpy())
    matrix.indices[3] = G + 5
    return matrix


FIRST = r".*'s2', gene 'g5'"
# What the caller does, and what the message has to say.
CASES = {
    # values that are no counts
    "NaN": (lambda: fit(with_value(np.nan)), f"2 counts are missing{FIRST}"),
    "infinity": (lambda: fit(with_value(np.inf)), f"2 counts are infinite{FIRST}"),
    "negative": (lambda: fit(with_value(-1)), rf"2 counts are negative, first -1\.0{FIRST}"),
    "negative integer": (lambda: fit(with_value(-1, int)), f"negative, first -1 at{FIRST}"),
    "fraction": (lambda: fit(with_value(0.5)), f"not whole numbers.*{FIRST}.*allow_noninteger"),
    "beyond 2^53": (lambda: fit(with_value(2**53 + 2, int)), rf"larger than 2\^53{FIRST}"),
    "NA of pandas": (lambda: fit(with_value(pd.NA, "Int64")), f"2 counts are missing{FIRST}"),
    "None among objects": (lambda: fit(with_value(None, object)), f"2 counts are missing{FIRST}"),
    "text": (lambda: fit(with_value("12", object)), f"2 entries .* text, first '12'{FIRST}"),
    "annotation column": (lambda: fit(counts().assign(symbol="A")), "text, .* gene 'symbol'"),
    "strings": (lambda: fit(np.full((N, G), "1")), "hold text"),
    "complex": (lambda: fit(np.ones((N, G), complex)), "complex"),
    "dates": (lambda: fit(np.ones((N, G), "M8[D]")), "dates"),
    "masked": (lambda: fit(np.ma.masked_equal(counts().to_numpy(), 31)), "missing"),
    "negative in CSR": (lambda: fit(sp.csr_array(with_value(-1.0).to_numpy())), "negative"),
    "NaN in CSC": (lambda: fit(sp.csc_matrix(with_value(np.nan).to_numpy())), "missing"),
    "fraction in Dask": (
        lambda: fit(da.from_array(with_value(0.5).to_numpy(), chunks=(2, 4))),
        "not whole numbers, first 0.5 at sample 2",
    ),
    "fraction in AnnData": (lambda: fit(ad.AnnData(with_value(0.5))), f"not whole{FIRST}"),
    "damaged CSR": (lambda: fit(broken_csr()), "sparse count matrix is damaged"),
    # shapes and names of counts
    "one dimension": (lambda: fit(np.ones(N)), r"1 dimension \(shape \(6,\)\)"),
    "ragged lists": (lambda: fit([[1, 2], [3]]), "different lengths"),
    "no gene": (lambda: fit(counts().iloc[:, :0]), "empty.*6 samples x 0 genes"),
    "no sample": (lambda: fit(counts().iloc[:0]), "empty.*0 samples x 9 genes"),
    "one sample": (lambda: fit(counts().iloc[:1]), "one sample"),
    "transposed array": (lambda: fit(counts().to_numpy().T), r"transposed.*counts\.T"),
    "transposed table": (lambda: fit(counts().T), "transposed"),
    "transposed against a matrix": (
        lambda: fit(counts().to_numpy().T, design_with(1.0)),
        r"transposed.*counts\.T",
    ),
    "repeated sample": (
        lambda: fit(counts().rename(index={"s3": "s1"})),
        "'s1' occurs more than once in the counts",
    ),
    "a path of nothing": (lambda: fit("counts.csv"), r"no file or folder counts\.csv"),
    "nothing": (lambda: fit(object()), "counts is of type object"),
    "unknown layer": (
        lambda: fit(ad.AnnData(counts()), layer="raw"),
        "no layer 'raw'; its layers are none",
    ),
    "layer of an array": (lambda: fit(layer="raw"), "needs an AnnData"),
    "too few gene names": (lambda: fit(gene_names=["a"]), "1 name for 9 genes"),
    # designs
    "sample missing": (
        lambda: fit(table=obs().drop(index="s4")),
        r"1 of 6 samples of the counts is missing in the sample table \('s4'\)",
    ),
    "sample too many": (lambda: fit(counts().iloc[:5]), r"not in the counts \('s5'\)"),
    "other names": (lambda: fit(table=obs().set_axis(list("ABCDEF"))), "6 of 6 samples"),
    "repeated sample in the table": (
        lambda: fit(table=obs().rename(index={"s3": "s1"})),
        "'s1' occurs more than once in the sample table",
    ),
    "too few rows": (lambda: fit(design=np.ones((4, 1))), "4 rows and the counts 6 samples"),
    "design of one dimension": (lambda: fit(design=np.ones(N)), "1 dimension"),
    "NaN in the design": (lambda: fit(design=design_with(np.nan)), "'x1' at sample 's4'"),
    "infinity in the design": (lambda: fit(design=design_with(np.inf)), "first inf in column 'x1'"),
    "text in the design": (lambda: fit(design=obs()[["batch"]]), "Column 'batch' of the design"),
    "repeated column": (
        lambda: fit(design=pd.DataFrame(design_with(1.0), SAMPLES, ["a", "a"])),
        "several columns named 'a'",
    ),
    "no design": (lambda: fit(design=None), "The design is None; give"),
    "rank-deficient matrix": (
        lambda: fit(design=np.ones((N, 2))),
        "rank 1 with 2 columns: 'x1' = x0",
    ),
    "confounded factors": (
        lambda: fit(design="~ condition + lab", table=obs(lab=list("pppqqq"))),
        r"'lab\[T\.q\]' = condition\[T\.b\]",
    ),
    "empty cell": (
        lambda: fit(design="~ condition * half", table=obs(half=list("uuvvvv"))),
        r"'condition\[T\.b\]:half\[T\.v\]' = condition\[T\.b\]",
    ),
    "saturated": (lambda: fit(design=np.eye(N)), "as many columns as samples"),
    "more columns than samples": (lambda: fit(design=np.ones((N, 8))), "8 columns for 6 samples"),
    "formula without table": (
        lambda: countglm.fit_glm(counts(), "~ condition"),
        "needs a sample table: pass obs=",
    ),
    "unknown column": (lambda: fit(design="~ conditon"), "no column 'conditon'.*'condition'"),
    "unknown function": (lambda: fit(design="~ spline(dose)"), "no function or column 'spline'"),
    "broken formula": (lambda: fit(design="~ condition +"), "cannot be read"),
    "empty formula": (lambda: fit(design="~"), "is empty"),
    "left-hand side": (lambda: fit(design="dose ~ condition"), "left-hand side"),
    "NA in a covariate": (
        lambda: fit(design="~ dose", table=obs(dose=[1, 2, np.nan, 4, np.nan, 6])),
        "Column 'dose' .* missing .* 2 samples, first in sample 's2'",
    ),
    "NA in a factor": (
        lambda: fit(table=obs(condition=["a", "a", None, "b", "b", "b"])),
        "Column 'condition' .* 1 sample, first in sample 's2'",
    ),
    "one level": (lambda: fit(table=obs(condition="a")), "one level among the samples"),
    "log of zero": (lambda: fit(design="~ log(dose)"), r"first -inf in column 'log\(dose\)'"),
    "dates in the table": (
        lambda: fit(design="~ day", table=obs(day=pd.Timestamp("2020-01-01"))),
        "Column 'day' .* convert",
    ),
    "too many knots": (lambda: fit(design="~ ns(dose, df=5)"), "increasing knots"),
    # options
    "zero size factor": (lambda: fit(size_factors=[1, 1, 0, 1, 1, 1]), "(?i)size.?factor"),
    "negative size factor": (lambda: fit(size_factors=[1, 1, -2, 1, 1, 1]), "(?i)size.?factor"),
    "NaN size factor": (lambda: fit(size_factors=[1, 1, np.nan, 1, 1, 1]), "(?i)size.?factor"),
    "too few size factors": (lambda: fit(size_factors=[1, 1]), "(?i)size.?factor"),
    "unknown rule": (lambda: fit(size_factors="rle"), "rle.*ratio"),
    "zero in every gene": (
        lambda: fit(counts() * (1 - np.eye(N, G, dtype=int) - np.eye(N, G, 6, dtype=int))),
        "poscounts.*library|library.*poscounts",
    ),
    "negative weight": (lambda: fit(weights=[1, 1, -1, 1, 1, 1]), "weights .* negative.*sample 2"),
    "shape of weights": (lambda: fit(weights=np.ones((G, N))), "weights has shape.*transposed"),
    "all weights zero": (lambda: fit(weights=np.zeros(N)), "weights are zero"),
    "NaN offset": (lambda: fit(offset=[0, 0, np.nan, 0, 0, 0]), "offset .*sample 2"),
    "minus infinite offset": (lambda: fit(offset=np.full((N, G), -np.inf)), "offset has 54"),
    "text as offset": (lambda: fit(offset="log"), "offset must hold real numbers"),
    "negative dispersion": (lambda: fit(dispersion=-0.1), "dispersion .*negative"),
    "too few dispersions": (lambda: fit(dispersion=[0.1, 0.2]), "9 values"),
    "unknown family": (lambda: fit(family="gamma"), "family='gamma'.*'nb' or 'poisson'"),
    "unknown solver": (lambda: fit(solver="lbfgs"), "solver='lbfgs'.*'irls' or 'newton'"),
    "tolerance": (lambda: fit(tol=-1), "tol=-1"),
    "iterations": (lambda: fit(max_iter=0), "max_iter=0"),
    "threads": (lambda: fit(threads=0), "threads"),
}


def packed(text):
    return gzip.compress(text.encode())


TEXT = counts().T.to_csv()
TABLE = obs().to_csv()
# File content, whether it is the sample table, and what the message has to say.
FILES = {
    "empty.csv": (b"", "is empty"),
    "header.csv": (TEXT.splitlines()[0].encode(), "header and no row"),
    "ragged.csv": (TEXT.replace("\ng4,", "\ng4,1,").encode(), "line 6: 8 fields, but .* 7"),
    "short.csv": (TEXT[:-5].encode(), "line 10: [56] fields"),
    "corrupt.csv.gz": (packed(TEXT)[:40] + b"\x00" * 9 + packed(TEXT)[49:], "gzip data"),
    "cut.csv.gz": (packed(TEXT)[:-9], "gzip data are cut short"),
    "words.csv": (
        re.sub("\ng4,\\d+", "\ng4,x", TEXT).encode(),
        "line 6: .*'g4', column 's0' is no",
    ),
    "missing.csv": (re.sub("\ng2,\\d+", "\ng2,NA", TEXT).encode(), r"missing \('NA'\)"),
    "renamed.csv": (TEXT.replace("s5", "t5").encode(), r"missing in the sample table \('t5'\)"),
    "both.csv": ("".join(TEXT.replace("g", "s").splitlines(True)[:7]).encode(), "both carry"),
    "latin.csv": (TEXT.replace("g3", "µ3").encode("latin-1"), "not UTF-8"),
    "quote.csv": (TEXT.replace("\ng3", '\n"g3').encode(), "quote that is not closed"),
    "excel.csv": (b"PK\x03\x04" + bytes(100), "Excel"),
    "text.h5ad": (TEXT.encode(), "not an HDF5 file"),
}


def assert_clear(call, message):
    """One InputError of one line that says what to do, and no warning beside it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(countglm.InputError, match=message) as caught:
            call()
    text = str(caught.value)
    assert "\n" not in text
    assert 30 < len(text) < 600
    assert re.search(r"[;:] |\. [A-Z]|\bmust be\b", text), "no remedy beside the finding"


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_wrong_arguments(call, message):
    assert_clear(call, message)


@pytest.mark.parametrize("name", FILES)
def test_wrong_counts_files(tmp_path, name):
    content, message = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert_clear(lambda: read_counts(tmp_path / name, samples=obs()), message)


def test_wrong_sample_tables(tmp_path):
    for content, message in [
        ("", "is empty"),
        (TABLE.replace("s3", "s2"), "'s2' occurs more than once"),
        (TABLE.replace("dose", "batch"), "several columns named 'batch'"),
        (TABLE.replace("s3,b", "s3"), "line 5: 3 fields"),
    ]:
        (tmp_path / "s.csv").write_text(content)
        assert_clear(lambda: read_samples(tmp_path / "s.csv"), message)
    assert_clear(lambda: read_samples(tmp_path / "none.csv"), "no file")


def test_files_that_are_missing_or_cut(tmp_path):
    assert_clear(lambda: read_counts(tmp_path / "none.csv", samples=obs()), "no file")
    ad.AnnData(counts()).write_h5ad(tmp_path / "x.h5ad")
    content = (tmp_path / "x.h5ad").read_bytes()
    (tmp_path / "x.h5ad").write_bytes(content[: len(content) // 2])
    assert_clear(lambda: read_counts(tmp_path / "x.h5ad"), "damaged, cut short")


@pytest.mark.parametrize(
    "values",
    [
        counts().to_numpy().astype(">i4"),
        counts().to_numpy().astype(">f8"),
        np.asfortranarray(counts().to_numpy()),
        np.repeat(counts().to_numpy(), 2, axis=1)[:, ::2],
        counts().astype("Int64"),
        counts().astype(object),
        counts().to_numpy().tolist(),
        sp.csr_array(counts().to_numpy()),
        ad.AnnData(counts()),
        da.from_array(counts().to_numpy(), chunks=(2, 3)),
        counts().sample(frac=1, random_state=1),
    ],
    ids=lambda v: type(v).__name__,
)
def test_valid_oddities_give_the_same_fit(values):
    expected = fit(size_factors="library")
    found = fit(values, size_factors="library")
    if isinstance(values, pd.DataFrame):
        order = [values.index.get_loc(name) for name in SAMPLES]
        np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.size_factors[order], expected.size_factors, rtol=1e-14)
    else:
        np.testing.assert_array_equal(found.coefficients, expected.coefficients)


def test_bool_counts_are_counts():
    on = np.random.default_rng(0).random((N, G)) < 0.7
    found, expected = (
        fit(v, size_factors="none", family="poisson") for v in (on, on.astype(float))
    )
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)


def test_the_table_is_long_enough():
    assert len(CASES) + len(FILES) >= 50
