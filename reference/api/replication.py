"""/_api/replication: the leader's answers to followers, and the commands of the follower's applier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.api import answer, wal
from reference.api.routes import Access, Route
from reference.errors import ArangoError
from reference.replication import inventory, refuse_global, revisions
from reference.replication.entries import CONTENT_TYPE
from reference.replication.revisions import RevisionIndex
from reference.storage.revision import decode_revision

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.failover.member import Member
    from reference.replication.applier import Applier
    from reference.replication.batches import Batch
    from reference.storage.collection import Collection
    from reference.world import Response


# The leader's side: the log.


async def get_logger_state(call: Call) -> Response:
    """The log's newest tick, and who asked for it lately."""
    clients = call.services.replication.clients.shown()
    return answer.plain({"state": await _log_state(call), "server": wal.server(call), "clients": clients})


async def get_first_tick(call: Call) -> Response:
    """The oldest tick of the log."""
    log = call.services.engine.log
    first = str(log.first_tick) if log.first_tick <= log.last_tick else None
    return answer.plain({"firstTick": first})


async def get_tick_ranges(call: Call) -> Response:
    """The log's files with their ticks."""
    return answer.plain(
        [
            {
                "datafile": part.file,
                "status": "open" if part.is_open else "collected",
                "tickMin": str(part.tick_min),
                "tickMax": str(part.tick_max),
            }
            for part in call.services.engine.log.ranges()
        ]
    )


async def get_logger_follow(call: Call) -> Response:
    """What happened after `from`, in the older spelling with numbers."""
    return await wal.follow(call, numbered=True)


async def get_server_id(call: Call) -> Response:
    """The number of this data directory."""
    return answer.plain({"serverId": call.services.engine.server_id})


async def _log_state(call: Call) -> dict[str, Any]:
    tick = str(await call.services.engine.log.sync())
    return {
        "running": True,
        "lastLogTick": tick,
        "lastUncommittedLogTick": tick,
        "totalEvents": int(tick),  # each event has one tick
        "time": wal.now(call),
    }


# The leader's side: snapshots.


async def post_batch(call: Call) -> Response:
    """Pin a snapshot for `ttl` seconds."""
    batch = await call.services.replication.batches.begin(wal.follower(call), _ttl_s(call))
    described: dict[str, Any] = {"id": str(batch.id), "lastTick": str(batch.snapshot.tick)}
    if call.flag("state"):
        described["state"] = await _log_state(call)
    return answer.plain(described)


async def put_batch(call: Call) -> Response:
    """Keep a snapshot for `ttl` more seconds."""
    call.services.replication.batches.extend(call.parts["id"], _ttl_s(call))
    return answer.empty(204)


async def delete_batch(call: Call) -> Response:
    """Let a snapshot go."""
    call.services.replication.batches.end(call.parts["id"])
    return answer.empty(204)


async def get_inventory(call: Call) -> Response:
    """The collections of a snapshot: of this database, or with `global=true` of all."""
    if call.flag("global") and call.database.name != "_system":
        raise ArangoError(11, "global inventory can only be created from within _system database")
    batch = _batch(call)
    found: dict[str, Any]
    if call.flag("global"):
        found = {
            "databases": {
                name: {
                    "collections": inventory.collections(batch, number, wal.wanted(call)),
                    "views": [],
                    "properties": {"id": str(number), "name": name, "isSystem": name == "_system"},
                }
                for name, number in sorted(batch.snapshot.databases().items())
            }
        }
    else:
        collections = inventory.collections(batch, call.database.id, wal.wanted(call))
        found = {"collections": collections, "views": []}
    return answer.plain({**found, "state": await _log_state(call), "tick": str(batch.snapshot.tick)})


async def get_cluster_inventory(_call: Call) -> Response:
    """Only a coordinator has one."""
    raise ArangoError(1471, "this operation is only allowed on coordinators", status=403)


async def get_dump(call: Call) -> Response:
    """The next documents of a collection in a snapshot."""
    batch = _batch(call, missing=400)
    chunk_bytes = call.number("chunkSize", inventory.DEFAULT_DUMP_BYTES) or inventory.DEFAULT_DUMP_BYTES
    piece = inventory.dump(
        batch,
        call.database.id,
        _collection_name(call),
        min(chunk_bytes, inventory.MAX_DUMP_BYTES),
        envelope=call.flag("useEnvelope", True),
        number=call.number("piece", 0),
    )
    headers = {
        "x-arango-replication-checkmore": "true" if piece.check_more else "false",
        "x-arango-replication-lastincluded": str(batch.snapshot.tick if piece.body else 0),
    }
    return answer.raw(piece.body, 200 if piece.body else 204, headers, CONTENT_TYPE)


