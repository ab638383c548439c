"""Transactions: what the bodies of read, write and transact say.

A read is an array of paths. A write is `[{operations}, {preconditions}?, "client id"?]`: if all
preconditions hold, all operations happen, in their order, and nothing of anybody else's comes between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.agency.operation import Operation, parse_operation
from reference.agency.precondition import Precondition, parse_preconditions
from reference.agency.tree import Path, path_of
from reference.errors import ArangoError

_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Read:
    """Paths to read at one moment."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Operations under preconditions. An empty `client_id` cannot be inquired."""

    operations: tuple[Operation, ...]
    preconditions: tuple[Precondition, ...] = ()
    client_id: str = ""


def parse_read(body: Any) -> Read:
    """An array of paths; raises 400."""
    if not isinstance(body, list) or not all(isinstance(path, str) for path in body):
        raise ArangoError(400, "a read must be an array of paths")
    return Read(tuple(path_of(path) for path in body))


def parse_write(body: Any) -> Write:
    """`[{operations}, {preconditions}?, "client id"?]`; raises 400."""
    if not isinstance(body, list) or not 1 <= len(body) <= 3 or not isinstance(body[0], dict):
        raise ArangoError(400, "a write must be an array [{operations}, {preconditions}, clientId]")
    preconditions = body[1] if len(body) > 1 else {}
    client_id = body[2] if len(body) > 2 else ""
    # An empty array is how arangod's own clients write "no preconditions".
    if preconditions == []:
        preconditions = {}
    if not isinstance(preconditions, dict) or not isinstance(client_id, str):
        raise ArangoError(400, "preconditions must be an object and the clientId a string")
    for key in (*body[0], *preconditions):
        if key.count("/") > _DEEPEST:
            raise ArangoError(400, f"a key may have at most {_DEEPEST} levels: {key[:100]}...")
    return Write(
        tuple(parse_operation(key, value) for key, value in body[0].items()),
        tuple(one for key, value in preconditions.items() for one in parse_preconditions(key, value)),
        client_id,
    )


def parse_mixed(body: Any) -> Read | Write:
    """An element of transact: an array of strings is a read, anything else must be a write."""
    if isinstance(body, list) and body and isinstance(body[0], str):
        return parse_read(body)
    return parse_write(body)


def array_of(body: Any) -> Sequence[Any]:
    """The request's array of transactions; raises 400 if it is none, or empty."""
    if not isinstance(body, list):
        raise ArangoError(400, "the body must be an array of transactions")
    if not body:
        raise ArangoError(400, "Empty request.")
    return body
