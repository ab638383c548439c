"""Which of ArangoDB's refusals are definite: the request had no effect and never will.

The table holds for a server that handles the request alone, as a single server, a leader or a follower does.
Behind a coordinator, which may try again inside, the same number can follow an attempt that took effect; that
needs a table of its own. A number that is not listed is indefinite, and so is an answer without a number: a
wrong "definite" would make every verdict worthless, a wrong "indefinite" only makes it weaker.

Deliberately not listed, because the change may be there already or may still come:
3, 4 (out of memory, internal), 21 (cancelled), 30 (shutting down: perhaps while waiting for the disk),
1225 (storage full: perhaps after a part), 1429 (write concern not fulfilled), 1457 (time-out inside a
cluster), 1464, 1465 (connection broken inside), 1478, 1491 (leader resigned, perhaps after its own write),
1495 (leadership challenge: perhaps begun after the write and before its answer),
1492 (agency), and all of HTTP's 5xx mirrored as a number.
"""

from __future__ import annotations

DEFINITE: dict[int, str] = {
    # The request was never understood, so nothing was begun.
    10: "bad parameter",
    17: "wrong type of parameter",
    400: "bad request",
    404: "no such path",
    405: "method not supported",
    600: "malformed JSON",
    601: "superfluous path",
    1204: "no collection named",
    1205: "illegal document identifier",
    1208: "illegal name",
    1216: "document too large",
    1221: "illegal key",
    1222: "a key where none is allowed",
    1226: "key missing",
    1227: "body is no object",
    1229: "illegal database name",
    1239: "illegal revision",
    # The caller may not.
    11: "forbidden",
    401: "not authenticated",
    1004: "read only",
    1230: "only in _system",
    # What the request needs is not there, or is there already.
    1202: "document not found",
    1203: "collection not found",
    1207: "duplicate name",
    1210: "unique constraint violated",
    1228: "database not found",
    1600: "cursor not found",
    1655: "transaction not found",
    # Locks and preconditions are settled before anything is written.
    18: "lock time-out",
    28: "locked",
    29: "deadlock",
    412: "precondition failed",
    1200: "conflict: another revision, or another writer of the same key at the same time",
    1652: "collection not declared in the transaction",
    1653: "operation not allowed in the transaction's state",
    1654: "transaction aborted",
    # Refused at the door.
    38: "starting up",
    1496: "not a leader",
    21003: "queue full",
    21004: "queue too slow",
    # Replication's administration: refused before anything is changed.
    1410: "invalid applier configuration",
    1411: "the applier is running",
}

COMMIT_DEFINITE: dict[int, str] = {
    # A commit is the one moment that cannot be asked about twice, so of all its refusals only this one, whose
    # documents say that nothing was written, is believed.
    1200: DEFINITE[1200],
}
