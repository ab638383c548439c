"""A follower's refusals name the first leader that it followed."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from reference.failover.gate import Gate, Role
from tests.defects.defect import Defect

_become_rightly = Gate.become
_first = WeakKeyDictionary[Gate, str]()


def _become(self: Gate, role: Role, leader: str = "") -> None:
    if role is Role.FOLLOWER:
        leader = _first.setdefault(self, leader)
    _become_rightly(self, role, leader)


DEFECT = Defect(
    id="first-leader-named-for-ever",
    clause="AF-503-ENDPOINT",
    anomaly="stale-endpoint",
    replaces="reference.failover.gate:Gate.become",
    replacement=_become,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("redirects",),
)
