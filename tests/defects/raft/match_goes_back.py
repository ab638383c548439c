"""Believes a late answer about how far the logs agree."""

from __future__ import annotations

from reference.raft.progress import Progress
from tests.defects.defect import Defect


def _match_goes_back(self: Progress, index: int) -> None:
    self.match = index
    self.next = max(self.next, self.match + 1)
    self.asked = False
    if self.snapshot is not None and self.match >= self.snapshot:
        self.snapshot = None
    if self.match == self.next - 1:
        self.probing = False


DEFECT = Defect(
    id="match-goes-back",
    clause="CL-AGENCY-RAFT",
    anomaly="liveness",
    replaces="reference.raft.progress:Progress.agreed",
    replacement=_match_goes_back,
    oracle="internal",
    topology="active-failover",
    mirrors="RaftOS#25, PySyncObj#167",
    number="R17",
    equivalent=(
        "a match that is too low commits less and later, never more: the leader's commit index does not go "
        "back, and the answer to the next heartbeat, whose place before it the follower has, makes the match "
        "right again. So a write is acknowledged one heartbeat later at worst, and no promise names a time"
    ),
)