async def get_revision_tree(call: Call) -> Response:
    """The sums over a collection's revisions."""
    _, _, index = await _revisions(call)
    return answer.plain(index.tree(index.axis()).encode())


async def put_revision_ranges(call: Call) -> Response:
    """The revisions between given ones."""
    _, _, index = await _revisions(call)
    asked = call.json()
    if not isinstance(asked, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in asked):
        raise ArangoError(10, "expecting an array of pairs of revisions")
    resume = _revision(call.query["resume"]) if "resume" in call.query else 0
    bounds = [(_revision(low), _revision(high)) for low, high in asked]
    return answer.plain(revisions.ranges(index, bounds, resume))


async def put_revision_documents(call: Call) -> Response:
    """The documents that have given revisions."""
    batch, collection, index = await _revisions(call)
    asked = call.json()
    if not isinstance(asked, list):
        raise ArangoError(10, "expecting an array of revisions")
    found = revisions.documents(batch.snapshot, collection, index, [_revision(text) for text in asked])
    return answer.raw(found)


def _ttl_s(call: Call) -> float:
    ttl = call.object_or_empty().get("ttl", 0)
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 <= ttl < 1e9:
        raise ArangoError(10, "invalid value for <ttl>: a number of seconds is needed")
    return float(ttl)


def _batch(call: Call, *, missing: int = 1600) -> Batch:
    number = call.query.get("batchId", "")
    if not number:
        raise ArangoError(missing, "batchId not specified", status=404)
    return call.services.replication.batches.find(number)


def _collection_name(call: Call) -> str:
    name = call.query.get("collection", "")
    if not name:
        raise ArangoError(10, "invalid collection parameter")
    return name


async def _revisions(call: Call) -> tuple[Batch, Collection, RevisionIndex]:
    """The collection of a request and its index, which is made once for each batch."""
    batch = _batch(call)
    collection = inventory.leaving(batch, call.database.id, _collection_name(call))
    index = batch.indexes.get(collection.id)
    if index is None:
        index = await RevisionIndex.build(batch.snapshot, collection, call.services.world.clock)
        batch.indexes[collection.id] = index
        _batch(call)  # it may have ended meanwhile, and then what was read is worth nothing
    return batch, collection, index


def _revision(text: Any) -> int:
    revision = decode_revision(text) if isinstance(text, str) else None
    if revision is None:
        raise ArangoError(1239, f"illegal document revision '{text}'", status=400)
    return revision


# The follower's side.


async def put_sync(call: Call) -> Response:
    """Copy a leader's data once (LF-SYNC-OVERWRITES); returns when it is done."""
    given = call.object()
    if not isinstance(given.get("endpoint"), str) or not given["endpoint"]:
        raise ArangoError(400, "<endpoint> must be a valid endpoint")
    result = await (await _applier(call)).sync(given)
    collections = [{"id": number, "name": name} for number, name in result.collections]
    return answer.plain({"collections": collections, "lastLogTick": str(result.last_log_tick)})


async def put_make_follower(call: Call) -> Response:
    """The all-in-one set-up (LF-SETUP)."""
    applier = await _applier(call)
    await applier.make_follower(call.object())
    return answer.plain(applier.shown())


async def get_applier_config(call: Call) -> Response:
    """The applier's configuration without its secrets."""
    member = _member(call)
    if member is not None:
        return answer.plain(member.applier.configuration.shown())
    return answer.plain((await _applier(call)).configuration.shown())


async def put_applier_config(call: Call) -> Response:
    """Change the applier's configuration."""
    applier = await _applier(call)
    await applier.configure(call.object())
    return answer.plain(applier.configuration.shown())


async def put_applier_start(call: Call) -> Response:
    """Start tailing, after `from` if it is given."""
    applier = await _applier(call)
    await applier.start(call.number("from", 0) if call.query.get("from") else None)
    return answer.plain(applier.shown())


async def put_applier_stop(call: Call) -> Response:
    """Stop sync and tailing (LF-STOP)."""
    applier = await _applier(call)
    await applier.stop()
    return answer.plain(applier.shown())


