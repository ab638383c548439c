"""What `waitForSync` has acknowledged survives `kill -9` of the server in the middle of concurrent writes."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from pathlib import Path

import pytest

from tests.reference.ledger import Clients, Ledger
from tests.reference.server_process import ServerProcess

ROUNDS = 50


async def test_no_acknowledged_write_is_missing_after_fifty_kills(tmp_path: Path) -> None:
    moments = random.Random(6)
    with ServerProcess(tmp_path / "data") as server:
        clients = Clients("127.0.0.1", server.port)
        await clients.prepare()
        for number in range(ROUNDS):
            await clients.write_until(moments.randint(1, 150), partial(asyncio.to_thread, server.kill))
            server.start()
            documents = await clients.documents()
            assert clients.ledger.problems(documents) == [], f"round {number}: {server.tail()}"
            clients.ledger.settle(documents)
    assert clients.ledger.acknowledged > ROUNDS


@pytest.mark.parametrize(
    ("documents", "problem"),
    [
        ({"left": 4, "right": 4, "new": 9}, None),
        ({"left": 6, "right": 6, "new": 9}, None),
        ({"left": 5, "right": 5, "new": 9}, "phantom"),
        ({"left": 7, "right": 7, "new": 9}, "phantom"),
        ({"left": 3, "right": 3, "new": 9}, "lost"),
        ({"left": 4, "right": 5, "new": 9}, "half a transaction"),
        ({"left": 4, "right": 4}, "lost"),
        ({"left": 4, "right": 4, "new": 9, "other": 1}, "phantom"),
    ],
)
async def test_the_ledger_finds_what_is_wrong(documents: dict[str, int], problem: str | None) -> None:
    ledger = Ledger()
    ledger.unit("left", "right")
    ledger.acknowledge(ledger.units[0], 4)
    ledger.units[0].asked = 6  # and nobody knows how that ended
    ledger.unit("new").asked = 9
    ledger.acknowledge(ledger.units[1], 9)
    problems = ledger.problems(documents)
    assert [each.partition(":")[0] for each in problems] == ([] if problem is None else [problem])


async def test_what_was_in_doubt_must_not_come_back_once_it_was_found_missing() -> None:
    ledger = Ledger()
    ledger.unit("doubtful").asked = 1
    assert ledger.problems({}) == ledger.problems({"doubtful": 1}) == []
    ledger.settle({})
    assert ledger.problems({"doubtful": 1}) == ["phantom: doubtful shows 1, which nobody wrote"]
