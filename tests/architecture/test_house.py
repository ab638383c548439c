"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("checkers", "workloads", "harness", "reference")
LONGEST_FILE = 450
LONGEST_FUNCTION = 60

SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
BEHIND_THE_DOORS = sorted(
    path
    for path in (ROOT / "reference").rglob("*.py")
    if "real" not in path.parts and path.name not in ("command.py", "__main__.py")
)

# What a server may reach only through its doors, so that simulation sees all of it.
FORBIDDEN_MODULES = {
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
FORBIDDEN_NAMES = {
    "open",
    "as_completed",
    "run_in_executor",
    "to_thread",
    "urandom",
    "datetime.now",
    "datetime.utcnow",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def runtime_imports(tree: ast.Module) -> Iterator[str]:
    """Modules imported when the file runs; what stands under TYPE_CHECKING is for types alone."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).split(".")[0]


def called_name(function: ast.expr) -> str:
    """The last word of `open` or `x.to_thread`; `x.open` is the Disk door, `datetime.now` a wall clock."""
    if isinstance(function, ast.Name):
        return function.id
    if not isinstance(function, ast.Attribute) or function.attr == "open":
        return ""
    is_datetime = isinstance(function.value, ast.Name) and function.value.id == "datetime"
    return f"datetime.{function.attr}" if is_datetime else function.attr


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_module_says_what_it_means_and_is_one_noun_long(path: Path) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree), f"{name(path)} has no docstring"
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    long = [f.name for f in functions(tree) if (f.end_lineno or 0) - f.lineno >= LONGEST_FUNCTION]
    assert not long, f"functions of {LONGEST_FUNCTION} lines and more: {long}"


@pytest.mark.parametrize("path", BEHIND_THE_DOORS, ids=name)
def test_server_reaches_the_world_through_its_doors_only(path: Path) -> None:
    tree = parse(path)
    imported = set(runtime_imports(tree)) & FORBIDDEN_MODULES
    assert not imported, f"{name(path)} imports {sorted(imported)}"
    called = {called_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & FORBIDDEN_NAMES, f"{name(path)} calls {sorted(called & FORBIDDEN_NAMES)}"


def test_top_level_has_the_fixed_folders_only() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))}
    assert folders - {"dist", "build"} == {*ROOMS, "tests", "results"}
