"""Long trials: a follower that has been set up is watched for a while, so that faults may strike it.

unasked    an applier without autoStart, and a restart
set_up     set up again and again, and a restart right after
halfway    synchronized again and again, and a restart in the middle
unsynced   writes that nobody waits for, and a leader that loses them
"""

from __future__ import annotations

from random import Random

from workloads.generator import Generator
from workloads.trials.configuration import QUICK
from workloads.trials.script import Step, is_ok, script
from workloads.trials.short import (
    PATIENCE,
    caught_up,
    closed,
    fill,
    follow,
    is_decided,
    look,
    opened,
    revived,
    synchronized,
)


def set_up(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """It must go on. There is nothing to copy, so that nothing but the set-up itself reaches the disk."""
    steps = opened("set_up", (0, follower))
    steps += [follow(follower, 0, QUICK) for _ in range(25)]
    ends = [revived(follower), *closed((0, follower))]
    return script([*steps, *ends], len(ends))


def halfway(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """However a sync ended: an applier that runs afterwards must come to equal data."""
    name, slow = f"c{key}", {**QUICK, "autoStart": True, "chunkSize": 1}
    steps = [*opened("halfway", (0, follower)), fill(0, name, [f"a{number}" for number in range(12)])]
    steps += [follow(follower, 0, slow), look(follower, [name]), *caught_up(follower, 0)]
    steps.append(Step("stop", {"server": follower}))
    steps += synchronized(follower, slow) * 10
    ends = [
        *caught_up(follower, 0, is_decided),
        *(look(server, [name], attempts=10) for server in (0, follower)),
        *closed((0, follower)),
    ]
    return script([*steps, *ends], len(ends))


def unsynced(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """A follower must have nothing that its leader can still lose."""
    name = f"c{key}"
    steps = [*opened("unsynced", (0, follower)), fill(0, name, ["a"], durable=False)]
    steps.append(follow(follower, 0, QUICK))
    steps += [_write(name, number) for number in range(60)]
    ends = [
        look(follower, [name], attempts=PATIENCE),
        look(0, [name], attempts=PATIENCE),
        *closed((0, follower)),
    ]
    return script([*steps, *ends], len(ends))


def _write(name: str, number: int) -> Step:
    """A write; if the leader does not answer it is the last."""
    step = fill(0, name, [f"b{number}"], new=False, durable=False)
    return Step("fill", step.value, 2, 0.1, is_ok)
