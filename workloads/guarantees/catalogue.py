"""Clause and Catalogue: the guarantees as typed records, read from TOML and checked against their schema."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Expect = Literal["holds", "weak", "shape"]
"""holds: a violation is a defect. weak: admitted, to be shown and measured. shape: one request shows it."""

HTTP = "http"
"""In `tested_by`: tested by single requests, not by a workload."""

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_HERE = Path(__file__).parent


class CatalogueError(ValueError):
    """A file of the catalogue breaks its schema. The message names the file and the place."""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document that promises something."""

    file: _Text
    title: _Text


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: _Text
    section: _Text
    says: _Text
    expect: Expect
    tested_by: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    reading: _Text | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    documents: dict[Annotated[str, msgspec.Meta(pattern="^[A-Z]+$")], Document]
    clauses: dict[Annotated[str, msgspec.Meta(pattern="^[A-Z]+(-[A-Z0-9]+)+$")], _Entry]


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise. `says` is the document's sentence in our words, `reading` how we understand it."""

    id: str
    mode: str
    document: Document
    section: str
    says: str
    expect: Expect
    tested_by: tuple[str, ...]
    reading: str | None

    @property
    def workloads(self) -> tuple[str, ...]:
        """The workloads that judge it."""
        return tuple(name for name in self.tested_by if name != HTTP)


class Catalogue(Mapping[str, Clause]):
    """Clauses by id, in the order of their files."""

    def __init__(self, clauses: Mapping[str, Clause]) -> None:
        self._clauses = dict(clauses)

    def __getitem__(self, clause_id: str) -> Clause:
        return self._clauses[clause_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clauses)

    def __len__(self) -> int:
        return len(self._clauses)

    def of_mode(self, mode: str) -> tuple[Clause, ...]:
        """The clauses of one topology, "leader-follower"."""
        return tuple(clause for clause in self.values() if clause.mode == mode)

    def tested_by(self, name: str) -> tuple[Clause, ...]:
        """The clauses that a workload, or "http", tests."""
        return tuple(clause for clause in self.values() if name in clause.tested_by)


@cache
def load(folder: Path = _HERE) -> Catalogue:
    """All clauses of the TOML files in a folder; the file's name is the mode. Raises CatalogueError."""
    clauses: dict[str, Clause] = {}
    for path in sorted(folder.glob("*.toml")):
        for clause in _clauses(path):
            if clause.id in clauses:
                raise CatalogueError(f"{path.name}: clause {clause.id} is in another file already")
            clauses[clause.id] = clause
    return Catalogue(clauses)


def _clauses(path: Path) -> Iterator[Clause]:
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    for clause_id, entry in file.clauses.items():
        if entry.document not in file.documents:
            raise CatalogueError(
                f"{path.name}: clause {clause_id} is from an unknown document, {entry.document}"
            )
        yield Clause(
            id=clause_id,
            mode=path.stem.replace("_", "-"),
            document=file.documents[entry.document],
            section=entry.section,
            says=entry.says,
            expect=entry.expect,
            tested_by=entry.tested_by,
            reading=entry.reading,
        )
