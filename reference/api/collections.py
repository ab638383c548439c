"""Collections: create, look at, change, drop.

Numbers of shards, copies and the like are accepted and mean nothing on a single server, as in arangod.
`schema` and `computedValues` are stored and shown, not enforced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.call import boolean_in
from reference.api.routes import Access, Route
from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.revision import encode_revision

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.collection import Collection
    from reference.world import Response

# Stored as given and shown again; everything else that a body may hold is ignored, as arangod does.
_STORED = ("schema", "computedValues", "cacheEnabled")
_KEY_GENERATORS = ("traditional", "autoincrement", "padded", "uuid")


def short(collection: Collection) -> dict[str, Any]:
    """The members that every answer about a collection has."""
    return {
        "id": str(collection.id),
        "name": collection.name,
        "status": 3,
        "type": collection.kind,
        "isSystem": collection.is_system,
        "globallyUniqueId": collection.guid,
    }


def properties(collection: Collection) -> dict[str, Any]:
    """All that is shown of a collection's definition."""
    key_options = {"allowUserKeys": True, "type": "traditional", "lastValue": 0, **collection.key_options}
    return {
        **short(collection),
        "statusString": "loaded",
        "objectId": str(collection.id),
        "waitForSync": collection.wait_for_sync,
        "keyOptions": key_options,
        "schema": None,
        "computedValues": None,
        "cacheEnabled": False,
        "writeConcern": 1,
        "syncByRevision": True,
        "usesRevisionsAsDocumentIds": True,
        "internalValidatorType": 0,
        "isSmartChild": False,
        **{name: value for name, value in collection.properties.items() if name in _STORED},
    }


async def _list(call: Call) -> Response:
    without_system = call.flag("excludeSystem")
    name = call.database.name
    shown = [
        short(collection)
        for collection in call.database.collections()
        if call.caller.may_read(name, collection.name) and not (without_system and collection.is_system)
    ]
    return answer.result(shown)


async def _create(call: Call) -> Response:
    body = call.object()
    call.require_write()
    name = body.get("name")
    if not isinstance(name, str):
        raise ArangoError(1208, "illegal name: <name> must be a string")
    kind = body.get("type", 2)
    if kind in ("document", "edge"):
        kind = 2 if kind == "document" else 3
    if isinstance(kind, bool) or kind not in (2, 3):
        raise ArangoError(1218, "invalid collection type: it must be 2 (document) or 3 (edge)")
    collection = await call.services.engine.create_collection(
        call.database,
        name,
        kind=kind,
        is_system=boolean_in(body, "isSystem", False),
        wait_for_sync=boolean_in(body, "waitForSync", call.services.options.database.wait_for_sync),
        key_options=_key_options(body),
        properties=_stored(body),
    )
    return answer.members(properties(collection), headers=_location(call, collection))


def _key_options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("keyOptions")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise ArangoError(1232, "invalid key generator: <keyOptions> must be an object")
    generator = options.get("type", "traditional")
    if generator not in _KEY_GENERATORS:
        raise ArangoError(1232, f"invalid key generator type: it must be one of {', '.join(_KEY_GENERATORS)}")
    checked = {"type": generator, "allowUserKeys": boolean_in(options, "allowUserKeys", True)}
    for name, least, usual in (("increment", 1, 1), ("offset", 0, 0)):
        if generator != "autoincrement" or name not in options:
            continue
        value = options.get(name, usual)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 1 << 32:
            raise ArangoError(1232, f"invalid key generator: <{name}> must be a whole number from {least}")
        checked[name] = value
    return checked


def _stored(body: dict[str, Any]) -> dict[str, Any]:
    stored = {name: body[name] for name in _STORED if name in body}
    if not isinstance(stored.get("schema"), dict | None):
        raise ArangoError(10, "<schema> must be an object or null")
    if not isinstance(stored.get("computedValues"), list | None):
        raise ArangoError(10, "<computedValues> must be an array or null")
    return stored


def _location(call: Call, collection: Collection, resource: str = "properties") -> dict[str, str]:
    return {"location": f"/_db/{call.database.name}/_api/collection/{collection.name}/{resource}"}


def _of(call: Call, *, write: bool = False) -> Collection:
    return call.collection(call.parts["collection"], write=write)


async def _get(call: Call) -> Response:
    return answer.members(short(_of(call)))


async def _properties(call: Call) -> Response:
    collection = _of(call)
    return answer.members(properties(collection), headers=_location(call, collection))


