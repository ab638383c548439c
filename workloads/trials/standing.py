"""Appliers that have nothing to do from the beginning, and are looked at in the end, when nothing is broken.

One that is `idle` pauses for long, and is watched: how long it pauses can only be told while no fault
strikes.
Those that are `unasked`, one at each follower, have no autoStart: what was restarted meanwhile must stand.
"""

from __future__ import annotations

from typing import Any

from workloads.generator import Generator, delay, lift, limit, phases, repeat, time_limit, until_ok
from workloads.protocol.administration import AdministeredSession
from workloads.trials.client import database
from workloads.trials.configuration import IDLE

_IDLE, _UNASKED = "idle", "unasked"
_STATES, _INTERVAL_S, _PATIENCE_S = 24, 0.5, 10.0


async def set_up_standing(session: AdministeredSession) -> None:
    """Make followers follow empty databases, the first one in both ways."""
    leader, first = session.endpoint(session.leader), session.followers[0]
    for node in (session.leader, first):
        await session.within(node, database(_IDLE)).create()
    await session.within(first, database(_IDLE)).follow(leader, IDLE)
    await session.within(session.leader, database(_UNASKED)).create()
    for node in session.followers:
        site = session.within(node, database(_UNASKED))
        await site.create()
        tick = await site.synchronize(leader, IDLE)
        await site.configure(leader, IDLE)
        await site.start(tick)


def watch_standing(followers: int) -> Generator:
    """Ask all how they are, and the idle one, again and again, how often it has asked."""
    servers = range(1, followers + 1)
    once = [_ask(_UNASKED, f, server) for server in servers for f in ("settings", "state")]
    first = [*once, _ask(_IDLE, "settings", 1), _ask(_IDLE, "state", 1)]
    return phases(
        *(time_limit(_PATIENCE_S, delay(_INTERVAL_S, until_ok(each))) for each in first),
        limit(_STATES, delay(_INTERVAL_S, repeat(lift(_ask(_IDLE, "state", 1))))),
    )


def _ask(key: str, f: str, server: int) -> dict[str, Any]:
    return {"f": f, "key": key, "value": {"server": server}}
