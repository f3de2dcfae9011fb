"""GLMFit: derived arrays against direct formulas, tables, files, annotation."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countglm._covariance import active_columns, fisher_weight, inverse_information
from countglm._store import FORMAT_VERSION, atomic_file, read_arrays, write_arrays
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.results import GLMFit
from countglm.status import Status
from tests.support.fits import NAMES, SAMPLES, SEPARATED_GENE, synthetic_design, synthetic_fit

ARRAYS = (
    "coefficients",
    "standard_errors",
    "dispersion",
    "size_factors",
    "status",
    "n_iter",
    "newton_decrement",
    "separation_pattern",
    "separated_samples",
    "gene_names",
    "sample_names",
)


class TestProperties:
    def test_sizes_and_names(self) -> None:
        fit = synthetic_fit(40)
        assert (fit.n_genes, fit.n_samples) == (40, 8)
        assert fit.coef_names == NAMES

    def test_converged_means_converged_or_boundary(self) -> None:
        fit = synthetic_fit(40)
        usable = {Status.CONVERGED, Status.BOUNDARY_DISPERSION}
        assert [Status(int(code)) in usable for code in fit.status] == fit.converged.tolist()

    def test_status_counts_add_up_and_start_with_the_usable(self) -> None:
        counts = synthetic_fit(40).status_counts()
        assert sum(counts.values()) == 40
        assert list(counts)[:2] == [Status.CONVERGED, Status.BOUNDARY_DISPERSION]
        assert len(counts) == len(Status)

    def test_is_frozen(self) -> None:
        with pytest.raises(AttributeError):
            synthetic_fit(10).tol = 1.0  # type: ignore[misc]

    def test_repr_is_short_and_counts_statuses(self) -> None:
        text = repr(synthetic_fit(40))
        assert "40 genes x 8 samples" in text
        assert "SEPARATED 4" in text
        assert "~ cell + dex" in text
        assert len(text.splitlines()) == 3


class TestMu:
    @pytest.mark.parametrize("ndim", [None, 1, 2])
    def test_is_the_exponential_of_the_linear_predictor(self, ndim: int | None) -> None:
        offset = None
        if ndim is not None:
            offset = np.random.default_rng(1).normal(size=(8,) if ndim == 1 else (8, 30))
        fit = synthetic_fit(30, offset=offset)
        eta = fit.design.matrix @ fit.finite_coefficients.T + np.log(fit.size_factors)[:, None]
        if offset is not None:
            eta += offset[:, None] if ndim == 1 else offset
        chosen = fit.converged
        np.testing.assert_allclose(fit.mu()[:, chosen], np.exp(eta[:, chosen]), rtol=1e-13)

    def test_separated_samples_have_mean_zero(self) -> None:
        fit = synthetic_fit(20)
        mu = fit.mu()[:, SEPARATED_GENE]
        np.testing.assert_array_equal(mu == 0, fit.separated_samples[0])

    def test_genes_without_fit_are_nan(self) -> None:
        fit = synthetic_fit(20)
        nan = np.isnan(fit.mu()).all(axis=0)
        np.testing.assert_array_equal(nan, np.isin(fit.status, (Status.ALL_ZERO, Status.INVALID)))

    @pytest.mark.parametrize(
        "genes",
        [
            ["gene3", "gene0"],
            [3, 0],
            np.array([3, 0]),
            np.array([-17, -20]),
        ],
    )
    def test_genes_by_name_or_index(self, genes: Any) -> None:
        fit = synthetic_fit(20)
        np.testing.assert_array_equal(fit.mu(genes), fit.mu()[:, [3, 0]])

    def test_genes_by_mask_slice_and_single_name(self) -> None:
        fit = synthetic_fit(20)
        mask = np.arange(20) < 2
        np.testing.assert_array_equal(fit.mu(mask), fit.mu(slice(0, 2)))
        assert fit.mu("gene5").shape == (8, 1)
        assert fit.mu([]).shape == (8, 0)

    @pytest.mark.parametrize(
        ("genes", "words"),
        [
            (["gene3", "nonesuch"], "1 of 2 genes are not in the fit, first 'nonesuch'"),
            ([20], "has index 20 .*but the fit has 20 genes"),
            (np.ones(3, dtype=bool), "boolean mask of shape"),
            ([0.5], "give names, indices or a boolean mask"),
        ],
    )
    def test_wrong_genes_are_named(self, genes: Any, words: str) -> None:
        with pytest.raises(InputError, match=words):
            synthetic_fit(20).mu(genes)

    def test_a_repeated_name_needs_an_index(self) -> None:
        names = np.array(["same", "same", *(f"g{i}" for i in range(18))], dtype=object)
        fit = synthetic_fit(20, gene_names=names)
        with pytest.raises(InputError, match="'same' occurs more than once"):
            fit.mu("same")
        assert fit.mu("g0").shape == (8, 1)


class TestCovariance:
    def test_inverts_the_expected_information(self) -> None:
        fit = synthetic_fit(20)
        gene = 0
        x = fit.design.matrix
        weight = fisher_weight(fit.mu(gene)[:, 0], fit.dispersion[gene])
        direct = np.linalg.inv((x.T * weight) @ x)
        np.testing.assert_allclose(fit.covariance[gene], direct, rtol=1e-12, atol=1e-16)

    @pytest.mark.parametrize("per_gene", [False, True])
    def test_weights_enter(self, per_gene: bool) -> None:
        twice = np.full((8, 20) if per_gene else (8,), 2.0)
        once, doubled = synthetic_fit(20), synthetic_fit(20, weights=twice)
        np.testing.assert_allclose(
            doubled.covariance[0], once.covariance[0] / 2, rtol=1e-13, atol=1e-16
        )

    def test_what_has_no_standard_error_has_no_covariance(self) -> None:
        fit = synthetic_fit(20)
        np.testing.assert_array_equal(
            np.isnan(np.diagonal(fit.covariance, axis1=1, axis2=2)), np.isnan(fit.standard_errors)
        )

    def test_a_separated_gene_keeps_the_covariance_of_what_is_finite(self) -> None:
        fit = synthetic_fit(20)
        gene = SEPARATED_GENE
        kept = ~fit.separated_samples[0]
        x = fit.design.matrix[kept][:, :2]
        weight = fisher_weight(fit.mu(gene)[kept, 0], fit.dispersion[gene])
        direct = np.linalg.inv((x.T * weight) @ x)
        np.testing.assert_allclose(fit.covariance[gene][:2, :2], direct, rtol=1e-12, atol=1e-16)

    def test_uncentred_covariates_lose_few_digits(self) -> None:
        from fractions import Fraction

        years = 1900.0 + np.array([1, 4, 9, 30, 42, 55, 61, 70], dtype=np.float64)
        x = np.column_stack([np.ones(8), years])
        weight = np.linspace(0.5, 3.0, 8)
        s0, s1, s2 = (
            sum((Fraction(w) * Fraction(t) ** k for w, t in zip(weight, years, strict=True)))
            for k in range(3)
        )
        exact = float(s0 / (s0 * s2 - s1 * s1))
        active = np.ones((1, 2), dtype=np.bool_)
        found = inverse_information(x, weight[None, :], active)[0, 1, 1]
        assert abs(found / exact - 1) < 1e-12

    def test_active_columns_follow_the_informative_samples(self) -> None:
        x = synthetic_fit(10).design.matrix
        informative = np.ones((2, 8), dtype=np.bool_)
        informative[1] = x[:, 2] == 0
        assert active_columns(x, informative).tolist() == [[True] * 3, [True, True, False]]

    def test_agrees_with_the_engine_and_with_its_own_standard_errors(self) -> None:
        import countglm

        rng = np.random.default_rng(4)
        counts = rng.poisson(rng.uniform(0.2, 40, 40), size=(8, 40))
        counts[4:, 0] = 0
        x = synthetic_design().matrix[:, [0, 2]]
        fit = countglm.fit_glm(counts, x, size_factors="none", dispersion=0.2)
        found = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
        np.testing.assert_allclose(found, fit.standard_errors, rtol=1e-12)
        mu, y = fit.mu(7)[:, 0], counts[:, 7]
        weight = mu * (1 + 0.2 * y) / (1 + 0.2 * mu) ** 2
        np.testing.assert_allclose(
            fit.observed_covariance([7])[0], np.linalg.inv((x.T * weight) @ x), rtol=1e-12
        )

    def test_a_loaded_fit_takes_the_counts_and_checks_them(self, tmp_path: Path) -> None:
        import countglm

        counts = np.random.default_rng(4).poisson(9.0, size=(8, 12))
        x = synthetic_design().matrix
        fit = countglm.fit_glm(counts, x, size_factors="none", dispersion=0.2)
        fit.save(tmp_path / "fit.npz")
        back = GLMFit.load(tmp_path / "fit.npz")
        np.testing.assert_array_equal(
            back.observed_covariance(counts=counts.astype(np.float32)), fit.observed_covariance()
        )
        with pytest.raises(InputError, match=r"are not the counts of this fit.*differ in values"):
            back.observed_covariance(counts=counts + 1)
        with pytest.raises(InputError, match=r"are not the counts of this fit.*differ in shape"):
            back.observed_covariance(counts=counts[:, 1:])

    def test_observed_covariance_needs_the_counts(self) -> None:
        with pytest.raises(InputError, match="pass them as counts="):
            synthetic_fit(20).observed_covariance()


class TestFrame:
    def test_log2_scale_and_status_words(self) -> None:
        fit = synthetic_fit(20)
        frame = fit.to_frame()
        assert frame.index.tolist() == fit.gene_names.tolist()
        np.testing.assert_allclose(
            frame["log2:dex[T.trt]"], fit.coefficients[:, 2] / np.log(2), rtol=1e-15
        )
        np.testing.assert_allclose(
            frame["log2SE:Intercept"], fit.standard_errors[:, 0] / np.log(2), rtol=1e-15
        )
        assert frame["status"].tolist() == [Status(int(code)).name for code in fit.status]
        np.testing.assert_array_equal(frame["converged"], fit.converged)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".npz"])
class TestFiles:
    def test_round_trip(self, tmp_path: Path, suffix: str) -> None:
        offset = np.random.default_rng(3).normal(size=(8, 25))
        fit = synthetic_fit(25, offset=offset, weights=np.linspace(1, 2, 8))
        fit.save(tmp_path / f"fit{suffix}")
        back = GLMFit.load(tmp_path / f"fit{suffix}")
        for name in (*ARRAYS, "offset", "weights"):
            np.testing.assert_array_equal(getattr(back, name), getattr(fit, name), err_msg=name)
            assert getattr(back, name).dtype == getattr(fit, name).dtype, name
        np.testing.assert_array_equal(back.design.matrix, fit.design.matrix)
        assert back.design.names == NAMES
        assert back.design.factors == fit.design.factors
        assert back.design.formula == fit.design.formula
        for contrast in (["dex", "trt", "untrt"], "cell[T.b]", [0.0, 1.0, -1.0]):
            vector, label = fit.design.contrast(contrast)
            np.testing.assert_array_equal(back.design.contrast(contrast)[0], vector)
            assert back.design.contrast(contrast)[1] == label
        assert back.provenance == fit.provenance
        assert (back.family, back.tol) == (fit.family, fit.tol)
        assert back.counts is None
        np.testing.assert_array_equal(back.mu(), fit.mu())

    def test_absent_names_stay_absent(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"fit{suffix}"
        synthetic_fit(10, sample_names=None).save(path)
        back = GLMFit.load(path)
        assert back.sample_names is None
        assert back.offset is None

    def test_names_beyond_ascii(self, tmp_path: Path, suffix: str) -> None:
        names = np.array([f"Gen ä/β {i}" for i in range(10)], dtype=object)
        path = tmp_path / f"fit{suffix}"
        synthetic_fit(10, gene_names=names).save(path)
        assert GLMFit.load(path).gene_names.tolist() == names.tolist()

    def test_an_existing_file_stays_without_force(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"fit{suffix}"
        path.write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            synthetic_fit(10).save(path)
        assert path.read_text() == "mine"
        synthetic_fit(10).save(path, force=True)
        assert GLMFit.load(path).n_genes == 10

    def test_a_foreign_file_is_refused(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"fit{suffix}"
        path.write_bytes(b"not a fit at all")
        with pytest.raises(InputError, match="not a file that countglm saved"):
            GLMFit.load(path)

    def test_a_truncated_file_is_refused(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"fit{suffix}"
        synthetic_fit(500).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match="damaged"):
            GLMFit.load(path)

    def test_another_kind_is_refused(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"other{suffix}"
        write_arrays(path, "Other", {"a": np.arange(3)}, {})
        with pytest.raises(InputError, match="does not hold a GLMFit"):
            GLMFit.load(path)

    def test_a_newer_version_is_refused(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"newer{suffix}"
        write_arrays(path, "GLMFit", {"a": np.arange(3)}, {"version": FORMAT_VERSION + 1})
        with pytest.raises(InputError, match="update countglm"):
            GLMFit.load(path)

    def test_missing_and_contradicting_arrays_are_refused(
        self, tmp_path: Path, suffix: str
    ) -> None:
        path = tmp_path / f"fit{suffix}"
        synthetic_fit(10).save(path)
        arrays, meta = read_arrays(path, "GLMFit")
        meta.pop("kind")
        write_arrays(path, "GLMFit", {**arrays, "status": arrays["status"][:5]}, meta, force=True)
        with pytest.raises(InputError, match="status has shape"):
            GLMFit.load(path)
        arrays.pop("dispersion")
        write_arrays(path, "GLMFit", arrays, meta, force=True)
        with pytest.raises(InputError, match="lacks dispersion"):
            GLMFit.load(path)


class TestAtomicFile:
    def test_an_interrupt_leaves_nothing(self, tmp_path: Path) -> None:
        def interrupted() -> None:
            with atomic_file(tmp_path / "out.txt", force=False) as temporary:
                temporary.write_text("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert list(tmp_path.iterdir()) == []

    def test_the_mode_follows_the_umask(self, tmp_path: Path) -> None:
        previous = os.umask(0o027)
        try:
            synthetic_fit(10).save(tmp_path / "fit.h5")
        finally:
            os.umask(previous)
        assert stat.S_IMODE((tmp_path / "fit.h5").stat().st_mode) == 0o640

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("fit.pickle", "use one of .h5"),
            ("fit", "no suffix"),
            ("absent/fit.h5", "does not exist"),
            ("folder.h5", "is a folder"),
        ],
    )
    def test_wrong_targets_are_named(self, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / "folder.h5").mkdir()
        with pytest.raises(InputError, match=words):
            synthetic_fit(10).save(tmp_path / name)

    def test_loading_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="There is no file"):
            GLMFit.load(tmp_path / "nothing.h5")


class TestAnnData:
    def test_a_new_object_carries_names_and_numbers(self) -> None:
        fit = synthetic_fit(20)
        adata = fit.to_anndata()
        assert adata.var_names.tolist() == fit.gene_names.tolist()
        assert adata.obs_names.tolist() == SAMPLES.tolist()
        np.testing.assert_array_equal(adata.varm["countglm_coefficients"], fit.coefficients)
        assert adata.uns["countglm"]["coef_names"].tolist() == list(NAMES)

    def test_a_given_object_keeps_its_own_parts(self) -> None:
        import anndata

        fit = synthetic_fit(20)
        counts = np.arange(160, dtype=np.int32).reshape(8, 20)
        adata = anndata.AnnData(counts.copy())
        adata.obs_names, adata.var_names = SAMPLES.tolist(), fit.gene_names.tolist()
        adata.var["mine"] = 1
        back = fit.to_anndata(adata, key="glm")
        assert back is adata
        np.testing.assert_array_equal(adata.X, counts)
        assert adata.X.dtype == np.int32
        added = set(adata.var) - {"mine"}
        assert all(name.startswith("glm_") for name in {*added, *adata.varm, *adata.obs})
        assert list(adata.uns) == ["glm"]

    def test_another_order_is_matched_by_name(self) -> None:
        import anndata

        fit = synthetic_fit(20)
        order, turn = np.arange(20)[::-1], np.roll(np.arange(8), 3)
        adata = anndata.AnnData(np.zeros((8, 20), dtype=np.int32))
        adata.obs_names, adata.var_names = SAMPLES[turn].tolist(), fit.gene_names[order].tolist()
        fit.to_anndata(adata)
        np.testing.assert_array_equal(adata.var["countglm_dispersion"], fit.dispersion[order])
        np.testing.assert_array_equal(adata.obs["countglm_size_factors"], fit.size_factors[turn])
        assert adata.var["countglm_status"].tolist() == [
            Status(int(code)).name for code in fit.status[order]
        ]

    def test_other_genes_or_samples_are_refused(self) -> None:
        import anndata

        fit = synthetic_fit(20)
        adata = anndata.AnnData(np.zeros((8, 19), dtype=np.int32))
        with pytest.raises(InputError, match="adata has 19 genes, the fit has 20"):
            fit.to_anndata(adata)
        adata = anndata.AnnData(np.zeros((8, 20), dtype=np.int32))
        with pytest.raises(InputError, match="20 genes of adata are not in the fit, first '0'"):
            fit.to_anndata(adata)

    def test_h5ad_round_trip(self, tmp_path: Path) -> None:
        import anndata

        fit = synthetic_fit(20)
        fit.to_anndata().write_h5ad(tmp_path / "fit.h5ad")
        back = anndata.read_h5ad(tmp_path / "fit.h5ad")
        np.testing.assert_array_equal(back.varm["countglm_coefficients"], fit.coefficients)
        assert back.var["countglm_status"].tolist() == fit.to_frame()["status"].tolist()

    def test_another_number_of_samples_names_the_remedy(self) -> None:
        import anndata

        fit = synthetic_fit(20, sample_names=None)
        adata = anndata.AnnData(np.zeros((7, 20), dtype=np.int32))
        adata.var_names = fit.gene_names.tolist()
        with pytest.raises(InputError, match="7 samples, the fit has 8; give the object"):
            fit.to_anndata(adata)


def test_an_index_out_of_range_names_the_range() -> None:
    with pytest.raises(InputError, match=r"index 20 .*use indices from 0 to 19"):
        synthetic_fit(20).mu([3, 20])


def test_mu_checks_counts_that_are_given() -> None:
    counts = np.arange(160.0).reshape(8, 20)
    fit = synthetic_fit(20, counts_fingerprint=as_count_matrix(counts).fingerprint())
    np.testing.assert_array_equal(fit.mu([2], counts=counts), fit.mu([2]))
    with pytest.raises(InputError, match="not the counts of this fit"):
        fit.mu(counts=counts + 1)


def _drop(name: str) -> Any:
    return lambda arrays, meta: (arrays.pop(name, None), meta.pop(name, None))


def _set(name: str, value: Any) -> Any:
    return lambda arrays, meta: (arrays if isinstance(value, np.ndarray) else meta).update(
        {name: value}
    )


def _set_design(name: str, value: Any) -> Any:
    return lambda arrays, meta: meta["design"].update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("family"), "lacks family"),
        (_drop("provenance"), "lacks provenance"),
        (_drop("design"), "lacks design"),
        (_drop("design_matrix"), "lacks design_matrix"),
        (_set("tol", "small"), "tol is of type str"),
        (_set("version", "one"), "no format version"),
        (_set("design_matrix", np.ones((7, len(NAMES)))), "design_matrix has shape"),
        (_set("design_matrix", np.ones(8)), "design_matrix has shape"),
        (_set("design_matrix", np.array([["a"] * len(NAMES)] * 8)), "design_matrix holds"),
        (_set("sample_names", np.array(["a"])), "sample_names has shape"),
        (_set("dispersion", np.array(["a"] * 20)), "dispersion holds"),
        (_set("offset", np.ones((20, 8))), "offset has shape"),
        (_set("status", np.full(20, 77)), "status holds codes"),
        (_set("separation_pattern", np.full(20, 99)), "separation_pattern points beyond"),
        (_set_design("names", ["a"]), f"{len(NAMES)} columns and names"),
        (_set_design("factors", {"dex": 3}), "factors of its design"),
        (_set_design("codings", {"dex": [[1.0]]}), "coding of factor 'dex'"),
        (_set_design("formula", 3), "formula is of type int"),
    ],
)
@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_a_file_of_other_content_is_refused(
    tmp_path: Path, change: Any, message: str, suffix: str
) -> None:
    path = tmp_path / f"fit{suffix}"
    synthetic_fit(20).save(path)
    arrays, meta = read_arrays(path, "GLMFit")
    change(arrays, meta)
    write_arrays(path, "GLMFit", arrays, meta, force=True)
    with pytest.raises(InputError, match=message):
        GLMFit.load(path)


def test_an_hdf5_file_with_groups_is_refused(tmp_path: Path) -> None:
    import h5py

    synthetic_fit(20).save(tmp_path / "fit.h5")
    with h5py.File(tmp_path / "fit.h5", "a") as file:
        file.create_group("more")
    with pytest.raises(InputError, match="damaged"):
        GLMFit.load(tmp_path / "fit.h5")
