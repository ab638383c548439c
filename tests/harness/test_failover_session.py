"""A process's way into an active failover and its agency: whom it asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from harness.databases.arango_http.agency import READ_S, AgencyConnection
from harness.databases.arango_http.failover_session import FailoverSession, Group, Rumour
from harness.databases.arango_http.member import PROBE_S
from harness.environment import Answer, TransportError
from workloads.protocol.failover import FailoverSession as Protocol
from workloads.protocol.outcome import RequestError

SERVERS = {f"n{number}": f"tcp://10.0.0.{number}:8529" for number in (1, 2, 3)}
AGENTS = {f"n{number}": f"tcp://10.0.0.{number}:8531" for number in (1, 2, 3)}

Scripted = Answer | TransportError


def said(status: int, content: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"" if content is None else msgspec.json.encode(content))


@dataclass
class Network:
    """Nodes that answer what is scripted for them, the last answer again and again."""

    answers: dict[str, list[Scripted]]
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def connect(self, node: str) -> Connection:
        self.connected.append(node)
        return Connection(self, node)

    @property
    def nodes(self) -> list[str]:
        """Who was asked, in order."""
        return [node for node, *_ in self.asked]


@dataclass
class Connection:
    network: Network
    node: str

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        network = self.network
        network.asked.append((self.node, method, target, msgspec.json.decode(body) if body else None))
        network.headers.append(headers)
        network.timeouts.append(timeout_s)
        script = network.answers[self.node]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, TransportError):
            raise answer
        return answer

    async def close(self) -> None:
        self.network.closed.append(self.node)


def agency(network: Network, *, timeout_s: float = 5.0, first: int = 0) -> AgencyConnection:
    return AgencyConnection(AGENTS, network.connect, timeout_s=timeout_s, first=first)


def session(network: Network, *, timeout_s: float = 5.0, first: int = 0) -> FailoverSession:
    group = Group(SERVERS, AGENTS, timeout_s, Rumour("n1"))
    return FailoverSession(group, network.connect, network.connect, first=first)


def sent_to(node: str) -> Answer:
    return said(307, location=AGENTS[node].replace("tcp", "http") + "/_api/agency/write")


WRITTEN = said(200, {"results": [7]})
TREE = said(200, [{"a": {"b": 1}}])


# The agency.


async def test_redirect_of_an_agent_is_followed_and_the_leader_is_remembered() -> None:
    network = Network({"n1": [sent_to("n3")], "n3": [WRITTEN]})
    connection = agency(network)
    assert await connection.write({"/a": 1})
    assert await connection.write({"/a": 2})
    assert network.nodes == ["n1", "n3", "n3"]
    assert network.connected == ["n1", "n3"], "one connection to each, kept"


async def test_write_names_what_it_expects_and_a_failed_precondition_is_no_error() -> None:
    network = Network({"n1": [said(412, {"results": [0]})]})
    assert not await agency(network).write({"/a/b": 1}, {"/a/b": 4, "/a/c": None})
    [(_, method, target, body)] = network.asked
    assert (method, target) == ("POST", "/_api/agency/write")
    assert body == [[{"/a/b": {"op": "set", "new": 1}}, {"/a/b": {"old": 4}, "/a/c": {"oldEmpty": True}}]]


async def test_precondition_failed_is_no_answer_to_a_read() -> None:
    with pytest.raises(RequestError) as caught:
        await agency(Network({"n1": [said(412, {"results": [0]})]})).read(["/a"])
    assert caught.value.status == 412


@pytest.mark.parametrize(
    ("answer", "definite"),
    [
        (said(503, {"errorMessage": "lost leadership"}), False),
        (said(500), False),
        (said(307), True),
        (sent_to("n1"), True),
        (said(307, location="http://elsewhere:8531/"), True),
        (TransportError("refused", sent=False), True),
        (TransportError("reset", sent=True), False),
    ],
    ids=[
        "503",
        "500",
        "to nobody",
        "to itself",
        "to a stranger",
        "unsent",
        "sent",
    ],
)
async def test_write_is_sent_once_and_only_what_was_never_begun_is_definite(
    answer: Scripted, definite: bool
) -> None:
    network = Network({"n1": [answer], "n2": [WRITTEN]})
    connection = agency(network)
    with pytest.raises(RequestError) as caught:
        await connection.write({"/a": 1})
    assert (caught.value.definite, network.nodes) == (definite, ["n1"])
    await connection.write({"/a": 2})
    assert network.nodes == ["n1", "n2"], "the next operation goes to another agent"


async def test_write_that_was_redirected_and_then_lost_is_not_definite() -> None:
    network = Network({"n1": [sent_to("n2")], "n2": [TransportError("reset", sent=True)]})
    with pytest.raises(RequestError, match="n2: reset") as caught:
        await agency(network).write({"/a": 1})
    assert not caught.value.definite


async def test_agents_that_send_each_other_in_circles_end_the_write_without_effect() -> None:
    network = Network({"n1": [sent_to("n2")], "n2": [sent_to("n1")]})
    with pytest.raises(RequestError, match="307") as caught:
        await agency(network).write({"/a": 1})
    assert caught.value.definite
    assert len(network.asked) == 4


@pytest.mark.parametrize(("timeout_s", "waits_s"), [(5.0, READ_S), (0.5, 0.5)])
async def test_read_is_given_up_early_and_a_write_is_not(timeout_s: float, waits_s: float) -> None:
    network = Network({"n1": [TREE, WRITTEN]})
    connection = agency(network, timeout_s=timeout_s)
    assert await connection.read(["/a", "/c"]) == {"a": {"b": 1}}
    await connection.write({"/a": 1})
    assert network.asked[0][2:] == ("/_api/agency/read", [["/a", "/c"]])
    assert network.timeouts == [waits_s, timeout_s]


async def test_processes_begin_at_different_agents() -> None:
    network = Network({node: [TREE] for node in AGENTS})
    for first in range(4):
        assert await agency(network, first=first).leads()
    assert network.nodes == ["n1", "n2", "n3", "n1"]


async def test_closed_connections_are_opened_again_when_needed() -> None:
    network = Network({"n1": [TREE]})
    connection = agency(network)
    await connection.read(["/"])
    await connection.close()
    await connection.read(["/"])
    assert (network.connected, network.closed) == (["n1", "n1"], ["n1"])


async def test_a_write_says_its_place_in_the_log_and_an_observer_is_one_operation() -> None:
    network = Network({"n1": [said(200, {"results": [17]}), said(200, {"results": [18]})]})
    connection = agency(network)
    assert await connection.write({"/a": 1}) == 17
    await connection.observe("/a", "http://10.0.0.1:8529/x")
    observed = {"/a": {"op": "observe", "url": "http://10.0.0.1:8529/x"}}
    assert network.asked[1] == ("n1", "POST", "/_api/agency/write", [[observed]])


# The servers.


def test_session_is_what_workloads_expect() -> None:
    opened: Protocol = session(Network({}))
    assert opened.nodes == ("n1", "n2", "n3")


def test_sessions_begin_at_different_servers_and_know_the_others_as_followers() -> None:
    assert [session(Network({}), first=first).leader for first in range(4)] == ["n1", "n2", "n3", "n1"]
    assert session(Network({}), first=1).followers == ("n1", "n3")


@pytest.mark.parametrize("scheme", ["tcp", "http", "ssl"])
def test_refusal_that_names_another_server_is_believed_in_whatever_scheme(scheme: str) -> None:
    opened = session(Network({}))
    assert opened.follow(f"{scheme}://10.0.0.3:8529")
    assert opened.leader == "n3"


@pytest.mark.parametrize(
    "endpoint",
    ["", "http://10.0.0.1:8529", "http://10.0.0.2:8531", "http://10.0.0.9:8529"],
    ids=["nobody", "who is asked already", "an agent", "a stranger"],
)
def test_refusal_that_names_nobody_new_changes_nothing(endpoint: str) -> None:
    opened = session(Network({}))
    assert not opened.follow(endpoint)
    assert opened.leader == "n1"


def test_without_advice_every_server_has_its_turn() -> None:
    opened = session(Network({}))
    assert [opened.leader for _ in range(3) if opened.follow(None)] == ["n2", "n3", "n1"]


def test_whom_one_session_found_to_lead_is_a_rumour_and_no_belief_of_another() -> None:
    rumour = Rumour("n1")
    group = Group(SERVERS, AGENTS, 5.0, rumour)
    one, other = (FailoverSession(group, Network({}).connect, Network({}).connect, first=0) for _ in "ab")
    one.confirm("n2")
    assert (rumour.leader, other.leader) == ("n2", "n1")


async def test_copy_allows_dirty_reads_over_the_same_connection_and_a_member_does_not() -> None:
    found = said(200, {"_key": "k", "_id": "c/k", "_rev": "_r", "v": 1})
    network = Network({"n2": [found]})
    opened = session(network)
    for reads in (opened.on("n2"), opened.copy("n2")):
        document = await reads.read("c", "k")
        assert document is not None
        assert document.body == {"v": 1}
    assert ["x-arango-allow-dirty-read" in headers for headers in network.headers] == [False, True]
    assert network.connected == ["n2"]


async def test_refused_write_says_where_the_leader_is_and_is_definite() -> None:
    refusal = said(503, {"error": True, "errorNum": 1496, "errorMessage": "not a leader"},
                   x_arango_endpoint="http://10.0.0.3:8529")  # fmt: skip
    with pytest.raises(RequestError) as caught:
        await session(Network({"n1": [refusal]})).on("n1").insert("c", {"v": 1}, key="k")
    assert (caught.value.definite, caught.value.number) == (True, 1496)
    assert caught.value.endpoint == "http://10.0.0.3:8529"


async def test_refusal_of_a_leader_whose_lease_was_over_is_not_definite() -> None:
    refusal = said(503, {"error": True, "errorNum": 1495, "errorMessage": "..."}, x_arango_endpoint="")
    with pytest.raises(RequestError) as caught:
        await session(Network({"n1": [refusal]})).on("n1").insert("c", {"v": 1}, key="k")
    assert (caught.value.definite, caught.value.endpoint) == (False, "")


async def test_probe_returns_a_refusal_bare_and_is_given_up_early() -> None:
    refusal = said(503, {"error": True, "errorNum": 1496}, x_arango_endpoint="http://10.0.0.3:8529",
                   x_arango_potential_dirty_read="true")  # fmt: skip
    network = Network({"n1": [refusal]})
    reply = await session(network).member("n1").probe_write("c", "k", {"number": 4}, dirty=True)
    assert (reply.status, reply.number, reply.endpoint) == (503, 1496, "http://10.0.0.3:8529")
    assert (reply.marked, reply.accepted, reply.endpoints) == (True, False, None)
    assert network.headers[0]["x-arango-allow-dirty-read"] == "true"
    assert network.timeouts == [PROBE_S]


async def test_probe_of_the_servers_lists_them_in_the_order_in_which_they_are_told() -> None:
    listed = [{"endpoint": SERVERS[node]} for node in ("n2", "n1", "n3")]
    reply = await session(Network({"n1": [said(200, {"endpoints": listed})]})).member("n1").probe_endpoints()
    assert reply.endpoints == (SERVERS["n2"], SERVERS["n1"], SERVERS["n3"])
    assert (reply.accepted, reply.number, reply.endpoint, reply.marked) == (True, None, None, False)


@pytest.mark.parametrize("sent", [True, False])
async def test_probe_without_an_answer_is_definite_only_if_it_was_never_sent(sent: bool) -> None:
    network = Network({"n1": [TransportError("gone", sent=sent)]})
    with pytest.raises(RequestError) as caught:
        await session(network).member("n1").probe_write("c", "k", {"number": 4}, dirty=False)
    assert caught.value.definite is not sent


async def test_probe_answered_with_something_that_is_no_json_still_has_its_status() -> None:
    network = Network({"n1": [Answer(502, {}, b"<html>")]})
    reply = await session(network).member("n1").probe_read("c", "k", dirty=False)
    assert (reply.status, reply.number, reply.body) == (502, None, None)


async def test_closed_session_opens_everything_again_when_needed() -> None:
    network = Network({"n1": [said(200, {"version": "3.9.12"})]})
    opened = session(network)
    await opened.on("n1").version()
    await opened.close()
    await opened.on("n1").version()
    assert (network.connected, network.closed) == (["n1", "n1"], ["n1"])


async def test_users_are_read_with_the_levels_that_are_stored_for_them() -> None:
    def user(name: str, databases: Mapping[str, Any]) -> dict[str, Any]:
        return {"_key": name, "_id": f"_users/{name}", "_rev": "_r", "user": name, "databases": databases}

    grants: list[dict[str, Any]] = [
        {"_system": {"permissions": {"read": True, "write": True}}},
        {"_system": {"permissions": {"read": True, "write": False}}},
        {"_system": {"permissions": {"read": False, "write": False}}},
        {"other": {"permissions": {"read": True, "write": True}}},
        {"_system": {"permissions": {}, "collections": {}}},
    ]
    stored = [user(f"u{number}", granted) for number, granted in enumerate(grants)]
    network = Network({"n2": [said(200, {"result": stored, "hasMore": False})]})
    found = await session(network).copy("n2").users()
    assert found == {"u0": "rw", "u1": "ro", "u2": "none", "u3": "none", "u4": "none"}


async def test_a_user_is_made_and_given_a_level_in_two_requests_and_asked_for_in_one() -> None:
    answers: list[Scripted] = [
        said(201, {}),
        said(200, {}),
        said(200, {"result": "ro"}),
        said(404, {"error": True, "errorNum": 1703}),
        said(503, {"error": True, "errorNum": 1496}),
    ]
    network = Network({"n1": answers})
    member = session(network).member("n1")
    await member.create_user("a b")
    await member.grant("a b", "ro")
    assert await member.level("a b") == "ro"
    assert await member.level("a b") is None
    with pytest.raises(RequestError):
        await member.level("a b")
    path = "/_db/_system/_api/user"
    assert [asked[1:] for asked in network.asked[:3]] == [
        ("POST", path, {"user": "a b", "passwd": "a b"}),
        ("PUT", f"{path}/a%20b/database/_system", {"grant": "ro"}),
        ("GET", f"{path}/a%20b/database/_system", None),
    ]


async def test_a_job_is_queued_once_and_on_the_disk_when_that_is_answered() -> None:
    network = Network({"n1": [said(201, {"_key": "job-1"})]})
    await session(network).member("n1").queue("job-1", {"queue": "q"})
    path = "/_db/_system/_api/document/_jobs?waitForSync=true"
    assert network.asked == [("n1", "POST", path, {"_key": "job-1", "queue": "q"})]


def test_the_inbox_of_a_collection_is_where_its_documents_are_made() -> None:
    assert session(Network({})).inbox("n2", "c") == "http://10.0.0.2:8529/_api/document/c"
