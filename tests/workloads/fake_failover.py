"""An active failover in memory with an agency, and ways in which it can be broken; nothing in it ever waits.

Every server has its own log of documents, users and jobs among them. A follower copies the leader's log with
some lag. When the leader has been down for the grace period, the agency names the living server with the
longest log, and everybody else cuts what differs from that. The leader runs jobs. The agency tells observers,
and tries those that cannot be told again for a while. A defect is a subclass that replaces one method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.workloads.fake_database import MS, SECOND
from workloads.protocol.capabilities import Document
from workloads.protocol.failover import Reply
from workloads.protocol.outcome import RequestError

GRACE_NS = 2 * SECOND
NEWS_NS = 5 * SECOND
"""So long an observer is tried."""
JOBS, QUEUES, USERS = "_jobs", "_queues", "_users"


@dataclass(frozen=True, slots=True)
class Entry:
    """One write in a log, with the time of its commit."""

    time: int
    collection: str
    document: Document


class FakeFailover:
    """Servers and their agency. `now` is set by whoever runs it; `down` are the nodes that do not answer."""

    def __init__(self, *, lag_ns: int = 150 * MS, unknown: float = 0.0, seed: int = 0) -> None:
        self.nodes = ("n1", "n2", "n3")
        self.leader = "n1"
        self.former: dict[str, None] = {}
        self.logs: dict[str, list[Entry]] = {node: [] for node in self.nodes}
        self.tree: dict[str, Any] = {}
        self.index = 0
        self.observers: list[tuple[str, str]] = []
        self.news: list[tuple[str, int, Mapping[str, Any]]] = []
        self.has_jobs = False
        self.down: dict[str, None] = {}
        self.missed_since: int | None = None
        self.now = 0
        self.lag_ns = lag_ns
        self.unknown = unknown
        self.random = Random(seed)

    # What a defect may replace.

    def leads(self, node: str) -> bool:
        """Whether the node works as leader."""
        return node == self.leader

    def promote(self, node: str) -> None:
        """Make the node the leader with what it has."""
        self.former[self.leader] = None
        self.leader = node

    def candidate(self, alive: Sequence[str]) -> str | None:
        """Whom the agency names."""
        return max(alive, key=lambda node: len(self.logs[node]), default=None)

    def replicate(self, node: str) -> None:
        """Cut what the leader does not have, and copy what is older than the lag."""
        log, theirs = self.logs[node], self.logs[self.leader]
        common = 0
        while common < min(len(log), len(theirs)) and log[common] == theirs[common]:
            common += 1
        del log[common:]
        log += [entry for entry in theirs[common:] if entry.time + self.lag_ns <= self.now]

    def commit(self, node: str, entry: Entry) -> None:
        """Write to the node's log."""
        self.logs[node].append(entry)

    def refuse(self, node: str) -> Reply:
        """What a follower answers."""
        return Reply(503, 1496, self.endpoint(self.leader), marked=True)

    def admits(self, node: str, *, write: bool, dirty: bool) -> bool:
        """Whether a follower does what it is asked."""
        return dirty and not write

    def answered(self, node: str, reply: Reply) -> Reply:
        """The last touch to every answer."""
        return reply

    def listed(self, node: str) -> tuple[str, ...]:
        """The servers in the order in which they are told."""
        return (self.leader, *(other for other in self.nodes if other != self.leader))

    def shown(self, node: str, collection: str) -> dict[str, Document]:
        """What the node reads from."""
        return {e.document.key: e.document for e in self.logs[node] if e.collection == collection}

    def level_of(self, node: str, name: str) -> str | None:
        """What the node answers for a user."""
        user = self.shown(node, USERS).get(name)
        return None if user is None else user.body["level"]

    def runs(self, node: str, job: Document) -> bool:
        """Whether the node runs a job whose queue is there."""
        return node == self.leader

    def do(self, node: str, job: Document) -> None:
        """Write a job's document, and that it is done."""
        data = job.body["data"]
        self.logs[node] += [
            Entry(self.now, data["collection"], Document(f"of-{job.key}", "_1", data["document"])),
            Entry(self.now, JOBS, Document(job.key, "_2", {**job.body, "status": "complete"})),
        ]

    def observed(self, path: str, url: str) -> None:
        """Remember an observer."""
        self.observers.append((path, url))

    def tell(self, url: str, message: Mapping[str, Any]) -> bool:
        """Send one message to an observer; whether it was taken."""
        node, _, collection = url.removeprefix("http://").partition("/")
        if node in self.down or not self.leads(node):
            return False
        document = Document(f"news-{len(self.logs[node])}", "_1", dict(message))
        self.commit(node, Entry(self.now, collection, document))
        return True

    def read_tree(self) -> dict[str, Any]:
        """What the agency answers from."""
        return self.tree

    def write_tree(self, values: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
        """One transaction of the agency."""
        if any(self.tree.get(path) != value for path, value in expected.items()):
            return False
        self.tree.update(values)
        return True

    # What all share.

    def endpoint(self, node: str) -> str:
        return f"http://{node}:8529"

    def tick(self) -> None:
        """Let everything happen that is due by now."""
        if self.leader in self.down:
            self.missed_since = self.now if self.missed_since is None else self.missed_since
            if self.now - self.missed_since >= GRACE_NS:
                winner = self.candidate([node for node in self.nodes if node not in self.down])
                if winner is not None:
                    self.promote(winner)
                    self.missed_since = None
        else:
            self.missed_since = None
            for node in self.nodes:
                if node != self.leader and node not in self.down:
                    self.replicate(node)
        self.work()
        self.news = [
            (url, since, message)
            for url, since, message in self.news
            if self.now - since < NEWS_NS and not self.tell(url, message)
        ]

    def work(self) -> None:
        """Let every living server run the jobs that it would run."""
        for node in self.nodes if self.has_jobs else ():
            if node in self.down:
                continue
            queues = self.shown(node, QUEUES)
            for job in self.shown(node, JOBS).values():
                if job.body["status"] == "pending" and job.body["queue"] in queues and self.runs(node, job):
                    self.do(node, job)

    def changed(self, paths: Sequence[str]) -> int:
        """The place of a change in the agency's log; its observers have news."""
        self.index += 1
        for path, url in self.observers:
            if any(each.startswith(path) for each in paths):
                message = {"term": 1, "index": self.index, path: {"op": "modified"}}
                self.news.append((url, self.now, message))
        return self.index

    def reach(self, node: str) -> None:
        self.tick()
        if node in self.down:
            raise RequestError(f"{node} refuses connections", definite=True)

    def write(self, node: str, collection: str, key: str, body: Mapping[str, Any]) -> Document:
        document = Document(key, f"_{self.now}-{len(self.logs[node])}", dict(body))
        entry = Entry(self.now, collection, document)
        self.has_jobs |= collection == JOBS
        if self.random.random() < self.unknown:
            if self.random.random() < 0.5:
                self.commit(node, entry)
            raise RequestError("connection reset", definite=False)
        self.commit(node, entry)
        return document

    def health(self, node: str) -> str:
        lost = node in self.down and self.missed_since is None
        return "FAILED" if lost else "BAD" if node in self.down else "GOOD"

    def session(self) -> FakeFailoverSession:
        return FakeFailoverSession(self)


class FakeFailoverSession:
    """A way into the fake, its own agency, and its own members: all one."""

    def __init__(self, database: FakeFailover) -> None:
        self._database = database
        self._leader = database.nodes[0]

    @property
    def nodes(self) -> Sequence[str]:
        return self._database.nodes

    @property
    def leader(self) -> str:
        return self._leader

    def on(self, node: str) -> FakeMember:
        return FakeMember(self._database, node, dirty=False)

    def member(self, node: str) -> FakeMember:
        return self.on(node)

    def copy(self, node: str) -> FakeMember:
        return FakeMember(self._database, node, dirty=True)

    def node_at(self, endpoint: str) -> str | None:
        name = endpoint.partition("://")[2].partition(":")[0]
        return name if name in self._database.nodes else None

    def follow(self, endpoint: str | None) -> bool:
        if endpoint is None:
            place = self._database.nodes.index(self._leader)
            self._leader = self._database.nodes[(place + 1) % 3]
            return True
        node = self.node_at(endpoint)
        if node is None or node == self._leader:
            return False
        self._leader = node
        return True

    def confirm(self, node: str) -> None:
        pass

    @property
    def agency(self) -> FakeFailoverSession:
        return self

    async def read(self, paths: Sequence[str]) -> Any:
        database = self._database
        database.tick()
        if paths[0].startswith("/arango"):
            return {
                "arango": {
                    "Plan": {"AsyncReplication": {"Leader": f"SNGL-{database.leader}"}},
                    "Supervision": {
                        "Health": {
                            f"SNGL-{n}": {"Endpoint": f"tcp://{n}:8529", "Status": database.health(n)}
                            for n in database.nodes
                        }
                    },
                }
            }
        found: dict[str, Any] = {}
        held = database.read_tree()
        for path in paths:
            _, root, register, half = path.split("/")
            if path in held:
                found.setdefault(root, {}).setdefault(register, {})[half] = held[path]
        return found

    async def write(self, values: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> int:
        self._database.tick()
        done = self._database.write_tree(values, expected or {})
        return self._database.changed(list(values)) if done else 0

    async def observe(self, path: str, url: str) -> None:
        self._database.observed(path, url)

    def inbox(self, node: str, collection: str) -> str:
        return f"http://{node}/{collection}"

    async def close(self) -> None:
        pass


class FakeMember:
    """One server of the fake; `dirty` goes with every request."""

    def __init__(self, database: FakeFailover, name: str, *, dirty: bool) -> None:
        self._database = database
        self._name = name
        self._dirty = dirty

    def _expect(self, *, write: bool) -> None:
        reply = self._refusal(write=write, dirty=self._dirty)
        if reply is not None:
            raise RequestError(
                f"{reply.status}", definite=True, number=reply.number, status=reply.status,
                endpoint=reply.endpoint,
            )  # fmt: skip

    def _refusal(self, *, write: bool, dirty: bool) -> Reply | None:
        database = self._database
        database.reach(self._name)
        if database.leads(self._name) or database.admits(self._name, write=write, dirty=dirty):
            return None
        if write and dirty:
            return Reply(403, 1004, database.endpoint(database.leader), marked=True)
        return database.refuse(self._name)

    async def create_collection(self, collection: str, *, wait_for_sync: bool = False) -> None:
        self._expect(write=True)

    async def read_all(self, collection: str) -> Sequence[Document]:
        self._expect(write=False)
        return [document for _, document in sorted(self._database.shown(self._name, collection).items())]

    async def insert(self, collection: str, body: Mapping[str, Any], *, key: str | None = None) -> str:
        assert key is not None
        self._expect(write=True)
        return self._database.write(self._name, collection, key, body).revision

    async def upsert(self, collection: str, key: str, body: Mapping[str, Any]) -> str:
        self._expect(write=True)
        return self._database.write(self._name, collection, key, body).revision

    async def probe_read(self, collection: str, key: str, *, dirty: bool) -> Reply:
        refusal = self._refusal(write=False, dirty=dirty)
        found = self._database.shown(self._name, collection).get(key)
        reply = refusal or self._own(404 if found is None else 200, 1202 if found is None else None)
        body = None if found is None else found.body
        return self._database.answered(self._name, _with(reply, body=body))

    async def probe_write(self, collection: str, key: str, body: Mapping[str, Any], *, dirty: bool) -> Reply:
        refusal = self._refusal(write=True, dirty=dirty)
        if refusal is None:
            self._database.write(self._name, collection, key, body)
        return self._database.answered(self._name, refusal or self._own(201, None))

    async def probe_endpoints(self) -> Reply:
        self._database.reach(self._name)
        listed = tuple(f"tcp://{node}:8529" for node in self._database.listed(self._name))
        return self._database.answered(self._name, _with(self._own(200, None), endpoints=listed))

    async def create_user(self, name: str) -> None:
        self._expect(write=True)
        self._database.write(self._name, USERS, name, {"user": name, "level": "none"})

    async def grant(self, name: str, level: str) -> None:
        self._expect(write=True)
        self._database.write(self._name, USERS, name, {"user": name, "level": level})

    async def level(self, name: str) -> str | None:
        self._expect(write=False)
        return self._database.level_of(self._name, name)

    async def queue(self, key: str, job: Mapping[str, Any]) -> None:
        self._expect(write=True)
        self._database.write(self._name, JOBS, key, job)

    async def users(self) -> Mapping[str, str]:
        return {user.key: user.body["level"] for user in await self.read_all(USERS)}

    def _own(self, status: int, number: int | None) -> Reply:
        follows = not self._database.leads(self._name)
        endpoint = self._database.endpoint(self._database.leader) if follows else None
        return Reply(status, number, endpoint, marked=follows)


def _with(reply: Reply, *, endpoints: tuple[str, ...] | None = None, body: Any = None) -> Reply:
    return Reply(reply.status, reply.number, reply.endpoint, reply.marked, endpoints, body)
