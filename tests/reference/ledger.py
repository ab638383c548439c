"""A ledger of concurrent writes, for tests that take the server away beneath them.

Whatever is written is a number under one key, or under two keys in one stream transaction; each such unit has
one writer and its numbers grow. So after a restart every unit must show the last number that was acknowledged
or the one that was in doubt. All writes ask for `waitForSync`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.environment import TransportError
from harness.http import HttpTransport

COLLECTION = "ledger"
_INSERTERS, _REPLACERS, _TRANSACTORS = 4, 2, 2


@dataclass(slots=True)
class Unit:
    """Keys that are written together: the newest number asked for, and the newest acknowledged; 0: none."""

    keys: tuple[str, ...]
    asked: int = 0
    acknowledged: int = 0

    def problem(self, documents: Mapping[str, int]) -> str | None:
        """What is wrong with what is stored, if anything."""
        shown = [documents.get(key, 0) for key in self.keys]
        name = " and ".join(self.keys)
        if len(set(shown)) > 1:
            return f"half a transaction: {name} show {shown}"
        if shown[0] < self.acknowledged:
            return f"lost: {name} shows {shown[0]}, but {self.acknowledged} was acknowledged"
        wanted = (self.acknowledged, self.asked)
        return f"phantom: {name} shows {shown[0]}, which nobody wrote" if shown[0] not in wanted else None


class Ledger:
    """All units, and how many writes have been acknowledged, in all and since the last `settle`."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.acknowledged = 0
        self.since = 0
        self._grew = asyncio.Event()

    def unit(self, *keys: str) -> Unit:
        """A new unit."""
        self.units.append(Unit(keys))
        return self.units[-1]

    def acknowledge(self, unit: Unit, number: int) -> None:
        """The server has said that it is stored."""
        unit.acknowledged = number
        self.acknowledged += 1
        self.since += 1
        self._grew.set()

    async def more(self, writes: int) -> None:
        """Return when so many writes have been acknowledged since the last `settle`."""
        while self.since < writes:
            self._grew.clear()
            await self._grew.wait()

    def problems(self, documents: Mapping[str, int]) -> list[str]:
        """What is wrong with all the documents that are stored, by key."""
        known = {key for unit in self.units for key in unit.keys}
        wrong = [f"phantom: nobody wrote {key}" for key in sorted(documents.keys() - known)]
        return wrong + [problem for unit in self.units if (problem := unit.problem(documents)) is not None]

    def settle(self, documents: Mapping[str, int]) -> None:
        """What was found after a restart stays so: what was in doubt must neither go nor come back."""
        self.since = 0
        for unit in self.units:
            unit.asked = unit.acknowledged = documents.get(unit.keys[0], 0)


class Clients:
    """Concurrent writers on one server. Numbers and keys go on from one round to the next."""

    def __init__(self, host: str, port: int) -> None:
        self.ledger = Ledger()
        self._host, self._port = host, port
        self._numbers = itertools.count(1)
        self._registers = [self.ledger.unit(f"register-{n}") for n in range(_REPLACERS)]
        self._pairs = [self.ledger.unit(f"left-{n}", f"right-{n}") for n in range(_TRANSACTORS)]

    async def prepare(self) -> None:
        """Make the collection, and a first version of what will be replaced."""
        async with self._session() as session:
            await session.call("POST", "/_api/collection", {"name": COLLECTION}, 200)
            for unit in (*self._registers, *self._pairs):
                unit.asked = next(self._numbers)
                for key in unit.keys:
                    await session.call("POST", _documents(), {"_key": key, "v": unit.asked}, 201)
                self.ledger.acknowledge(unit, unit.asked)
        self.ledger.since = 0

    async def documents(self) -> dict[str, int]:
        """All that is stored, number by key; nothing if even the collection is gone."""
        async with self._session() as session:
            query = {"collection": COLLECTION, "batchSize": 1_000_000}
            answer = await session.call("PUT", "/_api/simple/all", query, 201, 404)
        return {document["_key"]: document["v"] for document in answer.get("result", ())}

    async def write_until(self, writes: int, cut: Callable[[], Awaitable[object]]) -> None:
        """Let all writers write at once, `cut` the server off when so many writes are acknowledged; return
        when every writer has noticed."""
        jobs: list[_Job] = [self._insert] * _INSERTERS
        jobs += [partial(self._replace, unit) for unit in self._registers]
        jobs += [partial(self._transact, unit) for unit in self._pairs]
        writers = [asyncio.create_task(self._until_cut(job)) for job in jobs]
        enough = asyncio.create_task(self.ledger.more(writes))
        await asyncio.wait([enough, *writers], return_when=asyncio.FIRST_COMPLETED)
        if enough.done():
            await cut()
        await asyncio.gather(*writers)
        assert enough.done(), "the server went away by itself"

    async def _until_cut(self, job: _Job) -> None:
        async with self._session() as session:
            with suppress(TransportError):
                while True:
                    await job(session)

    async def _insert(self, session: _Session) -> None:
        number = next(self._numbers)
        unit = self.ledger.unit(f"insert-{number}")
        unit.asked = number
        await session.call("POST", _documents(), {"_key": unit.keys[0], "v": number}, 201)
        self.ledger.acknowledge(unit, number)

    async def _replace(self, unit: Unit, session: _Session) -> None:
        unit.asked = next(self._numbers)
        await session.call("PUT", _documents(unit.keys[0]), {"v": unit.asked}, 201)
        self.ledger.acknowledge(unit, unit.asked)

    async def _transact(self, unit: Unit, session: _Session) -> None:
        number = next(self._numbers)
        begin = {"collections": {"write": [COLLECTION]}, "waitForSync": True}
        begun = await session.call("POST", "/_api/transaction/begin", begin, 201)
        name = begun["result"]["id"]
        for key in unit.keys:
            await session.call("PUT", f"/_api/document/{COLLECTION}/{key}", {"v": number}, 202, within=name)
        unit.asked = number
        await session.call("PUT", f"/_api/transaction/{name}", None, 200)
        self.ledger.acknowledge(unit, number)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[_Session]:
        transport = HttpTransport(self._host, self._port)
        try:
            yield _Session(transport)
        finally:
            await transport.close()


class _Session:
    """One connection."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    async def call(self, method: str, target: str, body: Any, *good: int, within: str = "") -> Any:
        """The answer's JSON; AssertionError for another status, TransportError without an answer."""
        headers = {"x-arango-trx-id": within} if within else {}
        data = b"" if body is None else json.dumps(body).encode()
        answer = await self._transport.request(method, target, headers=headers, body=data, timeout_s=20)
        assert answer.status in good, f"{method} {target}: {answer.status} {answer.body[:300]!r}"
        return json.loads(answer.body)


_Job = Callable[[_Session], Awaitable[None]]


def _documents(key: str = "") -> str:
    return f"/_api/document/{COLLECTION}/{key}".rstrip("/") + "?waitForSync=true"
