"""Which documents are read, replaced, or truncated next."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from checkers.history import Op
from workloads.generator import Context, Generator, Pending, lift
from workloads.generator.protocol import Answer

COLLECTIONS = ("documents", "documents_twin")
"""Whose documents are only ever replaced by writes that name the revision."""
LOOSE = "documents_loose"
"""The one without `waitForSync`."""
ELEMENTS = "documents_truncated"
KEYS = 12
"""So many documents in each collection."""
_WINDOW = 3
_STAY = 60
"""After so many operations the window of documents in use moves on by one."""
_KINDS = (
    *(["read"] * 6),
    *(["single"] * 4),
    *(["batch"] * 3),
    *(["transaction"] * 4),
    *(["upsert"] * 5),
    *(["add"] * 2),
    *("abort", "elements", "truncate"),
)


def document(collection: str, key: int) -> str:
    """The name of a document; its key is in no other collection, so that a mix-up of two would show."""
    return f"{collection}/{collection}-{key}"


ALL = tuple(document(collection, key) for collection in COLLECTIONS for key in range(KEYS))


class Accesses(msgspec.Struct, frozen=True):
    """Operations on a few documents at a time, at random.

    `asked` counts operations, and is the number that the next write writes. `known` are the revisions that
    documents had when somebody last knew; a document of which nobody knows must be read first.
    """

    asked: int = 0
    known: Mapping[str, str] = msgspec.field(default_factory=dict)

    def op(self, context: Context) -> Answer:
        """The next operation."""
        answer = lift(self._wanted(context.random)).op(context)
        if answer is None or isinstance(answer[0], Pending):
            return None if answer is None else (answer[0], self)
        return answer[0], msgspec.structs.replace(self, asked=self.asked + 1)

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Remember revisions, and forget those that were expected in vain."""
        if event.type == "invoke" or event.f not in ("read", "write"):
            return self
        known = dict(self.known)
        if event.f == "write":
            expects = event.value["expects"]
            known = {name: held for name, held in known.items() if expects.get(name) != held}
        if event.type == "ok" and event.f == "write":
            known |= event.value["revisions"]
        elif event.type == "ok":
            known |= {name: found[0] for name, found in event.value["documents"].items() if found is not None}
        return msgspec.structs.replace(self, known=known)

    def _wanted(self, random: Random) -> dict[str, Any]:
        kind = random.choice(_KINDS)
        match kind:
            case "read":
                return self._read(random)
            case "upsert":
                return {"f": "upsert", "value": {"number": self.asked, "documents": self._window((LOOSE,))}}
            case "abort":
                targets = [document(each, random.choice(self._keys)) for each in COLLECTIONS]
                return {"f": "abort", "value": {"number": self.asked, "documents": targets}}
            case "add":
                return {"f": "add", "value": self.asked}
            case "elements" | "truncate":
                return {"f": kind}
        return self._write(kind, random)

    def _write(self, by: str, random: Random) -> dict[str, Any]:
        targets = [name for name in self._window(COLLECTIONS) if name in self.known]
        if by == "batch":
            collection = random.choice(COLLECTIONS)
            targets = [name for name in targets if name.startswith(f"{collection}/")]
        if not targets:
            return self._read(random)
        count = 1 if by == "single" else random.randint(min(2, len(targets)), min(3, len(targets)))
        expects = {name: self.known[name] for name in sorted(random.sample(targets, count))}
        return {"f": "write", "value": {"by": by, "number": self.asked, "expects": expects}}

    def _read(self, random: Random) -> dict[str, Any]:
        by = random.choice(("batch", "transaction"))
        collections = COLLECTIONS if by == "transaction" else (random.choice((*COLLECTIONS, LOOSE)),)
        return {"f": "read", "value": {"by": by, "documents": self._window(collections)}}

    def _window(self, collections: tuple[str, ...]) -> list[str]:
        return [document(collection, key) for collection in collections for key in self._keys]

    @property
    def _keys(self) -> list[int]:
        return [(self.asked // _STAY + place) % KEYS for place in range(_WINDOW)]
