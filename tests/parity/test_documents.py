"""Documents, collections, transactions and access, the same on a real server and on a simulated one."""

from __future__ import annotations

import base64
from typing import Any

from tests.parity.worlds import Side, in_both_worlds


@in_both_worlds
async def test_a_document_is_read_back_as_it_was_written(leader: Side) -> None:
    await leader.create("c")
    made = await leader.expect("POST", "/_api/document/c", {"_key": "a", "text": "\u00e4 \u2192 \U0001f40c"})
    reply = await leader.call("GET", "/_api/document/c/a")
    assert reply.expect(200) == {
        "_key": "a",
        "_id": "c/a",
        "_rev": made["_rev"],
        "text": "\u00e4 \u2192 \U0001f40c",
    }
    assert reply.headers["etag"] == f'"{made["_rev"]}"'


@in_both_worlds
async def test_a_key_is_given_once(leader: Side) -> None:
    await leader.create("c")
    await leader.expect("POST", "/_api/document/c", {"_key": "a"})
    (await leader.call("POST", "/_api/document/c", {"_key": "a"})).refused(409, 1210)


@in_both_worlds
async def test_replacing_another_revision_is_refused(leader: Side) -> None:
    await leader.create("c")
    old = await leader.expect("POST", "/_api/document/c", {"_key": "a", "n": 1})
    await leader.put("c", "a", 2)
    condition = {"if-match": f'"{old["_rev"]}"'}
    (await leader.call("PUT", "/_api/document/c/a", {"n": 3}, condition)).refused(412, 1200)
    assert await leader.get("c", "a") == 2


@in_both_worlds
async def test_replacing_the_revision_that_is_there_succeeds_once(leader: Side) -> None:
    await leader.create("c")
    made = await leader.expect("POST", "/_api/document/c", {"_key": "a", "n": 1})
    condition = {"if-match": f'"{made["_rev"]}"'}
    replies = [await leader.call("PUT", "/_api/document/c/a", {"n": n}, condition) for n in (2, 3)]
    assert [reply.status for reply in replies] == [202, 412]
    assert await leader.get("c", "a") == 2


@in_both_worlds
async def test_an_unchanged_document_is_not_sent_again(leader: Side) -> None:
    await leader.create("c")
    made = await leader.expect("POST", "/_api/document/c", {"_key": "a"})
    reply = await leader.call("GET", "/_api/document/c/a", headers={"if-none-match": f'"{made["_rev"]}"'})
    assert (reply.status, reply.body) == (304, b"")


@in_both_worlds
async def test_an_update_merges_and_tells_old_and_new(leader: Side) -> None:
    await leader.create("c")
    await leader.expect("POST", "/_api/document/c", {"_key": "a", "x": 1, "y": 1})
    told = await leader.expect("PATCH", "/_api/document/c/a?returnNew=true&returnOld=true", {"y": 2})
    assert (told["old"]["y"], told["new"]["x"], told["new"]["y"]) == (1, 1, 2)


@in_both_worlds
async def test_a_removed_document_is_gone(leader: Side) -> None:
    await leader.create("c")
    await leader.put("c", "a", 1)
    await leader.expect("DELETE", "/_api/document/c/a")
    (await leader.call("GET", "/_api/document/c/a")).refused(404, 1202)
    (await leader.call("DELETE", "/_api/document/c/a")).refused(404, 1202)


@in_both_worlds
async def test_a_batch_tells_of_each_document(leader: Side) -> None:
    await leader.create("c")
    await leader.put("c", "b", 0)
    reply = await leader.call("POST", "/_api/document/c", [{"_key": "a"}, {"_key": "b"}, {"_key": "c"}])
    results = reply.expect(202)
    assert [result.get("errorNum") for result in results] == [None, 1210, None]
    assert reply.headers["x-arango-error-codes"] == '{"1210":1}'


@in_both_worlds
async def test_a_head_has_the_headers_and_no_body(leader: Side) -> None:
    await leader.create("c")
    await leader.put("c", "a", 1)
    reply = await leader.call("HEAD", "/_api/document/c/a")
    assert (reply.status, reply.body) == (200, b"")
    assert "etag" in reply.headers


@in_both_worlds
async def test_what_is_no_json_is_refused(leader: Side) -> None:
    await leader.create("c")
    (await leader.call("POST", "/_api/document/c", b'{"a": ')).refused(400, 600)


@in_both_worlds
async def test_what_nobody_serves_is_refused(leader: Side) -> None:
    (await leader.call("GET", "/_api/no-such-thing")).refused(404, 404)
    (await leader.call("GET", "/_api/document/nowhere/a")).refused(404, 1203)


