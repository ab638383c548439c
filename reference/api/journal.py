"""Journal: what the server has to say, at once to whoever runs it and, for a while, by request.

One line is time, process, level, sentence. The newest lines are kept in memory for /_admin/log. The server
logs under one topic, "general"; levels of arangod's other topics may be set and are shown, but nothing is
logged there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.routes import Access, Route
from reference.errors import ArangoError
from reference.options import LEVELS

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Clock, Response

_TOPICS = (
    "general",
    "agency",
    "cluster",
    "engines",
    "queries",
    "replication",
    "requests",
    "startup",
    "threads",
)
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence. `time_s` counts from 1970."""

    number: int
    time_s: float
    level: str
    text: str


class Journal:
    """Takes a level and a sentence. `tell` gets each of them that the level lets through."""

    def __init__(self, clock: Clock, tell: Callable[[str, str], object], level: str = "info") -> None:
        self._clock = clock
        self._tell = tell
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self._next = 1
        self.levels = dict.fromkeys(_TOPICS, level)

    def __call__(self, level: str, sentence: str) -> None:
        """Note it if the level of the topic "general" lets it through."""
        if LEVELS.index(level) > LEVELS.index(self.levels["general"]):
            return
        self._lines.append(Line(self._next, self._clock.wall_ns() / 1e9, level, sentence))
        self._next += 1
        self._tell(level, sentence)

    def lines(self) -> list[Line]:
        """What is kept, oldest first."""
        return list(self._lines)


def iso_date(time_s: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _selected(call: Call) -> list[Line]:
    """The lines that the query asks for."""
    journal = call.services.log
    if "level" in call.query:
        levels: tuple[str, ...] = (_level(call.query["level"]),)
    else:
        levels = LEVELS[: LEVELS.index(_level(call.query.get("upto", "info"))) + 1]
    start, search = call.number("start", 0), call.query.get("search", "").lower()
    found = [
        line
        for line in journal.lines()
        if line.level in levels and line.number >= start and search in line.text.lower()
    ]
    if call.query.get("sort", "asc").lower() == "desc":
        found.reverse()
    offset = call.number("offset", 0)
    return found[offset : offset + call.number("size", _KEPT)]


def _level(text: str) -> str:
    word = LEVELS[int(text)] if text.isdigit() and int(text) < len(LEVELS) else text.lower()
    if word not in LEVELS:
        raise ArangoError(400, f"unknown log level '{text[:20]}', it must be one of {', '.join(LEVELS)}")
    return word


async def _log(call: Call) -> Response:
    found = _selected(call)
    body = {
        "totalAmount": len(found),
        "lid": [line.number for line in found],
        "topic": ["general" for _ in found],
        "level": [LEVELS.index(line.level) for line in found],
        "timestamp": [int(line.time_s) for line in found],
        "text": [line.text for line in found],
    }
    return answer.plain(body)


async def _entries(call: Call) -> Response:
    found = _selected(call)
    messages = [
        {
            "id": line.number,
            "topic": "general",
            "level": line.level.upper(),
            "date": iso_date(line.time_s),
            "message": line.text,
        }
        for line in found
    ]
    return answer.plain({"total": len(found), "messages": messages})


async def _levels(call: Call) -> Response:
    return answer.plain({topic: level.upper() for topic, level in call.services.log.levels.items()})


async def _set_levels(call: Call) -> Response:
    wanted: Any = call.json()
    levels = call.services.log.levels
    if isinstance(wanted, str):
        wanted = dict.fromkeys(levels, wanted)
    if not isinstance(wanted, dict) or not all(isinstance(level, str) for level in wanted.values()):
        raise ArangoError(400, "expecting an object of topics and levels")
    checked = {topic: _level(level) for topic, level in wanted.items() if topic in levels}
    levels.update(checked)
    return await _levels(call)


ROUTES = (
    Route("GET", "/_admin/log", _log, Access.ADMIN),
    Route("GET", "/_admin/log/entries", _entries, Access.ADMIN),
    Route("GET", "/_admin/log/level", _levels, Access.ADMIN),
    Route("PUT", "/_admin/log/level", _set_levels, Access.ADMIN),
)