async def get_applier_state(call: Call) -> Response:
    """What the applier does (LF-STATE); with `global=true` also the tails that were set aside (AF-REJOIN)."""
    member = _member(call)
    if member is not None:
        return answer.plain(member.shown())
    return answer.plain((await _applier(call)).shown())


async def delete_applier_state(call: Call) -> Response:
    """Forget the saved tick."""
    applier = await _applier(call)
    await applier.forget()
    return answer.plain(applier.shown())


async def get_applier_states(call: Call) -> Response:
    """The states of all databases' appliers."""
    if call.database.name != "_system":
        raise ArangoError(11, "the states of all databases can only be queried from within _system database")
    return answer.plain(await call.services.replication.applier_states())


def _member(call: Call) -> Member | None:
    """The active failover's part of this server if the request is about the server-wide applier."""
    return call.services.member if call.flag("global") and call.database.is_system else None


async def _applier(call: Call) -> Applier:
    if call.flag("global"):
        refuse_global(call.database)
    return await call.services.replication.applier(call.database)


# Everything else below /_api/replication.


async def refuse_no_command(_call: Call) -> Response:
    """No command at all."""
    raise ArangoError(601, "expecting URL /_api/replication/<command>")


async def refuse_unknown(call: Call) -> Response:
    """A command that there is not."""
    raise ArangoError(400, f"invalid command '{call.rest[0]}'")


_PATH = "/_api/replication"
# Whatever hands out data asks for an administrator, snapshot and log alike: who may not read the log is
# refused before a sync has changed anything on the follower (LF-AUTH).
_METHODS = ("GET", "POST", "PUT", "DELETE")

ROUTES = (
    Route("GET", f"{_PATH}/logger-state", get_logger_state, Access.WRITE),
    Route("GET", f"{_PATH}/logger-first-tick", get_first_tick, Access.WRITE),
    Route("GET", f"{_PATH}/logger-tick-ranges", get_tick_ranges, Access.WRITE),
    Route("GET", f"{_PATH}/logger-follow", get_logger_follow, Access.ADMIN),
    Route("PUT", f"{_PATH}/logger-follow", get_logger_follow, Access.ADMIN),
    Route("GET", f"{_PATH}/determine-open-transactions", wal.get_open_transactions, Access.WRITE),
    Route("GET", f"{_PATH}/server-id", get_server_id, Access.WRITE),
    Route("POST", f"{_PATH}/batch", post_batch, Access.ADMIN),
    Route("PUT", f"{_PATH}/batch/{{id}}", put_batch, Access.ADMIN),
    Route("DELETE", f"{_PATH}/batch/{{id}}", delete_batch, Access.ADMIN),
    Route("GET", f"{_PATH}/inventory", get_inventory, Access.ADMIN),
    Route("GET", f"{_PATH}/clusterInventory", get_cluster_inventory, Access.WRITE),
    Route("GET", f"{_PATH}/dump", get_dump, Access.ADMIN),
    Route("GET", f"{_PATH}/revisions/tree", get_revision_tree, Access.ADMIN),
    Route("PUT", f"{_PATH}/revisions/ranges", put_revision_ranges, Access.ADMIN),
    Route("PUT", f"{_PATH}/revisions/documents", put_revision_documents, Access.ADMIN),
    Route("PUT", f"{_PATH}/sync", put_sync, Access.WRITE),
    Route("PUT", f"{_PATH}/make-follower", put_make_follower, Access.WRITE),
    Route("PUT", f"{_PATH}/make-slave", put_make_follower, Access.WRITE),
    Route("GET", f"{_PATH}/applier-config", get_applier_config, Access.WRITE),
    Route("PUT", f"{_PATH}/applier-config", put_applier_config, Access.WRITE),
    Route("PUT", f"{_PATH}/applier-start", put_applier_start, Access.WRITE),
    Route("PUT", f"{_PATH}/applier-stop", put_applier_stop, Access.WRITE),
    Route("GET", f"{_PATH}/applier-state", get_applier_state, Access.WRITE),
    Route("DELETE", f"{_PATH}/applier-state", delete_applier_state, Access.WRITE),
    Route("GET", f"{_PATH}/applier-state-all", get_applier_states, Access.WRITE),
    *(Route(method, _PATH, refuse_no_command, Access.WRITE) for method in _METHODS),
    *(Route(method, f"{_PATH}/{{*}}", refuse_unknown, Access.WRITE) for method in _METHODS),
)
