from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from countglm._panels import PanelSource
from countglm._warn import CountglmWarning
from countglm.counts import CountMatrix, as_count_matrix
from countglm.errors import InputError

N, G = 5, 230


@pytest.fixture(scope="module")
def values():
    counts = np.random.default_rng(5).poisson(0.8, (N, G))
    counts[2, 7] = 120
    return counts


def frame(values, dtype=None):
    table = pd.DataFrame(
        values,
        index=[f"s{i}" for i in range(values.shape[0])],
        columns=[f"g{i}" for i in range(values.shape[1])],
    )
    return table if dtype is None else table.astype(dtype)


def duplicated_coo(values):
    coo = sp.coo_array(values)
    rows, columns = (np.r_[i, i] for i in coo.coords)
    return sp.coo_array((np.r_[coo.data - 1, np.ones_like(coo.data)], (rows, columns)), coo.shape)


def unsorted_csc(values):
    matrix = sp.csc_array(values)
    for j in range(values.shape[1]):
        inside = slice(matrix.indptr[j], matrix.indptr[j + 1])
        matrix.indices[inside] = matrix.indices[inside][::-1].copy()
        matrix.data[inside] = matrix.data[inside][::-1].copy()
    return sp.csc_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)


def explicit_zero_csr(values):
    matrix = sp.csr_array(values + 1)
    matrix.data -= 1
    return matrix


