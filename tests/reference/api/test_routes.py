from __future__ import annotations

import pytest

from reference.api.routes import Route, RouteTable
from reference.errors import ArangoError
from reference.world import Response


async def _handler(_call: object) -> Response:
    return Response(200)


def _route(method: str, pattern: str) -> Route:
    return Route(method, pattern, _handler)


TABLE = RouteTable(
    (
        _route("GET", "/_api/collection"),
        _route("GET", "/_api/collection/{collection}"),
        _route("PUT", "/_api/collection/{collection}/load"),
        _route("GET", "/_api/database/current"),
        _route("GET", "/_api/database/{name}"),
        _route("GET", "/_api/document/{collection}/{key}"),
        _route("GET", "/_api/document/{collection}/{key}/{*}"),
    )
)


def test_a_literal_segment_wins_over_a_placeholder() -> None:
    assert TABLE.find("GET", ["_api", "database", "current"]).route.pattern == "/_api/database/current"
    assert TABLE.find("GET", ["_api", "database", "other"]).parts == {"name": "other"}


def test_placeholders_take_one_segment_each() -> None:
    match = TABLE.find("GET", ["_api", "document", "c", "k"])
    assert match.parts == {"collection": "c", "key": "k"}
    assert match.rest == ()


def test_the_rest_takes_what_is_left() -> None:
    assert TABLE.find("GET", ["_api", "document", "c", "k", "x", "y"]).rest == ("x", "y")


def test_head_falls_back_to_get() -> None:
    assert TABLE.find("HEAD", ["_api", "document", "c", "k"]).route.method == "GET"


@pytest.mark.parametrize("segments", [[], ["_api"], ["nothing"], ["_api", "collection", "c", "nothing"]])
def test_an_unknown_path_is_404(segments: list[str]) -> None:
    with pytest.raises(ArangoError) as refused:
        TABLE.find("GET", segments)
    assert (refused.value.status, refused.value.number) == (404, 404)


def test_a_wrong_method_on_a_known_path_is_405() -> None:
    with pytest.raises(ArangoError) as refused:
        TABLE.find("GET", ["_api", "collection", "c", "load"])
    assert (refused.value.status, refused.value.number) == (405, 405)


def test_two_routes_for_the_same_path_are_a_mistake() -> None:
    table = RouteTable((_route("GET", "/a/{x}"),))
    with pytest.raises(ValueError, match="two routes"):
        table.add(_route("GET", "/a/{x}"))
    with pytest.raises(ValueError, match="already called"):
        table.add(_route("GET", "/a/{y}/b"))
