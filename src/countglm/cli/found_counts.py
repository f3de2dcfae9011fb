"""The counts of loaded results, which no result holds: read again from where they may lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm.cli.origin import Origin
from countglm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from countglm.counts import CountMatrix
    from countglm.results import GLMFit

WITHOUT_COUNTS = "Name the counts with --counts to see these figures."


@dataclass(frozen=True)
class Sought:
    """What is known of the counts.

    Attributes
    ----------
    fit : GLMFit
        One whose counts they are, or are of a part of the samples.
    folder : Path
        The output folder.
    origin : Origin
        Where they came from.
    normalized : str
        The table of counts over size factors in the folder, if there is one.
    accept : callable
        Raises InputError for other counts.
    """

    fit: GLMFit
    folder: Path
    origin: Origin
    normalized: str
    accept: Callable[[CountMatrix], object]


def given_counts(sought: Sought, path: Path) -> CountMatrix:
    """Read the counts that the caller names; others than those of the analysis are refused."""
    if not path.exists():
        raise InputError(f"There is no file {path}; check --counts.")
    matrix = _read(sought, path)
    sought.accept(matrix)
    return matrix


def found_counts(sought: Sought) -> tuple[CountMatrix | None, str]:
    """Return the counts, or None and why: where they were, or else of the normalised ones."""
    why = f"The summary of {sought.folder} does not tell which file held the counts"
    present = [path for path in sought.origin.places(sought.folder) if path.exists()]
    if sought.origin.counts:
        why = f"{sought.origin.counts} is no longer where the analysis read it"
    tries: list[tuple[Path, Callable[[Sought, Path], CountMatrix]]] = [
        (path, _read) for path in present[:1]
    ]
    if sought.normalized:
        tries.append((sought.folder / sought.normalized, _rounded))
    for path, read in tries:
        try:
            matrix = read(sought, path)
            sought.accept(matrix)
        except (InputError, OSError) as error:
            if read is _read:
                why = f"{path} cannot serve: {str(error).rstrip('.')}"
            continue
        return matrix, ""
    return None, f"{why}. {WITHOUT_COUNTS}"


def _read(sought: Sought, path: Path) -> CountMatrix:
    """Read a file of counts, and keep the genes that were analysed."""
    import numpy as np
    import pandas as pd

    from countglm._stored_counts import kind_of
    from countglm.counts import as_count_matrix
    from countglm.readers import read_counts, read_samples

    fit, origin = sought.fit, sought.origin
    kind = kind_of(path)
    layer = origin.layer if kind in ("h5ad", "zarr") else None
    if kind in ("h5ad", "zarr"):
        matrix = as_count_matrix(path, layer=layer, allow_noninteger=True)
    else:
        table = Path(origin.folder) / origin.samples
        named = None
        if origin.samples and table.is_file():
            named = read_samples(table)
        elif fit.sample_names is not None:
            named = pd.DataFrame(index=pd.Index([str(name) for name in fit.sample_names]))
        matrix = as_count_matrix(read_counts(path, samples=named)[0], allow_noninteger=True)
    if matrix.n_genes == fit.n_genes:
        return matrix
    kept = np.isin(matrix.gene_names.astype(str), np.asarray(fit.gene_names, dtype=str))
    return matrix.take_genes(np.flatnonzero(kept))


def _rounded(sought: Sought, path: Path) -> CountMatrix:
    """Multiply normalised counts by the size factors again; whole counts come out whole."""
    import numpy as np

    from countglm.counts import as_count_matrix

    table = _normalized_table(path)
    fit = sought.fit
    values: NDArray[np.float64] = table.to_numpy(dtype=np.float64).T * fit.size_factors[:, None]
    return as_count_matrix(
        np.rint(values), gene_names=fit.gene_names, sample_names=fit.sample_names
    )


def _normalized_table(path: Path) -> Any:
    import pandas as pd

    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    separator = "," if path.name.removesuffix(".gz").endswith(".csv") else "\t"
    # Names of genes may read like missing values; cells never do.
    return pd.read_csv(path, sep=separator, index_col=0, keep_default_na=False, dtype={0: str})


def normalized_file(summary: Mapping[str, Any], folder: Path) -> str:
    """Return the name of the table of normalised counts that lies in the folder, or nothing."""
    name = str(summary.get("normalized_counts") or "")
    return name if name and (folder / name).is_file() else ""
