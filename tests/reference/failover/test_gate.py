"""The gate: what is asked of the lease, and when."""

from __future__ import annotations

import asyncio
import json

import pytest

from reference.api import answer
from reference.failover.gate import Gate, Role
from reference.failover.lease import Lease
from reference.world import Request, Response
from tests.reference.storage.memory_disk import ManualClock

DIRTY = {"x-arango-allow-dirty-read": "true"}


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.lease = Lease(self.clock, 1.0)
        self.gate = Gate(self.lease, answer.refusal)
        self.done = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    def lead(self) -> None:
        self.lease.renewed(self.clock.monotonic_ns())
        self.gate.become(Role.LEADER)

    async def work(self) -> Response:
        await self.go_on.wait()
        self.done += 1
        return answer.plain({}, 201)

    async def ask(self, method: str, target: str, headers: dict[str, str] | None = None) -> Response:
        return await self.gate.serve(Request(method, target, headers or {}), self.work)


def number(response: Response) -> int:
    return int(json.loads(response.body)["errorNum"])


async def test_a_write_that_outlives_the_lease_is_not_acknowledged_though_it_was_done() -> None:
    scene = Scene()
    scene.lead()
    scene.go_on.clear()
    asked = asyncio.create_task(scene.ask("POST", "/_api/document/c"))
    await asyncio.sleep(0)
    scene.clock.now_ns += 1_000_000_000
    scene.go_on.set()
    response = await asked
    assert (response.status, number(response), scene.done) == (503, 1495, 1)
    assert response.headers["x-arango-endpoint"] == ""


async def test_a_write_that_comes_after_the_lease_is_not_done() -> None:
    scene = Scene()
    scene.lead()
    assert (await scene.ask("POST", "/_api/document/c")).status == 201
    scene.clock.now_ns += 1_000_000_000
    response = await scene.ask("POST", "/_api/document/c")
    assert (response.status, number(response), scene.done) == (503, 1495, 1)
    scene.lease.renewed(scene.clock.monotonic_ns())
    assert (await scene.ask("POST", "/_api/document/c")).status == 201


async def test_who_steps_down_waits_for_the_requests_under_way() -> None:
    scene = Scene()
    scene.lead()
    scene.go_on.clear()
    asked = asyncio.create_task(scene.ask("POST", "/_api/document/c"))
    await asyncio.sleep(0)
    scene.gate.become(Role.UNKNOWN)
    emptied = asyncio.create_task(scene.gate.emptied())
    await asyncio.sleep(0)
    assert not emptied.done()
    scene.go_on.set()
    assert number(await asked) == 1495
    await emptied


async def test_an_answer_read_as_a_follower_is_marked_even_if_the_server_leads_by_then() -> None:
    scene = Scene()
    scene.gate.become(Role.FOLLOWER, "tcp://leader:1")
    scene.go_on.clear()
    asked = asyncio.create_task(scene.ask("GET", "/_api/document/c/k", DIRTY))
    await asyncio.sleep(0)
    scene.lead()
    scene.go_on.set()
    assert (await asked).headers["x-arango-potential-dirty-read"] == "true"


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/_api/version", 201),
        ("GET", "/_db/x/_api/wal/tail?from=1", 201),
        ("PUT", "/_api/wal/tail", 201),
        ("POST", "//_api//replication/batch", 201),
        ("GET", "/_admin/server/role", 201),
        ("GET", "/_admin/cluster/health", 201),
        ("DELETE", "/_admin/shutdown", 201),
        ("GET", "/_admin/time", 503),
        ("GET", "/_admin/echo", 503),
        ("POST", "/_open/auth", 503),
        ("GET", "/_db/_api/wal", 503),
        ("PUT", "/_api/replication/make-follower", 403),
        ("DELETE", "/_api/replication/applier-state", 403),
        ("GET", "/_api/replication/applier-state", 201),
    ],
)
async def test_which_paths_are_open_on_a_follower(method: str, target: str, expected: int) -> None:
    scene = Scene()
    scene.gate.become(Role.FOLLOWER, "tcp://leader:1")
    response = await scene.ask(method, target)
    assert response.status == expected
    assert response.headers["x-arango-endpoint"] == "http://leader:1"


async def test_the_version_is_not_told_while_nobody_is_known_to_lead() -> None:
    scene = Scene()
    assert number(await scene.ask("GET", "/_api/version")) == 1495
    assert (await scene.ask("GET", "/_admin/server/availability")).status == 201


@pytest.mark.parametrize("role", [Role.FOLLOWER, Role.UNKNOWN])
async def test_dirty_reads_by_other_methods_are_reads_and_writes_are_not(role: Role) -> None:
    scene = Scene()
    scene.gate.become(role, "tcp://leader:1")
    for target in ("/_api/simple/all", "/_api/cursor/7", "/_api/document/c?onlyget=true"):
        assert (await scene.ask("PUT", target, DIRTY)).status == 201
    for target in ("/_api/document/c", "/_api/simple/remove-by-keys", "/_api/cursors", "/_open/authority"):
        response = await scene.ask("PUT", target, DIRTY)
        assert (response.status, number(response)) == (403, 1004)
