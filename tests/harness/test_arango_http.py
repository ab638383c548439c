"""ArangoDB's dialect: what is asked, and what its answers come to; against scripts, then the reference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.databases.arango_http.errors import COMMIT_DEFINITE, DEFINITE
from harness.databases.arango_http.node import ArangoNode
from harness.databases.arango_http.request import Requests
from harness.databases.arango_http.session import ArangoSession, Servers
from harness.environment import Answer, TransportError
from harness.http import HttpTransport
from tests.reference.server_process import ServerProcess
from workloads.protocol.capabilities import Node, Session
from workloads.protocol.outcome import RequestError

Scripted = tuple[int, Any] | TransportError


class Script:
    """A transport that plays answers and keeps what was asked. A body of bytes is sent as it is."""

    def __init__(self, *answers: Scripted) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.closed = False

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        self.asked.append((method, target, msgspec.json.decode(body) if body else None))
        self.headers.append(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        status, content = answer
        return Answer(status, {}, content if isinstance(content, bytes) else msgspec.json.encode(content))

    async def close(self) -> None:
        self.closed = True


def node(script: Script) -> ArangoNode:
    return ArangoNode(Requests(script, 5.0), leader_endpoints={"n1": "tcp://h:1"}, applier={"chunkSize": 7})


def refusal(status: int, number: int) -> tuple[int, dict[str, Any]]:
    return status, {"error": True, "code": status, "errorNum": number, "errorMessage": "because"}


async def failure(script: Script) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await node(script).upsert("c", "k", {"value": 1})
    return caught.value


@pytest.mark.parametrize(
    ("answer", "definite"),
    [
        (refusal(412, 1200), True),
        (refusal(409, 1200), True),
        (refusal(409, 1210), True),
        (refusal(404, 1203), True),
        (refusal(403, 1004), True),
        (refusal(503, 503), False),
        (refusal(503, 30), False),
        (refusal(500, 4), False),
        (refusal(500, 1457), False),
        (refusal(421, 1491), False),
        (refusal(400, 99_999), False),
        ((500, b"Internal Server Error"), False),
        ((502, {}), False),
        ((404, ["no", "object"]), False),
        ((200, b"<html>"), False),
        ((307, b""), False),
        (TransportError("refused", sent=False), True),
        (TransportError("reset", sent=True), False),
    ],
)
async def test_only_listed_refusals_and_unsent_requests_are_definite(
    answer: Scripted, definite: bool
) -> None:
    assert (await failure(Script(answer))).definite is definite


async def test_every_request_is_sent_once_whatever_comes_back() -> None:
    for answer in (refusal(503, 503), TransportError("reset", sent=True), (200, b"<html>")):
        script = Script(answer)
        await failure(script)
        assert len(script.asked) == 1


def test_commit_believes_nothing_but_a_conflict() -> None:
    assert set(COMMIT_DEFINITE) == {1200}
    assert not {3, 4, 30, 503, 1225, 1457, 1465, 1491} & set(DEFINITE)


async def test_compare_and_set_sends_the_revision_and_odd_keys_are_quoted() -> None:
    script = Script((201, {"_rev": "_new"}))
    assert await node(script).replace("c", "a/b c", {"value": 1}, if_match="_old") == "_new"
    assert script.asked == [("PUT", "/_db/_system/_api/document/c/a%2Fb%20c", {"value": 1})]
    assert script.headers[0]["if-match"] == '"_old"'


async def test_missing_document_is_none_and_a_missing_collection_is_an_error() -> None:
    assert await node(Script(refusal(404, 1202))).read("c", "k") is None
    with pytest.raises(RequestError, match="1203"):
        await node(Script(refusal(404, 1203))).read("c", "k")


async def test_everything_is_read_to_the_end_of_the_cursor() -> None:
    stored = [{"_key": key, "_id": f"c/{key}", "_rev": "_r", "value": key} for key in "bca"]
    first = {"result": stored[:2], "hasMore": True, "id": "77"}
    script = Script((201, first), (200, {"result": stored[2:], "hasMore": False}))
    documents = await node(script).read_all("c")
    assert [(d.key, d.revision, d.body) for d in documents] == [(k, "_r", {"value": k}) for k in "abc"]
    assert script.asked[1] == ("PUT", "/_db/_system/_api/cursor/77", None)


BEGUN = (201, {"result": {"id": "5", "status": "running"}})
WRITTEN = (202, [{"_rev": "_a"}, {"_rev": "_b"}])


async def transact(script: Script) -> RequestError | None:
    try:
        await node(script).transact("c", {"a": {"v": 1}, "b": {"v": 2}})
    except RequestError as error:
        return error
    return None


async def test_transaction_writes_all_under_its_id_and_commits_once() -> None:
    script = Script(BEGUN, WRITTEN, (200, {"result": {"status": "committed"}}))
    assert await transact(script) is None
    assert [asked[:2] for asked in script.asked] == [
        ("POST", "/_db/_system/_api/transaction/begin"),
        ("POST", "/_db/_system/_api/document/c?overwriteMode=replace"),
        ("PUT", "/_db/_system/_api/transaction/5"),
    ]
    assert script.headers[1]["x-arango-trx-id"] == "5"


@pytest.mark.parametrize(
    ("answers", "definite"),
    [
        ((TransportError("lost", sent=True),), True),
        ((BEGUN, TransportError("lost", sent=True), (200, {})), True),
        ((BEGUN, refusal(500, 4), TransportError("lost", sent=True)), True),
        ((BEGUN, (202, [{"_rev": "_a"}, refusal(409, 1200)[1]]), (200, {})), True),
        ((BEGUN, WRITTEN, refusal(409, 1200)), True),
        ((BEGUN, WRITTEN, refusal(404, 1655)), False),
        ((BEGUN, WRITTEN, refusal(410, 1654)), False),
        ((BEGUN, WRITTEN, TransportError("lost", sent=True)), False),
        ((BEGUN, WRITTEN, TransportError("refused", sent=False)), True),
    ],
)
async def test_transaction_is_in_doubt_only_once_its_commit_was_sent(
    answers: tuple[Scripted, ...], definite: bool
) -> None:
    error = await transact(Script(*answers))
    assert error is not None
    assert error.definite is definite


async def test_several_replacements_are_in_doubt_when_one_of_them_failed_strangely() -> None:
    script = Script((202, [{"_key": "a", "_rev": "_1"}, refusal(500, 4)[1]]))
    with pytest.raises(RequestError) as caught:
        await node(script).replace_many("c", {"a": {}, "b": {}}, if_match={"a": "_0"})
    assert not caught.value.definite
    assert script.asked[0][2] == [{"_key": "a", "_rev": "_0"}, {"_key": "b"}]


async def test_failed_transaction_is_given_up() -> None:
    script = Script(BEGUN, refusal(409, 1200), (200, {}))
    await transact(script)
    assert script.asked[-1][:2] == ("DELETE", "/_db/_system/_api/transaction/5")


async def test_applier_state_takes_the_later_of_the_two_ticks() -> None:
    state = {
        "running": True,
        "lastAppliedContinuousTick": "10",
        "lastProcessedContinuousTick": "12",
        "lastAvailableContinuousTick": "15",
        "lastError": {"errorNum": 0},
    }
    found = await node(Script((200, {"state": state}))).applier_state()
    assert (found.running, found.applied_tick, found.available_tick, found.error) == (True, 12, 15, None)


async def test_stopped_applier_has_its_error_and_may_have_no_ticks() -> None:
    state = {
        "running": False,
        "lastAppliedContinuousTick": None,
        "lastProcessedContinuousTick": None,
        "lastAvailableContinuousTick": None,
        "lastError": {"errorNum": 1414, "errorMessage": "start tick not present"},
    }
    found = await node(Script((200, {"state": state}))).applier_state()
    assert (found.running, found.applied_tick, found.error) == (False, None, "1414 start tick not present")


async def test_following_sends_the_leaders_endpoint_and_the_configuration() -> None:
    script = Script((200, {}))
    await node(script).follow("n1")
    assert script.asked[0][2] == {"chunkSize": 7, "endpoint": "tcp://h:1", "database": "_system"}


async def test_session_has_one_connection_to_a_node_and_closes_all() -> None:
    scripts = {"n1": Script((200, {"version": "3.9"}), (200, {"version": "3.9"})), "n2": Script()}
    opened: list[str] = []

    def connect(name: str) -> Script:
        opened.append(name)
        return scripts[name]

    servers = Servers(("n1", "n2"), "n1", {}, 5.0, user="root", password="pä")
    session: Session = ArangoSession(servers, connect)
    assert (session.leader, session.followers) == ("n1", ("n2",))
    for _ in range(2):
        first = session.on("n1")
        assert isinstance(first, ArangoNode)
        assert await first.version() == "3.9"
    session.on("n2")
    assert opened == ["n1", "n2"]
    assert scripts["n1"].headers[0] == {"authorization": "Basic cm9vdDpww6Q="}
    await session.close()
    assert scripts["n1"].closed
    assert scripts["n2"].closed


# The same against the reference server.


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("servers")
    with ServerProcess(folder / "leader") as leader, ServerProcess(folder / "follower") as follower:
        yield leader, follower


@pytest.fixture
async def session(servers: tuple[ServerProcess, ServerProcess]) -> Any:
    leader, follower = servers
    ports = {"n1": leader.port, "n2": follower.port}
    endpoints = {"n1": leader.endpoint, "n2": follower.endpoint}
    known = Servers(("n1", "n2"), "n1", endpoints, 5.0, {"autoStart": True, "idleMinWaitTime": 0.3})
    session = ArangoSession(known, lambda name: HttpTransport("127.0.0.1", ports[name]))
    yield session
    await session.close()


async def test_reference_keeps_documents_as_the_capabilities_say(session: ArangoSession) -> None:
    leader: Node = session.on("n1")
    for _ in range(2):
        await leader.create_collection("documents", wait_for_sync=True)
    first = await leader.upsert("documents", "k", {"value": 1})
    found = await leader.read("documents", "k")
    assert found is not None
    assert (found.key, found.revision, found.body) == ("k", first, {"value": 1})
    second = await leader.replace("documents", "k", {"value": 2}, if_match=first)
    for wrong in (leader.replace("documents", "k", {"value": 3}, if_match=first),
                  leader.insert("documents", {"value": 3}, key="k"),
                  leader.remove("documents", "k", if_match=first),
                  leader.replace("documents", "missing", {}),
                  leader.upsert("nowhere", "k", {})):  # fmt: skip
        with pytest.raises(RequestError) as caught:
            await wrong
        assert caught.value.definite
    found = await leader.read("documents", "k")
    assert found is not None
    assert (found.revision, found.body) == (second, {"value": 2})
    await leader.remove("documents", "k", if_match=second)
    assert await leader.read("documents", "k") is None


async def test_reference_gives_everything_across_cursor_batches(session: ArangoSession) -> None:
    leader = session.on("n1")
    await leader.create_collection("many")
    for start in range(0, 2500, 500):
        await leader.transact("many", {f"k{n:04}": {"n": n} for n in range(start, start + 500)})
    documents = await leader.read_all("many")
    assert [document.body["n"] for document in documents] == list(range(2500))


async def test_reference_undoes_a_transaction_of_which_one_write_fails(session: ArangoSession) -> None:
    leader = session.on("n1")
    await leader.create_collection("whole")
    with pytest.raises(RequestError) as caught:
        await leader.transact("whole", {"good": {"v": 1}, "": {"v": 2}})
    assert caught.value.definite
    assert list(await leader.read_all("whole")) == []


async def test_reference_does_or_refuses_each_replacement_of_several_by_itself(
    session: ArangoSession,
) -> None:
    leader = session.on("n1")
    await leader.create_collection("several")
    first = {key: await leader.insert("several", {"v": 0}, key=key) for key in ("a", "b")}
    changed = await leader.replace("several", "a", {"v": 1})
    one = {"v": 2}
    replaced = await leader.replace_many("several", {"a": one, "b": one, "no": one}, if_match=first)
    assert list(replaced) == ["b"]
    a, b, missing = await leader.read_many("several", ["a", "b", "no"])
    assert a is not None
    assert b is not None
    assert (a.revision, a.body, b.revision, b.body) == (changed, {"v": 1}, replaced["b"], {"v": 2})
    assert missing is None
    await leader.truncate("several")
    assert list(await leader.read_all("several")) == []


async def test_reference_refuses_the_second_of_two_transactions_on_one_snapshot(
    session: ArangoSession,
) -> None:
    leader = session.on("n1")
    await leader.create_collection("snapshot")
    await leader.insert("snapshot", {"v": 0}, key="k")
    one, two, three = [await leader.begin([], ["snapshot"]) for _ in range(3)]
    assert await leader.replace_many("snapshot", {"k": {"v": 1}}, within=one)
    await leader.commit(one)
    (seen,) = await leader.read_many("snapshot", ["k"], within=two)
    assert seen is not None
    assert seen.body == {"v": 0}
    assert await leader.replace_many("snapshot", {"k": {"v": 2}}, within=two) == {}
    for given_up in (two, three):
        await leader.abort(given_up)
        with pytest.raises(RequestError):
            await leader.commit(given_up)
    (left,) = await leader.read_many("snapshot", ["k"])
    assert left is not None
    assert left.body == {"v": 1}


async def test_reference_follows(session: ArangoSession) -> None:
    leader, follower = session.on("n1"), session.on("n2")
    assert not (await follower.applier_state()).running
    await leader.create_collection("followed")
    await leader.insert("followed", {"v": 1}, key="before")
    await follower.follow("n1")
    await leader.insert("followed", {"v": 2}, key="after")
    tick = await leader.logger_tick()
    async with asyncio.timeout(20):
        while ((await follower.applier_state()).applied_tick or 0) < tick:
            await asyncio.sleep(0.05)
    assert list(await follower.read_all("followed")) == list(await leader.read_all("followed"))
    await follower.start_applier()
    assert (await follower.applier_state()).running


def test_error_table_names_every_number_once() -> None:
    source = (Path(__file__).parents[2] / "harness/databases/arango_http/errors.py").read_text()
    table = source.split("DEFINITE: dict", 1)[1].split("COMMIT_DEFINITE", 1)[0]
    numbers = [line.strip().split(":")[0] for line in table.splitlines() if line.strip()[:1].isdigit()]
    assert len(numbers) == len(set(numbers)) == len(DEFINITE)
