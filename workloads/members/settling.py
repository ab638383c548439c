"""The end of a run with a group: somebody must lead again, and everybody must know who."""

from __future__ import annotations

import itertools

from checkers.history import Op
from workloads.generator import Generator, delay, lift, limit, phases, sleep, time_limit, until

_PATIENCE_S = 90.0
_POLL_S = 0.1
_KNOWN_S = 6.0
"""So long after a leader has taken over, every server must have heard of it."""


def settle(servers: int, first_number: int) -> Generator:
    """Writes everywhere until one is accepted; a pause; then looks at the agency and at every server.

    `first_number` is above every number that was written before.
    """
    numbers = itertools.count(first_number)
    writes = (
        {"f": "probe", "value": {"server": n % servers, "kind": "write", "dirty": False, "number": n}}
        for n in numbers
    )
    looks = itertools.cycle(
        [{"f": "observe"}]
        + [
            {"f": "probe", "value": {"server": s, "kind": kind, "dirty": dirty, "number": 0}}
            for s in range(servers)
            for kind, dirty in (("endpoints", False), ("read", False), ("read", True))
        ]
    )
    return phases(
        time_limit(_PATIENCE_S, delay(_POLL_S, until(_accepted, lift(writes)))),
        sleep(_KNOWN_S),
        limit(3 * (3 * servers + 1), delay(_POLL_S, lift(looks))),
    )


def _accepted(event: Op) -> bool:
    return event.type == "ok" and event.f == "probe" and 200 <= event.value["status"] < 300
