"""Which handler answers which path: a tree of dictionaries, one step for each segment of the path.

A pattern is a path without the database prefix, such as `/_api/collection/{collection}/count`. `{name}` takes
one segment and hands it, percent-decoded, to the handler in `Call.parts["name"]`; a literal segment wins
over it. `{*}` at the end takes one or more further segments, `Call.rest`. Empty segments do not count, as
in arangod.

An unknown path is 404/404; a known path with another method is 405/405.
HEAD is answered by GET's handler, and the server drops the body, unless HEAD has a route of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Response


class Access(IntEnum):
    """What a caller needs before a handler runs. A handler that needs more asks through `Call`."""

    OPEN = 0  # nobody needs to be known: /_open/auth, availability
    KNOWN = 1  # a known user, whatever their rights: their own account
    READ = 2  # at least "ro" on the request's database, else 401/11
    WRITE = 3  # "rw" on the request's database, else 403/11
    ADMIN = 4  # "rw" on _system, else 403/11


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path pattern."""

    method: str
    pattern: str
    handler: Callable[[Call], Awaitable[Response]]
    access: Access = Access.READ


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request and what its placeholders took."""

    route: Route
    parts: dict[str, str]
    rest: tuple[str, ...]


@dataclass(slots=True)
class _Branch:
    """One position in the tree. `methods` is empty where no route ends."""

    literal: dict[str, _Branch] = field(default_factory=dict)
    any_name: str = ""
    any_branch: _Branch | None = None
    rest_methods: dict[str, Route] = field(default_factory=dict)
    methods: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """All routes of a server. Built once; `find` is on the path of every request."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._root = _Branch()
        for route in routes:
            self.add(route)

    def add(self, route: Route) -> None:
        """Put a route into the tree; ValueError if it is there already or names one position twice."""
        branch = self._root
        segments = [segment for segment in route.pattern.split("/") if segment]
        rest = bool(segments) and segments[-1] == "{*}"
        for segment in segments[:-1] if rest else segments:
            branch = _descend(branch, segment, route)
        methods = branch.rest_methods if rest else branch.methods
        if route.method in methods:
            raise ValueError(f"two routes for {route.method} {route.pattern}")
        methods[route.method] = route

    def find(self, method: str, segments: list[str]) -> Match:
        """The route for `segments` (decoded, none empty); raises 404/404 or 405/405."""
        branch = self._root
        parts: dict[str, str] = {}
        for position, segment in enumerate(segments):
            below = branch.literal.get(segment)
            if below is None:
                below = branch.any_branch
                if below is None:
                    return _match(branch.rest_methods, method, segments, parts, tuple(segments[position:]))
                parts[branch.any_name] = segment
            branch = below
        return _match(branch.methods, method, segments, parts, ())


def _descend(branch: _Branch, segment: str, route: Route) -> _Branch:
    if not segment.startswith("{"):
        return branch.literal.setdefault(segment, _Branch())
    name = segment[1:-1]
    if branch.any_branch is None:
        branch.any_name, branch.any_branch = name, _Branch()
    if branch.any_name != name:
        raise ValueError(f"{route.pattern}: this position is already called {branch.any_name!r}")
    return branch.any_branch


def _match(
    methods: dict[str, Route], method: str, segments: list[str], parts: dict[str, str], rest: tuple[str, ...]
) -> Match:
    route = methods.get(method)
    if route is None and method == "HEAD":
        route = methods.get("GET")
    if route is not None:
        return Match(route, parts, rest)
    if methods:
        raise ArangoError(405, "method not supported")
    raise ArangoError(404, f"unknown path '/{'/'.join(segments)}'")
