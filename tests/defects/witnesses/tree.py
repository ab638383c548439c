"""The agency's tree: witnesses of defects of its transactions and callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.databases.arango_http.failover_deployment import AGENT_PORT
from harness.environments.simulation.loop import Owner
from reference.world import Request, Response
from tests.defects.agents import Agents, agency
from tests.defects.group import Group, group
from workloads import callbacks

_OBSERVER = 9999
_PAUSE_S = 1.0


@agency()
async def read_in_pieces(stage: Agents) -> None:
    """Somebody reads while somebody else writes."""
    await _read_and_write(stage)


@agency()
async def writes_in_pieces(stage: Agents) -> None:
    """Somebody reads while somebody else writes."""
    await _read_and_write(stage)


async def _read_and_write(stage: Agents) -> None:
    for number in range(20):
        writing = asyncio.create_task(stage.ask("n1", "write", number))
        await asyncio.sleep(0.0002)
        await asyncio.gather(writing, *(stage.ask("n1", "read") for _ in range(3)))


@group(callbacks.workload)
async def callback_only_of_the_key(stage: Group) -> None:
    """A key is changed that is below an observed one."""
    leader = stage.servers[0]
    for f in ("observe", "called"):
        await stage.at_server(leader, f)
    await stage.at_server(leader, "change", 1)
    for _ in range(24):
        await stage.at_server(leader, "observe")
        await asyncio.sleep(_PAUSE_S / 2)
    await stage.at_server(leader, "called")
    await stage.at_server(leader, "observe")


@agency()
async def callback_tried_once(stage: Agents) -> None:
    """An observer is away when a key is written, and comes back."""
    told = await _observe(stage, "/observed", away_s=_PAUSE_S)
    await _write(stage, {"/observed": {"op": "set", "new": 1}})
    await asyncio.sleep(3 * _PAUSE_S)
    stage.demand(
        bool(told),
        *("CL-AGENCY-CALLBACK", "not-called-back", "an observer that was away for a second is never told"),
    )


async def _write(stage: Agents, operations: dict[str, Any]) -> None:
    reply = await stage.request("n1", AGENT_PORT, "POST", "/_api/agency/write", [[operations]])
    assert reply.status == 200, reply.body


async def _observe(stage: Agents, path: str, *, away_s: float = 0.0) -> list[bytes]:
    """What an observer is told that answers 503 for a while; it has been told once already."""
    told: list[bytes] = []
    begin_s = stage.world.loop.time()

    async def take(request: Request) -> Response:
        if stage.world.loop.time() < begin_s + away_s:
            return Response(503)
        told.append(request.body)
        return Response(200)

    stage.world.network.listen("n3", _OBSERVER, take, Owner("observer"))
    url = f"http://n3:{_OBSERVER}/"
    await _write(stage, {path: {"op": "observe", "url": url}})
    return told
