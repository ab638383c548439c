from __future__ import annotations

import json

import pytest

from tests.reference.server_process import ServerProcess


def _path(collection: str, key: str = "") -> str:
    return f"/_api/document/{collection}" + (f"/{key}" if key else "")


def _insert(server: ServerProcess, collection: str, **document: object) -> str:
    """Insert and return the revision."""
    return str(server.call("POST", _path(collection), document).expect(202)["_rev"])


def test_insert_answers_with_handle_revision_and_location(server: ServerProcess, collection: str) -> None:
    reply = server.call("POST", _path(collection), {"_key": "k", "v": 1})
    body = reply.expect(202)
    assert list(body) == ["_id", "_key", "_rev"]
    assert (body["_id"], body["_key"]) == (f"{collection}/k", "k")
    assert reply.headers["etag"] == f'"{body["_rev"]}"'
    assert reply.headers["location"] == f"/_db/_system/_api/document/{collection}/k"


def test_every_answer_carries_the_headers_of_an_arangod(server: ServerProcess, collection: str) -> None:
    headers = server.call("POST", _path(collection), {}).headers
    assert headers["server"] == "ArangoDB"
    assert headers["content-type"].startswith("application/json")
    assert headers["x-content-type-options"] == "nosniff"
    assert float(headers["x-arango-queue-time-seconds"]) >= 0
    assert headers["content-length"].isdigit()


@pytest.mark.parametrize("query", ["waitForSync=true", "waitForSync=1", "waitForSync=YES"])
def test_a_write_that_waited_for_the_disk_is_201(server: ServerProcess, collection: str, query: str) -> None:
    server.call("POST", f"{_path(collection)}?{query}", {"_key": "k"}).expect(201)
    server.call("PUT", f"{_path(collection, 'k')}?{query}", {}).expect(201)
    server.call("PATCH", f"{_path(collection, 'k')}?{query}", {}).expect(201)
    server.call("DELETE", f"{_path(collection, 'k')}?{query}").expect(200)


def test_a_collection_that_waits_for_sync_answers_201_unasked(server: ServerProcess) -> None:
    server.call("POST", "/_api/collection", {"name": "durable", "waitForSync": True}).expect(200)
    server.call("POST", _path("durable"), {"_key": "k"}).expect(201)
    server.call("DELETE", _path("durable", "k")).expect(200)


def test_read_gives_the_document_with_its_system_attributes(server: ServerProcess, collection: str) -> None:
    revision = _insert(server, collection, _key="k", v=[1, {"x": None}], text="ü")
    reply = server.call("GET", _path(collection, "k"))
    document = reply.expect(200)
    expected = {"_key": "k", "_id": f"{collection}/k", "_rev": revision, "v": [1, {"x": None}], "text": "ü"}
    assert document == expected
    assert list(document)[:3] == ["_key", "_id", "_rev"]
    assert reply.headers["etag"] == f'"{revision}"'


def test_a_generated_key_is_a_decimal_string(server: ServerProcess, collection: str) -> None:
    first, second = (server.call("POST", _path(collection), {}).expect(202)["_key"] for _ in range(2))
    assert first.isdigit()
    assert second.isdigit()
    assert int(first) < int(second)


def test_if_none_match_of_the_current_revision_is_304_and_empty(
    server: ServerProcess, collection: str
) -> None:
    revision = _insert(server, collection, _key="k")
    for header in (revision, f'"{revision}"'):
        reply = server.call("GET", _path(collection, "k"), headers={"If-None-Match": header})
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["etag"] == f'"{revision}"'
    server.call("GET", _path(collection, "k"), headers={"If-None-Match": '"other"'}).expect(200)


