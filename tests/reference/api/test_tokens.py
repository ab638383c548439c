from __future__ import annotations

import jwt
import pytest

from reference.api.tokens import Tokens

SECRET = "a secret of more than sixty-four bytes, as RFC 7518 asks for with SHA-512"


class _Clock:
    """A wall clock that stands still until it is set."""

    now_s = 1_700_000_000.0

    def wall_ns(self) -> int:
        return int(self.now_s * 1e9)

    def monotonic_ns(self) -> int:
        return self.wall_ns()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def tokens(clock: _Clock) -> Tokens:
    return Tokens(SECRET, clock, 3600)


def test_a_users_token_names_the_user_and_ends(tokens: Tokens, clock: _Clock) -> None:
    token = tokens.for_user("ann")
    claims = tokens.verify(token)
    assert claims is not None
    assert claims.user == "ann"
    clock.now_s += 3599
    assert tokens.verify(token) is not None
    clock.now_s += 2
    assert tokens.verify(token) is None


def test_a_token_carries_the_members_that_drivers_require(tokens: Tokens, clock: _Clock) -> None:
    claims = jwt.decode(tokens.for_user("ann"), options={"verify_signature": False})
    assert claims == {
        "preferred_username": "ann",
        "iss": "arangodb",
        "iat": int(clock.now_s),
        "exp": int(clock.now_s) + 3600,
    }


def test_a_servers_token_is_a_superusers_and_has_no_end(tokens: Tokens, clock: _Clock) -> None:
    token = tokens.for_server("PRMR-1")
    clock.now_s += 1e9
    claims = tokens.verify(token)
    assert claims is not None
    assert claims.user == ""


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "arangodb"},
        {"iss": "other", "preferred_username": "ann"},
        {"preferred_username": "ann"},
        {"iss": "arangodb", "preferred_username": 7},
        {"iss": "arangodb", "preferred_username": "ann", "exp": "tomorrow"},
        {"iss": "arangodb", "preferred_username": "ann", "exp": 1},
        {"iss": "arangodb", "server_id": "any", "allowed_paths": "/_api"},
    ],
)
def test_a_signed_token_with_wrong_claims_proves_nobody(tokens: Tokens, claims: dict[str, object]) -> None:
    assert tokens.verify(jwt.encode(claims, SECRET, algorithm="HS256")) is None


def test_a_forged_token_proves_nobody(tokens: Tokens) -> None:
    claims = {"iss": "arangodb", "server_id": "any"}
    assert tokens.verify(jwt.encode(claims, SECRET[::-1], algorithm="HS256")) is None
    assert tokens.verify(jwt.encode(claims, "", algorithm="none")) is None
    assert tokens.verify(jwt.encode(claims, SECRET, algorithm="HS512")) is None
    for text in ("", "a.b.c", "x" * 10_000, "\N{SNOWMAN}"):
        assert tokens.verify(text) is None
