"""Changes in the agency's tree, and servers that are told of them: every change reaches its observers.

An observer is a URL that the agency sends its news to. Here these URLs are those under which the servers of
the group take documents: so what is told becomes a document of whoever leads, and clients can read it there,
on real hosts as well as in simulation. Followers refuse the news like any other write; the agency tries them
again, as it must try an observer that cannot be reached. What must have been told is in `checkers.callbacks`.

Not here: how an observer is rid of its news (`unobserve`, 404); that takes requests, not a load.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from checkers.availability import Availability
from checkers.callbacks import Callbacks, owed
from checkers.history import History, Op
from workloads.generator import (
    Generator,
    any_of,
    delay,
    lift,
    limit,
    phases,
    reserve,
    sleep,
    stagger,
    time_limit,
    until_ok,
)
from workloads.members import at_leader, observe
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload

COLLECTION = "callbacks"
_OBSERVED = "/pestle_callbacks"
_CHANGED = f"{_OBSERVED}/number"
_STAMP = "stamp"
_LAST = 1_000_000_000
_PATIENCE_S, _POLL_S = 60.0, 0.1
_CALM_S = 4.0
_CHANGES, _INTERVAL_S = 8, 0.5
_TOLD_S = 12.0
"""Longer than the time within which a change must be told."""
_LOOK: dict[str, object] = {"f": "observe"}
_CALLED: dict[str, object] = {"f": "called"}


def workload(options: Options) -> Workload:
    """The workload."""
    return Workload(
        generator=_generator(options),
        final_generator=_final(),
        client=CallbacksClient,
        setup=_create,
        checker=Judgement(
            {"callbacks": Callbacks(), "availability": Availability()},
            exposures=_exposures,
            blame={"not-called-back": "CL-AGENCY-CALLBACK", "strange-call": "CL-AGENCY-CALLBACK"},
        ),
        clauses=("CL-AGENCY-CALLBACK",),
        topologies=frozenset({"active-failover"}),
        minimum={"change": 20, "called": 10, "observe": 20},
    )


async def _create(session: FailoverSession) -> None:
    await session.on(session.leader).create_collection(COLLECTION, wait_for_sync=False)
    for node in session.nodes:
        await session.agency.observe(_OBSERVED, session.inbox(node, COLLECTION))


def _generator(options: Options) -> Generator:
    """Looks at the agency have a thread of their own where there are two: a gap in them hides who led."""
    rate = options.rate
    looks = stagger(1 / min(0.3 * rate, 5.0), lift(itertools.cycle([_LOOK])))
    work = any_of(
        stagger(1 / min(0.4 * rate, 5.0), lift(_changes(0))),
        stagger(1 / min(0.3 * rate, 2.0), lift(itertools.cycle([_CALLED]))),
    )
    if options.concurrency < 2:
        return any_of(looks, work)
    return reserve((options.concurrency - 1, work), rest=looks)


def _changes(first: int) -> Iterator[Mapping[str, Any]]:
    return ({"f": "change", "value": number} for number in itertools.count(first))


def _final() -> Generator:
    """Somebody must lead, and then be told of some changes, while somebody looks whether it is."""
    # So often that a look may be lost: a gap of a second hides who led.
    looks = itertools.cycle([_LOOK, _LOOK, _CALLED])
    return phases(
        time_limit(_PATIENCE_S, delay(_POLL_S, until_ok(_CALLED))),
        sleep(_CALM_S),
        any_of(
            limit(_CHANGES, delay(_INTERVAL_S, lift(_changes(_LAST)))),
            time_limit(_CHANGES * _INTERVAL_S + _TOLD_S, delay(_INTERVAL_S / 2, lift(looks))),
        ),
    )


def _exposures(history: History) -> Mapping[str, Exposure]:
    """CL-AGENCY-CALLBACK: changes, and those of them that had to be told."""
    changes = [pair for pair in history.pairs if pair.f == "change" and pair.type == "ok"]
    return {"CL-AGENCY-CALLBACK": Exposure(len(changes), sum(1 for _ in owed(history)))}


class CallbacksClient:
    """One process: changes what is observed, and asks the leader what it was told."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "change":
                return await self._change(op.value)
            case "called":
                return await self._called(f"{_STAMP}-{op.process}")
            case "observe":
                return await observe(self._session)
        raise ValueError(f"the callbacks workload has no operation {op.f!r}")

    async def _change(self, number: int) -> Outcome:
        try:
            index = await self._session.agency.write({_CHANGED: number})
        except RequestError as error:
            return error.outcome
        return Ok({"number": number, "index": index})

    async def _called(self, stamp: str) -> Outcome:
        """What the leader was told, once it has shown that it takes documents."""

        async def request(node: str) -> object:
            await self._session.on(node).upsert(COLLECTION, stamp, {_STAMP: True})
            documents = await self._session.on(node).read_all(COLLECTION)
            told = [document.body for document in documents if _STAMP not in document.body]
            return {
                "indices": sorted(news["index"] for news in told if _OBSERVED in news),
                "strange": sum(1 for news in told if _OBSERVED not in news),
            }

        outcome = await at_leader(self._session, request)
        return outcome if isinstance(outcome, Ok) else Fail(outcome.error, outcome.node)
