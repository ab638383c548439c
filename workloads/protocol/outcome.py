"""Ok, Fail, Info: the three ways in which an operation ends.

When in doubt, Info. A wrong Fail makes every verdict worthless; a wrong Info only makes it weaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ok:
    """It happened between invocation and completion; `value` is recorded (None: as invoked)."""

    value: Any = None
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """It certainly did not happen and never will."""

    error: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """Nobody knows whether it happened, or whether it still will."""

    error: str
    node: str | None = None


Outcome = Ok | Fail | Info


class RequestError(Exception):
    """A database's session could not do what was asked.

    `definite` is true only if the request certainly had no effect and never will. `number` is the database's
    own error number where it gave one, `status` its HTTP status, `endpoint` the server that it said to ask
    instead: empty if it knew none, None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        definite: bool,
        number: int | None = None,
        status: int | None = None,
        endpoint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.definite = definite
        self.number = number
        self.status = status
        self.endpoint = endpoint

    @property
    def outcome(self) -> Fail | Info:
        """How an operation that changes something ends when this error is all that is known."""
        return Fail(str(self)) if self.definite else Info(str(self))
