"""Placement: which nodes of an active failover run an agent, and which a server.

Three agents, on the first three nodes. With five nodes or more these run nothing else, so that the agency can
be struck without the servers, and a server cut off from it alone; with fewer, every node runs a server too.
"""

from __future__ import annotations

from collections.abc import Sequence

_AGENTS = 3
_ENOUGH = 5


def agents(nodes: Sequence[str]) -> tuple[str, ...]:
    """The nodes that run an agent: an odd number of them, so three, or one where there are only two nodes."""
    return tuple(nodes[:_AGENTS]) if len(nodes) >= _AGENTS else tuple(nodes[:1])


def servers(nodes: Sequence[str]) -> tuple[str, ...]:
    """The nodes that run a server."""
    return tuple(nodes[_AGENTS:]) if len(nodes) >= _ENOUGH else tuple(nodes)
