"""Every AF clause of the catalogue has a test by HTTP on real servers, named by its id."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[1] / "workloads" / "guarantees" / "active_failover.toml"
FILES = sorted(HERE.glob("test_af_clauses_*.py"))


def clauses() -> list[str]:
    return sorted(name for name in tomllib.loads(CATALOGUE.read_text())["clauses"] if name.startswith("AF-"))


def test_the_catalogue_is_the_documents() -> None:
    assert len(clauses()) == 15


@pytest.mark.parametrize("clause", clauses())
def test_a_test_on_real_servers_bears_the_name_of(clause: str) -> None:
    functions = [
        node
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(functions) > 20
    word = clause.lower().replace("-", "_")
    assert [test.name for test in functions if word in test.name or clause in (ast.get_docstring(test) or "")]
