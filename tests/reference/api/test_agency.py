"""CL-AGENCY-RAFT, -TRX and -CALLBACK on three real agents, by HTTP as any client speaks it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.reference.agency.trio import Trio, trio
from tests.reference.server_process import ServerProcess, free_port, wait_until

READ, WRITE, INQUIRE = "/_api/agency/read", "/_api/agency/write", "/_api/agency/inquire"
TRANSACT, TRANSIENT = "/_api/agency/transact", "/_api/agency/transient"
COMMON = "a secret that all agents have, and all servers as well"


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    with trio(tmp_path_factory.mktemp("agency")) as agents:
        yield agents


@pytest.fixture(autouse=True)
def _clean(agency: Trio) -> None:
    agency.write({"/": {}}).expect(200)


# CL-AGENCY-TRX


def test_what_is_written_is_read(agency: Trio) -> None:
    agency.write({"/arango/Plan": {"Version": 5, "Lock": "none"}}).expect(200)
    reply = agency.read_from(agency.leader(), "/arango/Plan/Version")
    assert reply.expect(200) == [{"arango": {"Plan": {"Version": 5}}}]


def test_each_write_of_a_request_stands_for_itself(agency: Trio) -> None:
    body = [
        [{"/a": 1}],
        [{"/a": {"op": "increment"}}, {"/a": 7}],
        [{"/a": {"op": "increment"}}, {"/a": 1}],
    ]
    results = agency.leader().call("POST", WRITE, body).expect(412)["results"]
    assert results[1] == 0
    assert 0 < results[0] < results[2]
    assert agency.read("/a") == {"a": 2}


def test_a_failed_precondition_is_412_and_changes_nothing(agency: Trio) -> None:
    agency.write({"/a": 1, "/b": 1}).expect(200)
    refused = agency.write({"/a": 2, "/b": 2}, {"/a": {"old": 1}, "/b": {"oldEmpty": True}})
    assert refused.expect(412) == {"results": [0]}
    assert agency.read("/a", "/b") == {"a": 1, "b": 1}


def test_transact_mixes_reads_and_writes(agency: Trio) -> None:
    body = [[{"/a": 1}], ["/a"], [{"/a": 2}, {"/a": 7}], [{"/a": {"op": "increment"}}], ["/a"]]
    results = agency.leader().call("POST", TRANSACT, body).expect(412)
    assert [results[1], results[2], results[4]] == [{"a": 1}, 0, {"a": 2}]


def test_transient_values_are_the_leaders_own(agency: Trio) -> None:
    leader = agency.leader()
    leader.call("POST", TRANSIENT, [[{"/arango/Sync/x": 1}]]).expect(200)
    assert leader.call("POST", TRANSIENT, [["/arango"]]).expect(200) == [{"arango": {"Sync": {"x": 1}}}]
    assert agency.read("/arango") == {}
    assert leader.call("POST", TRANSIENT, [[{"/y": 1}, {"/arango/Sync/x": 2}]]).expect(412) == [0]


def test_inquire_finds_a_write_by_its_client_id(agency: Trio) -> None:
    body = [[{"/a": 1}, {}, "inquire-one"], [{"/a": 2}, {"/a": 7}, "inquire-refused"]]
    index = agency.leader().call("POST", WRITE, body).expect(412)["results"][0]
    found = agency.leader().call("POST", INQUIRE, ["inquire-one", "inquire-refused"]).expect(200)
    assert found == {"results": [index, 0]}
    agency.leader().call("POST", INQUIRE, ["inquire-never"]).expect(404)


def test_a_key_with_a_time_to_live_ends_without_any_further_write(agency: Trio) -> None:
    agency.write({"/a": {"op": "set", "new": 1, "ttl": 0.3}, "/b": 1}).expect(200)
    assert agency.read("/a", "/b") == {"a": 1, "b": 1}
    wait_until(lambda: agency.read("/a", "/b") == {"b": 1}, "the key ends")


@pytest.mark.parametrize("path", [READ, WRITE, TRANSACT, TRANSIENT, INQUIRE])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"7", b"[]", b"[7]", b'[{"a":1}]', b'[[{"/a":{"op":"x"}}]]']
)
def test_what_is_no_request_is_refused_with_a_message(agency: Trio, path: str, body: bytes) -> None:
    reply = agency.leader().call("POST", path, body)
    assert reply.status == 400, reply.body
    assert reply.json()["message"]


def test_paths_and_methods_that_are_not_there(agency: Trio) -> None:
    leader = agency.leader()
    leader.call("POST", "/_api/agency").refused(404, 404)
    leader.call("POST", "/_api/agency/burn").refused(404, 405)
    leader.call("GET", READ).refused(405, 405)
    leader.call("GET", "/_api/collection").refused(404, 404)


# CL-AGENCY-RAFT


def test_an_agent_that_does_not_lead_sends_clients_to_the_one_that_does(agency: Trio) -> None:
    leader = agency.leader()
    for path in (READ, WRITE, TRANSACT, TRANSIENT, INQUIRE):
        for agent in agency.followers():
            reply = agent.call("POST", path, [["/a"]])
            assert reply.status == 307
            assert reply.body == b""
            assert reply.headers["location"] == f"http://127.0.0.1:{leader.port}{path}"


def test_every_agent_tells_the_configuration_and_the_same_leader(agency: Trio) -> None:
    leader = agency.config(agency.leader())
    assert leader["leaderId"] == leader["configuration"]["id"]
    assert sorted(leader["configuration"]["pool"].values()) == sorted(a.endpoint for a in agency.agents)
    wait_until(
        lambda: {agency.config(agent)["leaderId"] for agent in agency.agents} == {leader["leaderId"]},
        "all know the leader",
    )


def test_state_and_stores_show_what_an_agent_holds(agency: Trio) -> None:
    agency.write({"/a": "shown"}).expect(200)
    for agent in agency.agents:
        wait_until(
            lambda agent=agent: (
                agent.call("GET", "/_api/agency/stores").expect(200)["read_db"] == [{"a": "shown"}]
            ),
            "all apply",
        )
        assert b"shown" in agent.call("GET", "/_api/agency/state").body


def test_what_was_acknowledged_survives_the_leaders_death_and_the_others_go_on(agency: Trio) -> None:
    leader = agency.leader()
    for number in range(20):
        agency.write({f"/kept/{number}": number}).expect(200)
    leader.kill()
    assert agency.leader() is not leader
    assert agency.read("/kept") == {"kept": {str(number): number for number in range(20)}}
    agency.write({"/after": 1}).expect(200)
    agency.heal()
    wait_until(
        lambda: leader.call("GET", "/_api/agency/stores").expect(200)["read_db"][0].get("after") == 1,
        "the old leader catches up",
    )


def test_without_a_majority_nothing_is_acknowledged_and_nothing_is_read(agency: Trio) -> None:
    leader, followers = agency.leader(), agency.followers()
    agency.write({"/a": 1}).expect(200)
    for follower in followers:
        follower.kill()
    first = leader.call("POST", WRITE, [[{"/a": 2}, {}, "without-majority"]])
    assert first.status == 503, first.body
    assert leader.call("POST", WRITE, [[{"/a": 3}]]).expect(503) == {"message": "No leader"}
    assert agency.read_from(leader, "/a").expect(503) == {"message": "No leader"}
    agency.heal()
    # The first was taken and may have happened; the second was not.
    assert agency.read("/a")["a"] in (1, 2)
    found = agency.leader().call("POST", INQUIRE, ["without-majority"]).json()["results"][0]
    assert (found != 0) is (agency.read("/a")["a"] == 2)


def test_restart_of_all_keeps_everything(tmp_path: Path) -> None:
    with trio(tmp_path, "--agency.compaction-step-size=10", "--agency.compaction-keep-size=5") as agents:
        for number in range(35):
            body = [[{f"/kept/{number}": number}, {}, f"client{number}"]]
            agents.leader().call("POST", WRITE, body).expect(200)
        agents.write({"/kept": {"op": "observe", "url": "http://127.0.0.1:9/nobody"}}).expect(200)
        term = agents.config(agents.leader())["term"]
        for agent in agents.agents:
            agent.kill()
        agents.heal()
        assert agents.read("/kept") == {"kept": {str(number): number for number in range(35)}}
        assert agents.config(agents.leader())["term"] > term
        clients = [f"client{number}" for number in range(35)]
        found = agents.leader().call("POST", INQUIRE, clients).expect(200)["results"]
        assert found == list(range(1, 36))
        assert agents.write({"/more": 1}).expect(200) == {"results": [37]}


def test_an_agent_that_was_away_during_compactions_gets_everything(tmp_path: Path) -> None:
    with trio(tmp_path, "--agency.compaction-step-size=10", "--agency.compaction-keep-size=5") as agents:
        away = agents.followers()[0]
        away.kill()
        for number in range(40):
            agents.write({f"/kept/{number}": number}).expect(200)
        agents.heal()
        wait_until(
            lambda: (
                len(away.call("GET", "/_api/agency/stores").expect(200)["read_db"][0].get("kept", ())) == 40
            ),
            "it catches up by a snapshot",
        )


def test_an_agent_alone_is_an_agency(tmp_path: Path) -> None:
    with trio(tmp_path, size=1) as agents:
        agents.write({"/a": 1}).expect(200)
        agents.agents[0].kill()
        agents.heal()
        assert agents.read("/a") == {"a": 1}


def test_only_who_knows_the_secret_is_served(tmp_path: Path) -> None:
    import jwt  # noqa: PLC0415 - one test needs it

    secret = tmp_path / "secret"
    secret.write_text(COMMON)
    options = ("--server.authentication=true", f"--server.jwt-secret-keyfile={secret}")
    with trio(tmp_path, *options) as agents:

        def header(claims: dict[str, Any], key: str = COMMON) -> dict[str, str]:
            return {"authorization": "bearer " + jwt.encode(claims, key, algorithm="HS256")}

        superuser = {"server_id": "test", "iss": "arangodb"}
        user = {"preferred_username": "root", "iss": "arangodb"}
        agent = agents.agents[0]

        def answers(headers: dict[str, str] | None) -> int:
            return agent.call("POST", READ, [["/"]], headers).status

        wait_until(lambda: answers(header(superuser)) in (200, 307), "the agents trust each other")
        assert answers(None) == 401
        assert answers(header(superuser, COMMON[::-1])) == 401
        assert answers(header(user)) == 403
        assert agent.call("POST", "/_api/agency_priv/messages", b"").status == 401


# CL-AGENCY-CALLBACK


class Observer:
    """A server that notes what it is told."""

    def __init__(self, status: int = 200) -> None:
        told = self.told = queue.Queue[dict[str, Any]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/_api/agency/agency-callbacks/1"

    def news(self, timeout_s: float = 10) -> dict[str, Any]:
        return self.told.get(timeout=timeout_s)

    def drain(self) -> None:
        """Forget what has been told."""
        while not self.told.empty():
            self.told.get()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def observer(agency: Trio) -> Iterator[Observer]:
    made = Observer()
    agency.write({"/arango/Plan": {"op": "observe", "url": made.url}}).expect(200)
    yield made
    agency.write({"/arango/Plan": {"op": "unobserve", "url": made.url}}).expect(200)
    made.close()


def test_an_observer_is_told_of_a_change_below_its_path(agency: Trio, observer: Observer) -> None:
    agency.write({"/arango/Plan/Version": {"op": "increment"}}).expect(200)
    news = observer.news()
    assert news["/arango/Plan"] == {"op": "modified"}
    assert news["term"] == agency.config(agency.leader())["term"]
    assert news["index"] > 0


def test_an_observer_is_told_when_its_whole_path_goes(agency: Trio, observer: Observer) -> None:
    agency.write({"/arango": {"op": "delete"}}).expect(200)
    assert "/arango/Plan" in observer.news()


def test_an_observer_is_not_told_of_others_nor_of_what_did_not_happen(
    agency: Trio, observer: Observer
) -> None:
    agency.write({"/arango/Current/Version": 1}).expect(200)
    agency.write({"/arango/Plan/Version": 1}, {"/never": {"oldEmpty": False}}).expect(412)
    # Told in order: what comes first is the change that matters.
    before = agency.config(agency.leader())["commitIndex"]
    agency.write({"/arango/Plan/Version": 2}).expect(200)
    assert observer.news()["index"] > before
    assert observer.told.empty()


def test_who_unobserves_is_told_no_more(agency: Trio, observer: Observer) -> None:
    other = Observer()
    agency.write({"/arango/Plan": {"op": "observe", "url": other.url}}).expect(200)
    agency.write({"/arango/Plan": {"op": "unobserve", "url": observer.url}}).expect(200)
    agency.write({"/arango/Plan/Version": 2}).expect(200)
    other.news()
    assert observer.told.empty()
    agency.write({"/arango/Plan": {"op": "unobserve", "url": other.url}}).expect(200)
    other.close()


def test_an_observer_that_says_404_is_forgotten(agency: Trio) -> None:
    gone = Observer(status=404)
    agency.write({"/arango/Plan": {"op": "observe", "url": gone.url}}).expect(200)
    before = agency.config(agency.leader())["commitIndex"]
    agency.write({"/arango/Plan/Version": 1}).expect(200)
    gone.news()
    wait_until(lambda: agency.config(agency.leader())["commitIndex"] >= before + 2, "the agency unobserves")
    agency.write({"/arango/Plan/Version": 2}).expect(200)
    assert agency.read("/arango/Plan/Version")
    assert gone.told.empty()
    gone.close()


def test_the_next_leader_goes_on_telling(agency: Trio, observer: Observer) -> None:
    agency.leader().kill()
    agency.leader()
    observer.news()  # a new leader tells everybody once
    observer.drain()
    agency.write({"/arango/Plan/Version": 7}).expect(200)
    observer.news()
    agency.heal()


def test_a_dead_observer_delays_no_write(agency: Trio) -> None:
    dead = f"http://127.0.0.1:{free_port()}/x"
    agency.write({"/arango/Plan": {"op": "observe", "url": dead}}).expect(200)
    for number in range(20):
        agency.write({"/arango/Plan/Version": number}).expect(200)
    agency.write({"/arango/Plan": {"op": "unobserve", "url": dead}}).expect(200)


def test_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    agent = ServerProcess(tmp_path / "agent")
    agent.options = (
        *agent.options,
        "--agency.activate=true",
        "--agency.size=3",
        f"--agency.my-address={agent.endpoint}",
    )
    assert agent.spawn().wait(20) == 1
    assert "give --agency.endpoint once for each" in agent.tail()