STORAGES = {
    "int64": lambda v: v,
    "uint8": lambda v: v.astype(np.uint8),
    "float16": lambda v: v.astype(np.float16),
    "longdouble": lambda v: v.astype(np.longdouble),
    "big-endian int": lambda v: v.astype(">i4"),
    "big-endian float": lambda v: v.astype(">f8"),
    "Fortran order": np.asfortranarray,
    "strided": lambda v: np.repeat(np.repeat(v, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda v: v[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda v: np.frombuffer(v.tobytes(), v.dtype).reshape(v.shape),
    "negative zero": lambda v: np.where(v == 0, -0.0, v),
    "object ints": lambda v: v.astype(object),
    "object mixed": lambda v: np.array(
        [[Fraction(int(x)) if x % 2 else float(x) for x in row] for row in v], dtype=object
    ),
    "masked without mask": lambda v: np.ma.MaskedArray(v),
    "list of lists": lambda v: v.tolist(),
    "csr_array": sp.csr_array,
    "csc_matrix": sp.csc_matrix,
    "csr_matrix int8": lambda v: sp.csr_matrix(v.astype(np.int8)),
    "coo with repeated entries": duplicated_coo,
    "unsorted csc": unsorted_csc,
    "csr with explicit zeros": explicit_zero_csr,
    "lil": sp.lil_array,
    "DataFrame": frame,
    "DataFrame object": lambda v: frame(v, object),
    "DataFrame Int64": lambda v: frame(v, "Int64"),
    "DataFrame UInt8 and Float64": lambda v: frame(v, "UInt8").astype({"g1": "Float64"}),
    "DataFrame int and float": lambda v: frame(v).astype({"g0": np.float32, "g2": np.uint16}),
    "DataFrame sparse": lambda v: frame(v).astype(pd.SparseDtype(np.int64, 0)),
    "DataFrame sparse with fill 1": lambda v: frame(v).astype(pd.SparseDtype(np.int64, 1)),
    "DataFrame with a category": lambda v: frame(v).astype({"g0": "category"}),
    "AnnData": lambda v: ad.AnnData(v.astype(np.float32)),
    "AnnData CSR": lambda v: ad.AnnData(sp.csr_matrix(v)),
    "AnnData view": lambda v: ad.AnnData(sp.csr_matrix(np.vstack([v, v])))[:N],
    "Dask by rows": lambda v: da.from_array(v, chunks=(2, -1)),
    "Dask by columns": lambda v: da.from_array(v, chunks=(-1, 17)),
    "Dask of CSR": lambda v: da.from_array(v, chunks=(2, 100)).map_blocks(sp.csr_matrix),
    "AnnData of Dask": lambda v: ad.AnnData(da.from_array(v, chunks=(3, 50))),
}


@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES)
def test_storage_changes_no_bit(values, storage):
    counts = as_count_matrix(storage(values))
    assert (counts.n_samples, counts.n_genes) == (N, G)
    for start, stop in [(0, G), (0, 1), (63, 130), (G - 1, G)]:
        block = counts.block(start, stop)
        assert block.dtype == np.float64
        assert block.flags.c_contiguous
        assert block.tobytes() == values[:, start:stop].T.astype(float).tobytes()
    assert counts.fingerprint() == as_count_matrix(values).fingerprint()


def test_bool_counts():
    counts = as_count_matrix(np.eye(3, dtype=bool))
    np.testing.assert_array_equal(counts.block(0, 3), np.eye(3))
    mixed = pd.DataFrame({"a": [True, False], "b": [3, 4]})
    np.testing.assert_array_equal(as_count_matrix(mixed).block(0, 2), [[1, 0], [3, 4]])


def test_pandas_booleans():
    table = pd.DataFrame({"a": [True, False], "b": [False, True]}, dtype="boolean")
    np.testing.assert_array_equal(as_count_matrix(table).block(0, 2), np.eye(2))


def test_backed_files_and_memory_maps(values, tmp_path):
    expected = as_count_matrix(values)
    for name, x in [("dense", values.astype(np.int32)), ("csr", sp.csr_matrix(values))]:
        ad.AnnData(x, layers={"twice": x * 2}).write_h5ad(tmp_path / f"{name}.h5ad")
        backed = ad.read_h5ad(tmp_path / f"{name}.h5ad", backed="r")
        counts = as_count_matrix(backed)
        assert counts.fingerprint() == expected.fingerprint()
        assert counts.block(3, 99).tobytes() == expected.block(3, 99).tobytes()
        backed.file.close()
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert as_count_matrix(mapped).fingerprint() == expected.fingerprint()


def test_layer_of_an_anndata(values):
    data = ad.AnnData(np.zeros((N, G)), layers={"raw": values, "csr": sp.csr_matrix(values)})
    for layer in data.layers:
        np.testing.assert_array_equal(as_count_matrix(data, layer=layer).block(0, G), values.T)
    with pytest.raises(InputError, match=r"no layer 'rwa'; its layers are 'raw', 'csr'"):
        as_count_matrix(data, layer="rwa")
    with pytest.raises(InputError, match="needs an AnnData"):
        as_count_matrix(values, layer="raw")
    del data.X
    with pytest.raises(InputError, match="no X; name one of its layers"):
        as_count_matrix(data)


def test_names_and_sample_table(values):
    data = ad.AnnData(
        values,
        obs=pd.DataFrame({"group": list("aabbb")}, index=[f"s{i}" for i in range(N)]),
        var=pd.DataFrame(index=[f"ENSG{i}" for i in range(G)]),
    )
    counts = as_count_matrix(data)
    assert counts.sample_names.tolist() == ["s0", "s1", "s2", "s3", "s4"]
    assert counts.gene_names[7] == "ENSG7"
    assert counts.obs["group"].tolist() == list("aabbb")
    assert as_count_matrix(values).sample_names is None
    assert as_count_matrix(values).gene_names[:3].tolist() == ["0", "1", "2"]
    assert as_count_matrix(pd.DataFrame(values)).sample_names is None
    assert as_count_matrix(ad.AnnData(values)).sample_names is None
    named = as_count_matrix(values, gene_names=[f"x{i}" for i in range(G)])
    assert named.gene_names[-1] == f"x{G - 1}"
    assert as_count_matrix(named) is named
    assert as_count_matrix(named, gene_names=range(G)).gene_names[1] == "1"


def test_gene_names_are_taken_as_they_are():
    genes = ["NA", "nan", "MARCH1", "0012", 497097]
    counts = as_count_matrix(pd.DataFrame(np.ones((2, 5)), columns=genes))
    assert counts.gene_names.tolist() == ["NA", "nan", "MARCH1", "0012", "497097"]


def test_repeated_gene_names_warn_once_and_stay(values):
    table = frame(values).rename(columns={"g1": "g0", "g3": "g2"})
    with pytest.warns(CountglmWarning, match="2 gene names occur more than once") as caught:
        counts = as_count_matrix(table)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert counts.n_genes == G
    with pytest.warns(CountglmWarning, match="1 gene name occurs more than once"):
        as_count_matrix(frame(values).rename(columns={"g1": "g0"}))


def test_panels_agree_with_the_array_whatever_the_chunks(monkeypatch):
    x = np.random.default_rng(0).integers(0, 9, (3, 50))
    reads = []

    def read(start, stop):
        reads.append((start, stop))
        return x[:, start:stop]

    for entries, edges in [(30, ()), (30, (7, 14, 21, 49, 50)), (10_000, (5, 50)), (3, (50,))]:
        monkeypatch.setattr("countglm._panels._PANEL_ENTRIES", entries)
        source = PanelSource(read, x.shape, edges)
        for start in range(0, 50, 6):
            stop = min(start + 6, 50)
            np.testing.assert_array_equal(source.native(start, stop), x[:, start:stop].T)
    assert max(stop - start for start, stop in reads) <= 50


def test_panels_are_read_once_each(monkeypatch):
    x = np.arange(60).reshape(2, 30)
    reads = []
    monkeypatch.setattr("countglm._panels._PANEL_ENTRIES", 20)
    source = PanelSource(lambda a, b: reads.append(a) or x[:, a:b], x.shape)
    for start in range(0, 30, 2):
        source.native(start, start + 2)
    assert reads == [0, 10, 20]


def test_blocks_from_many_threads(values):
    wide = np.tile(values, (1, 20))
    expected = as_count_matrix(wide)
    for counts in (as_count_matrix(sp.csr_array(wide)), as_count_matrix(da.from_array(wide, 64))):
        starts = list(range(0, wide.shape[1], 64))
        with ThreadPoolExecutor(4) as pool:
            blocks = list(pool.map(lambda a, c=counts: c.block(a, min(a + 64, c.n_genes)), starts))
        assert np.vstack(blocks).tobytes() == expected.block(0, wide.shape[1]).tobytes()


def test_the_callers_data_are_neither_copied_nor_changed(values):
    x = values.astype(np.int32)
    counts = as_count_matrix(x)
    counts.block(0, G)[:] = -1
    np.testing.assert_array_equal(x, values)
    assert counts._source.native(0, 1).base is not None
    matrix = unsorted_csc(values)
    indices = matrix.indices.copy()
    as_count_matrix(matrix).block(0, G)
    np.testing.assert_array_equal(matrix.indices, indices)


def test_fingerprint_sees_values_and_shape(values):
    base = as_count_matrix(values).fingerprint()
    other = values.copy()
    other[0, 0] += 1
    swapped = values[::-1]
    assert base == as_count_matrix(frame(values)).fingerprint()
    assert len({base, *(as_count_matrix(v).fingerprint() for v in (other, swapped))}) == 3
    zeros = np.zeros((2, 6))
    assert (
        as_count_matrix(zeros).fingerprint() != as_count_matrix(zeros.reshape(3, 4)).fingerprint()
    )


def test_repr(values):
    assert repr(as_count_matrix(values)) == "CountMatrix of 5 samples x 230 genes"
    assert isinstance(as_count_matrix(values), CountMatrix)


def test_a_sparse_matrix_of_the_caller_stays_as_it_is(values):
    matrix = sp.csr_array(values)
    room = matrix.data.size + 7
    matrix.data = np.r_[matrix.data, np.zeros(7, matrix.data.dtype)]
    matrix.indices = np.r_[matrix.indices, np.zeros(7, matrix.indices.dtype)]
    np.testing.assert_array_equal(as_count_matrix(matrix).block(0, G), values.T)
    assert (matrix.data.size, matrix.indices.size) == (room, room)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_, np.float32])
