"""Imports point one way, and heavy libraries are imported in one place each, late."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "qa_app"

# Lowest first: a module may import from its own layer's package and from those above it here.
LAYERS = (
    "version",
    "errors",
    "arrays",
    "text",
    "models",
    "settings",
    "loading",
    "chunking",
    "facets",
    "model_files",
    "bert",
    "embedding",
    "reader",
    "reranking",
    "store",
    "distributed",
    "citations",
    "retrieval",
    "topics",
    "indexing",
    "verification",
    "answering",
    "synthesis",
    "api",
    "evaluation",
    "highlighting",
    "briefs",
    "grids",
    "copying",
    "output",
)
FACES = ("cli", "web")
# Who alone may import a library.
OWNERS = {
    "torch": {"bert", "embedding", "reader"},
    "sentence_transformers": {"embedding"},
    "transformers": {"embedding"},
    "safetensors": {"bert", "reader"},
    "faiss": {"store"},
    "sklearn": {"topics", "evaluation"},
    "scipy": {"store", "evaluation"},
    "threadpoolctl": {"topics"},
    "sqlite3": {"store"},
    "psycopg": {"store"},
    "psycopg_pool": {"store"},
    "gradio": {"web"},
    "prometheus_client": {"web"},
    "watchfiles": {"web"},
    "httpx": {"synthesis"},
    "dask": {"distributed"},
    "distributed": {"distributed"},
    "pypdfium2": {"loading"},
    "pikepdf": {"loading"},
    "bs4": {"loading"},
    "xlsxwriter": {"grids"},
    "python_calamine": {"loading"},
    "striprtf": {"loading"},
    "Stemmer": {"text"},
    "lxml": {"loading"},
    "markdown_it": {"loading", "briefs"},
}


def _layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "qa_app":
                yield from (f"qa_app.{alias.name}" for alias in node.names)
            else:
                yield node.module


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_up_the_list(path: Path) -> None:
    layer = _layer(path)
    if layer in {"__init__", "__main__"}:
        return
    assert layer in LAYERS + FACES, f"{layer} has no place in the layers"
    rank = LAYERS.index(layer) if layer in LAYERS else len(LAYERS)
    for name in _imports(path):
        if not name.startswith("qa_app."):
            continue
        other = name.split(".")[1]
        if other == layer:
            continue
        # cli starts the page; the page knows nothing of cli.
        if layer == "cli" and other == "web":
            continue
        assert other in LAYERS[:rank], f"{layer} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_one_importer(path: Path) -> None:
    for name in _imports(path):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or _layer(path) in owners, f"{path.name} imports {name}"


def test_no_files_import_one_another_in_a_circle() -> None:
    names = {_name(path): path for path in MODULES}
    graph = {
        name: {other for found in _imports_at_start(path) if (other := _known(found, names))}
        - {name}
        for name, path in names.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def _known(name: str, names: dict[str, Path]) -> str | None:
    """Return the module that an import of "package.module" or "package.module.name" runs."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name or None


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imports_at_start(path: Path) -> Iterator[str]:
    """Yield what a file imports when it is read, and what for its types; not inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.If))]
    for node in (node for block in blocks for node in block):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_two_files_have_one_name() -> None:
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")
    assert [name for name, number in names.items() if number > 1] == []


@pytest.mark.parametrize("module", ["qa_app", "qa_app.cli"])
def test_starting_imports_nothing_heavy(module: str) -> None:
    script = (
        f"import sys, {module}; heavy = {{'numpy', 'torch', 'faiss', 'gradio', 'tqdm', 'bs4', "
        "'sentence_transformers', 'pypdfium2'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_status_imports_nothing_heavy() -> None:
    script = (
        "import sys; from qa_app.cli import main; main(['status', '--index', 'nowhere']); "
        "heavy = {'torch', 'faiss', 'gradio', 'sentence_transformers', 'pypdfium2', 'psycopg'}; "
        "heavy &= set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "There is no index" in run.stderr
