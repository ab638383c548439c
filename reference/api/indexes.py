"""Indexes: the primary one, the edge index, and definitions that are recorded.

A definition is kept, shown, replicated and dropped, but not built: it speeds nothing up, and `unique` is
not enforced. An equal definition is found again instead of being recorded twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.routes import Route
from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.collection import Collection
    from reference.world import Response

_TYPES = ("hash", "skiplist", "persistent", "ttl", "geo", "geo1", "geo2", "fulltext", "zkd", "inverted")
_KEPT = (
    "unique",
    "sparse",
    "deduplicate",
    "estimates",
    "expireAfter",
    "geoJson",
    "minLength",
    "name",
    "inBackground",
)
# What makes two definitions the same index.
_IDENTITY = ("type", "fields", "unique", "sparse")


async def _list(call: Call) -> Response:
    collection = call.collection(_collection_name(call))
    shown = _all(collection)
    return answer.members({"indexes": shown, "identifiers": {index["id"]: index for index in shown}})


async def _create(call: Call) -> Response:
    body = call.object()
    call.require_write()
    collection = call.collection(_collection_name(call), write=True)
    definition = _definition(body)
    same = [i for i in collection.indexes if all(i.get(n) == definition.get(n) for n in _IDENTITY)]
    if same:
        return answer.members({**_shown(collection, same[0]), "isNewlyCreated": False}, 200)
    if any(
        index.get("name") == definition.get("name") for index in collection.indexes if "name" in definition
    ):
        raise ArangoError(1207, "duplicate name: an index of this name exists")
    definition.setdefault("name", f"idx_{call.services.engine.clock.next()}")
    created = await call.services.engine.create_index(collection, definition)
    return answer.members({**_shown(collection, created), "isNewlyCreated": True}, 201)


async def _get(call: Call) -> Response:
    collection = call.collection(call.parts["collection"])
    return answer.members(_find(collection, call.parts["index"]))


async def _drop(call: Call) -> Response:
    call.require_write()
    collection = call.collection(call.parts["collection"], write=True)
    number = call.parts["index"]
    index = _find(collection, number)
    if index["type"] in ("primary", "edge"):
        raise ArangoError(11, f"the {index['type']} index cannot be dropped")
    await call.services.engine.drop_index(collection, str(index["id"]).partition("/")[2])
    return answer.members({"id": index["id"]})


def _collection_name(call: Call) -> str:
    name = call.query.get("collection")
    if not name:
        raise ArangoError(1204, "the parameter 'collection' is missing")
    return name


def _definition(body: dict[str, Any]) -> dict[str, Any]:
    kind, fields = body.get("type"), body.get("fields")
    if kind not in _TYPES:
        raise ArangoError(10, f"invalid index type: it must be one of {', '.join(_TYPES)}")
    if not isinstance(fields, list) or not fields or not all(isinstance(f, str) and f for f in fields):
        raise ArangoError(10, "index <fields> must be an array of attribute names")
    if len(set(fields)) != len(fields):
        raise ArangoError(10, "index <fields> must not name an attribute twice")
    kept = {name: body[name] for name in _KEPT if body.get(name) is not None}
    for name in ("unique", "sparse", "deduplicate", "estimates", "geoJson", "inBackground"):
        if not isinstance(kept.get(name, False), bool):
            raise ArangoError(10, f"<{name}> must be a boolean")
    kept.pop("inBackground", None)
    return {"type": kind, "fields": fields, "unique": False, "sparse": kind in ("geo", "fulltext"), **kept}


def _all(collection: Collection) -> list[dict[str, Any]]:
    built_in = [_built_in(collection, 0, "primary", ["_key"], unique=True)]
    if collection.kind == 3:
        built_in.append(_built_in(collection, 1, "edge", ["_from", "_to"], unique=False))
    return built_in + [_shown(collection, index) for index in collection.indexes]


def _built_in(
    collection: Collection, number: int, kind: str, fields: list[str], *, unique: bool
) -> dict[str, Any]:
    return {
        "id": f"{collection.name}/{number}",
        "type": kind,
        "name": kind,
        "fields": fields,
        "unique": unique,
        "sparse": False,
        "selectivityEstimate": 1,
    }


def _shown(collection: Collection, index: dict[str, Any]) -> dict[str, Any]:
    return {**index, "id": f"{collection.name}/{index['id']}"}


def _find(collection: Collection, number: str) -> dict[str, Any]:
    for index in _all(collection):
        if number in (str(index["id"]).partition("/")[2], index["name"]):
            return index
    raise ArangoError(1212, "index not found")


ROUTES = (
    Route("GET", "/_api/index", _list),
    Route("POST", "/_api/index", _create),
    Route("GET", "/_api/index/{collection}/{index}", _get),
    Route("DELETE", "/_api/index/{collection}/{index}", _drop),
)
