"""What an applier knows about itself: in memory for whoever asks, and in part on disk for its next life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from reference.errors import ArangoError

Phase = Literal["inactive", "initial", "running", "shutdown"]


class SavedState(msgspec.Struct, frozen=True):
    """The part that survives a restart. It is stored in the same log group as the data it speaks about.

    `leader_id` is the serverId the data came from. Everything up to `applied_tick` is in the data; tailing
    resumes after `resume_tick`, which is smaller while a transaction of the leader has come only in part.
    """

    leader_id: str
    applied_tick: int
    resume_tick: int


@dataclass(slots=True)
class ApplierState:
    """The living state, as `GET applier-state` shows it. Ticks are None until something was processed."""

    phase: Phase = "inactive"
    started_ns: int | None = None
    applied_tick: int | None = None
    processed_tick: int | None = None
    available_tick: int | None = None
    resume_tick: int | None = None
    progress: str = "applier initially created"
    progress_ns: int = 0
    failed_connects: int = 0
    requests: int = 0
    total_failed_connects: int = 0
    events: int = 0
    documents: int = 0
    removals: int = 0
    resyncs: int = 0
    excluded: int = 0
    fetches: int = 0
    fetch_ns: int = 0
    applies: int = 0
    apply_ns: int = 0
    error: ArangoError | None = None
    error_ns: int = 0

    @property
    def running(self) -> bool:
        """Whether the applier is at work: syncing or tailing."""
        return self.phase in ("initial", "running")

    def shown(self, now_ns: int) -> dict[str, Any]:
        """The member `state` of the answer; times are the server's wall clock."""
        shown: dict[str, Any] = {
            "running": self.running,
            "phase": self.phase,
            "lastAppliedContinuousTick": _tick(self.applied_tick),
            "lastProcessedContinuousTick": _tick(self.processed_tick),
            "lastAvailableContinuousTick": _tick(self.available_tick),
            "safeResumeTick": _tick(self.resume_tick),
            "progress": {
                "time": timestamp(self.progress_ns or now_ns),
                "message": self.progress,
                "failedConnects": self.failed_connects,
            },
            "totalRequests": self.requests,
            "totalFailedConnects": self.total_failed_connects,
            "totalEvents": self.events,
            "totalDocuments": self.documents,
            "totalRemovals": self.removals,
            "totalResyncs": self.resyncs,
            "totalOperationsExcluded": self.excluded,
            "totalApplyTime": self.apply_ns / 1e9,
            "averageApplyTime": self.apply_ns / 1e9 / self.applies if self.applies else 0,
            "totalFetchTime": self.fetch_ns / 1e9,
            "averageFetchTime": self.fetch_ns / 1e9 / self.fetches if self.fetches else 0,
            "lastError": self._shown_error(),
            "time": timestamp(now_ns),
        }
        if self.started_ns is not None:
            shown["started"] = timestamp(self.started_ns)
        if self.phase == "running":
            shown["ticksBehind"] = self.ticks_behind()
        return shown

    def ticks_behind(self) -> int:
        """How many ticks the leader is known to be ahead."""
        done = max(self.applied_tick or 0, self.processed_tick or 0)
        return max(0, (self.available_tick or 0) - done)

    def _shown_error(self) -> dict[str, Any]:
        if self.error is None:
            return {"errorNum": 0}
        return {
            "errorNum": self.error.number,
            "errorMessage": self.error.message,
            "time": timestamp(self.error_ns),
        }


def timestamp(time_ns: int) -> str:
    """A moment as arangod writes it: ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tick(tick: int | None) -> str | None:
    return None if tick is None else str(tick)
