"""Every LF clause of the catalogue has a test by HTTP on real servers, named by its id."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[1] / "workloads" / "guarantees" / "leader_follower.toml"
FILES = sorted(HERE.glob("test_lf_clauses_*.py"))


def clauses() -> list[str]:
    return sorted(tomllib.loads(CATALOGUE.read_text())["clauses"])


def test_the_catalogue_is_the_documents() -> None:
    assert len(clauses()) == 32
    assert all(clause.startswith("LF-") for clause in clauses())


def named(test: str, docstring: str) -> set[str]:
    """The clauses that a test's name or docstring names; a longer one does not count for a shorter."""
    found = {clause for clause in clauses() if re.search(rf"{clause}(?![A-Z-])", docstring)}
    for clause in sorted(clauses(), key=len, reverse=True):
        word = clause.lower().replace("-", "_")
        if re.search(rf"_{word}(_|$)", test):
            found.add(clause)
            test = test.replace(word, "")
    return found


@pytest.mark.parametrize("clause", clauses())
def test_a_test_on_real_servers_bears_the_name_of(clause: str) -> None:
    functions = [
        node
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(functions) > 30
    assert [test.name for test in functions if clause in named(test.name, ast.get_docstring(test) or "")]
