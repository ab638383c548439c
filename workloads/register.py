"""Reads, writes and compare-and-sets of single documents on the server that takes writes: linearizable.

Every document is a register of its own. Written values are numbers never used before on the same document,
so that each read names the write it saw; a compare-and-set expects the value that was last seen, because one
that guesses would hardly ever succeed. It reads the document and replaces it with `If-Match` on the revision
it read: the server then compares in the same step in which it writes.

Linearizability of one server is no clause of the leader/follower documents: they speak of the copies. It is
judged all the same, because a lost or doubled write on the leader makes every copy worthless.

Not here: reads on followers, which may be stale (`leader_follower`).
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec

from checkers.availability import Availability
from checkers.history import Op
from checkers.linearizability import Linearizable
from checkers.models import model
from workloads.generator import Context, Generator, Pending, keyed, stagger
from workloads.generator.leaves import Template
from workloads.generator.protocol import Answer
from workloads.protocol.capabilities import Session
from workloads.protocol.judgement import Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload

COLLECTION = "register"
_THREADS_PER_KEY = 4
_OPS_PER_KEY = 120
_PROCESSES_PER_KEY = 12


def workload(options: Options) -> Workload:
    """The workload."""
    keys = keyed(
        itertools.count(),
        lambda _: Accesses(),
        threads_per_key=_THREADS_PER_KEY,
        ops_per_key=_OPS_PER_KEY,
        processes_per_key=_PROCESSES_PER_KEY,
    )
    return Workload(
        generator=stagger(1 / options.rate, keys),
        client=RegisterClient,
        setup=lambda session: create(session, options),
        checker=Judgement(
            {"linearizable": Linearizable(model("cas-register")), "availability": Availability()}
        ),
        clauses=(),
        minimum={"read": 100, "write": 50, "cas": 20},
    )


async def create(session: Session, options: Options) -> None:
    """Make the collection."""
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=options.wait_for_sync)


class Accesses(msgspec.Struct, frozen=True):
    """Operations on one register: half of them reads, the others writes and compare-and-sets in equal parts.

    `next_value` was never written; `seen` is the value of the last completion, None before there is one.
    """

    next_value: int = 0
    seen: int | None = None

    def op(self, context: Context) -> Answer:
        """A read, write or compare-and-set, at random."""
        f = context.random.choice(("read", "read", "write", "write" if self.seen is None else "cas"))
        value = {"read": None, "write": self.next_value, "cas": [self.seen, self.next_value]}[f]
        answer = Template(Op(-1, 0, -1, "invoke", f, value)).op(context)
        if answer is None or isinstance(answer[0], Pending):
            return None if answer is None else (answer[0], self)
        return answer[0], self if f == "read" else msgspec.structs.replace(
            self, next_value=self.next_value + 1
        )

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Remember what the register held when somebody last knew."""
        if event.type != "ok":
            return self
        return msgspec.structs.replace(self, seen=event.value[1] if event.f == "cas" else event.value)


class RegisterClient:
    """One process at the registers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation at the leader."""
        leader = self._session.leader
        key = f"register-{op.key}"
        match op.f:
            case "read":
                return await self._read(leader, key)
            case "write":
                return await self._write(leader, key, op.value)
            case "cas":
                return await self._compare_and_set(leader, key, *op.value)
        raise ValueError(f"the register workload has no operation {op.f!r}")

    async def _read(self, leader: str, key: str) -> Outcome:
        try:
            document = await self._session.on(leader).read(COLLECTION, key)
        except RequestError as error:
            return Fail(str(error), leader)  # whatever happened to it: a read has no effect
        return Ok(None if document is None else document.body["value"], leader)

    async def _write(self, leader: str, key: str, value: int) -> Outcome:
        try:
            await self._session.on(leader).upsert(COLLECTION, key, {"value": value})
        except RequestError as error:
            return replace(error.outcome, node=leader)
        return Ok(node=leader)

    async def _compare_and_set(self, leader: str, key: str, old: int, new: int) -> Outcome:
        node = self._session.on(leader)
        try:
            document = await node.read(COLLECTION, key)
        except RequestError as error:
            return Fail(str(error), leader)  # nothing was written yet
        if document is None or document.body["value"] != old:
            return Fail("the value is another", leader)
        try:
            await node.replace(COLLECTION, key, {"value": new}, if_match=document.revision)
        except RequestError as error:
            return replace(error.outcome, node=leader)
        return Ok(node=leader)
