"""Short trials: one set-up of replication each, from its beginning to its end, in a few seconds.

scope      what is copied, and what is not; what a set-up, a new one, or a sync does to what was there
conflict   somebody drops a collection on the follower that the leader writes to
itself     a server is told to follow itself
stranger   an applier is sent to another leader with the tick of the first
retries    an applier that must resynchronize and finds nobody
handover   the leader's log moves on, and is shortened, between a sync and the start of the applier
snapshot   a follower's snapshot, and a write after it
secret     a wrong password
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from checkers.history import Op
from checkers.trials import settled, undecided
from workloads.generator import Generator
from workloads.trials.configuration import QUICK, draw
from workloads.trials.script import Step, always, never, script

SYSTEM = ("_apps", "_jobs", "_aqlfunctions")
"""Collections that every database has: one that never leaves, one of the queues, one that can be had."""
_POLL_S = 0.2
_POLLS = 40
PATIENCE = 30
"""So often a server that is down is asked, 0.3 s apart."""


def is_settled(completion: Op) -> bool:
    """Whether a follower runs and has all that its leader had."""
    return completion.type == "ok" and settled(completion.value)


def is_decided(completion: Op) -> bool:
    """Whether a follower has caught up, or runs no more."""
    return completion.type == "ok" and not undecided(completion.value)


def opened(kind: str, servers: Iterable[int], *, elsewhere: bool = False) -> list[Step]:
    """The trial's databases."""
    steps = [Step("open", {"server": server, "kind": kind}) for server in servers]
    other = Step("open", {"server": 0, "kind": kind, "elsewhere": True})
    return [*steps, other] if elsewhere else steps


def closed(servers: Iterable[int], *, elsewhere: bool = False) -> list[Step]:
    """They go, if their servers answer."""
    steps = [Step("close", {"server": server}, needed=False) for server in servers]
    other = Step("close", {"server": 0, "elsewhere": True}, needed=False)
    return [*steps, other] if elsewhere else steps


def fill(server: int, name: str, keys: Sequence[str], *, new: bool = True, **more: Any) -> Step:
    """Documents for a collection, which is created if it is new."""
    value = {"server": server, "collections": {name: list(keys)}, "new": [name] if new else []}
    return Step("fill", {"durable": True, **value, **more})


def follow(server: int, leader: int, configuration: dict[str, Any]) -> Step:
    """The all-in-one set-up."""
    return Step("follow", {"server": server, "leader": leader, "configuration": configuration})


def caught_up(server: int, leader: int, done: Callable[[Op], bool] = is_settled) -> list[Step]:
    """Ask the leader how far its log reaches now, and wait until the follower has all of that."""
    target = ("target", "tick", "tick")
    return [
        Step("tick", {"server": leader}, _POLLS, _POLL_S),
        Step("state", {"server": server}, _POLLS, _POLL_S, done, recalls=target),
    ]


def revived(server: int) -> Step:
    """Ask a follower for its state until it answers, so that it also tells how it came back from a fault."""
    return Step("state", {"server": server}, PATIENCE, 0.3, needed=False)


def look(server: int, collections: Sequence[str], *, attempts: int = 3) -> Step:
    """What is in these collections, and which others there are."""
    return Step("look", {"server": server, "collections": list(collections)}, attempts, _POLL_S)


