"""Which collections take part in replication.

Two filters in a row. The leader's is fixed by the documents (LF-EXCLUDED): some system collections never
leave it, whatever a follower asks for, and `_jobs` and `_queues` only on demand (LF-FOXX-QUEUES). The
follower's is its own configuration: `includeSystem`, `restrictType` and `restrictCollections`, in the
initial sync and in tailing alike.

Releases of arangod exclude a somewhat different list (`_apps` leaves there, `_frontend` does not). The
documents are followed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference.replication.configuration import ApplierConfiguration

EXCLUDED = frozenset(("_apps", "_trx", "_replication", "_configuration", "_sessions", "_foxxlog"))
QUEUES = frozenset(("_jobs", "_queues"))
_STATISTICS = "_statistics"


def never_leaves(name: str) -> bool:
    """Whether the leader keeps a collection to itself under all circumstances."""
    return name in EXCLUDED or name.startswith(_STATISTICS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one request to the leader asks for."""

    include_system: bool = True
    include_foxx_queues: bool = False
    collection: str = ""

    def __contains__(self, name: str) -> bool:
        if never_leaves(name) or (self.collection and name != self.collection):
            return False
        if name in QUEUES:
            return self.include_foxx_queues
        return self.include_system or not name.startswith("_")


@dataclass(frozen=True, slots=True)
class Scope:
    """What one follower takes."""

    include_system: bool
    include_foxx_queues: bool
    restrict_type: str
    restrict_collections: frozenset[str]

    @classmethod
    def of(cls, configuration: ApplierConfiguration) -> Scope:
        """The scope that a configuration describes."""
        return cls(
            configuration.include_system,
            configuration.include_foxx_queues,
            configuration.restrict_type,
            frozenset(configuration.restrict_collections),
        )

    def __contains__(self, name: str) -> bool:
        if name not in Wanted(self.include_system, self.include_foxx_queues):
            return False
        if self.restrict_type == "include":
            return name in self.restrict_collections
        return self.restrict_type != "exclude" or name not in self.restrict_collections
