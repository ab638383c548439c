"""Deploying servers, with hosts that only write down what is asked of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import msgspec
import pytest

import reference
from harness.database import DatabaseOptions
from harness.databases import arangodb
from harness.databases import reference as reference_database
from harness.databases.arango_http.deployment import Deployment
from harness.databases.arango_http.product import Product
from harness.environment import Answer, Environment, HostError, ProcessState, Program, TransportError
from tests.harness.virtual_time import in_virtual_time


def test_everything_that_the_reference_imports_is_taken_along() -> None:
    imported: set[str] = set()
    for path in Path(reference.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).split(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"reference"}
    distributions = packages_distributions()
    needed = {distributions[module][0].lower() for module in foreign if module in distributions}
    assert needed == set(reference_database._DISTRIBUTIONS)


class Hosts:
    """Servers that serve after `slow` questions; every start and every request is written down."""

    def __init__(self, nodes: Sequence[str] = ("n1", "n2", "n3"), *, slow: int = 2) -> None:
        self.nodes = nodes
        self.started: dict[str, Program] = {}
        self.asked: list[tuple[str, str, str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.slow = dict.fromkeys(nodes, slow)
        self.dead: dict[str, None] = {}

    @property
    def processes(self) -> Hosts:
        return self

    async def start(self, node: str, program: Program) -> None:
        self.started[node] = program

    async def state(self, node: str, program: str) -> ProcessState:
        return "gone" if node in self.dead else "running"

    def address(self, node: str, port: int) -> str:
        return f"{node}.example:{port}"

    def data(self, node: str) -> str:
        return f"/disk/{node}"

    def transport(self, node: str, port: int) -> Connection:
        return Connection(self, node)


class Connection:
    def __init__(self, hosts: Hosts, node: str) -> None:
        self.hosts, self.node = hosts, node

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        if self.hosts.slow[self.node] > 0 or self.node in self.hosts.dead:
            self.hosts.slow[self.node] -= 1
            raise TransportError("refused", sent=False)
        content = msgspec.json.decode(body) if body else None
        self.hosts.asked.append((self.node, method, target, content))
        self.hosts.headers.append(headers)
        return Answer(200, {}, b'{"version": "3.9.0"}')

    async def close(self) -> None:
        pass


async def installed(environment: Environment, nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    return {node: (f"/opt/{node}/run",) for node in nodes}


def deployed(hosts: Any, topology: str, *, guarded: bool = False) -> Deployment:
    options = DatabaseOptions(topology, 5.0, guarded=guarded)
    database = Deployment(Product("p", "P", "server", installed), options)
    in_virtual_time(database.setup(hosts))
    return database


def test_leader_and_followers_are_started_and_told_whom_to_follow() -> None:
    hosts = Hosts()
    database = deployed(hosts, "leader-follower")
    assert database.leader() == "n1"
    assert hosts.started["n2"] == Program(
        "server",
        ("/opt/n2/run", "--server.endpoint", "tcp://0.0.0.0:8529", "--server.authentication", "false",
         "--database.directory", "/disk/n2/server"),
        8529,
    )  # fmt: skip
    follows = [(node, body) for node, _, target, body in hosts.asked if "make-follower" in target]
    assert [node for node, _ in follows] == ["n2", "n3"]
    assert all(body["endpoint"] == "tcp://n1.example:8529" for _, body in follows)
    assert all(body["autoStart"] and body["requireFromPresent"] and body["autoResync"] for _, body in follows)
    assert database.describe()["version"] == "3.9.0"


def test_guarded_servers_let_in_those_who_say_who_they_are() -> None:
    hosts = Hosts()
    deployed(hosts, "leader-follower", guarded=True)
    assert hosts.started["n2"].arguments[4] == "true"
    follows = [body for _, _, target, body in hosts.asked if "make-follower" in target]
    assert [(body["username"], body["password"]) for body in follows] == [("root", "")] * 2
    assert all(headers == {"authorization": "Basic cm9vdDo="} for headers in hosts.headers)


def test_single_server_leaves_the_other_nodes_alone() -> None:
    hosts = Hosts()
    database = deployed(hosts, "single")
    assert list(hosts.started) == ["n1"]
    assert (database.programs("n1"), database.programs("n2")) == (("server",), ())
    assert not any("make-follower" in target for _, _, target, _ in hosts.asked)


def test_server_that_dies_at_once_is_said_at_once() -> None:
    hosts = Hosts()
    hosts.dead["n2"] = None
    with pytest.raises(HostError, match="n2: server ended as soon as it was started"):
        deployed(hosts, "leader-follower")


def test_server_that_never_serves_is_given_up() -> None:
    with pytest.raises(HostError, match="did not serve within 60 s"):
        deployed(Hosts(slow=10_000), "single")


def test_one_node_is_too_few_to_follow() -> None:
    with pytest.raises(HostError, match="at least two nodes"):
        deployed(Hosts(("n1",)), "leader-follower")


@pytest.mark.parametrize("make", [reference_database.database, arangodb.database])
def test_unknown_topology_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="there are: single, leader-follower"):
        make(DatabaseOptions("ring", 5.0))
