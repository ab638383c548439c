"""Jobs: requests that a client sent away with `x-arango-async` and whose answers it fetches later.

`store` keeps the answer until it is fetched, whoever sent the request may fetch it; `true` throws it away.
A job runs in this server alone and dies with it. A cancelled job ends with 410/21; what it had already
written stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.api import answer
from reference.api.routes import Access, Route
from reference.errors import ArangoError
from reference.world import Response

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Clock


@dataclass(slots=True)
class Job:
    """One request. `response` is None while it runs; `started_ns` is wall-clock time."""

    owner: str
    started_ns: int
    response: Response | None = None
    task: asyncio.Task[None] | None = None


class Jobs:
    """All jobs of a server by id, in the order in which they came."""

    def __init__(self, clock: Clock, new_id: Callable[[], int]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._jobs: dict[str, Job] = {}
        # The loop keeps only weak references to tasks: those of thrown-away answers need a holder.
        self._unnamed: dict[asyncio.Task[None], None] = {}

    def run(self, owner: str, work: Callable[[], Awaitable[Response]], *, store: bool) -> str | None:
        """Start `work` and return its job's id, or None if its answer is not stored."""
        job = Job(owner, self._clock.wall_ns())
        job.task = asyncio.get_running_loop().create_task(_finish(job, work))
        if not store:
            self._unnamed[job.task] = None
            job.task.add_done_callback(lambda task: self._unnamed.pop(task, None))
            return None
        number = str(self._new_id())
        self._jobs[number] = job
        return number

    def find(self, number: str, owner: str) -> Job:
        """The job; raises 404/404 if there is none of this owner."""
        job = self._jobs.get(number)
        if job is None or job.owner != owner:
            raise ArangoError(404, "not found")
        return job

    def numbers(self, owner: str, *, done: bool) -> list[str]:
        """Ids of the owner's jobs that have ended, or that have not."""
        return [
            n for n, job in self._jobs.items() if job.owner == owner and (job.response is not None) == done
        ]

    def forget(self, number: str) -> None:
        """Drop a job and its answer; it runs on if it has not ended."""
        job = self._jobs.pop(number)
        if job.task is not None and not job.task.done():
            self._unnamed[job.task] = None
            job.task.add_done_callback(lambda task: self._unnamed.pop(task, None))

    def forget_all(self, owner: str, *, before_s: float | None = None) -> None:
        """Drop the owner's finished jobs that started before `before_s` (since 1970), or all of them."""
        for number, job in list(self._jobs.items()):
            old = before_s is None or (job.response is not None and job.started_ns / 1e9 < before_s)
            if job.owner == owner and old:
                self.forget(number)

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None] + list(self._unnamed)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _finish(job: Job, work: Callable[[], Awaitable[Response]]) -> None:
    try:
        job.response = await work()
    except asyncio.CancelledError:
        job.response = answer.refusal(ArangoError(21, "request canceled"))


async def _fetch(call: Call) -> Response:
    number, jobs = call.parts["id"], call.services.jobs
    job = jobs.find(number, call.caller.name)
    if job.response is None:
        return answer.empty(204)
    jobs.forget(number)
    headers = {**job.response.headers, "x-arango-async-id": number}
    return Response(job.response.status, headers, job.response.body)


async def _status_or_list(call: Call) -> Response:
    word = call.parts["id"]
    if word in ("pending", "done"):
        count = call.number("count", 100)
        return answer.plain(call.services.jobs.numbers(call.caller.name, done=word == "done")[:count])
    if not word.isdigit():
        raise ArangoError(400, "expecting GET /_api/job/<id>, /_api/job/pending or /_api/job/done")
    job = call.services.jobs.find(word, call.caller.name)
    return answer.empty(204) if job.response is None else answer.members({})


async def _cancel(call: Call) -> Response:
    job = call.services.jobs.find(call.parts["id"], call.caller.name)
    if job.task is not None:
        job.task.cancel()
    return answer.plain({"result": True})


async def _delete(call: Call) -> Response:
    word, jobs, owner = call.parts["id"], call.services.jobs, call.caller.name
    if word == "all":
        jobs.forget_all(owner)
    elif word == "expired":
        if "stamp" not in call.query:
            raise ArangoError(400, "the parameter 'stamp' is missing: seconds since 1970")
        jobs.forget_all(owner, before_s=call.number("stamp", 0))
    else:
        jobs.find(word, owner)
        jobs.forget(word)
    return answer.plain({"result": True})


ROUTES = (
    Route("PUT", "/_api/job/{id}", _fetch, Access.KNOWN),
    Route("GET", "/_api/job/{id}", _status_or_list, Access.KNOWN),
    Route("PUT", "/_api/job/{id}/cancel", _cancel, Access.KNOWN),
    Route("DELETE", "/_api/job/{id}", _delete, Access.KNOWN),
)
