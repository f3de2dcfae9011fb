"""``countglm diagnose``: how the genes of a saved fit or result ended, and its design."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from countglm._de_store import load_fit
from countglm._names import did_you_mean, first_few, plural
from countglm._store import atomic_file
from countglm.cli.earlier import read_summary
from countglm.cli.plain import plain, plain_lines
from countglm.cli.products import dumps, summary, write_table
from countglm.errors import InputError
from countglm.report import words
from countglm.status import Status

if TYPE_CHECKING:
    from countglm.results import GLMFit

_QUIET = (Status.CONVERGED, Status.BOUNDARY_DISPERSION, Status.ALL_ZERO)


def run(
    *,
    fit_file: Path,
    genes: tuple[str, ...],
    limit: int,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Print the diagnosis of the fit in ``fit_file``."""
    if output is not None and not output.name.endswith((".tsv", ".tsv.gz")):
        raise InputError(f"Table {output} must end in .tsv or .tsv.gz.")
    fit = load_fit(_file_of(fit_file))
    chosen = fit.gene_index(_known(genes, fit))
    diagnosis = fit.diagnose()
    if output is not None:
        with atomic_file(output, force=force) as temporary:
            write_table(diagnosis.genes, temporary)
    if as_json:
        facts: dict[str, Any] = summary(fit, "diagnose")
        facts["sentences"] = {status.name: status.sentence for status in fit.status_counts()}
        facts["genes"] = {str(fit.gene_names[i]): _facts(fit, i) for i in chosen}
        facts["report"] = str(diagnosis)
        click.echo(dumps(facts))
        return
    click.echo(repr(fit))
    if chosen.size:
        click.echo("\n" + plain_lines("\n\n".join(_gene_text(fit, i) for i in chosen)))
        return
    click.echo("\n" + "\n".join(words.certificate_sentences(fit)))
    for status, count in fit.status_counts().items():
        click.echo(f"\n{status.name}: {plural(count, 'gene')}. {status.sentence}")
        if status not in _QUIET and limit:
            _name_genes(fit, status, limit)
    click.echo(f"\n{diagnosis.design}")


def _file_of(path: Path) -> Path:
    """Return the fit in an output folder, or the path as it is."""
    if not path.is_dir():
        return path
    found = sorted([*path.glob("fit.h5"), *path.glob("result_*.h5")])
    if not found:
        raise InputError(
            f"{path} is a folder without a fit; name fit.h5 of countglm fit, or a result_*.h5 of "
            "countglm de."
        )
    # Results of one design share their fit, and one of them is as good as another.
    if len(read_summary(path).get("designs") or [""]) > 1:
        names = ", ".join(each.name for each in found[:5])
        raise InputError(f"{path} holds fits of several designs ({names}); name one of these.")
    return found[0]


def _known(genes: tuple[str, ...], fit: GLMFit) -> list[str]:
    names = set(fit.gene_names)
    unknown = [gene for gene in genes if gene not in names]
    if unknown:
        raise InputError(
            f"The fit has no gene {unknown[0]!r}{did_you_mean(unknown[0], names)}; it has "
            f"{first_few(fit.gene_names)}: {plural(fit.n_genes, 'gene')} in all."
        )
    return list(genes)


def _name_genes(fit: GLMFit, status: Status, limit: int) -> None:
    names = [plain(str(name)) for name in fit.gene_names[fit.status == status]]
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    click.echo(f"  {', '.join(names[:limit])}{more}")


def _facts(fit: GLMFit, i: int) -> dict[str, Any]:
    return {
        "status": Status(int(fit.status[i])).name,
        "n_iter": int(fit.n_iter[i]),
        **{
            name: float(getattr(fit, name)[i])
            for name in (
                "base_mean",
                "dispersion",
                "newton_decrement",
                "distance_bound",
                "min_eigenvalue",
                "condition_number",
                "max_leverage",
            )
        },
    }


def _gene_text(fit: GLMFit, i: int) -> str:
    facts = _facts(fit, i)
    status = Status[facts.pop("status")]
    lines = [f"{plain(str(fit.gene_names[i]))}: {status.name}. {status.sentence}"]
    lines += [f"  {name:18} {value:.6g}" for name, value in facts.items()]
    infinite = np.flatnonzero(np.isinf(fit.coefficients[i]))
    for j in infinite:
        lines.append(f"  {fit.coef_names[j]} runs to {fit.coefficients[i, j]:+}")
    return "\n".join(lines)
