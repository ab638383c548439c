"""Services: what a server's handlers share. The server builds it once at start and owns its life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference.api.accounts import Accounts
    from reference.api.cursors import Cursors
    from reference.api.jobs import Jobs
    from reference.api.journal import Journal
    from reference.api.tokens import Tokens
    from reference.failover.member import Member
    from reference.options import Options
    from reference.replication import Replication
    from reference.storage.engine import Engine
    from reference.world import World


@dataclass(slots=True)
class Services:
    """The parts of one server.

    `read_only` refuses every write of clients, not the applier's. `stop` begins a graceful shutdown. `member`
    is there if the server takes part in an active failover.
    """

    world: World
    options: Options
    engine: Engine
    replication: Replication
    accounts: Accounts
    tokens: Tokens
    jobs: Jobs
    cursors: Cursors
    log: Journal
    stop: Callable[[], None]
    member: Member | None = None
    read_only: bool = False
    started_ns: int = 0
    requests: int = 0
