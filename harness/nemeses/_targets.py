"""Targets: which nodes a fault strikes. Pure: a seeded source and names in, names out."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def choose_targets(random: Random, nodes: Sequence[str], leader: str) -> tuple[str, ...]:
    """The leader, one other, a minority, a majority, or all; each as likely, in inventory order.

    With one node that is the node; without nodes it is nobody.
    """
    if not nodes:
        return ()
    others = [node for node in nodes if node != leader]
    minority = (len(nodes) - 1) // 2
    shapes = [
        {leader} & set(nodes),
        set(random.sample(others, min(1, len(others)))),
        set(random.sample(list(nodes), minority)),
        set(random.sample(list(nodes), min(minority + 1, len(nodes)))),
        set(nodes),
    ]
    chosen = random.choice([shape for shape in shapes if shape])
    return tuple(node for node in nodes if node in chosen)
