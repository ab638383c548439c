"""Configurations of appliers: those that every trial begins with, and drawn ones.

All poll fast and come back fast, so that a trial is over within seconds. None resynchronizes by itself unless
that is drawn: what an applier did wrong must stay to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

Configuration = dict[str, Any]

QUICK: Configuration = {
    "includeSystem": False,
    "adaptivePolling": False,
    "idleMinWaitTime": 0.3,
    "idleMaxWaitTime": 0.3,
    "connectTimeout": 2,
    "requestTimeout": 2,
    "connectionRetryWaitTime": 0.3,
    "maxConnectRetries": 1000,
}
IDLE: Configuration = {
    **QUICK,
    "adaptivePolling": True,
    "idleMinWaitTime": 1.5,
    "idleMaxWaitTime": 2.0,
    "requestTimeout": 1,
}
"""Long enough pauses that one that is longer still can be told from a slow answer."""


def draw(random: Random, wanted: Sequence[str], unwanted: Sequence[str]) -> Configuration:
    """A configuration; if it restricts, then to `wanted`, or to all but `unwanted`."""
    drawn = {
        **QUICK,
        "includeSystem": random.random() < 0.5,
        "includeFoxxQueues": random.random() < 0.3,
        "autoResync": random.random() < 0.3,
        "incremental": random.random() < 0.2,
    }
    if random.random() < 0.6:
        drawn["chunkSize"] = random.choice((60, 200, 1000))
    kind = random.choice(("", "", "include", "exclude"))
    if kind:
        restricted = wanted if kind == "include" else unwanted
        drawn |= {"restrictType": kind, "restrictCollections": list(restricted)}
    return drawn
