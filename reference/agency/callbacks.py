"""Callbacks: telling observers that a key, or one below or above it, was written (CL-AGENCY-CALLBACK).

The leader alone tells, after the write is committed: `POST url` with `{"term", "index", "/path": {"op":
"modified"}}`. One request says all that has changed since the last one; a value is not in it. An observer
that does not answer is tried again some times and then left alone until the next change. A new leader
cannot know what its predecessor had still to tell, so it tells every observer once. Callbacks are hints:
an observer reads the tree, and reads it now and then without a hint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from reference.agency.tree import Path, text_of
from reference.world import Request, Unreachable, World

_TIMEOUT_S = 1.0
_PAUSE_S = 0.5
_TRIES = 10


class Callbacks:
    """All observers' pending news."""

    def __init__(
        self, world: World, headers: Callable[[], Mapping[str, str]], unobserve: Callable[[str, str], None]
    ) -> None:
        """`unobserve` gets path and url of an observer that says (404) that it is none any more."""
        self._world = world
        self._headers = headers
        self._unobserve = unobserve
        self._news: dict[str, dict[Path, None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._term = 0
        self._index = 0

    def notify(
        self, observers: Mapping[Path, Mapping[str, None]], changed: Sequence[Path], term: int, index: int
    ) -> None:
        """Tell those whose path is above or below one that was written."""
        self._term, self._index = term, index
        for path, urls in observers.items():
            if any(_touch(path, other) for other in changed):
                for url in urls:
                    self._tell(url, path)

    def forget(self) -> None:
        """Tell nobody any more: another agent leads."""
        self._news.clear()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def stop(self) -> None:
        """Forget, and wait until nothing runs."""
        tasks = list(self._tasks.values())
        self.forget()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self, url: str, path: Path) -> None:
        self._news.setdefault(url, {})[path] = None
        if url not in self._tasks:
            self._tasks[url] = asyncio.create_task(self._deliver(url))

    async def _deliver(self, url: str) -> None:
        failures = 0
        while self._news.get(url) and failures < _TRIES:
            paths = self._news.pop(url)
            status = await self._post(url, paths)
            if status == 404:
                for path in paths:
                    self._unobserve(text_of(path), url)
            elif not 200 <= status < 300:
                failures += 1
                self._news.setdefault(url, {}).update(paths)
                await self._world.clock.sleep(_PAUSE_S)
        self._news.pop(url, None)
        del self._tasks[url]

    async def _post(self, url: str, paths: Mapping[Path, None]) -> int:
        """The status of the answer; 0 if there is none."""
        place = urlsplit(url)
        body = {"term": self._term, "index": self._index}
        body |= {text_of(path): {"op": "modified"} for path in paths}  # type: ignore[misc]  # as arangod mixes them
        target = place.path + (f"?{place.query}" if place.query else "")
        request = Request("POST", target or "/", self._headers(), msgspec.json.encode(body))
        try:
            answer = await self._world.network.request(f"tcp://{place.netloc}", request, timeout_s=_TIMEOUT_S)
        except Unreachable:
            return 0
        return answer.status


def _touch(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
