"""One applier that has nothing to do from the beginning, and is watched at the end, when nothing is broken.

How long it pauses can only be told while no fault strikes.
"""

from __future__ import annotations

from workloads.generator import Generator, delay, lift, limit, phases, repeat, time_limit, until_ok
from workloads.protocol.administration import AdministeredSession
from workloads.trials.client import database
from workloads.trials.configuration import IDLE

_KEY = "idle"
_STATES, _INTERVAL_S, _PATIENCE_S = 24, 0.5, 20.0


async def set_up_idle(session: AdministeredSession) -> None:
    """Make the first follower follow an empty database."""
    follower = session.followers[0]
    for node in (session.leader, follower):
        await session.within(node, database(_KEY)).create()
    await session.within(follower, database(_KEY)).follow(session.endpoint(session.leader), IDLE)


def watch_idle() -> Generator:
    """Ask how long it may pause, and then how often it has asked."""
    settings, state = ({"f": f, "key": _KEY, "value": {"server": 1}} for f in ("settings", "state"))
    return phases(
        time_limit(_PATIENCE_S, delay(_INTERVAL_S, until_ok(settings))),
        limit(_STATES, delay(_INTERVAL_S, repeat(lift(state)))),
    )
