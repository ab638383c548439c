"""Deploying an active failover, with hosts that only write down what is asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from harness.database import DatabaseOptions, FailoverTimings, Timings
from harness.databases.arango_http.failover_deployment import FAST, SERVING_S, FailoverDeployment
from harness.databases.arango_http.product import Product
from harness.environment import Answer, HostError, Program, TransportError
from tests.harness.virtual_time import in_virtual_time

SERVER, AGENT = 8529, 8531


class Hosts:
    """Nodes on which agents and servers begin to answer as soon as they run.

    The first server that runs leads. Agents answer only when `agents` of them run; a server lists the servers
    that run, but for those that are `hermits`. `mute` programs run and never answer.
    """

    def __init__(self, count: int = 3, *, agents: int = 3) -> None:
        self.nodes = tuple(f"n{number}" for number in range(1, count + 1))
        self.needed = agents
        self.started: list[tuple[str, Program]] = []
        self.hermits: dict[str, None] = {}
        self.mute: dict[tuple[str, str], None] = {}

    @property
    def processes(self) -> Hosts:
        return self

    async def start(self, node: str, program: Program) -> None:
        await asyncio.sleep(0.01)
        self.started.append((node, program))

    def program(self, node: str, name: str) -> Program:
        return next(program for at, program in self.started if (at, program.name) == (node, name))

    def running(self, name: str) -> list[str]:
        return [node for node, program in self.started if program.name == name]

    def address(self, node: str, port: int) -> str:
        return f"{node}.example:{port}"

    def data(self, node: str) -> str:
        return f"/disk/{node}"

    def transport(self, node: str, port: int) -> Connection:
        return Connection(self, node, "agent" if port == AGENT else "server")

    def answer(self, node: str, program: str, target: str) -> Answer:
        running = self.running(program)
        if node not in running or (node, program) in self.mute:
            raise TransportError("refused", sent=False)
        if program == "agent":
            leads = len(running) >= self.needed
            return Answer(200, {}, b"[{}]") if leads else Answer(503, {}, b"{}")
        if target.endswith("/version"):
            return Answer(200, {}, b'{"version": "3.9.12"}')
        listed = [known for known in running if known not in self.hermits]
        endpoints = [{"endpoint": f"tcp://{known}.example:{SERVER}"} for known in listed]
        return Answer(200, {}, msgspec.json.encode({"endpoints": endpoints}))


class Connection:
    def __init__(self, hosts: Hosts, node: str, program: str) -> None:
        self.hosts, self.node, self.program = hosts, node, program

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        return self.hosts.answer(self.node, self.program, target)

    async def close(self) -> None:
        pass


async def installed(_environment: Any, nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    return {node: (f"/opt/{node}/run",) for node in nodes}


def deployment(
    timings: Timings | FailoverTimings = "fast", *, server: Mapping[str, str] | None = None
) -> FailoverDeployment:
    options = DatabaseOptions("active-failover", 5.0, timings, server=server or {})
    product = Product(
        "p", "P", "server", installed, failover_options=lambda heartbeat_s: {"--beat": f"{heartbeat_s:g}"}
    )
    return FailoverDeployment(product, options)


def deployed(hosts: Any, database: FailoverDeployment | None = None) -> FailoverDeployment:
    database = database or deployment()
    in_virtual_time(database.setup(hosts))
    return database


def options_of(program: Program) -> dict[str, list[str]]:
    """Values by option; what is named several times has several."""
    words = [word for word in program.arguments if not word.startswith("/opt/")]
    found: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        found.setdefault(name, []).append(value)
    return found


def test_agents_come_first_then_the_server_that_shall_lead_then_the_others() -> None:
    hosts = Hosts(6)
    database = deployed(hosts)
    order = [(node, program.name) for node, program in hosts.started]
    assert sorted(order[:3]) == [("n1", "agent"), ("n2", "agent"), ("n3", "agent")]
    assert order[3] == ("n4", "server")
    assert sorted(order[4:]) == [("n5", "server"), ("n6", "server")]
    assert database.leader() == "n4"


@pytest.mark.parametrize(
    ("count", "agents", "servers"),
    [
        (2, ["n1"], ["n1", "n2"]),
        (3, ["n1", "n2", "n3"], ["n1", "n2", "n3"]),
        (4, ["n1", "n2", "n3"], ["n1", "n2", "n3", "n4"]),
        (5, ["n1", "n2", "n3"], ["n4", "n5"]),
    ],
)
def test_with_few_nodes_agents_and_servers_share_them(
    count: int, agents: list[str], servers: list[str]
) -> None:
    hosts = Hosts(count, agents=len(agents))
    database = deployed(hosts)
    assert sorted(hosts.running("agent")) == agents
    assert sorted(hosts.running("server")) == servers
    for node in hosts.nodes:
        expected = ("agent",) * (node in agents) + ("server",) * (node in servers)
        assert database.programs(node) == expected


def test_every_agent_and_server_is_told_of_all_agents_and_of_its_own_address() -> None:
    hosts = Hosts()
    deployed(hosts)
    everybody = [f"tcp://n{number}.example:{AGENT}" for number in (1, 2, 3)]
    agent, server = options_of(hosts.program("n2", "agent")), options_of(hosts.program("n2", "server"))
    assert agent["--agency.endpoint"] == everybody
    assert agent["--agency.size"] == ["3"]
    assert agent["--agency.my-address"] == [f"tcp://n2.example:{AGENT}"]
    assert server["--cluster.agency-endpoint"] == everybody
    assert server["--cluster.my-address"] == [f"tcp://n2.example:{SERVER}"]
    folders = {agent["--database.directory"][0], server["--database.directory"][0]}
    assert folders == {"/disk/n2/agent", "/disk/n2/server"}, "each has data of its own"


@pytest.mark.parametrize(
    ("timings", "grace", "lease", "beat"),
    [
        ("fast", "2", "1.4", "0.2"),
        ("documented", "10", "8", "1"),
        (FailoverTimings(0.1, 0.7, 0.1, 0.5, 1.1, (0.4, 0.8)), "1.1", "0.7", "0.1"),
    ],
)
def test_timings_reach_agents_and_servers_by_name_or_in_numbers(
    timings: Timings | FailoverTimings, grace: str, lease: str, beat: str
) -> None:
    hosts = Hosts()
    database = deployed(hosts, deployment(timings))
    agent, server = options_of(hosts.program("n1", "agent")), options_of(hosts.program("n1", "server"))
    assert agent["--agency.supervision-grace-period"] == [grace]
    assert server["--replication.active-failover-leader-grace-period"] == [lease]
    assert server["--beat"] == [beat], "the product's own option"
    assert f"lease {lease} s, grace {grace} s" in database.describe()["timings"]


def test_a_leader_never_serves_as_long_as_the_others_wait() -> None:
    assert FAST.lease_s * 1.1 < FAST.grace_s


def test_options_for_the_servers_are_not_given_to_agents() -> None:
    hosts = Hosts()
    deployed(hosts, deployment(server={"--rocksdb.wal-file-timeout": "1"}))
    assert options_of(hosts.program("n1", "server"))["--rocksdb.wal-file-timeout"] == ["1"]
    assert "--rocksdb.wal-file-timeout" not in options_of(hosts.program("n1", "agent"))


def test_agency_without_a_leader_is_given_up_before_a_server_is_started() -> None:
    hosts = Hosts(agents=4)
    with pytest.raises(HostError, match=f"no agent leads the agency {SERVING_S:g} s after its start"):
        deployed(hosts)
    assert hosts.running("server") == []


def test_first_server_that_does_not_lead_is_named_and_no_other_is_started() -> None:
    hosts = Hosts()
    hosts.mute["n1", "server"] = None
    with pytest.raises(HostError, match="n1 does not lead"):
        deployed(hosts)
    assert hosts.running("server") == ["n1"]


def test_server_that_the_others_do_not_know_is_waited_for_in_vain() -> None:
    hosts = Hosts()
    hosts.hermits["n3"] = None
    with pytest.raises(HostError, match="n1 does not know all servers"):
        deployed(hosts)


def test_one_node_is_too_few() -> None:
    with pytest.raises(HostError, match="active-failover needs at least two nodes"):
        deployed(Hosts(1))


def test_start_after_a_fault_starts_agent_and_server_of_the_node_again_with_their_data() -> None:
    hosts = Hosts()
    database = deployed(hosts)
    before = {program.name: program for node, program in hosts.started if node == "n2"}
    hosts.started = [(node, program) for node, program in hosts.started if node != "n2"]
    in_virtual_time(database.start(hosts, "n2"))  # type: ignore[arg-type]  # what it needs of an environment
    assert {program.name: program for node, program in hosts.started if node == "n2"} == before


def test_node_is_ready_when_its_own_server_answers() -> None:
    hosts = Hosts()
    database = deployed(hosts)
    hosts.mute["n2", "server"] = None
    ready = [in_virtual_time(database.ready(hosts, node)) for node in hosts.nodes]  # type: ignore[arg-type]
    assert ready == [True, False, True]


def test_description_says_who_runs_what_and_which_version() -> None:
    described = deployed(Hosts(5)).describe()
    assert (described["agents"], described["servers"]) == ("n1, n2, n3", "n4, n5")
    assert (described["version"], described["topology"]) == ("3.9.12", "active-failover")
