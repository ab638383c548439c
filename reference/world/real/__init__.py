"""The doors on a real machine: its clocks, a folder of files, TCP.

Only here are sockets, files, threads and the time of day.
"""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from reference.world import World
from reference.world.real.clock import RealClock
from reference.world.real.disk import RealDisk
from reference.world.real.network import RealNetwork


def open_world(directory: Path) -> World:
    """The world of a server whose data are in `directory`, which no other server may use meanwhile.

    Raises OSError if the folder cannot be used. Needs no running event loop.
    """
    return World(RealClock(), RealNetwork(), RealDisk(directory), SystemRandom())
