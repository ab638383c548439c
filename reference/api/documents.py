"""Documents: one at a time, or many in an array.

A single operation answers with the document's handle and its revision as `etag`; a mismatch of `If-Match`,
or of the `_rev` in the body with `ignoreRevs=false`, is 412/1200 and names the current revision. An array
is one request and one log unit, but its elements succeed or fail one by one: the answer is an array aligned
with the input, and the header `x-arango-error-codes` counts the failures.

Stored bodies are copied into answers as bytes: nothing is decoded to be encoded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.routes import Route
from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.documents import Written
from reference.storage.revision import encode_revision
from reference.storage.snapshot import Document

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.collection import Collection
    from reference.storage.transaction import Transaction
    from reference.world import Response

    # One operation on one element: a body, or what names a document.
    Operation = Callable[[Transaction, Any], Written]

_OVERWRITE_MODES = ("conflict", "ignore", "replace", "update")


async def _read(call: Call) -> Response:
    key = call.parts["key"]
    collection = call.collection(call.parts["collection"])
    if_match = _unquoted(call.header("if-match"))

    def work(transaction: Transaction) -> Document:
        return documents.read(transaction, collection, key, if_match=if_match)

    document = await _with_etag(call.in_transaction(collection, work))
    etag = f'"{encode_revision(document.revision)}"'
    none_match = call.header("if-none-match")
    if none_match is not None and _unquoted(none_match) == etag[1:-1]:
        return answer.empty(304, {"etag": etag})
    return answer.raw(document.body, 200, {"etag": etag})


async def _insert(call: Call) -> Response:
    name = call.parts.get("collection") or call.query.get("collection", "")
    if not name:
        raise ArangoError(1204, "'collection' is missing, expecting /_api/document?collection=<identifier>")
    body = call.json()
    collection = call.collection(name, write=True)
    if not call.query:
        mode, keep_null, merge_objects = "conflict", True, True
    else:
        mode = _overwrite_mode(call)
        keep_null, merge_objects = call.flag("keepNull", True), call.flag("mergeObjects", True)

    def operation(transaction: Transaction, document: Any) -> Written:
        return documents.insert(
            transaction,
            collection,
            document,
            overwrite_mode=mode,
            keep_null=keep_null,
            merge_objects=merge_objects,
        )

    return await _write(call, collection, operation, body)


def _overwrite_mode(call: Call) -> str:
    mode = call.query.get("overwriteMode", "replace" if call.flag("overwrite") else "conflict")
    if mode not in _OVERWRITE_MODES:
        raise ArangoError(10, f"invalid overwriteMode, it must be one of {', '.join(_OVERWRITE_MODES)}")
    return mode


async def _replace(call: Call) -> Response:
    return await _modify(call, lambda t, c, k, body, rev: documents.replace(t, c, k, body, if_match=rev))


async def _update(call: Call) -> Response:
    keep_null, merge_objects = call.flag("keepNull", True), call.flag("mergeObjects", True)
    return await _modify(
        call,
        lambda t, c, k, body, rev: documents.update(
            t, c, k, body, if_match=rev, keep_null=keep_null, merge_objects=merge_objects
        ),
    )


async def _modify(
    call: Call, change: Callable[[Transaction, Collection, str, Any, str | None], Written]
) -> Response:
    """PUT and PATCH: the path's key, or for an array each element's."""
    body = call.json()
    key = call.parts.get("key")
    if (key is None) != isinstance(body, list):
        raise ArangoError(1227, "invalid document type")
    collection = call.collection(call.parts["collection"], write=True)
    header = _unquoted(call.header("if-match")) if key is not None else None
    uses_body = not call.flag("ignoreRevs", True)

    def operation(transaction: Transaction, document: Any) -> Written:
        if not isinstance(document, dict):
            raise ArangoError(1227, "invalid document type")
        revision = header if header is not None else _revision_in(document) if uses_body else None
        return change(transaction, collection, key or _key_of(document, collection), document, revision)

    return await _write(call, collection, operation, body)


async def _remove(call: Call) -> Response:
    collection = call.collection(call.parts["collection"], write=True)
    key = call.parts["key"]
    if_match = _unquoted(call.header("if-match"))

    def operation(transaction: Transaction, _element: Any) -> Written:
        return documents.remove(transaction, collection, key, if_match=if_match)

    return await _write(call, collection, operation, None)


async def _remove_many(call: Call) -> Response:
    body = call.json()
    if not isinstance(body, list):
        raise ArangoError(1227, "invalid document type, expecting an array of documents, keys or ids")
    collection = call.collection(call.parts["collection"], write=True)
    uses_body = not call.flag("ignoreRevs", True)

    def operation(transaction: Transaction, element: Any) -> Written:
        revision = _revision_in(element) if uses_body else None
        return documents.remove(transaction, collection, _key_of(element, collection), if_match=revision)

    return await _write(call, collection, operation, body)


async def _put_many(call: Call) -> Response:
    return await (_read_many(call) if "onlyget" in call.query else _replace(call))


async def _read_many(call: Call) -> Response:
    body = call.json()
    if not isinstance(body, list):
        raise ArangoError(1227, "invalid document type, expecting an array of documents, keys or ids")
    collection = call.collection(call.parts["collection"])
    uses_body = not call.flag("ignoreRevs", True)

    def one(transaction: Transaction, element: Any) -> bytes:
        revision = _revision_in(element) if uses_body else None
        key = _key_of(element, collection)
        return documents.read(transaction, collection, key, if_match=revision).body

    def work(transaction: Transaction) -> list[bytes | ArangoError]:
        return [_try(one, transaction, element) for element in body]

    return _array(await call.in_transaction(collection, work), 200)


async def _write(call: Call, collection: Collection, operation: Operation, body: Any) -> Response:
    """Run one operation, or one for each element of an array, and answer."""
    query = call.query
    wait = bool(query) and call.flag("waitForSync")
    status = (200 if call.request.method == "DELETE" else 201) if wait or collection.wait_for_sync else 202
    if isinstance(body, list):
        return await _write_many(call, collection, operation, body, wait=wait, status=status)

    def work(transaction: Transaction) -> Written:
        return operation(transaction, body)

    written = await _with_etag(
        call.in_transaction(collection, work, write=True, wait_for_sync=wait),
    )
    revision = encode_revision(written.revision)
    headers = {"etag": f'"{revision}"'}
    if status != 200:
        headers["location"] = f"/_db/{call.database.name}/_api/document/{collection.name}/{written.key}"
    if query and call.flag("silent"):
        return answer.raw(b"{}", status, headers)
    return answer.raw(_shown(collection.name, written, revision, query and _wanted(call)), status, headers)


async def _write_many(
    call: Call, collection: Collection, operation: Operation, body: list[Any], *, wait: bool, status: int
) -> Response:
    def work(transaction: Transaction) -> list[Written | ArangoError]:
        return [_try(operation, transaction, element) for element in body]

    results = await call.in_transaction(collection, work, write=True, wait_for_sync=wait)
    if call.flag("silent"):
        return _array([result for result in results if isinstance(result, ArangoError)], status)
    wanted = _wanted(call)
    shown = [
        result
        if isinstance(result, ArangoError)
        else _shown(collection.name, result, encode_revision(result.revision), wanted)
        for result in results
    ]
    return _array(shown, status)


def _try(operation: Callable[[Transaction, Any], Any], transaction: Transaction, element: Any) -> Any:
    """What the operation gives, or why it was refused. A transaction that is too large ends the whole
    request.
    """
    try:
        return operation(transaction, element)
    except ArangoError as error:
        if error.number == 32:
            raise
        return error


def _array(results: list[bytes | ArangoError], status: int) -> Response:
    errors = [result for result in results if isinstance(result, ArangoError)]
    body = b"[" + b",".join(r if isinstance(r, bytes) else _element_error(r) for r in results) + b"]"
    if not errors:
        return answer.raw(body, status)
    counts = {str(number): count for number, count in Counter(error.number for error in errors).items()}
    return answer.raw(body, status, {"x-arango-error-codes": answer.encode(counts).decode()})


def _element_error(error: ArangoError) -> bytes:
    # Without `_id`, `_key` and `_rev`, unlike a single operation's: drivers tell success from failure by
    # `_id`.
    return answer.encode({"error": True, "errorNum": error.number, "errorMessage": error.message})


def _wanted(call: Call) -> tuple[bool, bool]:
    return call.flag("returnOld"), call.flag("returnNew")


def _shown(collection: str, written: Written, revision: str, wanted: Any) -> bytes:
    """The answer to one write. Keys, names and revisions need no escapes in JSON: their alphabets have
    none.
    """
    key = written.key
    text = f'{{"_id":"{collection}/{key}","_key":"{key}","_rev":"{revision}"'
    if written.old_revision is not None and written.new is not None and not written.ignored:
        text += f',"_oldRev":"{encode_revision(written.old_revision)}"'
    body = text.encode()
    if wanted:
        returns_old, returns_new = wanted
        if returns_old and written.old is not None:
            body += b',"old":' + written.old
        if returns_new and written.new is not None and not written.ignored:
            body += b',"new":' + written.new
    return body + b"}"


async def _with_etag(work: Awaitable[Any]) -> Any:
    """Await; a refusal that knows the current revision says it as `etag` too."""
    try:
        return await work
    except ArangoError as error:
        if error.number == 1200 and "_rev" in error.extra:
            error.headers["etag"] = f'"{error.extra["_rev"]}"'
        raise


def _unquoted(header: str | None) -> str | None:
    return None if header is None else header.strip().strip('"')


def _revision_in(element: Any) -> str | None:
    revision = element.get("_rev") if isinstance(element, dict) else None
    if revision is None or isinstance(revision, str):
        return revision
    raise ArangoError(1239, "illegal document revision", status=400)


def _key_of(element: Any, collection: Collection) -> str:
    """The key that an array's element names: a key, an id, or an object with `_key` or `_id`."""
    name = element.get("_key", element.get("_id")) if isinstance(element, dict) else element
    if not isinstance(name, str):
        raise ArangoError(1205, "illegal document identifier")
    prefix, slash, key = name.partition("/")
    if not slash:
        return name
    if prefix not in (collection.name, str(collection.id)):
        raise ArangoError(1205, "illegal document identifier: it is of another collection")
    return key


async def _superfluous(call: Call) -> Response:
    if call.request.method == "POST":
        raise ArangoError(601, "superfluous suffix, expecting /_api/document?collection=<identifier>")
    if call.request.method == "GET":
        raise ArangoError(601, "expecting GET /_api/document/<collection>/<key>")
    method = call.request.method
    raise ArangoError(
        400, f"expecting {method} /_api/document/<collection> or /_api/document/<collection>/<key>"
    )


async def _no_key(_call: Call) -> Response:
    raise ArangoError(1202, "expecting GET /_api/document/<collection>/<key>")


_ONE = "/_api/document/{collection}/{key}"
_MANY = "/_api/document/{collection}"

ROUTES = (
    Route("POST", "/_api/document", _insert),
    Route("POST", _MANY, _insert),
    Route("GET", _ONE, _read),
    Route("PUT", _ONE, _replace),
    Route("PATCH", _ONE, _update),
    Route("DELETE", _ONE, _remove),
    Route("PUT", _MANY, _put_many),
    Route("PATCH", _MANY, _update),
    Route("DELETE", _MANY, _remove_many),
    Route("GET", _MANY, _no_key),
    Route("POST", _ONE, _superfluous),
    *(Route(method, _ONE + "/{*}", _superfluous) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
)
