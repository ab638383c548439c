"""Grudges: shapes of partitions. Pure: names in, cuts out.

A cut is directed, (source, destination): the destination does not hear the source. The shapes are Jepsen's
(jepsen.nemesis: partition-halves, partition-node, majorities-ring, bridge).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from harness.environment import Cut

Grudge = Callable[[Sequence[str], Random], tuple[Cut, ...]]
"""Makes cuts among nodes; none if there are too few nodes for the shape."""


def both_ways(left: Sequence[str], right: Sequence[str]) -> tuple[Cut, ...]:
    """Nobody on one side hears anybody on the other."""
    return tuple(cut for a in left for b in right for cut in ((a, b), (b, a)))


def isolate_one(nodes: Sequence[str], random: Random) -> tuple[Cut, ...]:
    """One node apart from all others."""
    if len(nodes) < 2:
        return ()
    lonely = random.choice(list(nodes))
    return both_ways([lonely], [node for node in nodes if node != lonely])


def halves(nodes: Sequence[str], random: Random) -> tuple[Cut, ...]:
    """Two sides, the smaller one a minority where the number is odd."""
    shuffled = random.sample(list(nodes), len(nodes))
    middle = len(nodes) // 2
    return both_ways(shuffled[:middle], shuffled[middle:])


def majority_ring(nodes: Sequence[str], random: Random) -> tuple[Cut, ...]:
    """Every node hears a majority (itself included), and no two nodes the same one.

    The nodes stand in a ring and hear their nearest neighbours, as many on each side as make a majority.
    Where the majority is an even number, with no equal sides, each hears those that follow it, and cuts are
    one-way.
    """
    count = len(nodes)
    heard = count // 2 + 1
    if count < 3:
        return ()
    ring = random.sample(list(nodes), count)
    first = -(heard // 2) if heard % 2 == 1 and heard < count else 0
    hears = {ring[i]: {ring[(i + first + step) % count] for step in range(heard)} for i in range(count)}
    return tuple((source, node) for node in ring for source in ring if source not in hears[node])


def bridge(nodes: Sequence[str], random: Random) -> tuple[Cut, ...]:
    """Two sides that do not hear each other, and one node that both sides hear."""
    if len(nodes) < 3:
        return ()
    _, *others = random.sample(list(nodes), len(nodes))
    middle = len(others) // 2
    return both_ways(others[:middle], others[middle:])


def one_way(nodes: Sequence[str], random: Random) -> tuple[Cut, ...]:
    """One node still hears all others, but none of them hears it; or the other way round."""
    if len(nodes) < 2:
        return ()
    lonely = random.choice(list(nodes))
    others = [node for node in nodes if node != lonely]
    outwards = random.random() < 0.5
    return tuple((lonely, other) if outwards else (other, lonely) for other in others)


GRUDGES: Mapping[str, Grudge] = {
    "isolate-one": isolate_one,
    "halves": halves,
    "majority-ring": majority_ring,
    "bridge": bridge,
    "one-way": one_way,
}


def choose_grudge(random: Random, nodes: Sequence[str], leader: str) -> tuple[str, tuple[Cut, ...]]:
    """A shape and its cuts, drawn until one of them concerns the leader.

    Followers of one leader need not speak to each other: a partition between them alone would have no effect.
    Too few nodes give no cuts, and so, honestly, no effect.
    """
    for _ in range(100):
        shape = random.choice(list(GRUDGES))
        cuts = GRUDGES[shape](nodes, random)
        if any(leader in cut for cut in cuts):
            return shape, cuts
    return "none", ()
