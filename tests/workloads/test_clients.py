"""Clients: which request each operation makes, and what its errors come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from checkers.history import Op
from tests.workloads.fake_database import Changes, FakeDatabase, FakeNode, FakeSession
from tests.workloads.running import finish
from workloads.contract.client import DocumentsClient
from workloads.leader_follower import LeaderFollowerClient
from workloads.protocol.capabilities import Document, Node, Session
from workloads.protocol.client import Client
from workloads.protocol.outcome import Fail, Info, Ok, RequestError
from workloads.register import RegisterClient
from workloads.set import SetClient

MAKERS: dict[str, Callable[[Session], Client]] = {
    "register": RegisterClient,
    "set": SetClient,
    "leader_follower": LeaderFollowerClient,
    "documents": DocumentsClient,
}
READS = [
    ("register", "read", None),
    ("set", "read", None),
    ("set", "state", {"follower": 0}),
    ("set", "snapshot", {"server": 1}),
    ("leader_follower", "read", {"server": 2}),
    ("leader_follower", "state", {"follower": 1}),
    ("leader_follower", "snapshot", {"server": 0}),
    ("documents", "read", {"by": "batch", "documents": ["c/k"]}),
    ("documents", "read", {"by": "transaction", "documents": ["c/k"]}),
    ("documents", "elements", None),
    ("documents", "abort", {"number": 1, "documents": ["c/k"]}),
    ("documents", "snapshot", {"server": 1}),
]
WRITES = [
    ("register", "write", 3),
    ("set", "add", 4),
    ("leader_follower", "insert", 5),
    ("leader_follower", "transact", [0, 6]),
    ("documents", "write", {"by": "single", "number": 1, "expects": {"c/k": "_r"}}),
    ("documents", "write", {"by": "batch", "number": 1, "expects": {"c/k": "_r"}}),
    ("documents", "upsert", {"number": 1, "documents": ["c/k"]}),
    ("documents", "add", 7),
    ("documents", "truncate", None),
]


class Refusing(FakeDatabase):
    """Every request ends with this error."""

    definite = False

    def reach(self, node: str) -> None:
        raise RequestError("no answer", definite=self.definite)


def _op(f: str, value: Any, key: int | None = 0) -> Op:
    return Op(0, 0, 0, "invoke", f, value, key)


def _client(name: str, database: FakeDatabase) -> Client:
    return MAKERS[name](database.session())


@pytest.mark.parametrize(("name", "f", "value"), READS)
@pytest.mark.parametrize("definite", [True, False])
def test_a_read_without_an_answer_failed_for_certain(name: str, f: str, value: Any, definite: bool) -> None:
    database = Refusing(2)
    database.definite = definite
    outcome = finish(_client(name, database).invoke(_op(f, value)))
    assert isinstance(outcome, Fail)
    assert outcome.node is not None


@pytest.mark.parametrize(("name", "f", "value"), WRITES)
def test_a_write_without_an_answer_is_unknown_unless_the_error_is_definite(
    name: str, f: str, value: Any
) -> None:
    database = Refusing(2)
    assert finish(_client(name, database).invoke(_op(f, value))) == Info("no answer", "n1")
    database.definite = True
    assert finish(_client(name, database).invoke(_op(f, value))) == Fail("no answer", "n1")


@pytest.mark.parametrize("name", MAKERS)
def test_an_unknown_operation_is_a_mistake_of_ours(name: str) -> None:
    with pytest.raises(ValueError, match="has no operation 'dance'"):
        finish(_client(name, FakeDatabase(2)).invoke(_op("dance", None)))


def test_a_compare_and_set_holds_only_if_the_value_is_the_expected_one() -> None:
    client = _client("register", FakeDatabase(0))
    assert finish(client.invoke(_op("cas", [1, 2]))) == Fail("the value is another", "n1")
    assert finish(client.invoke(_op("write", 1))) == Ok(node="n1")
    assert finish(client.invoke(_op("cas", [1, 2]))) == Ok(node="n1")
    assert finish(client.invoke(_op("read", None))) == Ok(2, "n1")
    assert finish(client.invoke(_op("cas", [1, 3]))) == Fail("the value is another", "n1")
    assert finish(client.invoke(_op("read", None, key=1))) == Ok(None, "n1")


class Racing(FakeNode):
    """Somebody else writes between the read and the replacement of a compare-and-set."""

    async def replace(
        self, collection: str, key: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> str:
        self._database.now += 1
        await self.upsert(collection, key, {"value": 9})
        return await super().replace(collection, key, body, if_match=if_match)


class RacingSession(FakeSession):
    def on(self, node: str) -> Node:
        return Racing(self._database, node)


def test_a_compare_and_set_that_lost_a_race_failed_for_certain_and_changed_nothing() -> None:
    client = RegisterClient(RacingSession(FakeDatabase(0)))
    finish(client.invoke(_op("write", 1)))
    assert isinstance(finish(client.invoke(_op("cas", [1, 2]))), Fail)
    assert finish(client.invoke(_op("read", None))) == Ok(9, "n1")


class Halfway(FakeNode):
    """The replacement of a compare-and-set gets no answer."""

    async def replace(
        self, collection: str, key: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> str:
        raise RequestError("reset", definite=False)


class HalfwaySession(FakeSession):
    def on(self, node: str) -> Node:
        return Halfway(self._database, node)


def test_a_compare_and_set_whose_replacement_got_no_answer_is_unknown() -> None:
    client = RegisterClient(HalfwaySession(FakeDatabase(0)))
    finish(client.invoke(_op("write", 1)))
    assert finish(client.invoke(_op("cas", [1, 2]))) == Info("reset", "n1")


class Doubtful(FakeDatabase):
    """Commits get no answer."""

    def commit(self, changes: Changes) -> None:
        if self.transactions:
            raise RequestError("no answer", definite=False)
        super().commit(changes)


@pytest.mark.parametrize(("revision", "outcome"), [("_r0-0", Info), ("_r0-9", Fail)])
def test_a_transaction_is_in_doubt_only_if_its_commit_was_asked_for(
    revision: str, outcome: type[Fail | Info]
) -> None:
    database = Doubtful(0)
    finish(database.session().on("n1").upsert("c", "k", {"number": None}))
    value = {"by": "transaction", "number": 1, "expects": {"c/k": revision}}
    assert isinstance(finish(_client("documents", database).invoke(_op("write", value))), outcome)


def test_a_transaction_whose_begin_gets_no_answer_failed_for_certain() -> None:
    value = {"by": "transaction", "number": 1, "expects": {"c/k": "_r"}}
    outcome = finish(_client("documents", Refusing(0)).invoke(_op("write", value)))
    assert outcome == Fail("no answer", "n1")


def test_a_read_of_everything_keeps_duplicates_and_halves_apart() -> None:
    class Strange(FakeDatabase):
        def documents(self, node: str) -> Sequence[Document]:
            return [
                Document("number-1", "_a", {"number": 1}),
                Document("number-1", "_a", {"number": 1}),
                Document("slot-2-left", "_b", {"number": 3}),
            ]

    outcome = finish(_client("leader_follower", Strange(1)).invoke(_op("read", {"server": 1})))
    assert outcome == Ok({"numbers": [1, 1], "slots": [[2, 3, None]]}, "n2")


def test_a_state_says_how_far_the_leader_is_only_if_that_is_asked() -> None:
    database = FakeDatabase(1)
    client = _client("leader_follower", database)
    finish(client.invoke(_op("insert", 1)))
    database.now += database.lag_ns
    asking = {"follower": 0, "ask_leader": True}
    told = finish(client.invoke(_op("state", asking))).value
    assert told["applied"] == told["leader_tick"] == 1
    assert told["leader"] == "tcp://n1:8529"
    database.down["n1"] = None
    assert isinstance(finish(client.invoke(_op("state", asking))), Fail)
    told = finish(client.invoke(_op("state", {"follower": 0}))).value
    assert told["leader_tick"] is None
    assert told["running"] is True
