"""A follower that has followed one leader names no other in its refusals."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from reference.failover.gate import Gate, Role
from tests.defects.defect import Defect

_become_rightly = Gate.become
_first = WeakKeyDictionary[Gate, str]()


def _become(self: Gate, role: Role, leader: str = "") -> None:
    if role is Role.FOLLOWER and _first.setdefault(self, leader) != leader:
        leader = ""
    _become_rightly(self, role, leader)


DEFECT = Defect(
    id="second-leader-not-named",
    clause="AF-DRIVERS",
    anomaly="driver-lost",
    replaces="reference.failover.gate:Gate.become",
    replacement=_become,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=(
        "drivers",
        "redirects",
    ),
)