@in_both_worlds
async def test_a_collection_lives_from_create_to_drop(leader: Side) -> None:
    await leader.create("c", waitForSync=True)
    (await leader.call("POST", "/_api/collection", {"name": "c"})).refused(409, 1207)
    assert (await leader.expect("GET", "/_api/collection/c/properties"))["waitForSync"] is True
    await leader.expect("PUT", "/_api/collection/c/rename", {"name": "d"})
    await leader.put("d", "a", 1)
    assert (await leader.expect("GET", "/_api/collection/d/count"))["count"] == 1
    await leader.expect("PUT", "/_api/collection/d/truncate")
    assert (await leader.expect("GET", "/_api/collection/d/count"))["count"] == 0
    await leader.expect("DELETE", "/_api/collection/d")
    (await leader.call("GET", "/_api/collection/d")).refused(404, 1203)


@in_both_worlds
async def test_a_write_that_waits_for_sync_says_so(leader: Side) -> None:
    await leader.create("c")
    assert (await leader.call("POST", "/_api/document/c", {"n": 1})).status == 202
    assert (await leader.call("POST", "/_api/document/c?waitForSync=true", {"n": 1})).status == 201


@in_both_worlds
async def test_everything_is_read_in_parts_of_one_moment(leader: Side) -> None:
    await leader.create("c")
    await leader.expect("POST", "/_api/document/c", [{"_key": f"k{n}", "n": n} for n in range(5)])
    part = await leader.expect("PUT", "/_api/simple/all", {"collection": "c", "batchSize": 2})
    await leader.put("c", "k9", 9)
    found = part["result"]
    while part["hasMore"]:
        part = await leader.expect("PUT", f"/_api/cursor/{part['id']}")
        found += part["result"]
    assert sorted(document["n"] for document in found) == [0, 1, 2, 3, 4]


@in_both_worlds
async def test_a_transaction_is_seen_when_it_is_committed(leader: Side) -> None:
    await leader.create("c")
    trx = await leader.begin("c")
    await leader.put("c", "a", 1, trx)
    await leader.put("c", "b", 1, trx)
    assert (await leader.get("c", "a", trx), await leader.get("c", "a")) == (1, None)
    await leader.expect("PUT", f"/_api/transaction/{trx}")
    assert (await leader.get("c", "a"), await leader.get("c", "b")) == (1, 1)


@in_both_worlds
async def test_an_aborted_transaction_never_was(leader: Side) -> None:
    await leader.create("c")
    trx = await leader.begin("c")
    await leader.put("c", "a", 1, trx)
    await leader.expect("DELETE", f"/_api/transaction/{trx}")
    assert await leader.get("c", "a") is None
    (await leader.call("PUT", f"/_api/transaction/{trx}")).refused(400, 1653)


@in_both_worlds
async def test_two_writers_of_one_key_conflict_at_once(leader: Side) -> None:
    await leader.create("c")
    trx = await leader.begin("c")
    await leader.put("c", "a", 1, trx)
    (await leader.call("POST", "/_api/document/c", {"_key": "a"})).refused(409, 1200)
    await leader.expect("DELETE", f"/_api/transaction/{trx}")


@in_both_worlds
async def test_a_guarded_server_asks_for_credentials(guarded: Side) -> None:
    reply = await guarded.server.call("GET", "/_api/version")
    assert (reply.status, "www-authenticate" in reply.headers) == (401, True)
    assert (await guarded.server.call("GET", "/_api/version", headers=_basic("root", ""))).status == 200
    assert (await guarded.server.call("GET", "/_api/version", headers=_basic("root", "x"))).status == 401


@in_both_worlds
async def test_a_token_opens_the_door(guarded: Side) -> None:
    given = await guarded.server.call("POST", "/_open/auth", {"username": "root", "password": ""})
    headers = {"authorization": f"bearer {given.expect(200)['jwt']}"}
    assert (await guarded.server.call("GET", "/_api/version", headers=headers)).status == 200
    headers = {"authorization": f"bearer {given.expect(200)['jwt'][:-4]}AAAA"}
    assert (await guarded.server.call("GET", "/_api/version", headers=headers)).status == 401


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@in_both_worlds
async def test_acknowledged_documents_survive_a_kill(leader: Side) -> None:
    await leader.create("c")
    for number in range(20):
        await leader.put("c", f"k{number}", number)
    await leader.restart()
    assert [await leader.get("c", f"k{number}") for number in range(20)] == list(range(20))


@in_both_worlds
async def test_an_open_transaction_does_not_survive_a_kill(leader: Side) -> None:
    await leader.create("c")
    trx = await leader.begin("c")
    await leader.put("c", "a", 1, trx)
    await leader.restart()
    assert await leader.get("c", "a") is None
    assert (await leader.call("PUT", f"/_api/transaction/{trx}")).status == 404


@in_both_worlds
async def test_revisions_and_ticks_rise_across_a_kill(leader: Side) -> None:
    await leader.create("c")
    before = await leader.expect("POST", "/_api/document/c", {"_key": "a"})
    tick = await _tick(leader)
    await leader.restart()
    after = await leader.expect("POST", "/_api/document/c", {"_key": "b"})
    assert await _tick(leader) > tick
    assert after["_rev"] != before["_rev"]


async def _tick(side: Side) -> int:
    state: Any = await side.expect("GET", "/_api/replication/logger-state")
    return int(state["state"]["lastLogTick"])