async def _count(call: Call) -> Response:
    collection = _of(call)
    count = await call.in_transaction(collection, lambda t: documents.count(t, collection))
    body = {**properties(collection), "count": count}
    return answer.members(body, headers=_location(call, collection, "count"))


async def _figures(call: Call) -> Response:
    collection = _of(call)
    figures = {
        "indexes": {"count": len(collection.indexes) + (1 if collection.kind == 2 else 2), "size": 0},
        "documentsSize": 0,
        "cacheInUse": False,
        "cacheSize": 0,
        "cacheUsage": 0,
    }
    body = {**properties(collection), "count": collection.count, "figures": figures}
    return answer.members(body, headers=_location(call, collection, "figures"))


async def _revision(call: Call) -> Response:
    collection = _of(call)
    body = {**properties(collection), "revision": _revision_text(collection)}
    return answer.members(body, headers=_location(call, collection, "revision"))


def _revision_text(collection: Collection) -> str:
    return encode_revision(collection.revision) if collection.revision else "0"


async def _checksum(call: Call) -> Response:
    collection = _of(call)
    checksum = collection.checksum(with_revisions=call.flag("withRevisions"), with_data=call.flag("withData"))
    body = {**short(collection), "checksum": str(checksum), "revision": _revision_text(collection)}
    return answer.members(body, headers=_location(call, collection, "checksum"))


async def _load(call: Call) -> Response:
    collection = _of(call)
    return answer.members({**short(collection), "count": collection.count})


async def _unload(call: Call) -> Response:
    return answer.members(short(_of(call)))


async def _load_indexes(call: Call) -> Response:
    _of(call)
    return answer.result(True)


async def _recalculate(call: Call) -> Response:
    collection = _of(call, write=True)
    return answer.members({"result": True, "count": collection.count})


async def _change(call: Call) -> Response:
    body = call.object()
    call.require_write()
    collection = _of(call, write=True)
    wait = boolean_in(body, "waitForSync", collection.wait_for_sync)
    await call.services.engine.change_collection(collection, wait_for_sync=wait, properties=_stored(body))
    return answer.members(properties(collection), headers=_location(call, collection))


async def _rename(call: Call) -> Response:
    body = call.object()
    call.require_write()
    collection = _of(call, write=True)
    name = body.get("name")
    if not isinstance(name, str):
        raise ArangoError(1208, "illegal name: <name> must be a string")
    if collection.is_system:
        raise ArangoError(11, "system collections cannot be renamed")
    await call.services.engine.rename_collection(collection, name)
    return answer.members(short(collection))


async def _truncate(call: Call) -> Response:
    collection = _of(call, write=True)
    if call.header("x-arango-trx-id") is None:
        await call.services.engine.truncate(collection)
    else:
        await call.in_transaction(collection, lambda t: documents.truncate(t, collection), write=True)
    return answer.members(short(collection), headers=_location(call, collection, "truncate"))


async def _drop(call: Call) -> Response:
    call.require_write()
    collection = _of(call, write=True)
    if collection.is_system and not call.flag("isSystem"):
        raise ArangoError(11, "system collections are dropped with isSystem=true only")
    await call.services.engine.drop_collection(collection)
    return answer.members({"id": str(collection.id)})


async def _only_in_cluster(_call: Call) -> Response:
    raise ArangoError(501, "this is implemented in a cluster only")


_ONE = "/_api/collection/{collection}"

ROUTES = (
    Route("GET", "/_api/collection", _list),
    Route("POST", "/_api/collection", _create),
    Route("GET", _ONE, _get),
    Route("DELETE", _ONE, _drop),
    Route("GET", _ONE + "/properties", _properties),
    Route("PUT", _ONE + "/properties", _change),
    Route("GET", _ONE + "/count", _count),
    Route("GET", _ONE + "/figures", _figures),
    Route("GET", _ONE + "/revision", _revision),
    Route("GET", _ONE + "/checksum", _checksum),
    Route("GET", _ONE + "/shards", _only_in_cluster),
    Route("PUT", _ONE + "/responsibleShard", _only_in_cluster),
    Route("PUT", _ONE + "/load", _load),
    Route("PUT", _ONE + "/unload", _unload),
    Route("PUT", _ONE + "/compact", _unload),
    Route("PUT", _ONE + "/loadIndexesIntoMemory", _load_indexes),
    Route("PUT", _ONE + "/recalculateCount", _recalculate),
    Route("PUT", _ONE + "/rename", _rename, Access.WRITE),
    Route("PUT", _ONE + "/truncate", _truncate),
)
