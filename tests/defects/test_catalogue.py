from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.plan import NEMESIS, WORKLOAD, parts
from tests.defects import catalogue, witnesses
from tests.defects.defect import SAFETY, Defect
from tests.reference.server_process import ServerProcess
from workloads.guarantees import load

ROOT = Path(__file__).parents[2]
FAILOVER = ROOT / "workloads" / "guarantees" / "active_failover.toml"
DEFECTS = catalogue.all()
CLAUSES = load()
FAMILIES = {*parts(NEMESIS), "disk", "clock"}
"""Families of faults: those that have a module, and those that only the simulated world can do."""


def test_ids_are_unique_and_are_the_names_of_their_files() -> None:
    assert [defect.id for defect in DEFECTS] == list(catalogue.names())
    assert len(dict.fromkeys(catalogue.names())) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_a_defect_says_what_it_breaks_and_replaces_something_else(defect: Defect) -> None:
    assert defect.clause in CLAUSES or defect.clause in SAFETY
    owner, name = defect.target()
    original = inspect.getattr_static(owner, name)
    assert original is not defect.replacement
    assert type(original) is type(defect.replacement), (
        "a function for a function, a class method for a class method"
    )
    function = _function(defect.replacement)
    assert inspect.iscoroutinefunction(inspect.unwrap(_function(original))) == (
        inspect.iscoroutinefunction(function)
    )
    assert inspect.getdoc(sys.modules[function.__module__])


def _function(thing: Any) -> Any:
    """The function behind a class method or a property."""
    return getattr(thing, "__func__", None) or getattr(thing, "fget", None) or thing


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_a_defect_says_how_it_is_found(defect: Defect) -> None:
    assert set(defect.workloads) <= set(parts(WORKLOAD))
    assert set(defect.faults) <= FAMILIES
    assert bool(defect.workloads) == (defect.oracle == "client")
    if defect.clause in CLAUSES and defect.oracle == "client":
        judging = set(CLAUSES[defect.clause].workloads)
        assert judging & set(defect.workloads), "no workload judges this clause"


def test_every_defect_has_a_witness_or_a_reason_why_none_can_exist() -> None:
    shown = [defect.id for defect in DEFECTS if defect.equivalent is None]
    assert sorted(witnesses.every()) == sorted(shown)


@pytest.mark.parametrize("clause", sorted(tomllib.loads(FAILOVER.read_text())["clauses"]))
def test_every_promise_of_active_failover_and_its_agency_is_broken_by_some_defect(clause: str) -> None:
    assert any(defect.clause == clause and defect.equivalent is None for defect in DEFECTS)


def test_every_known_bug_of_consensus_and_failover_is_planted() -> None:
    numbers = [f"R{number:02}" for number in range(1, 23)] + [f"F{number:02}" for number in range(1, 10)]
    assert sorted(defect.number for defect in DEFECTS if defect.number) == sorted(numbers)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(catalogue.UnknownDefectError, match="missing-fsync"):
        catalogue.find("nothing")


def test_a_server_is_started_with_a_defect(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--defect=batch-ignores-if-match") as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        first = server.call("POST", "/_api/document/c", {"_key": "k"}).expect(202)
        server.call("PUT", "/_api/document/c/k", {"n": 1}).expect(201, 202)
        stale = [{"_key": "k", "_rev": first["_rev"], "n": 2}]
        assert "errorNum" not in server.call("PUT", "/_api/document/c?ignoreRevs=false", stale).json()[0]


def _refusal(code: str, directory: Path) -> str:
    """The one sentence of a server that does not start."""
    words = ["--database.directory", str(directory), "--defect", "nothing"]
    command = [sys.executable, "-c", f"{code}; from reference.command import main; sys.exit(main())", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert not directory.exists()
    return ended.stderr


def test_a_server_refuses_a_defect_that_there_is_not(tmp_path: Path) -> None:
    assert "there is no defect 'nothing'" in _refusal("import sys", tmp_path / "data")


def test_a_server_without_the_tests_says_what_it_lacks(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['tests'] = None"
    assert "--defect needs the package tests.defects" in _refusal(hidden, tmp_path / "data")
