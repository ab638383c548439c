"""Queues: the leader runs the queued jobs (AF-QUEUES). It is the Foxxmaster; followers run none.

A job is a document of `_jobs` in any database: `{"queue", "status": "pending", "delayUntil", "data"}`, its
queue a document of `_queues` with that key. All that a job can do here is to write one document, as `data`
says: `{"collection", "document", "overwriteMode"?}`. The write and the job's new status are one transaction:
so it is done exactly once on every server that has this log, however often leaders change.

Not here: scripts of Foxx services (`type`), repetition, back-off, several workers of one queue. `created`,
`modified` and the like are left as they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.database import Database
from reference.storage.engine import Engine

_JOBS, _QUEUES = "_jobs", "_queues"
_decode = msgspec.json.Decoder().decode


class Queues:
    """The runner of one server."""

    def __init__(
        self,
        engine: Engine,
        may_run: Callable[[], bool],
        report: Callable[[str, str], object],
        interval_s: float,
    ) -> None:
        """`may_run` is asked before each job; `interval_s` is between two looks into the queues."""
        self._engine = engine
        self._clock = engine.world.clock
        self._may_run = may_run
        self._report = report
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run jobs."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; a job is done or not."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            for database in self._engine.databases():
                try:
                    await self._database(database)
                except ArangoError as error:
                    self._report("warning", f"queues of '{database.name}': {error.message}")
            await self._clock.sleep(self._interval_s)

    async def _database(self, database: Database) -> None:
        for job in await self._pending(database):
            if not self._may_run():
                return
            try:
                await self._do(database, job, "complete")
            except ArangoError as error:
                self._report("warning", f"job {job['_key']} of '{database.name}': {error.message}")
                await self._do(database, {**job, "data": None, "failure": error.message}, "failed")

    async def _pending(self, database: Database) -> list[dict[str, Any]]:
        """The jobs whose time has come, oldest first."""
        jobs, queues = database.find(_JOBS), database.find(_QUEUES)
        if jobs is None or queues is None:
            return []
        with await self._engine.transactions.auto(database) as transaction:
            known = {document.key for document in documents.scan(transaction, queues)}
            found = [_decode(document.body) for document in documents.scan(transaction, jobs)]
        now_ms = self._clock.wall_ns() / 1e6
        due = [
            job
            for job in found
            if job.get("status") == "pending"
            and job.get("queue") in known
            and _milliseconds(job.get("delayUntil")) <= now_ms
        ]
        return sorted(due, key=lambda job: (_milliseconds(job.get("delayUntil")), job["_key"]))

    async def _do(self, database: Database, job: dict[str, Any], status: str) -> None:
        """Write a job's document, if it has one, and its status."""
        jobs = database.collection(_JOBS)
        data = job.get("data")
        if data is not None and not (isinstance(data, dict) and isinstance(data.get("collection"), str)):
            raise ArangoError(10, "a job's data must be {collection, document, overwriteMode?}")
        target = None if data is None else database.collection(data["collection"])
        write = [jobs] if target is None else [jobs, target]
        transaction = await self._engine.transactions.begin(database, write=write)
        try:
            changed = {"status": status} | ({"failure": job["failure"]} if "failure" in job else {})
            documents.update(transaction, jobs, job["_key"], changed, if_match=job["_rev"])
            if data is not None and target is not None:
                mode = str(data.get("overwriteMode", "conflict"))
                documents.insert(transaction, target, data.get("document"), overwrite_mode=mode)
            await transaction.commit()
        finally:
            transaction.abort()  # no effect once committed


def _milliseconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
