"""If-Match is compared when the request comes in, and the document is written a moment later."""

from __future__ import annotations

from collections.abc import Callable

from reference.api import documents as api
from reference.api.call import Call
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.documents import Written
from reference.storage.transaction import Transaction
from reference.world import Response
from tests.defects.defect import Defect

_MOMENT_S = 0.02
_modify_rightly = api._modify


async def _modify(
    call: Call, change: Callable[[Transaction, Collection, str, object, str | None], Written]
) -> Response:
    key, expected = call.parts.get("key"), api._unquoted(call.header("if-match"))
    if key is not None and expected is not None:
        collection = call.collection(call.parts["collection"], write=True)
        await api._with_etag(
            call.in_transaction(collection, lambda t: documents.read(t, collection, key, if_match=expected))
        )
        await call.services.world.clock.sleep(_MOMENT_S)
    return await _modify_rightly(call, lambda t, c, k, body, _revision: change(t, c, k, body, None))


DEFECT = Defect(
    id="if-match-checked-early",
    clause="S-LINEARIZABLE",
    anomaly="lost-update",
    replaces="reference.api.documents:_modify",
    replacement=_modify,
    oracle="client",
    topology="single",
    workloads=("register",),
    mirrors="check, then act: If-Match compared at the coordinator (the cluster's most natural mistake)",
)
