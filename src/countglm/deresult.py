"""DEResult: a table of tests with the fit, the dispersions and the choices behind it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from ._de_summary import DESummary
    from .counts import CountMatrix
    from .dispersion import DispersionFit
    from .independent_filtering import Filtering
    from .outliers import Outliers
    from .results import GLMFit

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DEResult:
    """Differential expression of one contrast.

    Attributes
    ----------
    table : DataFrame
        One row per gene: ``baseMean, log2FoldChange, lfcSE, stat, pvalue, padj, test, status,
        na_reason``, then the columns of the genes' own annotation. Fold changes are log2.
        ``na_reason`` is a word for every NaN: all_zero, outlier, low_mean, not_estimable,
        not_converged, no_residual_df, no_weight, not_adjusted.
    fit : GLMFit
        Coefficients at the final dispersions, with their certificate.
    dispersion : DispersionFit
        Dispersions stage by stage, trend and prior.
    contrast : (n_coef,)
        Weights of the coefficients in the tested difference.
    label : str
        The contrast in words.
    settings : dict
        Choices of the analysis; JSON can hold it.
    provenance : dict
        Versions, processor, time, options, and the warnings of the analysis.
    filtering : Filtering or None
        Curve and threshold of the independent filtering.
    outliers : Outliers or None
        Cook's distances, their cutoff, and the counts that were replaced.
    var : DataFrame or None
        Annotation of the genes, as in the input's ``.var``.
    obs : DataFrame or None
        Sample table of a formula.
    """

    table: pd.DataFrame
    fit: GLMFit
    dispersion: DispersionFit
    contrast: Floats
    label: str
    settings: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    filtering: Filtering | None = None
    outliers: Outliers | None = None
    var: pd.DataFrame | None = None
    obs: pd.DataFrame | None = None

    def summary(self, alpha: float | None = None) -> DESummary:
        """Count what was found: up, down, outliers, low counts, on/off genes, and the method.

        Parameters
        ----------
        alpha : float, optional
            Level of the adjusted p-value, in (0, 1); that of the analysis if not given.

        Returns
        -------
        DESummary
            Text when printed; the numbers are its ``facts``. Percentages are of the genes with
            a count.
        """
        from ._de_summary import summarise

        return summarise(self, alpha)

    def significant(self, alpha: float | None = None) -> pd.DataFrame:
        """Return the rows of the table with an adjusted p below ``alpha``, smallest p first."""
        from ._de_styles import significant
        from ._de_summary import checked_alpha

        return significant(self, checked_alpha(alpha, self.settings))

    def test(
        self, contrast: Any, *, counts: Any = None, threads: int | None = None, **choices: Any
    ) -> Any:
        """Test another contrast of the same fit; dispersions and coefficients stay.

        Parameters
        ----------
        contrast : str, [factor, tested, reference], (n_coef,), list of names or dict
            As in `differential_expression`; a dict gives a dict of results.
        counts : optional
            The counts of the analysis, samples x genes; needed after `load`.
        threads : int, optional
            All allowed cores if not given.
        **choices
            Choices of `differential_expression` that are to differ from those of this result:
            test, reduced, lfc_threshold, alternative, use_t, alpha, independent_filtering,
            filter_statistic, p_adjust, interval, level. And ``cooks_cutoff=False``: genes flagged
            as outliers keep their p-value in this table; replaced counts stay replaced.

        Raises
        ------
        InputError
            An unknown choice, a contrast that the design does not have, counts that are missing
            or others.
        """
        from ._retest import retest

        return retest(self, contrast, counts, threads, choices)

    def shrink(self, **options: Any) -> DEResult:
        """Return this result with shrunken fold changes; options are those of `countglm.shrink`."""
        import countglm

        shrunken: DEResult = countglm.shrink(self, **options)
        return shrunken

    def require_counts(self, counts: Any = None) -> CountMatrix:
        """Return the counts of the fit, in which outliers may be replaced.

        Parameters
        ----------
        counts : optional
            The counts as they were given to the analysis, samples x genes; needed after `load`.

        Raises
        ------
        InputError
            Counts missing, or other than those of the analysis.
        """
        from ._replaced import fitted_counts

        return fitted_counts(self, counts)

    def to(self, style: str) -> pd.DataFrame:
        """Return the table under the column names of another tool.

        Parameters
        ----------
        style : {"deseq2", "edger", "limma", "pertpy", "scanpy"}
            ``"edger"``: logFC, logCPM, LR or F, PValue, FDR (as topTags). ``"limma"``: logFC,
            AveExpr, t, P.Value, adj.P.Val (as topTable). ``"pertpy"``: variable, baseMean,
            log_fc, lfcSE, stat, p_value, adj_p_value, contrast. ``"scanpy"``: names, scores,
            logfoldchanges, pvals, pvals_adj, highest score first (as rank_genes_groups_df);
            the others keep the order of the genes.

        Returns
        -------
        DataFrame
            Fold changes are log2 in every style. logCPM and AveExpr are log2 of the mean
            normalised count per million of all genes together, -inf for a mean of 0: near to
            edgeR's and limma's own but not the same. LR is the square of a Wald statistic, F of
            one with t, and left out where a threshold or a side was tested; t and scores are the
            statistic, and t is left out for a likelihood ratio.

        Raises
        ------
        InputError
            An unknown style.
        """
        from ._de_styles import in_style

        return in_style(self, style)

    def to_anndata(
        self, adata: AnnData | None = None, key: str = "countglm_de", force: bool = False
    ) -> AnnData:
        """Annotate ``adata``: the table in ``.varm[key]``, what is behind it in ``.uns[key]``.

        Nothing else is touched. Settings and provenance are JSON texts, as h5ad keeps them.

        Parameters
        ----------
        adata : AnnData or None
            Annotated in place and returned (a view is copied first); its genes, in any order,
            must be those of the result. None: a new object without ``X``.
        key : str
            Name of both entries.
        force : bool
            Replace entries of that name.

        Raises
        ------
        InputError
            Genes other than those of the result; an entry of that name without ``force``.
        """
        from ._de_anndata import annotate

        return annotate(self, adata, key, force)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        counts: Any = None,
        title: str | None = None,
        force: bool = False,
    ) -> None:
        """Write one page on this result: what was found, why to believe it, how to repeat it.

        The table can be searched and sorted, and points of the figures have names. The page needs
        no network and no other file; without a script it shows the same figures and first genes.

        Parameters
        ----------
        path : path
            Such as ``report.html``.
        counts : optional
            The counts of the analysis, samples x genes. After `load` the figures of samples need
            them, and are left out without.
        title : str, optional
            Heading of the page.
        force : bool
            Overwrite an existing file.

        Raises
        ------
        InputError
            ``path`` exists and ``force`` is not given, or its folder cannot be written; counts
            other than those of the analysis.
        """
        from .report import write_de_report

        heading = title or f"Differential expression: {self.label}"
        write_de_report({self.label: self}, path, counts=counts, title=heading, force=force)

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write everything but the counts to ``path``: HDF5 (.h5, .hdf5) or .npz, no pickle.

        A trend that the caller gave as a function is left out; its values stay.

        Raises
        ------
        InputError
            Unknown suffix, existing file without ``force``, or a folder that cannot be written.
        """
        from ._de_store import save_result

        save_result(self, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DEResult:
        """Read a result that `save` wrote; a foreign, newer or damaged file is an InputError."""
        from ._de_store import load_result_fields

        return cls(**load_result_fields(path))

    def __getstate__(self) -> dict[str, Any]:
        from ._de_store import without_counts

        return without_counts(self)

    def __repr__(self) -> str:
        from ._de_summary import short

        return short(self)
