"""Whatever a request is, the server answers it with a refusal or a result, never with a defect (500/4)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.options import Options
from reference.options import Server as ServerOptions
from reference.server import _AREAS, Server
from reference.world import Request, Response
from reference.world.real.clock import RealClock
from tests.reference.storage.memory_disk import memory_world

_ROUTES = [
    (route.method, route.pattern)
    for area in _AREAS
    for route in area.ROUTES
    if route.pattern != "/_admin/shutdown"
]
_WAIT_S = 0.2


class _Driver:
    """A server in memory, and a loop to run it on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        options = Options(server=ServerOptions(authentication=False))
        self.log: list[str] = []
        world = memory_world(clock=RealClock())
        self.server = Server(world, options, lambda level, text: self.log.append(f"{level} {text}"))
        self.loop.run_until_complete(self.server.start())
        self.ask("POST", "/_api/collection", b'{"name":"c"}')

    def ask(
        self, method: str, target: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Response | None:
        """The answer; None if there is none yet, e.g. because a lock is waited for."""
        request = Request(method, target, headers or {}, body)
        with contextlib.suppress(TimeoutError):
            return self.loop.run_until_complete(asyncio.wait_for(self.server.handle(request), _WAIT_S))
        return None

    def close(self) -> None:
        self.loop.run_until_complete(self.server.close())
        self.loop.close()


@pytest.fixture(scope="module")
def driver() -> Iterator[_Driver]:
    made = _Driver()
    yield made
    made.close()


_words = st.sampled_from(
    ["c", "k", "_system", "_users", "root", "1", "0", "all", "-1", "%ff", "a b", "", "*"]
)
_texts = _words | st.text(max_size=8)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts
_values = st.recursive(
    _scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(_texts, v, max_size=3), max_leaves=6
)
_MEMBERS = """
    name type collection collections read write keys batchSize ttl query endpoint _key _id _rev _from user
    passwd active extra users grant mode fields waitForSync isSystem keyOptions schema username password
    database restrictType
"""
_members = st.sampled_from(_MEMBERS.split())
_objects = st.builds(
    lambda some, usual: {**some, **usual},
    st.dictionaries(_members, _values, max_size=3),
    st.sampled_from([{}, {"collection": "c"}, {"name": "c"}, {"user": "u"}, {"_key": "k"}, {"type": 2}]),
)
_json = (_objects | st.lists(_objects | _scalars, max_size=3) | _values).map(lambda v: json.dumps(v).encode())
_bodies = st.just(b"") | _json | st.binary(max_size=20)
_query = st.dictionaries(
    st.sampled_from(
        [
            "collection",
            "count",
            "from",
            "to",
            "batchId",
            "chunkSize",
            "returnNew",
            "onlyget",
            "stamp",
            "global",
            "ttl",
        ]
    ),
    _texts,
    max_size=2,
).map(lambda q: "&".join(f"{name}={value}" for name, value in q.items()))
_headers = st.dictionaries(
    st.sampled_from(["x-arango-trx-id", "if-match", "if-none-match", "x-arango-async", "authorization"]),
    _words | st.just("store"),
    max_size=2,
)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, str]:
    """A method and a target, mostly of the same route."""
    method, pattern = draw(st.sampled_from(_ROUTES))
    if draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(["HEAD", "PATCH", "OPTIONS"]))
    segments = [draw(_texts) if segment.startswith("{") else segment for segment in pattern.split("/")]
    prefix = draw(st.sampled_from(["", "", "", "", "/_db/_system", "/_db/nowhere", "/_db"]))
    query = draw(_query)
    return method, prefix + "/".join(segments) + (f"?{query}" if query else "")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(_requests(), _bodies, _headers)
def test_no_request_is_answered_by_a_defect(
    driver: _Driver, line: tuple[str, str], body: bytes, headers: dict[str, str]
) -> None:
    method, target = line
    response = driver.ask(method, target, body, headers)
    # Writes of this test itself may have made the server read-only or dropped its collection.
    driver.ask("PUT", "/_admin/server/mode", b'{"mode":"default"}')
    assert driver.ask("GET", "/_api/version", b"") is not None
    if response is None:
        return
    error = _error(response)
    assert error.get("errorNum") != 4, f"{method} {target} {body!r} {headers}: {error}"
    assert response.status < 600
    if response.status >= 400 and method != "HEAD":
        assert error["error"] is True
        assert error["code"] == response.status
        assert error["errorMessage"]


def _error(response: Response) -> dict[str, Any]:
    if not response.body or response.status < 400:
        return {}
    value = json.loads(response.body)
    assert isinstance(value, dict)
    return value
