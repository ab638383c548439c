"""A request to whoever leads: refusals that name another server are followed, and nothing is ever repeated.

A refusal as follower certainly did nothing, so asking the server that it names is no repetition. Everything
else ends the operation; where the node did not serve, the session's next operation goes to another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from workloads.protocol.failover import FailoverSession
from workloads.protocol.outcome import Ok, Outcome, RequestError

_HOPS = 3
_CHALLENGE = 1495
_NOT_LEADER = 1496


async def at_leader(session: FailoverSession, request: Callable[[str], Awaitable[Any]]) -> Outcome:
    """The outcome of `request(node)` at the node that leads; its result is the value of an Ok."""
    for _ in range(_HOPS):
        node = session.leader
        try:
            value = await request(node)
        except RequestError as error:
            if error.number == _NOT_LEADER and error.endpoint and session.follow(error.endpoint):
                continue
            if error.number != _CHALLENGE:
                session.follow(None)
            return replace(error.outcome, node=node)
        session.confirm(node)
        return Ok(value, node)
    return replace(RequestError("the servers send each other in circles", definite=True).outcome, node=node)
