"""A follower's refusals name the first leader that it followed."""

from __future__ import annotations

from reference.failover.gate import Gate, Role
from tests.defects.defect import Defect

_become_rightly = Gate.become


def _become(self: Gate, role: Role, leader: str = "") -> None:
    first = self._leader
    _become_rightly(self, role, leader)
    self._leader = first or leader


DEFECT = Defect(
    id="first-leader-named-for-ever",
    clause="AF-DRIVERS",
    anomaly="leader-not-found",
    replaces="reference.failover.gate:Gate.become",
    replacement=_become,
    oracle="http",
    topology="active-failover",
    faults=("kill",),
    mirrors="drivers that are sent to a server that is gone",
)
