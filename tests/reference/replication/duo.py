"""Two real servers on loopback, and one database of its own on both for each test."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.reference.server_process import Reply, ServerProcess, wait_until

_numbers = itertools.count(1)
FAST = {
    "includeSystem": False,
    "idleMinWaitTime": 0.3,
    "idleMaxWaitTime": 0.3,
    "connectionRetryWaitTime": 0.3,
}


class Side:
    """One server as seen from one database."""

    def __init__(self, server: ServerProcess, database: str) -> None:
        self.server = server
        self.database = database

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        return self.server.call(method, f"/_db/{self.database}{path}", body, headers)

    def expect(self, method: str, path: str, body: Any = None, *, trx: str = "") -> Any:
        return self.call(method, path, body, {"x-arango-trx-id": trx} if trx else None).expect(
            200, 201, 202, 204
        )

    def create(self, *names: str, **properties: Any) -> None:
        for name in names:
            self.expect("POST", "/_api/collection", {"name": name, **properties})

    def insert(self, collection: str, count: int, *, first: int = 0) -> None:
        documents = [{"_key": f"k{n}", "n": n} for n in range(first, first + count)]
        self.expect("POST", f"/_api/document/{collection}", documents)

    def put(self, collection: str, key: str, n: int) -> None:
        self.expect("POST", f"/_api/document/{collection}?overwriteMode=replace", {"_key": key, "n": n})

    def get(self, collection: str, key: str) -> int | None:
        """The number in a document; None if there is no such document."""
        reply = self.call("GET", f"/_api/document/{collection}/{key}")
        return reply.json()["n"] if reply.status == 200 else None

    def transaction(self, collection: str, keys: list[str], n: int) -> None:
        """Write one number to many documents at once."""
        begun = self.expect("POST", "/_api/transaction/begin", {"collections": {"write": collection}})
        number = begun["result"]["id"]
        documents = [{"_key": key, "n": n} for key in keys]
        self.expect("POST", f"/_api/document/{collection}?overwriteMode=replace", documents, trx=number)
        self.expect("PUT", f"/_api/transaction/{number}")

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Every document by its key, `_rev` included."""
        found = self.expect("PUT", "/_api/simple/all", {"collection": collection, "batchSize": 1_000_000})
        return {document["_key"]: document for document in found["result"]}

    def count(self, collection: str) -> int:
        return int(self.expect("GET", f"/_api/collection/{collection}/count")["count"])

    def collections(self, *, system: bool = False) -> list[str]:
        exclude = "false" if system else "true"
        listed = self.expect("GET", f"/_api/collection?excludeSystem={exclude}")["result"]
        return sorted(collection["name"] for collection in listed)

    def last_tick(self) -> int:
        return int(self.expect("GET", "/_api/wal/lastTick")["tick"])


class Duo:
    """A leader, a follower, and the commands that make the one follow the other."""

    def __init__(self, leader: ServerProcess, follower: ServerProcess) -> None:
        self.name = f"d{next(_numbers)}"
        for server in (leader, follower):
            server.call("POST", "/_api/database", {"name": self.name}).expect(201)
        self.leader = Side(leader, self.name)
        self.follower = Side(follower, self.name)

    def drop(self) -> None:
        for side in (self.follower, self.leader):
            side.server.call("DELETE", f"/_api/database/{self.name}").expect(200)

    def configuration(self, **given: Any) -> dict[str, Any]:
        return {"endpoint": self.leader.server.endpoint, **FAST, **given}

    def command(self, name: str, body: Any = None) -> Reply:
        """One command of the applier."""
        return self.follower.call("PUT", f"/_api/replication/{name}", body)

    def follow(self, **given: Any) -> Any:
        return self.command("make-follower", self.configuration(**given)).expect(200)

    def sync(self, **given: Any) -> int:
        """Copy once; the tick to start from."""
        return int(self.command("sync", self.configuration(**given)).expect(200)["lastLogTick"])

    def configure(self, **given: Any) -> Any:
        return self.command("applier-config", self.configuration(**given)).expect(200)

    def start(self, tick: int | None = None) -> Any:
        return self.command("applier-start" if tick is None else f"applier-start?from={tick}").expect(200)

    def stop(self) -> Any:
        return self.command("applier-stop").expect(200)

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.follower.expect("GET", "/_api/replication/applier-state")["state"]
        return state

    def caught_up(self) -> None:
        """Wait until the applier has reached what the leader has now."""
        tick = self.leader.last_tick()

        def reached() -> bool:
            state = self.state()
            assert state["running"], f"the applier has stopped: {state['lastError']}"
            return int(state["lastProcessedContinuousTick"] or 0) >= tick

        wait_until(reached, f"the follower reaches tick {tick}")

    def stopped(self) -> dict[str, Any]:
        """Wait until the applier has stopped by itself; its last error."""
        wait_until(lambda: not self.state()["running"], "the applier stops")
        error: dict[str, Any] = self.state()["lastError"]
        return error

    def assert_equal(self) -> None:
        """The same collections with the same documents and revisions."""
        names = self.leader.collections()
        assert self.follower.collections() == names
        for name in names:
            assert self.follower.documents(name) == self.leader.documents(name)


@contextmanager
def meanwhile(work: Callable[[int], None]) -> Iterator[None]:
    """Call `work(0)`, `work(1)`, ... in a thread while the block runs; raise its failure at the end."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for number in itertools.count():
                if ended.is_set():
                    return
                work(number)
        except BaseException as error:  # noqa: BLE001 - carried over to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
    if failures:
        raise failures[0]
