from __future__ import annotations

import pytest

from tests.reference.server_process import ServerProcess

# What python-arango's strict formatter knows; any other member makes its own test suite fail.
KNOWN = {
    *("id", "objectId", "name", "isSystem", "isSmart", "type", "waitForSync", "status", "statusString"),
    *("globallyUniqueId", "cacheEnabled", "replicationFactor", "minReplicationFactor", "writeConcern"),
    *("shards", "numberOfShards", "shardKeys", "distributeShardsLike", "shardingStrategy", "keyOptions"),
    *("smartJoinAttribute", "cid", "version", "allowUserKeys", "planId", "deleted", "syncByRevision"),
    *("tempObjectId", "usesRevisionsAsDocumentIds", "isDisjoint", "isSmartChild", "minRevision", "schema"),
    *("computedValues", "internalValidatorType", "error", "code"),
}


def test_create_answers_200_with_the_whole_definition(server: ServerProcess) -> None:
    body = server.call("POST", "/_api/collection", {"name": "made", "waitForSync": True}).expect(200)
    assert (body["error"], body["code"], body["name"], body["type"]) == (False, 200, "made", 2)
    assert (body["status"], body["statusString"], body["waitForSync"]) == (3, "loaded", True)
    assert body["id"].isdigit()
    assert body["keyOptions"]["type"] == "traditional"
    assert set(body) <= KNOWN
    properties = server.call("GET", "/_api/collection/made/properties")
    assert properties.expect(200) == body
    assert properties.headers["location"] == "/_db/_system/_api/collection/made/properties"


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        ({}, 400, 1208),
        ({"name": 7}, 400, 1208),
        ({"name": ""}, 400, 1208),
        ({"name": "1st"}, 400, 1208),
        ({"name": "a b"}, 400, 1208),
        ({"name": "_hidden"}, 400, 1208),
        ({"name": "x" * 257}, 400, 1208),
        ({"name": "c", "type": 4}, 400, 1218),
        ({"name": "c", "waitForSync": "yes"}, 400, 10),
        ({"name": "c", "keyOptions": {"type": "random"}}, 400, 1232),
        ({"name": "c", "keyOptions": []}, 400, 1232),
        ({"name": "c", "schema": 1}, 400, 10),
        ([], 400, 10),
    ],
)
def test_a_wrong_definition_is_refused(server: ServerProcess, body: object, status: int, number: int) -> None:
    server.call("POST", "/_api/collection", body).refused(status, number)


def test_a_name_is_taken_once(server: ServerProcess, collection: str) -> None:
    server.call("POST", "/_api/collection", {"name": collection}).refused(409, 1207)


def test_the_list_can_leave_out_system_collections(server: ServerProcess, collection: str) -> None:
    everything = server.call("GET", "/_api/collection").expect(200)["result"]
    names = {entry["name"] for entry in everything}
    assert {collection, "_users", "_graphs", "_aqlfunctions", "_queues", "_jobs", "_apps"} <= names
    own = server.call("GET", "/_api/collection?excludeSystem=true").expect(200)["result"]
    assert not any(entry["name"].startswith("_") for entry in own)
    assert set(own[0]) == {"id", "name", "status", "type", "isSystem", "globallyUniqueId"}


def test_count_revision_and_checksum_follow_the_documents(server: ServerProcess, collection: str) -> None:
    base = f"/_api/collection/{collection}"
    assert server.call("GET", base + "/count").expect(200)["count"] == 0
    assert server.call("GET", base + "/revision").expect(200)["revision"] == "0"
    assert server.call("GET", base + "/checksum").expect(200)["checksum"] == "0"
    revision = server.call("POST", f"/_api/document/{collection}", {"_key": "k"}).expect(202)["_rev"]
    assert server.call("GET", base + "/count").expect(200)["count"] == 1
    assert server.call("GET", base + "/revision").expect(200)["revision"] == revision
    checksum = server.call("GET", base + "/checksum").expect(200)["checksum"]
    assert checksum.isdigit()
    assert checksum != "0"
    assert server.call("GET", base + "/figures").expect(200)["count"] == 1
    assert server.call("PUT", base + "/load").expect(200)["count"] == 1
    assert server.call("PUT", base + "/recalculateCount").expect(200)["count"] == 1
    server.call("PUT", base + "/unload").expect(200)
    server.call("PUT", base + "/loadIndexesIntoMemory").expect(200)
    server.call("PUT", base + "/compact").expect(200)


