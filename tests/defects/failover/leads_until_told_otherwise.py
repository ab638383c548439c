"""A server that knows of no leader answers as a single server does."""

from __future__ import annotations

from reference.failover.gate import Gate, Role
from tests.defects.defect import Defect


def _role(self: Gate) -> Role:
    return Role.LEADER if self._role is Role.UNKNOWN else self._role


DEFECT = Defect(
    id="leads-until-told-otherwise",
    clause="AF-ELECTION",
    anomaly="leader-without-agency",
    replaces="reference.failover.gate:Gate.role",
    replacement=property(_role),
    oracle="http",
    topology="active-failover",
    faults=(
        "agents",
        "kill",
    ),
    mirrors="server modes that are 'default' until somebody sets another",
)
