"""An observer that does not answer at once is not told of the change any more."""

from __future__ import annotations

from reference.agency.callbacks import Callbacks
from reference.agency.tree import text_of
from tests.defects.defect import Defect


async def _deliver(self: Callbacks, url: str) -> None:
    while paths := self._news.pop(url, None):
        if await self._post(url, paths) == 404:
            for path in paths:
                self._unobserve(text_of(path), url)
    del self._tasks[url]


DEFECT = Defect(
    id="callback-tried-once",
    clause="CL-AGENCY-CALLBACK",
    anomaly="not-called-back",
    replaces="reference.agency.callbacks:Callbacks._deliver",
    replacement=_deliver,
    oracle="http",
    topology="active-failover",
    faults=("kill",),
)