def test_the_checksum_is_that_of_the_content(server: ServerProcess) -> None:
    sums = []
    for name, order in (("sum1", "ab"), ("sum2", "ba")):
        server.call("POST", "/_api/collection", {"name": name}).expect(200)
        for key in order:
            server.call("POST", f"/_api/document/{name}", {"_key": key, "v": key}).expect(202)
        path = f"/_api/collection/{name}/checksum?withData=true"
        sums.append(server.call("GET", path).expect(200)["checksum"])
    assert sums[0] == sums[1]


def test_truncate_leaves_an_empty_collection(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", [{}, {}]).expect(202)
    server.call("PUT", f"/_api/collection/{collection}/truncate").expect(200)
    assert server.call("GET", f"/_api/collection/{collection}/count").expect(200)["count"] == 0


def test_properties_change_what_may_be_changed(server: ServerProcess, collection: str) -> None:
    base = f"/_api/collection/{collection}/properties"
    schema = {"rule": {"type": "object"}, "level": "none", "message": "no"}
    changed = server.call("PUT", base, {"waitForSync": True, "schema": schema, "type": 3}).expect(200)
    assert (changed["waitForSync"], changed["schema"], changed["type"]) == (True, schema, 2)
    assert server.call("GET", base).expect(200)["schema"] == schema
    server.call("POST", f"/_api/document/{collection}", {}).expect(201)


def test_rename_keeps_the_documents(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", {"_key": "k"}).expect(202)
    server.call("PUT", f"/_api/collection/{collection}/rename", {"name": "renamed"}).expect(200)
    assert server.call("GET", "/_api/document/renamed/k").expect(200)["_id"] == "renamed/k"
    server.call("GET", f"/_api/collection/{collection}").refused(404, 1203)
    server.call("PUT", "/_api/collection/renamed/rename", {"name": "_users"}).refused(400, 1208)


def test_drop_spares_system_collections(server: ServerProcess, collection: str) -> None:
    number = server.call("GET", f"/_api/collection/{collection}").expect(200)["id"]
    assert server.call("DELETE", f"/_api/collection/{collection}").expect(200)["id"] == number
    server.call("DELETE", f"/_api/collection/{collection}").refused(404, 1203)
    server.call("DELETE", "/_api/collection/_graphs").refused(403, 11)


def test_what_only_a_cluster_has_is_501(server: ServerProcess, collection: str) -> None:
    server.call("GET", f"/_api/collection/{collection}/shards").refused(501, 501)


def test_primary_and_edge_index_are_there_unasked(server: ServerProcess, collection: str) -> None:
    server.call("POST", "/_api/collection", {"name": "links", "type": 3}).expect(200)
    body = server.call("GET", "/_api/index?collection=links").expect(200)
    assert [index["type"] for index in body["indexes"]] == ["primary", "edge"]
    assert body["identifiers"]["links/0"]["fields"] == ["_key"]
    assert server.call("GET", f"/_api/index/{collection}/0").expect(200)["name"] == "primary"


def test_an_index_is_recorded_once_and_forgotten(server: ServerProcess, collection: str) -> None:
    path = f"/_api/index?collection={collection}"
    definition = {"type": "persistent", "fields": ["a", "b.c"], "unique": True}
    made = server.call("POST", path, definition).expect(201)
    assert made["isNewlyCreated"] is True
    again = server.call("POST", path, definition).expect(200)
    assert (again["id"], again["isNewlyCreated"]) == (made["id"], False)
    assert len(server.call("GET", path).expect(200)["indexes"]) == 2
    assert server.call("DELETE", f"/_api/index/{made['id']}").expect(200)["id"] == made["id"]
    server.call("GET", f"/_api/index/{made['id']}").refused(404, 1212)
    server.call("DELETE", f"/_api/index/{collection}/0").refused(403, 11)


@pytest.mark.parametrize(
    "body", [{}, {"type": "persistent"}, {"type": "x", "fields": ["a"]}, {"type": "hash", "fields": ["a", 1]}]
)
def test_a_wrong_index_definition_is_refused(server: ServerProcess, collection: str, body: object) -> None:
    server.call("POST", f"/_api/index?collection={collection}", body).refused(400, 10)
