"""Roles: which kind of server one process is, by its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reference.agency_server import AgencyServer
from reference.failover.job import ActiveFailover
from reference.server import Server

if TYPE_CHECKING:
    from reference.options import Options
    from reference.world import World


def create(
    world: World, options: Options, tell: Callable[[str, str], object], *, secret: str = ""
) -> Server | AgencyServer:
    """An agent if the options activate one, otherwise a server with documents."""
    if options.agency.activate:
        jobs = (ActiveFailover(world, options.agency.supervision_grace_period_s, tell),)
        return AgencyServer(world, options, tell, secret=secret, jobs=jobs)
    return Server(world, options, tell, secret=secret)
