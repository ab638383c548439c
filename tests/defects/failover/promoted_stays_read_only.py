"""A server that has followed once never answers as leader again."""

from __future__ import annotations

from weakref import WeakSet

from reference.failover.gate import Gate, Role
from tests.defects.defect import Defect

_become_rightly = Gate.become
_have_followed = WeakSet[Gate]()


def _become(self: Gate, role: Role, leader: str = "") -> None:
    if role is Role.FOLLOWER:
        _have_followed.add(self)
    if role is not Role.LEADER or self not in _have_followed:
        _become_rightly(self, role, leader)


DEFECT = Defect(
    id="promoted-stays-read-only",
    clause="AF-FAILOVER",
    anomaly="no-leader",
    replaces="reference.failover.gate:Gate.become",
    replacement=_become,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("leadership",),
)