def test_head_has_the_length_of_get_and_no_body(server: ServerProcess, collection: str) -> None:
    revision = _insert(server, collection, _key="k", v="x" * 100)
    got = server.call("GET", _path(collection, "k"))
    head = server.call("HEAD", _path(collection, "k"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == f'"{revision}"'
    assert head.headers["content-length"] == got.headers["content-length"]
    assert server.call("HEAD", _path(collection, "none")).status == 404
    assert server.call("HEAD", _path(collection, "k"), headers={"If-Match": '"x"'}).status == 412


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_if_match_of_another_revision_is_412_and_names_the_current(
    server: ServerProcess, collection: str, method: str
) -> None:
    revision = _insert(server, collection, _key="k", v=1)
    body = {"v": 2} if method in {"PUT", "PATCH"} else None
    for wrong in ('"_gjDBNZu---"', "nonsense"):
        reply = server.call(method, _path(collection, "k"), body, {"If-Match": wrong})
        assert "conflict" in reply.refused(412, 1200)
        error = reply.json()
        assert (error["_id"], error["_key"], error["_rev"]) == (f"{collection}/k", "k", revision)
        assert reply.headers["etag"] == f'"{revision}"'
    assert server.call("GET", _path(collection, "k")).expect(200)["v"] == 1
    assert server.call(method, _path(collection, "k"), body, {"If-Match": revision}).status in {200, 202}


def test_the_revision_in_the_body_counts_only_with_ignore_revs_false(
    server: ServerProcess, collection: str
) -> None:
    revision = _insert(server, collection, _key="k")
    wrong = {"_rev": "_gjDBNZu---"}
    server.call("PUT", _path(collection, "k") + "?ignoreRevs=false", wrong).refused(412, 1200)
    server.call("PUT", _path(collection, "k") + "?ignoreRevs=false", {"_rev": revision}).expect(202)
    server.call("PUT", _path(collection, "k"), wrong).expect(202)


def test_replace_says_what_was_replaced(server: ServerProcess, collection: str) -> None:
    old = _insert(server, collection, _key="k", v=1, w=1)
    body = server.call("PUT", _path(collection, "k") + "?returnOld=1&returnNew=1", {"v": 2}).expect(202)
    assert body["_oldRev"] == old
    assert (body["old"]["v"], body["old"]["_rev"]) == (1, old)
    assert body["new"] == {"_key": "k", "_id": f"{collection}/k", "_rev": body["_rev"], "v": 2}


def test_update_merges_and_null_may_remove(server: ServerProcess, collection: str) -> None:
    _insert(server, collection, _key="k", a={"x": 1}, b=1)
    server.call("PATCH", _path(collection, "k"), {"a": {"y": 2}, "b": None}).expect(202)
    document = server.call("GET", _path(collection, "k")).expect(200)
    assert (document["a"], document["b"]) == ({"x": 1, "y": 2}, None)
    server.call("PATCH", _path(collection, "k") + "?keepNull=false", {"b": None}).expect(202)
    server.call("PATCH", _path(collection, "k") + "?mergeObjects=false", {"a": {"z": 3}}).expect(202)
    document = server.call("GET", _path(collection, "k")).expect(200)
    assert document["a"] == {"z": 3}
    assert "b" not in document


def test_remove_answers_with_the_removed_revision(server: ServerProcess, collection: str) -> None:
    revision = _insert(server, collection, _key="k", v=1)
    body = server.call("DELETE", _path(collection, "k") + "?returnOld=true").expect(202)
    assert (body["_key"], body["_rev"], body["old"]["v"]) == ("k", revision, 1)
    server.call("DELETE", _path(collection, "k")).refused(404, 1202)


def test_silent_writes_answer_with_an_empty_object(server: ServerProcess, collection: str) -> None:
    assert server.call("POST", _path(collection) + "?silent=true", {"_key": "k"}).expect(202) == {}
    server.call("POST", _path(collection) + "?silent=true", {"_key": "k"}).refused(409, 1210)


def test_an_existing_key_is_409_unless_overwritten(server: ServerProcess, collection: str) -> None:
    old = _insert(server, collection, _key="k", v=1)
    message = server.call("POST", _path(collection), {"_key": "k"}).refused(409, 1210)
    assert message.endswith("in index primary of type primary over '_key'; conflicting key: k")
    ignored = server.call(
        "POST",
        _path(collection) + "?overwriteMode=ignore&overwrite=true&returnNew=true",
        {"_key": "k", "v": 2},
    ).expect(202)
    assert ignored == {"_id": f"{collection}/k", "_key": "k", "_rev": old}
    updated = server.call("POST", _path(collection) + "?overwriteMode=update", {"_key": "k", "w": 2})
    assert updated.expect(202)["_oldRev"] == old
    replaced = server.call("POST", _path(collection) + "?overwrite=true&returnOld=1", {"_key": "k", "v": 3})
    assert replaced.expect(202)["old"]["v"] == 1
    server.call("POST", _path(collection) + "?overwriteMode=perhaps", {"_key": "k"}).refused(400, 10)


def test_system_attributes_in_a_body_are_overwritten(server: ServerProcess, collection: str) -> None:
    _insert(server, collection, _key="k", _id="other/x", _rev="zzz")
    document = server.call("GET", _path(collection, "k")).expect(200)
    assert document["_id"] == f"{collection}/k"
    assert document["_rev"] != "zzz"


@pytest.mark.parametrize("key", ["", "a b", "a/b", "ä", "x" * 255, 7, None, ["k"], "a\x00b", "#", "?"])
def test_an_illegal_key_is_400(server: ServerProcess, collection: str, key: object) -> None:
    server.call("POST", _path(collection), {"_key": key}).refused(400, 1221)


@pytest.mark.parametrize("key", ["x" * 254, "A0_-:.@()+,=;$!*'", "%41"])
def test_a_legal_key_comes_back_as_it_is(server: ServerProcess, collection: str, key: str) -> None:
    server.call("POST", _path(collection), {"_key": key}).expect(202)
    path = _path(collection, key.replace("%", "%25"))
    assert server.call("GET", path).expect(200)["_key"] == key


def test_keys_may_be_forbidden(server: ServerProcess) -> None:
    options = {"name": "generated", "keyOptions": {"allowUserKeys": False}}
    server.call("POST", "/_api/collection", options).expect(200)
    server.call("POST", _path("generated"), {"_key": "k"}).refused(400, 1222)
    server.call("POST", _path("generated"), {}).expect(202)


def test_edges_need_both_ends(server: ServerProcess) -> None:
    server.call("POST", "/_api/collection", {"name": "edges", "type": 3}).expect(200)
    server.call("POST", _path("edges"), {"_from": "a/1"}).refused(400, 1233)
    server.call("POST", _path("edges"), {"_from": "a/1", "_to": "b"}).refused(400, 1233)
    server.call("POST", _path("edges"), {"_from": "a/1", "_to": "b/2"}).expect(202)


def test_missing_things_are_told_apart(server: ServerProcess, collection: str) -> None:
    server.call("GET", _path(collection, "none")).refused(404, 1202)
    server.call("GET", _path("nothing", "k")).refused(404, 1203)
    server.call("POST", _path("nothing"), {}).refused(404, 1203)
    server.call("GET", "/_db/nowhere" + _path(collection, "k")).refused(404, 1228)
    server.call("GET", _path(collection)).refused(404, 1202)
    server.call("GET", _path(collection, "a/b")).refused(400, 601)


def test_a_body_must_fit_the_operation(server: ServerProcess, collection: str) -> None:
    assert server.call("POST", _path(collection), b"{").refused(400, 600).startswith("VPackError error:")
    server.call("POST", _path(collection), b"").refused(400, 600)
    server.call("POST", _path(collection), 7).refused(400, 1227)
    server.call("PUT", _path(collection, "k"), [1]).refused(400, 1227)
    server.call("PUT", _path(collection), {}).refused(400, 1227)
    server.call("DELETE", _path(collection), {}).refused(400, 1227)
    server.call("POST", _path(collection, "k"), {}).refused(400, 601)
    server.call("POST", "/_api/document", {}).refused(400, 1204)
    server.call("POST", f"/_api/document?collection={collection}", {"_key": "old-style"}).expect(202)


def test_a_batch_is_answered_element_by_element(server: ServerProcess, collection: str) -> None:
    _insert(server, collection, _key="b")
    reply = server.call("POST", _path(collection), [{"_key": "a"}, {"_key": "b"}, 7, {"_key": ""}])
    first, second, third, fourth = reply.expect(202)
    assert first["_key"] == "a"
    assert (second["error"], second["errorNum"]) == (True, 1210)
    assert third["errorNum"] == 1227
    assert fourth["errorNum"] == 1221
    assert json.loads(reply.headers["x-arango-error-codes"]) == {"1210": 1, "1227": 1, "1221": 1}
    assert "etag" not in reply.headers
    server.call("GET", _path(collection, "a")).expect(200)


def test_a_batch_without_failures_has_no_error_codes(server: ServerProcess, collection: str) -> None:
    reply = server.call("POST", _path(collection) + "?returnNew=true", [{"_key": "a", "v": 1}, {"v": 2}])
    assert [element["new"]["v"] for element in reply.expect(202)] == [1, 2]
    assert "x-arango-error-codes" not in reply.headers
    assert server.call("POST", _path(collection), []).expect(202) == []


def test_a_silent_batch_names_only_the_failures(server: ServerProcess, collection: str) -> None:
    reply = server.call("POST", _path(collection) + "?silent=true", [{"_key": "a"}, {"_key": "a"}])
    assert [element["errorNum"] for element in reply.expect(202)] == [1210]


def test_batches_replace_update_and_remove(server: ServerProcess, collection: str) -> None:
    first = _insert(server, collection, _key="a", v=1)
    _insert(server, collection, _key="b", v=1)
    replaced = server.call("PUT", _path(collection), [{"_key": "a", "w": 2}, {"_id": f"{collection}/b"}])
    assert [element["_key"] for element in replaced.expect(202)] == ["a", "b"]
    stale = [{"_key": "a", "_rev": first, "v": 3}, {"_key": "none"}, {}]
    updated = server.call("PATCH", _path(collection) + "?ignoreRevs=false", stale).expect(202)
    assert [element["errorNum"] for element in updated] == [1200, 1202, 1205]
    assert not any("_id" in element for element in updated)
    removed = server.call("DELETE", _path(collection), ["a", {"_key": "b"}, "none", 7, "other/x"])
    assert [element.get("errorNum") for element in removed.expect(202)] == [None, None, 1202, 1205, 1205]


def test_many_documents_are_read_at_once(server: ServerProcess, collection: str) -> None:
    revision = _insert(server, collection, _key="a", v=1)
    wanted = ["a", {"_key": "a", "_rev": "_gjDBNZu---"}, "none"]
    reply = server.call("PUT", _path(collection) + "?onlyget=1", wanted)
    found = reply.expect(200)
    assert found[0] == found[1] == {"_key": "a", "_id": f"{collection}/a", "_rev": revision, "v": 1}
    assert found[2]["errorNum"] == 1202
    assert json.loads(reply.headers["x-arango-error-codes"]) == {"1202": 1}
    strict = server.call("PUT", _path(collection) + "?onlyget&ignoreRevs=false", wanted).expect(200)
    assert strict[1]["errorNum"] == 1200


def test_documents_are_found_by_the_collections_number_too(server: ServerProcess, collection: str) -> None:
    number = server.call("GET", f"/_api/collection/{collection}").expect(200)["id"]
    _insert(server, number, _key="k")
    assert server.call("GET", _path(collection, "k")).expect(200)["_id"] == f"{collection}/k"
