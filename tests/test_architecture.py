"""Rules that keep the source in order: floors, one place for each power, sizes, finished text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from countglm import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "countglm"
R_PACKAGE = REPOSITORY / "r-wrapper"
FACADE = "countglm"

# A module imports from its own floor and the floors before it. Packages stand by their name; a
# private module that is not listed stands as low as its own imports allow.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "_jit _version _warn errors status",
        "kernels",
        "_parallel basis counts design readers results transforms",
        "aggregation analysis conditioning cooks datasets deresult diagnostics dispersion "
        "evaluation existence expression_filter glm independent_filtering inference intervals "
        "likelihood likelihood_ratio normalization outliers penalized penalties prior_variance "
        "replay shrinkage simulate size_factors transformations trend wide",
        "workflows",
        "adapters",
        "plots report cli",
        f"{FACADE} __main__",
    )
)
# Methods of a result that call a verb: they reach it through the façade, or what another test of
# the same fit takes, or the page about a result, when called. And R, which names the verb that it
# calls.
UPWARD_ALLOWED = {
    ("results", FACADE),
    ("results", "_predict"),
    ("deresult", FACADE),
    ("deresult", "_retest"),
    ("deresult", "report"),
    ("_grouped", "report"),
    ("adapters.reticulate", FACADE),
}

# What may call BLAS, whose order of sums depends on its build and threads, or orders sums itself.
LINEAR_ALGEBRA = re.compile(
    r"@|(numpy|scipy(\.sparse)?)\.linalg|(np|sp|numpy|scipy(\.sparse)?)\.linalg\.\w+"
    r"|.*\.(v?dot|matmul|einsum|tensordot|polyfit|cov)|(np|numpy)\.inner"
)
# Allowed by name: a view of diagonals, and LAPACK on one small matrix of a gene or on the design,
# whose eigenvalues inform and enter no estimate. The sums over samples were made before, by us.
# And the small tridiagonal matrix of a quadrature, whose nodes are the same for all genes; and the
# principal components in a picture.
LAPACK_ALLOWED = {
    ("_zero_rule._gauss", "scipy.linalg.eigh_tridiagonal"),
    ("_collinearity.collinearity", "np.linalg.svd"),
    ("_condition_number._extremes", "scipy.linalg.eigh_tridiagonal"),
    ("plots._pca.principal_components", "np.linalg.svd"),
}

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
COPY_LINES = 10

# Written so that this file does not match itself.
UNFINISHED = re.compile(
    r"\bTO[D]O\b|\bFIX[M]E\b|\bXX[X]\b|NotImplemented[E]rror|\bfor[ ]now\b|place[h]older"
    r"|pytest\.s[k]ip|mark\.s[k]ip|mark\.xf[a]il|assert[ ]True\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}<~])/(?:ro[o]t|ho[m]e|tm[p]|wo[r]k|Users|op[t])/")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".sh", ".R", ".Rd", ".Rmd", ".yml", ".yaml", ".cff"}
TEXT_FOLDERS = ("src", "tests", "benchmarks", "docs", "r-wrapper", ".ci")


def module_name(path: Path) -> str:
    """Return the dotted name of a source file inside the package, the façade's name for itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts) or FACADE


@cache
def modules() -> dict[str, ast.Module]:
    paths = sorted(SOURCE.rglob("*.py"))
    return {module_name(path): ast.parse(path.read_text(), str(path)) for path in paths}


def is_package(name: str) -> bool:
    return name == FACADE or (SOURCE / name.replace(".", "/")).is_dir()


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_time_nodes(node)


def absolute(name: str, node: ast.ImportFrom) -> str:
    """Return the absolute module that ``from ... import`` in module ``name`` refers to."""
    if node.level == 0:
        return node.module or ""
    here = [FACADE] if name == FACADE else [FACADE, *name.split(".")]
    base = here[: len(here) - node.level + is_package(name)]
    return ".".join([*base, *([node.module] if node.module else [])])


def inside(dotted: str) -> str | None:
    """Return the module inside the package that a dotted name stands for, None for others."""
    if dotted == FACADE:
        return FACADE
    if not dotted.startswith(FACADE + "."):
        return None
    rest = dotted.removeprefix(FACADE + ".")
    while rest and rest not in modules():
        rest = rest.rpartition(".")[0]
    return rest or FACADE


