"""Who may import whom. Most rules are contracts of import-linter in pyproject.toml.

Each rule is also tried on a small tree that breaks it: a checker that cannot fail checks nothing.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clinic", "config", "diagnosis", "ml")

# what a tree that keeps every rule may look like
CLEAN_TREE = {
    "ml/taxonomy.py": "from dataclasses import dataclass",
    "ml/engine.py": "import ml.taxonomy",
    "ml/synthetic.py": "",
    "clinic/models/patient.py": "import ml.taxonomy",
    "clinic/services/patients.py": "import clinic.models.patient",
    "clinic/views/patients.py": "import clinic.services.patients",
    "clinic/api/serializers.py": "import clinic.services.patients",
    "diagnosis/inference/__init__.py": "import ml.engine, diagnosis.inference.reader",
    "diagnosis/inference/drawing.py": "import ml.engine",
    "diagnosis/inference/reader.py": "import ml.engine, diagnosis.inference.drawing",
    "diagnosis/services/requests.py": "import clinic.services.patients, ml.taxonomy",
    "diagnosis/tasks.py": "import diagnosis.services.requests, diagnosis.inference",
    "diagnosis/views/requests.py": "import diagnosis.services.requests",
    "diagnosis/api/serializers.py": "import diagnosis.services.requests",
    "diagnosis/demo/sample.py": "import ml.synthetic",
    "diagnosis/management/commands/seed_demo.py": "import ml.synthetic, diagnosis.demo.sample",
    "config/api.py": "import clinic.api.serializers, diagnosis.api.serializers",
    "config/urls.py": "import config.api, clinic.views.patients, diagnosis.views.requests",
}

VIOLATIONS = [
    ("ml", "ml/engine.py", "import django"),
    ("ml", "ml/engine.py", "from clinic.models import patient"),
    ("ml", "ml/engine.py", "def later():\n    import diagnosis.services.requests"),
    ("clinic", "clinic/models/patient.py", "from diagnosis.services import requests"),
    ("clinic", "clinic/services/patients.py", "from ml import engine"),
    ("inference", "diagnosis/services/requests.py", "from ml.engine import predict"),
    ("inference", "diagnosis/tasks.py", "import ml.engine"),
    ("inference", "diagnosis/views/requests.py", "import ml.synthetic"),
    ("web", "diagnosis/views/requests.py", "from diagnosis.inference import predict"),
    ("web", "diagnosis/views/requests.py", "from diagnosis.inference.drawing import draw"),
    ("web", "diagnosis/services/requests.py", "import diagnosis.inference.reader"),
    ("web", "diagnosis/services/requests.py", "def later():\n    import diagnosis.inference"),
    ("services", "diagnosis/services/requests.py", "from clinic.views import patients"),
    ("services", "clinic/services/patients.py", "from clinic.api import serializers"),
    ("services", "clinic/services/patients.py", "import config.urls"),
]


def lint_imports(tree: Path, *, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    """Check the packages of ``tree`` against the contracts of its pyproject.toml."""
    chosen = ["--contract", contract] if contract else []
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", *chosen],
        cwd=tree,
        # the packages of the folder that it runs in, and none installed elsewhere
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def write_tree(folder: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{source}\n")
        for package in path.relative_to(folder).parents[:-1]:
            (folder / package / "__init__.py").touch()


def modules_outside(source: str, allowed: frozenset[str]) -> set[str]:
    """The top-level packages that a module imports, at any depth of it, and may not."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").partition(".")[0])
    return found - allowed


def find_cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or by way of others (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for imported in sorted(imports.get(module, ())):
            if imported not in order:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], order[imported])
        if low[module] == order[module]:
            start = stack.index(module)
            groups.append(sorted(stack[start:]))
            del stack[start:]

    for module in sorted(imports):
        if module not in order:
            visit(module)
    return [group for group in groups if len(group) > 1]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_has_modules(package: str) -> None:
    modules = [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    assert modules, f"{package}/ is empty: the rules below would check nothing"


def test_tree_keeps_every_contract() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_keep_on_clean_tree(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write_tree(tmp_path, CLEAN_TREE)
    done = lint_imports(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "path", "source"), VIOLATIONS)
def test_contract_breaks_on_violation(
    tmp_path: Path, contract: str, path: str, source: str
) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write_tree(tmp_path, {**CLEAN_TREE, path: source})
    done = lint_imports(tmp_path, contract=contract)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["ml/taxonomy.py", "ml/__init__.py"])
def test_taxonomy_imports_only_standard_library(path: str) -> None:
    assert not modules_outside((ROOT / path).read_text(), sys.stdlib_module_names)


@pytest.mark.parametrize(
    "source",
    ["import torch", "from . import engine", "def later():\n    from numpy import ndarray"],
)
def test_import_outside_standard_library_is_found(source: str) -> None:
    assert modules_outside(source, sys.stdlib_module_names)


def test_no_import_cycles() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert sum(map(len, imports.values())), "no imports found at all"
    assert find_cycles(imports) == []


@pytest.mark.parametrize(
    ("imports", "cycles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
    ],
)
def test_cycles_are_found(imports: dict[str, set[str]], cycles: list[list[str]]) -> None:
    assert find_cycles(imports) == cycles


WEB_PROCESS = """
import sys
import config.wsgi
from django.urls import get_resolver

def load(patterns):
    return sum(load(p.url_patterns) if hasattr(p, "url_patterns") else bool(p.callback)
               for p in patterns)

count = load(get_resolver().url_patterns)
heavy = sorted({"torch", "transformers"} & set(sys.modules))
print(count, *heavy)
"""


def run_python(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_web_process_loads_no_model_code() -> None:
    count, *heavy = run_python(WEB_PROCESS)
    assert int(count) > 0, "no page was resolved"
    assert heavy == []


def test_loaded_model_code_is_noticed() -> None:
    _, *heavy = run_python(f"import torch\n{WEB_PROCESS}")
    assert "torch" in heavy
