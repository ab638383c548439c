"""JSON web tokens: who a bearer is (RFC 7519, HS256, as arangod signs them).

A user's token has `preferred_username`, `iss`, `iat`, `exp`. A superuser's has `server_id` instead and is
what servers show each other; `allowed_paths` may narrow it. Times are checked against this server's own
clock, so the library's look at the system's clock is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.world import Clock

_ISSUER = "arangodb"
_CACHE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. `user` is empty for a superuser. `expires_s` counts from 1970; None: never."""

    user: str
    expires_s: float | None
    allowed_paths: tuple[str, ...] | None


class Tokens:
    """Signs and verifies with one secret. Tokens verified once are remembered until they expire."""

    def __init__(self, secret: str, clock: Clock, lifetime_s: float) -> None:
        self._secret = secret
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._known: dict[str, Claims] = {}
        self._servers: dict[str, str] = {}

    def for_user(self, user: str) -> str:
        """A token for a user."""
        now = self._now_s()
        claims = {
            "preferred_username": user,
            "iss": _ISSUER,
            "iat": int(now),
            "exp": int(now + self._lifetime_s),
        }
        return self._sign(claims)

    def for_server(self, server_id: str) -> str:
        """A superuser's token without an end, for requests to other servers with the same secret."""
        if server_id not in self._servers:
            self._servers[server_id] = self._sign({"server_id": server_id, "iss": _ISSUER})
        return self._servers[server_id]

    def verify(self, token: str) -> Claims | None:
        """What the token says, or None if it is forged, expired or no token."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._read(token)
            if claims is None:
                return None
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            self._known[token] = claims
        if claims.expires_s is not None and claims.expires_s <= self._now_s():
            return None
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        import jwt  # noqa: PLC0415 - the library takes a tenth of a second to load, at most runs nobody needs it

        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _read(self, token: str) -> Claims | None:
        import jwt  # noqa: PLC0415 - see _sign

        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
                issuer=_ISSUER,
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return _claims(claims)

    def _now_s(self) -> float:
        return self._clock.wall_ns() / 1e9


def _claims(claims: dict[str, Any]) -> Claims | None:
    user = claims.get("preferred_username", "")
    expires = claims.get("exp")
    paths = claims.get("allowed_paths")
    if not isinstance(user, str) or not (user or "server_id" in claims):
        return None
    if expires is not None and not isinstance(expires, int | float):
        return None
    if paths is not None and not (isinstance(paths, list) and all(isinstance(path, str) for path in paths)):
        return None
    return Claims(user, expires, None if paths is None else tuple(paths))
