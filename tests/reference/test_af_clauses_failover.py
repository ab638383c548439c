"""AF clauses on real servers by HTTP: elections, failovers, what is lost, and who comes back."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.reference.failover.group import (
    GRACE_S,
    HEARTBEAT_S,
    LEASE_S,
    Group,
    applier,
    attempt,
    create,
    documents,
    insert,
    keys_of,
    leading,
    start_all,
    within,
)
from tests.reference.failover.link import Link
from tests.reference.server_process import ServerProcess, wait_until


def pause(server: ServerProcess) -> None:
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)


def resume(server: ServerProcess) -> None:
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGCONT)


def diverged(server: ServerProcess) -> list[dict[str, Any]]:
    """The entries of all tails that a server has set aside."""
    files = applier(server)["divergedTails"]
    lines = [line for name in files for line in (server.directory / name).read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_af_election_none_leads_without_an_agency(tmp_path: Path) -> None:
    with Group(tmp_path, servers=2) as group:
        start_all(group.servers)
        for _ in range(20):
            for server in group.servers:
                reply = server.call("POST", "/_api/collection", {"name": "c"})
                reply.refused(503, 1495)
                assert reply.headers["x-arango-endpoint"] == ""
            time.sleep(HEARTBEAT_S / 2)
        group.servers[0].call("GET", "/_api/cluster/endpoints").refused(503, 1495)
        start_all(group.agents)
        leader = group.wait_leader()
        (other,) = [server for server in group.servers if server is not leader]
        group.caught_up(other, leader)
        other.call("POST", "/_api/collection", {"name": "c"}).refused(503, 1496)


def test_af_election_the_earlier_server_wins(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        start_all(group.agents)
        second, first = group.servers
        first.start()
        group.wait_leader(first)
        second.start()
        group.caught_up(second, first)
        assert group.named() == group.id_of(first)
        assert group.id_of(first).startswith("SNGL-")


def test_af_election_one_of_many_that_start_at_once(tmp_path: Path) -> None:
    with Group(tmp_path, servers=4) as group:
        start_all([*group.agents, *group.servers])
        leader = group.wait_leader()
        for follower in group.servers:
            if follower is not leader:
                group.caught_up(follower, leader)
                assert not leading(follower)


def test_af_failover_unaided_with_everything_that_was_shipped(tmp_path: Path) -> None:
    """AF-FAILOVER, and AF-REJOIN of the old leader."""
    with Group(tmp_path, agents=3, servers=3) as group:
        old, *others = group.start().servers
        create(old, "c")
        insert(old, "c", *(f"k{number}" for number in range(30)))
        for follower in others:
            group.caught_up(follower, old)
        old.kill()
        taken_s = within(lambda: any(leading(server) for server in others), "a takeover")
        new = group.wait_leader(*others)
        assert taken_s >= LEASE_S / 2, "nobody leads as long as the old leader could have answered"
        assert len(keys_of(new, "c")) == 30
        insert(new, "c", "after")
        (rest,) = [server for server in others if server is not new]
        group.caught_up(rest, new)
        old.start()
        group.caught_up(old, new)
        for server in (rest, old):
            assert documents(server, "c") == documents(new, "c")
            server.call("POST", "/_api/document/c", {}).refused(503, 1496)
        jobs = group.value("/arango/Target/Finished").values()
        assert [(job["type"], job["toServer"]) for job in jobs] == [("activeFailover", group.id_of(new))]


def test_af_failover_of_a_leader_that_is_shut_down_waits_for_nobody(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        old, new = group.start().servers
        create(old, "c")
        group.caught_up(new, old)
        assert old.stop() == 0
        assert within(lambda: leading(new), "a takeover") < GRACE_S


def test_af_failover_waits_while_no_follower_has_a_whole_copy(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        start_all(group.agents)
        leader, late = group.servers
        leader.start()
        group.wait_leader(leader)
        create(leader, "c")
        insert(leader, "c", "only-here")
        leader.kill()
        late.start()
        deadline = time.monotonic() + 2 * GRACE_S
        while time.monotonic() < deadline:
            assert not leading(late), "an empty server must not replace one that has data"
            time.sleep(0.1)
        leader.start()
        group.wait_leader(leader)
        assert keys_of(leader, "c") == {"only-here"}


def test_af_failover_prefers_the_follower_that_has_most(tmp_path: Path) -> None:
    for lagging in (1, 2):  # whichever comes first by its name
        folder = tmp_path / str(lagging)
        with Group(folder, servers=3) as group:
            old = group.start().servers[0]
            behind, ahead = group.servers[lagging], group.servers[3 - lagging]
            create(old, "c")
            group.caught_up(behind, old)
            pause(behind)
            insert(old, "c", *(f"k{number}" for number in range(10)))
            group.caught_up(ahead, old)
            old.kill()
            resume(behind)
            assert group.wait_leader(ahead, behind) is ahead
            assert len(keys_of(ahead, "c")) == 10


def test_af_async_loss_only_of_what_was_not_shipped_and_af_rejoin_keeps_it_aside(tmp_path: Path) -> None:
    """AF-ASYNC-LOSS, AF-REJOIN: the diverged tail is in a file and reported, and never comes back."""
    with Group(tmp_path) as group:
        old, new = group.start().servers
        create(old, "c")
        insert(old, "c", "shipped")
        old.call("POST", "/_api/user", {"user": "synced"}).expect(201)
        group.caught_up(new, old)
        pause(new)
        insert(old, "c", "lost-1", "lost-2")
        create(old, "never")
        old.call("DELETE", "/_api/user/synced").expect(202)
        old.kill()
        resume(new)
        group.wait_leader(new)
        assert keys_of(new, "c") == {"shipped"}
        new.call("GET", "/_api/user/synced").expect(200)
        insert(new, "c", "new", "lost-2")
        old.start()
        group.caught_up(old, new)
        assert documents(old, "c") == documents(new, "c")
        assert keys_of(new, "c") == {"shipped", "new", "lost-2"}
        entries = diverged(old)
        kept = {entry["data"]["_key"] for entry in entries if entry.get("cname") == "c"}
        assert kept == {"lost-1", "lost-2"}
        assert [e["data"]["name"] for e in entries if e["type"] == 2000] == ["never"]
        assert "set aside" in old.tail()
        new.kill()
        group.wait_leader(old)
        assert old.call("GET", "/_api/user/synced").expect(200)["user"] == "synced"
        assert keys_of(old, "c") == {"shipped", "new", "lost-2"}, "nothing that was lost comes back"


def test_af_one_leader_a_leader_cut_off_from_the_agency_stops_before_another_begins(tmp_path: Path) -> None:
    with Group(tmp_path) as group, Link(group.agents[0]) as link:
        start_all(group.agents)
        old, new = group.servers
        own = f"--cluster.agency-endpoint={group.agents[0].endpoint}"
        old.options = tuple(
            f"--cluster.agency-endpoint={link.endpoint}" if option == own else option
            for option in old.options
        )
        # An agent that is elected while it is asked sends the asker to its own address, past the link.
        group.agency("read", [["/arango"]])
        old.start()
        group.wait_leader(old)
        create(old, "c")
        new.start()
        group.caught_up(new, old)
        link.cut()
        accepted: dict[str, list[float]] = {"old": [], "new": []}
        number = 0
        deadline = time.monotonic() + 60.0
        while len(accepted["new"]) < 20:
            assert time.monotonic() < deadline, "\n".join(one.tail() for one in (new, old, *group.agents))
            for name, server in (("old", old), ("new", new)):
                number += 1
                began = time.monotonic()
                status, error = attempt(server, "POST", "/_api/document/c", {"_key": f"{name}-{number}"})
                if status in (201, 202):
                    accepted[name].append(began if name == "old" else time.monotonic())
                else:
                    assert (status, error) in ((503, 1495), (503, 1496))
        assert accepted["old"], "the leader serves on while its lease runs"
        assert max(accepted["old"]) < min(accepted["new"]), "never both"
        old.call("GET", "/_api/document/c/x").refused(503, 1495)
        link.mend()
        group.caught_up(old, new)
        assert documents(old, "c") == documents(new, "c")
        old.call("GET", "/_api/document/c/x").refused(503, 1496)


def test_af_one_leader_a_paused_leader_does_not_answer_when_it_wakes_up(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        old, new = group.start().servers
        create(old, "c")
        group.caught_up(new, old)
        pause(old)
        group.wait_leader(new)
        insert(new, "c", "new")
        resume(old)
        for number in range(20):
            status, error = attempt(old, "POST", "/_api/document/c", {"_key": f"old-{number}"})
            assert (status, error) in ((503, 1495), (503, 1496))
        group.caught_up(old, new)
        assert keys_of(old, "c") == keys_of(new, "c") == {"new"}


def test_af_one_leader_a_server_named_by_hand_waits_for_the_lease_of_the_other(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        old, new = group.start().servers
        create(old, "c")
        group.caught_up(new, old)
        name = {"/arango/Plan/AsyncReplication/Leader": {"op": "set", "new": group.id_of(new)}}
        group.agency("write", [[name]])
        last_of_old, first_of_new = 0.0, 0.0
        while not first_of_new:
            began = time.monotonic()
            if attempt(old, "POST", "/_api/document/c", {})[0] in (201, 202):
                last_of_old = began
            if attempt(new, "POST", "/_api/document/c", {})[0] in (201, 202):
                first_of_new = time.monotonic()
        assert last_of_old < first_of_new
        group.caught_up(old, new)
        assert documents(old, "c") == documents(new, "c")


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def test_af_users_made_on_the_leader_are_valid_on_the_new_one(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a common secret")
    options = ("--server.authentication=true", f"--server.jwt-secret-keyfile={secret}")
    with Group(tmp_path, options=options) as group:
        for agent in group.agents:
            agent.options += options
        start_all(group.agents)
        old, new = group.servers
        old.start()
        group.wait_leader(old)
        new.start()
        root = basic("root", "")
        old.call("POST", "/_api/user", {"user": "ann", "passwd": "secret"}, root).expect(201)
        old.call("PUT", "/_api/user/ann/database/_system", {"grant": "ro"}, root).expect(200)
        old.call("PATCH", "/_api/user/root", {"passwd": "changed"}, root).expect(200)
        old.call("POST", "/_api/collection", {"name": "c"}, basic("root", "changed")).expect(200)
        read = "/_api/collection/c"
        dirty = {"x-arango-allow-dirty-read": "true"}

        def arrived() -> bool:
            return new.call("GET", read, None, {**basic("ann", "secret"), **dirty}).status == 200

        wait_until(arrived, "the users are synced")
        old.kill()
        group.wait_leader(new)
        assert new.call("GET", read, None, basic("ann", "secret")).status == 200
        new.call("POST", "/_api/collection", {"name": "d"}, basic("ann", "secret")).refused(403, 11)
        new.call("GET", read, None, basic("ann", "wrong")).refused(401, 11)
        new.call("GET", read, None, basic("root", "")).refused(401, 11)
        assert new.call("GET", read, None, basic("root", "changed")).status == 200
        new.call("PATCH", "/_api/user/ann", {"passwd": "newer"}, basic("root", "changed")).expect(200)
        old.start()

        def back() -> bool:
            return old.call("GET", read, None, {**basic("ann", "newer"), **dirty}).status == 200

        wait_until(back, "the old leader has the users of the new one")
        old.call("GET", read, None, {**basic("ann", "secret"), **dirty}).refused(401, 11)


def test_af_queues_the_new_leader_goes_on_with_the_jobs(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        old, new = group.start().servers
        create(old, "done")
        assert group.value("/arango/Current/Foxxmaster") == group.id_of(old)
        old.call("POST", "/_api/document/_queues", {"_key": "default", "maxWorkers": 1}).expect(201, 202)
        due_ms = (time.time() + 3600) * 1000
        for number in range(5):
            data = {"collection": "done", "document": {"_key": f"job-{number}"}}
            job = {"_key": str(number), "queue": "default", "status": "pending", "data": data}
            old.call("POST", "/_api/document/_jobs", job).expect(201, 202)
        later = {"_key": "later", "queue": "default", "status": "pending", "delayUntil": due_ms}
        later["data"] = {"collection": "done", "document": {"_key": "later"}}
        old.call("POST", "/_api/document/_jobs", later).expect(201, 202)
        unknown = {"_key": "unknown", "queue": "none", "status": "pending", "data": data}
        old.call("POST", "/_api/document/_jobs", unknown).expect(201, 202)
        wait_until(lambda: len(keys_of(old, "done")) == 5, "the leader runs what is due")
        group.caught_up(new, old)
        old.kill()
        group.wait_leader(new)
        assert group.value("/arango/Current/Foxxmaster") == group.id_of(new)
        new.call("PATCH", "/_api/document/_jobs/later", {"delayUntil": 0}).expect(201, 202)
        wait_until(lambda: "later" in keys_of(new, "done"), "the new leader runs the job that was queued")
        assert new.call("GET", "/_api/document/_jobs/later").expect(200)["status"] == "complete"
        assert new.call("GET", "/_api/document/_jobs/unknown").expect(200)["status"] == "pending"
        assert len(keys_of(new, "done")) == 6, "each job is done once"


def test_af_queues_a_follower_runs_no_jobs(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        leader, follower = group.start().servers
        create(leader, "done")
        leader.call("POST", "/_api/document/_queues", {"_key": "default"}).expect(201, 202)
        data = {"collection": "missing", "document": {}}
        job = {"_key": "bad", "queue": "default", "status": "pending", "data": data}
        leader.call("POST", "/_api/document/_jobs", job).expect(201, 202)

        def status(server: ServerProcess) -> Any:
            reply = server.call("GET", "/_api/document/_jobs/bad", None, {"x-arango-allow-dirty-read": "1"})
            return reply.json().get("status")

        wait_until(lambda: status(leader) == "failed", "a job that cannot be done fails")
        group.caught_up(follower, leader)
        assert status(follower) == "failed"
        assert documents(follower, "_jobs") == documents(leader, "_jobs"), "each status was written once"


@pytest.mark.slow
def test_af_failover_again_and_again_loses_nothing_that_was_shipped(tmp_path: Path) -> None:
    with Group(tmp_path, agents=3, servers=3) as group:
        leader = group.start().servers[0]
        create(leader, "c")
        for number in range(10):
            insert(leader, "c", *(f"{number}-{n}" for n in range(5)))
            others = [server for server in group.servers if server is not leader]
            for follower in others:
                group.caught_up(follower, leader)
            leader.kill()
            dead = leader
            leader = group.wait_leader(*others)
            assert len(keys_of(leader, "c")) == 5 * (number + 1)
            dead.start()
            group.caught_up(dead, leader)
