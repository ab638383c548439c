"""Document operations with ArangoDB's meaning and errors. All are synchronous, inside a transaction.

Each raises ArangoError and then has changed nothing: 1221 illegal key, 1222 unexpected key, 1202 not found,
1210 key exists, 1200 with status 409 (write-write conflict) or with status 412 (`_rev` differs; extra `_id`,
`_key`, `_rev`), 1227 not an object, 1233 edge without `_from`/`_to`, 1652 collection not declared, 32
transaction too large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.storage.collection import EDGES, Collection
from reference.storage.keys import is_legal
from reference.storage.revision import decode_revision, encode_revision
from reference.storage.snapshot import Document
from reference.storage.table import Version
from reference.storage.transaction import Transaction

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SYSTEM = frozenset(("_key", "_id", "_rev"))


class Written(msgspec.Struct, frozen=True, gc=False):
    """What a write did. Bodies are stored JSON.

    `old` and `old_revision` are None for a fresh insert, `new` is None for a removal (then `revision` is
    that of the removed document). `ignored`: an insert with overwriteMode "ignore" that found the key.
    """

    key: str
    revision: int
    new: bytes | None
    old: bytes | None = None
    old_revision: int | None = None
    ignored: bool = False


def insert(
    transaction: Transaction,
    collection: Collection,
    document: Any,
    *,
    overwrite_mode: str = "conflict",
    keep_null: bool = True,
    merge_objects: bool = True,
) -> Written:
    """Insert; `overwrite_mode` (conflict, ignore, replace, update) says what to do if the key exists."""
    fields = _object(document)
    key = _key_for_insert(transaction, collection, fields)
    _check_edge(collection, fields)
    transaction.lock(collection, key)
    found = transaction.lookup(collection, key)
    if found is None:
        return _store(transaction, collection, key, fields, None)
    if overwrite_mode == "replace":
        return _store(transaction, collection, key, fields, found)
    if overwrite_mode == "update":
        return _merge(
            transaction, collection, key, fields, found, keep_null=keep_null, merge_objects=merge_objects
        )
    if overwrite_mode == "ignore":
        return Written(key, found.revision, found.body, found.body, found.revision, ignored=True)
    raise _exists(key)


def read(
    transaction: Transaction, collection: Collection, key: str, *, if_match: str | None = None
) -> Document:
    """The document; raises 1202, or 1200/412 if its `_rev` is not `if_match`."""
    transaction.check_readable(collection)
    found = transaction.lookup(collection, key)
    if found is None or found.body is None:
        raise _missing()
    if if_match is not None:
        _check_revision(collection, key, found, if_match)
    return Document(key, found.revision, found.body)


def replace(
    transaction: Transaction,
    collection: Collection,
    key: str,
    document: Any,
    *,
    if_match: str | None = None,
) -> Written:
    """Replace the whole document. `if_match` is the `_rev` that it must have."""
    fields = _object(document)
    found = _locked(transaction, collection, key, if_match)
    _check_edge(collection, fields)
    return _store(transaction, collection, key, fields, found)


def update(
    transaction: Transaction,
    collection: Collection,
    key: str,
    document: Any,
    *,
    if_match: str | None = None,
    keep_null: bool = True,
    merge_objects: bool = True,
) -> Written:
    """Merge `document` into the stored one."""
    fields = _object(document)
    found = _locked(transaction, collection, key, if_match)
    return _merge(
        transaction, collection, key, fields, found, keep_null=keep_null, merge_objects=merge_objects
    )


def remove(
    transaction: Transaction, collection: Collection, key: str, *, if_match: str | None = None
) -> Written:
    """Remove a document."""
    found = _locked(transaction, collection, key, if_match)
    _remove(transaction, collection, key, transaction.clock.next())
    return Written(key, found.revision, None, found.body, found.revision)


def truncate(transaction: Transaction, collection: Collection) -> int:
    """Remove all documents that the transaction sees; how many."""
    keys = [document.key for document in scan(transaction, collection)]
    for key in keys:
        remove(transaction, collection, key)
    return len(keys)


def scan(transaction: Transaction, collection: Collection) -> Iterator[Document]:
    """All documents that the transaction sees; what it writes meanwhile may be missed."""
    transaction.check_readable(collection)
    own = dict.fromkeys(transaction.own_writes(collection))
    for key in (own | dict.fromkeys(collection.table.all_keys())) if own else collection.table.all_keys():
        found = transaction.lookup(collection, key)
        if found is not None and found.body is not None:
            yield Document(key, found.revision, found.body)


def bodies(transaction: Transaction, collection: Collection) -> list[bytes]:
    """The stored JSON of all documents that the transaction sees."""
    if _sees_the_newest(transaction, collection):
        return collection.table.newest_bodies()
    return [document.body for document in scan(transaction, collection)]


def _sees_the_newest(transaction: Transaction, collection: Collection) -> bool:
    """Whether it sees nothing but what is committed now."""
    transaction.check_readable(collection)
    return transaction.tick is None and not transaction.own_writes(collection)


def count(transaction: Transaction, collection: Collection) -> int:
    """How many documents the transaction sees."""
    if _sees_the_newest(transaction, collection):
        return collection.count
    return sum(1 for _ in scan(transaction, collection))


def apply_put(transaction: Transaction, collection: Collection, document: Mapping[str, Any]) -> Written:
    """Replication: store `document` under its `_key` with its own `_rev`, whatever is there.

    Raises 1221, 1239 (no `_rev`), 1200. The caller lets the clock observe the revision.
    """
    key = document.get("_key")
    if not isinstance(key, str) or not is_legal(key):
        raise _illegal_key(key)
    spelled = document.get("_rev")
    revision = decode_revision(spelled) if isinstance(spelled, str) else None
    if revision is None:
        raise ArangoError(1239, f"illegal document revision {spelled!r} of document {key}")
    transaction.lock(collection, key)
    found = transaction.lookup(collection, key)
    return _store(transaction, collection, key, document, found, revision=revision)


def apply_remove(transaction: Transaction, collection: Collection, key: str, revision: int) -> bool:
    """Replication: remove a document; False (no error) if it is not there."""
    transaction.lock(collection, key)
    if transaction.lookup(collection, key) is None:
        return False
    _remove(transaction, collection, key, revision)
    return True


def _key_for_insert(transaction: Transaction, collection: Collection, fields: Mapping[str, Any]) -> str:
    key = fields.get("_key")
    if key is None and "_key" not in fields:
        return collection.keys.generate(transaction.world, transaction.clock)
    if not isinstance(key, str) or not is_legal(key):
        raise _illegal_key(key)
    if not collection.keys.allow_user_keys:
        raise ArangoError(1222, "unexpected document key: the collection does not allow user keys")
    return key


def _locked(transaction: Transaction, collection: Collection, key: str, if_match: str | None) -> Version:
    transaction.lock(collection, key)
    found = transaction.lookup(collection, key)
    if found is None:
        raise _missing()
    if if_match is not None:
        _check_revision(collection, key, found, if_match)
    return found


def _merge(
    transaction: Transaction,
    collection: Collection,
    key: str,
    fields: Mapping[str, Any],
    found: Version,
    *,
    keep_null: bool,
    merge_objects: bool,
) -> Written:
    assert found.body is not None, "a lookup never answers a removal"
    patch = {name: value for name, value in fields.items() if name not in _SYSTEM}
    merged = _merged(_decode(found.body), patch, keep_null=keep_null, merge_objects=merge_objects)
    _check_edge(collection, merged)
    return _store(transaction, collection, key, merged, found)


def _store(
    transaction: Transaction,
    collection: Collection,
    key: str,
    fields: Mapping[str, Any],
    found: Version | None,
    *,
    revision: int = 0,
) -> Written:
    revision = revision or transaction.clock.next()
    whole = {"_key": key, "_id": f"{collection.name}/{key}", "_rev": encode_revision(revision)}
    whole.update((name, value) for name, value in fields.items() if name not in _SYSTEM)
    body = _encode(whole)
    transaction.put(collection, key, revision, body)
    if found is None:
        return Written(key, revision, body)
    return Written(key, revision, body, found.body, found.revision)


def _remove(transaction: Transaction, collection: Collection, key: str, revision: int) -> None:
    body = _encode({"_key": key, "_rev": encode_revision(revision)})
    transaction.remove(collection, key, revision, body)


def _merged(
    old: dict[str, Any], patch: Mapping[str, Any], *, keep_null: bool, merge_objects: bool
) -> dict[str, Any]:
    """`old` with the members of `patch`; a null removes unless `keep_null`; objects merge or replace."""
    result = dict(old)
    for name, value in patch.items():
        if value is None and not keep_null:
            result.pop(name, None)
        elif isinstance(value, dict) and (merge_objects or not keep_null):
            below = result.get(name)
            base = below if merge_objects and isinstance(below, dict) else {}
            result[name] = _merged(base, value, keep_null=keep_null, merge_objects=merge_objects)
        else:
            result[name] = value
    return result


def _object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ArangoError(1227, "invalid document type")
    return document


def _check_edge(collection: Collection, fields: Mapping[str, Any]) -> None:
    if collection.kind != EDGES:
        return
    for name in ("_from", "_to"):
        value = fields.get(name)
        vertex, slash, key = value.partition("/") if isinstance(value, str) else ("", "", "")
        if not (vertex and slash and is_legal(key)):
            raise ArangoError(1233, f"edge attribute missing or invalid: {name} must be 'collection/key'")


def _check_revision(collection: Collection, key: str, found: Version, if_match: str) -> None:
    if decode_revision(if_match) != found.revision:
        raise ArangoError(
            1200,
            "conflict, _rev values do not match",
            status=412,
            extra={"_id": f"{collection.name}/{key}", "_key": key, "_rev": encode_revision(found.revision)},
        )


def _missing() -> ArangoError:
    return ArangoError(1202, "document not found")


def _illegal_key(key: object) -> ArangoError:
    return ArangoError(
        1221, f"illegal document key: {key!r}" if isinstance(key, str) else "illegal document key"
    )


def _exists(key: str) -> ArangoError:
    return ArangoError(
        1210,
        "unique constraint violated - in index primary of type primary over '_key'; conflicting key: " + key,
    )
