"""GLMFit as a table and as annotation of an AnnData."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._families import of_counts
from countglm._zeros_told import n_by_rule, zeros_told
from countglm.errors import InputError
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from countglm.results import GLMFit

LOG2_E = 1.4426950408889634

_PER_GENE = (
    "dispersion",
    "deviance",
    "log_likelihood",
    "n_iter",
    "newton_decrement",
    "distance_bound",
    "scaled_score",
    "min_eigenvalue",
    "condition_number",
    "max_leverage",
    "converged",
)


def status_words(fit: GLMFit) -> pd.Categorical[str]:
    """Status names (G,), as a categorical with every status in it."""
    import pandas as pd

    names = pd.Index([status.name for status in Status])
    words: pd.Categorical[str] = pd.Categorical.from_codes(fit.status.astype(np.int64), names)
    return words


def fit_text(fit: GLMFit) -> str:
    """Return what a fit shows of itself, a few lines."""
    words = "  ".join(f"{s.name} {count:,}" for s, count in fit.status_counts().items())
    formula = fit.design.formula or f"{len(fit.coef_names)} given columns"
    what = "genes" if of_counts(fit) else "responses"
    lines = [
        f"GLMFit: {fit.n_genes:,} {what} x {fit.n_samples:,} samples, {fit.family}, "
        f"design {formula} ({', '.join(fit.coef_names)})",
        f"  {words}",
    ]
    if fit.converged.any():
        largest = float(np.max(fit.newton_decrement[fit.converged]))
        lines.append(
            f"  largest Newton decrement of converged genes {largest:.1e} standard errors "
            f"(tol {fit.tol:.0e})"
        )
    told = zeros_told(n_by_rule(fit), fit.n_genes)
    return "\n".join([*lines, *(f"  {line}" for line in told)])


def fit_frame(fit: GLMFit) -> pd.DataFrame:
    """One row per gene; columns ``log2:NAME`` and ``log2SE:NAME`` per coefficient are log2.

    Where the responses are no counts: ``NAME`` and ``SE:NAME``, log odds or units of the response.
    """
    import pandas as pd

    columns: dict[str, object] = {"base_mean": fit.base_mean}
    prefix, factor = ("log2", LOG2_E) if of_counts(fit) else ("", 1.0)
    for j, name in enumerate(fit.coef_names):
        columns[f"{prefix}:{name}".removeprefix(":")] = fit.coefficients[:, j] * factor
        columns[f"{prefix}SE:{name}"] = fit.standard_errors[:, j] * factor
    columns |= {name: getattr(fit, name) for name in _PER_GENE}
    columns["status"] = status_words(fit)
    return pd.DataFrame(columns, index=pd.Index(fit.gene_names, name="gene"))


def annotate(fit: GLMFit, adata: AnnData | None, key: str) -> AnnData:
    """Write the fit into ``adata`` (or a new one) under names that begin with ``key``."""
    import pandas as pd

    adata, genes = matched_adata(fit, adata)
    samples = np.arange(fit.n_samples)
    if fit.sample_names is not None:
        samples = _order(fit.sample_names, adata.obs_names, "samples", "adata[fit.sample_names]")
    elif adata.n_obs != fit.n_samples:
        raise InputError(
            f"adata has {adata.n_obs} samples, the fit has {fit.n_samples}; give the object that "
            "was fitted."
        )
    adata.varm[f"{key}_coefficients"] = fit.coefficients[genes]
    adata.varm[f"{key}_standard_errors"] = fit.standard_errors[genes]
    for name in ("base_mean", *_PER_GENE):
        adata.var[f"{key}_{name}"] = getattr(fit, name)[genes]
    words = status_words(fit)
    adata.var[f"{key}_status"] = pd.Series(words[genes], index=adata.var_names)
    adata.obs[f"{key}_size_factors"] = fit.size_factors[samples]
    adata.uns[key] = {
        "coef_names": np.array(fit.coef_names, dtype=object),
        "design": fit.design.formula or "",
        "family": fit.family,
        "tol": fit.tol,
        "counts_fingerprint": fit.counts_fingerprint,
        "provenance": json.dumps(fit.provenance),
    }
    return adata


def matched_adata(fit: GLMFit, adata: AnnData | None) -> tuple[AnnData, NDArray[np.intp]]:
    """Return ``adata`` (copied if a view; a new one for None) and the fit's place of its genes.

    Raises
    ------
    InputError
        Genes other than those of the fit.
    """
    adata = _new_anndata(fit) if adata is None else adata
    if adata.is_view:
        adata = adata.copy()
    return adata, _order(fit.gene_names, adata.var_names, "genes", "adata[:, fit.gene_names]")


def _new_anndata(fit: GLMFit) -> AnnData:
    import pandas as pd
    from anndata import AnnData

    samples = fit.sample_names
    if samples is None:
        samples = np.array([str(i) for i in range(fit.n_samples)], dtype=object)
    obs = pd.DataFrame(index=pd.Index([str(name) for name in samples]))
    var = pd.DataFrame(index=pd.Index([str(name) for name in fit.gene_names]))
    return AnnData(obs=obs, var=var)


def _order(
    fitted: NDArray[np.object_], present: pd.Index, what: str, remedy: str
) -> NDArray[np.intp]:
    """Positions in the fit of the names present in an AnnData, which must be the same set."""
    import pandas as pd

    names = pd.Index([str(name) for name in fitted])
    if len(names) != len(present):
        raise InputError(
            f"adata has {len(present)} {what}, the fit has {len(names)}; give the object that "
            f"was fitted, for example {remedy}."
        )
    if names.equals(present.astype(object)):
        return np.arange(len(names))
    if not (names.is_unique and present.is_unique):
        raise InputError(
            f"The {what} of adata stand in another order than in the fit and some names occur "
            "twice, so they cannot be matched; make the names unique before fitting."
        )
    order = names.get_indexer(present)
    if np.any(order < 0):
        first = present[int(np.argmax(order < 0))]
        raise InputError(
            f"{int(np.sum(order < 0))} {what} of adata are not in the fit, first {first!r}; give "
            f"the object that was fitted, for example {remedy}."
        )
    return np.asarray(order, dtype=np.intp)
