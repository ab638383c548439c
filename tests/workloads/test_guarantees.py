"""The catalogue of guarantees: complete, well formed, and strict about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.guarantees import CatalogueError, Clause, load
from workloads.guarantees.catalogue import HTTP

DOCUMENT = '[documents.LFL]\nfile = "limits"\ntitle = "Limits"\n'
CLAUSE = """[clauses.LF-X]
document = "LFL"
section = "S"
says = "It is."
expect = "holds"
tested_by = ["http"]
"""


def test_the_catalogue_has_all_clauses_of_leader_follower() -> None:
    catalogue = load()
    assert len(catalogue.of_mode("leader-follower")) == 32
    weak = [clause.id for clause in catalogue.of_mode("leader-follower") if clause.expect == "weak"]
    assert weak == [
        "LF-LAG",
        "LF-IGNORE-GAP",
        "LF-FOXX-FILES",
        "LF-FOLLOWER-WRITABLE",
    ]
    assert catalogue["LF-WAL"].document.title == "Per-Database Setup"
    assert "LF-LAG" in [clause.id for clause in catalogue.tested_by("leader_follower")]


def test_the_catalogue_has_all_clauses_of_active_failover() -> None:
    catalogue = load()
    assert len(catalogue.of_mode("active-failover")) == 18
    assert [c.id for c in catalogue.of_mode("active-failover") if c.expect == "weak"] == ["AF-ASYNC-LOSS"]
    assert [clause.id for clause in catalogue.tested_by("agency_register")] == [
        "CL-AGENCY-RAFT",
        "CL-AGENCY-TRX",
    ]


@pytest.mark.parametrize("clause", load().of_mode("active-failover"), ids=lambda clause: clause.id)
def test_every_clause_of_active_failover_is_judged_in_runs_and_by_requests(clause: Clause) -> None:
    assert clause.workloads
    assert HTTP in clause.tested_by or clause.expect == "weak"


def test_every_clause_says_something_of_its_own() -> None:
    sentences = [clause.says for clause in load().values()]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_whoever_tests_a_clause_exists() -> None:
    folder = Path(__file__).parents[2] / "workloads"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    for clause in load().values():
        assert set(clause.workloads) <= modules, clause.id


def test_a_small_catalogue_is_read(tmp_path: Path) -> None:
    (tmp_path / "some_mode.toml").write_text(DOCUMENT + CLAUSE)
    clause = load(tmp_path)["LF-X"]
    assert (clause.mode, clause.document.file, clause.reading) == ("some-mode", "limits", None)
    assert clause.workloads == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (DOCUMENT + CLAUSE.replace("holds", "may hold"), "expect"),
        (DOCUMENT + CLAUSE.replace('"LFL"', '"LFS"'), "unknown document, LFS"),
        (DOCUMENT + CLAUSE.replace('["http"]', "[]"), "tested_by"),
        (DOCUMENT + CLAUSE.replace("LF-X", "lf_x"), "clauses"),
        (DOCUMENT + CLAUSE.replace("It is.", ""), "says"),
        (DOCUMENT + CLAUSE + 'colour = "red"\n', "colour"),
        (DOCUMENT + CLAUSE + CLAUSE, "mode.toml"),
        (CLAUSE, "documents"),
        ("[documents", "mode.toml"),
    ],
)
def test_mistakes_are_refused_with_their_place(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "mode.toml").write_text(text)
    with pytest.raises(CatalogueError, match=complaint):
        load(tmp_path)


def test_one_clause_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(DOCUMENT + CLAUSE)
    with pytest.raises(CatalogueError, match=r"b\.toml: clause LF-X is in another file"):
        load(tmp_path)
