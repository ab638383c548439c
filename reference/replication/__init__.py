"""Asynchronous replication: one server writes, others copy its log and apply it (leader/follower).

The leader's side answers questions: which collections there are (`inventory`), what was in them at one tick
(`batches`, `dump`, `revisions`), and what happened since (`tail`). It promises nothing to anyone and knows
its followers only by their asking (`clients`).

The follower's side is one `Applier` for each database: an initial sync from a snapshot at tick T
(`initial_sync`, `incremental`), then the log after T, entry by entry in the leader's order (`tailing`,
`application`). Its tick is stored in the same log unit as the data it speaks about, so a restart neither
skips nor repeats anything.

A whole server is followed by the `GlobalApplier` (`global_applier`, `global_sync`, `global_application`): one
conversation with the leader, one tick for each database. It is driven by active failover alone.

Not here: commands to it (`global=true` on the follower's side), views, VelocyPack, the MMFiles-era
barriers, and the older `keys` protocol of incremental sync. An arangod has all but the barriers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from reference.errors import ArangoError
from reference.replication.applier import Applier
from reference.replication.batches import Batches
from reference.replication.clients import Clients
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.world import World

Report = Callable[[str, str], None]
"""Takes a level (error, warning, info, debug) and a sentence for the server's log."""


class Replication:
    """Both sides of one server."""

    def __init__(self, world: World, engine: Engine, report: Report) -> None:
        self._world = world
        self._engine = engine
        self._report = report
        self._appliers: dict[int, Applier] = {}
        self.clients = Clients(world.clock, engine.log)
        self.batches = Batches(world.clock, engine, self.clients)

    async def start(self, *, auto_start: bool = True) -> None:
        """Load the appliers' configurations, and start those that say `autoStart` (LF-AUTOSTART-ON)."""
        for database in self._engine.databases():
            applier = await self.applier(database)
            if auto_start and applier.configuration.auto_start:
                await applier.start()

    async def stop(self) -> None:
        """End everything in progress; nothing is half applied. Configurations and ticks stay."""
        for applier in self._appliers.values():
            await applier.shut_down()
        self.batches.close()

    async def applier(self, database: Database) -> Applier:
        """The applier of a database."""
        await self._forget_dropped()
        applier = self._appliers.get(database.id)
        if applier is None:
            applier = Applier(self._world, self._engine, database, self._report)
            await applier.load()
            applier = self._appliers.setdefault(database.id, applier)
        return applier

    async def applier_states(self) -> dict[str, object]:
        """The state of every database's applier, by name."""
        return {
            database.name: (await self.applier(database)).shown() for database in self._engine.databases()
        }

    async def _forget_dropped(self) -> None:
        alive = {database.id for database in self._engine.databases()}
        for gone in [number for number in self._appliers if number not in alive]:
            await self._appliers.pop(gone).discard()


def refuse_global(database: Database) -> NoReturn:
    """Refuse a request for the server-wide applier, which this server does not have."""
    if database.name != "_system":
        raise ArangoError(11, "the server-wide applier can only be used from within the _system database")
    raise ArangoError(
        9, "this server has no server-wide applier (global=true): set up replication in each database"
    )