def test_repeated_entries_add_up_beyond_their_dtype(dtype):
    pairs = {np.uint8: [200, 100], np.float32: [2**24, 1]}
    large = np.array(pairs.get(dtype, [30_000, 30_000])).astype(dtype)
    coo = sp.coo_array((large, ([0, 0], [1, 1])), (2, 2))
    expected = np.array([[0.0, 0.0], [large.astype(float).sum(), 0.0]])
    np.testing.assert_array_equal(as_count_matrix(coo).block(0, 2), expected)
    csc = sp.csc_array((large, [0, 0], [0, 0, 2]), (2, 2))
    np.testing.assert_array_equal(as_count_matrix(csc).block(0, 2), expected)
    csr = sp.csr_array((large, [1, 1], [0, 2, 2]), (2, 2))
    np.testing.assert_array_equal(as_count_matrix(csr).block(0, 2), expected)
    assert csr.nnz == csc.nnz == 2


def test_gene_names_that_are_no_sequence(values):
    with pytest.raises(InputError, match="gene_names is of type int"):
        as_count_matrix(values, gene_names=5)


def transformed(values):
    """An AnnData whose X and ``scaled`` hold no counts; ``counts`` and ``raw`` do."""
    counts = ad.AnnData(sp.csr_matrix(values))
    data = ad.AnnData(np.log1p(values.astype(float)))
    data.layers["scaled"] = values * 1.0 - values.mean(axis=0)
    data.layers["counts"] = counts.X
    data.raw = counts
    return data


def test_log_normalised_input_names_what_holds_whole_numbers(values):
    told = (
        r"layers\['counts'\] and \.raw hold whole numbers: pass layer='counts' or pass adata\.raw"
    )
    with pytest.raises(InputError, match=f"not whole numbers, first .*{told}"):
        as_count_matrix(transformed(values))
    with pytest.raises(InputError, match=f"are negative, first .*{told}"):
        as_count_matrix(transformed(values), layer="scaled")


def test_a_wrong_layer_beside_counts_in_x_is_told_to_be_left_out(values):
    data = ad.AnnData(values, layers={"log": np.log1p(values.astype(float)), "text": values / 3})
    with pytest.raises(InputError, match="X holds whole numbers: leave layer= out"):
        as_count_matrix(data, layer="log")


def test_without_whole_numbers_anywhere_the_remedy_stays(values):
    with pytest.raises(InputError, match="give raw counts, or pass allow_noninteger=True"):
        as_count_matrix(ad.AnnData(values / 3, layers={"half": values / 2}))


def test_genes_are_taken_in_any_order_and_kept_in_memory():
    values = np.arange(12).reshape(2, 6)
    counts = as_count_matrix(pd.DataFrame(values, index=["a", "b"]))
    for taken in (
        counts.take_genes(np.array([5, 0, 1])),
        counts.in_memory().take_genes(np.array([5, 0, 1])),
    ):
        np.testing.assert_array_equal(taken.block(0, 3), values[:, [5, 0, 1]].T)
        assert taken.gene_names.tolist() == ["5", "0", "1"]
        assert taken.sample_names.tolist() == ["a", "b"]
    assert counts.take_genes(np.array([], dtype=np.intp)).in_memory().block(0, 0).shape == (0, 2)