def imports(name: str) -> set[str]:
    """Return the modules inside the package that module ``name`` imports at run time."""
    found = set()
    for node in run_time_nodes(modules()[name]):
        if isinstance(node, ast.Import):
            found |= {inside(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(name, node)
            found |= {inside(f"{base}.{alias.name}") for alias in node.names}
    return {module for module in found - {None} if module is not None} - {name}


def outside(name: str) -> set[str]:
    """Return the top-level packages outside ours that module ``name`` imports, anywhere."""
    found = set()
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found - {FACADE}


@cache
def floor(name: str) -> int:
    top = name.partition(".")[0]
    for number, names in enumerate(FLOORS):
        if top in names:
            return number
    if not top.startswith("_"):
        pytest.fail(f"module {top!r} has no floor: add it to FLOORS in {Path(__file__).name}")
    # Private modules in a circle recurse for ever: that fails here and is named by its own test.
    below = {other for other in imports(name) if (name, other) not in UPWARD_ALLOWED}
    return max(map(floor, below), default=0)


def text_files() -> list[Path]:
    files = [path for path in REPOSITORY.iterdir() if path.is_file()]
    for folder in TEXT_FOLDERS:
        files += [path for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    named = {"Makefile", "LICENSE", "DESCRIPTION", "NAMESPACE", "run"}
    return sorted(path for path in files if path.suffix in TEXT_SUFFIXES or path.name in named)


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body after its signature and docstring."""
    documented = ast.get_docstring(node) is not None
    if documented and len(node.body) == 1:
        return 0
    first = node.body[1 if documented else 0]
    return (node.end_lineno or node.lineno) - first.lineno + 1


def test_every_module_has_a_floor() -> None:
    assert {name: floor(name) for name in modules()}[FACADE] == len(FLOORS) - 1


def test_imports_go_downward() -> None:
    upward = [
        f"{name} (floor {floor(name)}) imports {other} (floor {floor(other)})"
        for name in modules()
        for other in sorted(imports(name))
        if floor(other) > floor(name) and (name, other) not in UPWARD_ALLOWED
    ]
    assert upward == []


def test_imports_make_no_circle() -> None:
    # Remove modules whose imports are all removed already; what is left stands in a circle.
    left = {
        name: {other for other in imports(name) if (name, other) not in UPWARD_ALLOWED}
        for name in modules()
    }
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert {name: sorted(needs & left.keys()) for name, needs in left.items()} == {}


def test_one_module_names_the_compiler() -> None:
    naming = {name for name in modules() if outside(name) & {"numba", "llvmlite"}}
    assert {name.split(".")[0] for name in naming} == {"_jit"}


def test_one_module_warns() -> None:
    warning = set()
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "warnings.warn":
                warning.add(name)
            elif isinstance(node, ast.ImportFrom) and node.module == "warnings":
                warning |= {name for alias in node.names if alias.name.startswith("warn")}
    assert warning == {"_warn"}


def test_kernels_know_only_arrays() -> None:
    kernels = [name for name in modules() if name.partition(".")[0] == "kernels"]
    known = {"__future__", "math", "typing", "numpy"}
    assert {name: outside(name) - known for name in kernels if outside(name) - known} == {}


def linear_algebra(name: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield ``module.function`` and what it uses, for each use of linear algebra."""
    for top in tree.body:
        place = f"{name}.{top.name}" if hasattr(top, "name") else name
        for node in ast.walk(top):
            used = ["@"] if isinstance(node, ast.MatMult) else []
            if isinstance(node, ast.Attribute):
                used = [ast.unparse(node)]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                used = [base + alias.name for alias in node.names]
            yield from ((place, use) for use in used if LINEAR_ALGEBRA.fullmatch(use))


def test_no_result_depends_on_blas() -> None:
    found = {use for name, tree in modules().items() for use in linear_algebra(name, tree)}
    assert found == LAPACK_ALLOWED


def test_files_are_short() -> None:
    paths = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.js"), *R_PACKAGE.rglob("*.R")]
    paths += (REPOSITORY / "benchmarks").glob("*.py")
    lengths = {path: len(path.read_text().splitlines()) for path in paths}
    assert {str(path): n for path, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_packages_and_citation_have_one_version() -> None:
    description = (R_PACKAGE / "DESCRIPTION").read_text()
    calls = (R_PACKAGE / "R" / "python.R").read_text()
    citation = (REPOSITORY / "CITATION.cff").read_text()
    stated = {
        *re.findall(r"^Version: (.+)$", description, re.MULTILINE),
        *re.findall(r"countglm \(>= (.+?)\)", description),
        *re.findall(r'needed_version <- "(.+)"', calls),
        *re.findall(r"^version: (.+)$", citation, re.MULTILINE),
    }
    assert stated == {__version__}


def test_functions_are_short() -> None:
    long = {
        f"{name}.{node.name}": code_lines(node)
        for name, node in functions()
        if code_lines(node) > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_no_ten_lines_stand_twice() -> None:
    seen: dict[tuple[str, ...], str] = {}
    copies = []
    for path in sorted(SOURCE.rglob("*.py")):
        numbered = [(n, line.strip()) for n, line in enumerate(path.read_text().splitlines(), 1)]
        lines = [(n, line) for n, line in numbered if line]
        for start in range(len(lines) - COPY_LINES + 1):
            window = tuple(line for _, line in lines[start : start + COPY_LINES])
            place = f"{path.relative_to(SOURCE)}:{lines[start][0]}"
            if seen.setdefault(window, place) != place:
                copies.append(f"{place} repeats {seen[window]}")
    assert copies == []


def test_public_functions_have_docstrings() -> None:
    bare = [
        f"{name}.{node.name}"
        for name, tree in modules().items()
        if not any(part.startswith("_") for part in name.split(".")) or name == FACADE
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert bare == []


def test_no_handler_swallows_everything() -> None:
    swallowing = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert swallowing == []


@pytest.mark.parametrize(
    ("pattern", "meaning"),
    [(UNFINISHED, "unfinished work"), (MACHINE_PATH, "a path of one machine")],
    ids=["unfinished", "machine path"],
)
def test_text_is_finished_and_portable(pattern: re.Pattern[str], meaning: str) -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {meaning}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