def scope(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001 - one of several
    """Half of its steps are drawn."""
    first, second, late, own = (f"c{key}_{name}" for name in ("first", "second", "late", "own"))
    system = random.sample(SYSTEM, 2)
    seen = [first, second, late, own, *system]
    configuration = draw(random, [first], [second, late])
    has_other, has_own = random.random() < 0.4, random.random() < 0.5
    steps = opened("scope", (0, follower), elsewhere=has_other)
    steps += [fill(0, first, [f"a{n}" for n in range(6)]), fill(0, second, ["b0", "b1"])]
    steps += [fill(0, name, ["s0"], new=False) for name in system]
    if has_own:
        steps.append(fill(follower, own, ["m0"]))
    if random.random() < 0.3:
        steps.append(follow(follower, 0, draw(random, [first], [second])))
    steps += [follow(follower, 0, configuration), look(follower, seen)]
    steps.append(Step("settings", {"server": follower}, 3, _POLL_S))
    if has_other:
        steps.append(fill(0, f"e{key}", ["e0"], elsewhere=True))
    steps += [fill(0, late, ["l0"]), Step("remove", {"server": 0, "collection": first, "key": "a0"})]
    if random.random() < 0.5:
        steps.append(Step("drop", {"server": 0, "collection": second}))
    steps += [fill(0, system[0], ["s1"], new=False), fill(0, first, ["a6", "a7"], new=False)]
    steps += [*caught_up(follower, 0), look(0, seen), look(follower, seen)]
    if random.random() < 0.6:
        steps += _again(random, first, seen, follower, configuration)
    ends = [revived(follower), *closed((0, follower), elsewhere=has_other)]
    return script([*steps, *ends], len(ends))


def _again(
    random: Random, first: str, seen: Sequence[str], follower: int, configuration: dict[str, Any]
) -> list[Step]:
    """Stopped, and set going again in one of the documented ways, while the leader has moved on."""
    steps = [Step("stop", {"server": follower}), fill(0, first, ["a8"], new=False)]
    steps.append(Step("remove", {"server": 0, "collection": first, "key": "a1"}))
    way = random.choice(("start", "follow", "sync", "sync"))
    if way != "start":
        steps.append(fill(follower, first, ["m1"], new=False))
    if way == "follow":
        steps += [follow(follower, 0, configuration), look(follower, seen)]
    elif way == "sync":
        steps += [*synchronized(follower, configuration), look(follower, seen)]
        steps += started(follower, configuration)
    else:
        steps.append(Step("start", {"server": follower}))
    return [*steps, *caught_up(follower, 0), look(0, seen), look(follower, seen)]


def synchronized(follower: int, configuration: dict[str, Any]) -> list[Step]:
    """One copy."""
    return [Step("sync", {"server": follower, "leader": 0, "configuration": configuration})]


def started(follower: int, configuration: dict[str, Any]) -> list[Step]:
    """The applier is configured, and begins where the last sync has ended."""
    value = {"server": follower, "leader": 0, "configuration": configuration}
    return [
        Step("configure", value),
        Step("start", {"server": follower}, recalls=("from", "sync", "tick")),
    ]


def conflict(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """Afterwards it may be mended by another set-up."""
    name = f"c{key}"
    steps = [*opened("conflict", (0, follower)), fill(0, name, ["a0"]), follow(follower, 0, QUICK)]
    steps += [*caught_up(follower, 0), Step("drop", {"server": follower, "collection": name})]
    steps += [fill(0, name, ["a1"], new=False), *caught_up(follower, 0, is_decided), look(follower, [name])]
    if random.random() < 0.5:
        steps += [follow(follower, 0, QUICK), *caught_up(follower, 0)]
        steps += [look(0, [name]), look(follower, [name])]
    return script([*steps, revived(follower), *closed((0, follower))], 3)


def itself(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """Of a single server, too."""
    attempt = Step("follow", {"server": follower, "leader": follower, "configuration": QUICK}, needed=False)
    return script([*opened("itself", (follower,)), attempt, *closed((follower,))], 1)


def stranger(random: Random, key: int, follower: int, servers: int) -> Generator:
    """Both leaders have a database of that name. Needs three servers."""
    other = random.choice([server for server in range(1, servers) if server != follower])
    name, second, late = f"c{key}", f"d{key}", f"f{key}"
    steps = [*opened("stranger", (0, other, follower)), fill(other, name, ["a0"])]
    steps += [follow(follower, other, QUICK), *caught_up(follower, other)]
    steps += [Step("stop", {"server": follower}), Step("state", {"server": follower}, 3, _POLL_S)]
    steps += [fill(0, second, ["b0", "b1", "b2"]), fill(0, late, ["l0"])]
    steps += [
        Step("configure", {"server": follower, "leader": 0, "configuration": QUICK}),
        Step("start", {"server": follower}),
        *caught_up(follower, 0, is_decided),
        *(look(server, [name, second, late]) for server in (0, follower)),
    ]
    return script([*steps, *closed((0, other, follower))], 3)


def retries(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """It has no tick, and where its leader should be nobody listens."""
    most = random.choice((1, 2))
    patient = {**QUICK, "autoResync": True, "autoResyncRetries": most}
    steps = [*opened("retries", (0, follower)), follow(follower, 0, patient)]
    steps += [Step(f, {"server": follower}) for f in ("stop", "forget")]
    steps += [
        Step("configure", {"server": follower, "leader": None, "configuration": patient}),
        Step("start", {"server": follower}),
        Step("state", {"server": follower}, 12, 0.3, is_stopped, needed=False),
    ]
    return script([*steps, *closed((0, follower))], 2)


def is_stopped(completion: Op) -> bool:
    """Whether an applier runs no more."""
    return completion.type == "ok" and not completion.value["running"]


def handover(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """Between the two the leader begins new log files, and has time to remove the old ones."""
    name = f"c{key}"
    steps = [*opened("handover", (0, follower)), fill(0, name, ["a0"]), *synchronized(follower, QUICK)]
    for number in range(1, 4):
        steps += [fill(0, name, [f"a{number}"], new=False), Step("flush", {"server": 0})]
        steps.append(Step("state", {"server": follower}, 4, 0.3, never, needed=False))
    steps += [*started(follower, QUICK), *caught_up(follower, 0, is_decided), Step("tick", {"server": 0})]
    steps += [look(0, [name]), look(follower, [name])]
    return script([*steps, *closed((0, follower))], 2)


def snapshot(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """Of any server. The follower's part is done by the client."""
    name = f"c{key}"
    steps = [*opened("snapshot", (0,)), fill(0, name, ["a0", "a1"]), Step("pin", {"server": 0})]
    steps.append(fill(0, name, ["a2"], new=False))
    dump = {"server": 0, "collection": name}
    steps.append(Step("dump", dump, done=always, needed=False, recalls=("snapshot", "pin", "snapshot")))
    return script([*steps, *closed((0,))], 1)


def secret(random: Random, key: int, follower: int, servers: int) -> Generator:  # noqa: ARG001
    """Where the leader demands a password."""
    wrong = {**QUICK, "username": "root", "password": f"not the password of {key}"}
    steps = [*opened("secret", (0, follower)), Step("knock", {"server": 0}, 3, _POLL_S)]
    attempt = {"server": follower, "leader": 0, "configuration": wrong}
    steps.append(Step("follow", attempt, needed=False))
    return script([*steps, *closed((0, follower))], 2)
