"""What is held in memory of the users is renewed only when a user is changed here."""

from __future__ import annotations

from reference.api.accounts import Accounts, User
from tests.defects.defect import Defect

_current_rightly = Accounts._current


async def _current(self: Accounts) -> dict[str, User]:
    if self._users and not self._changing.locked():
        return self._users
    return await _current_rightly(self)


DEFECT = Defect(
    id="users-remembered",
    clause="AF-USERS",
    anomaly="user-not-valid",
    replaces="reference.api.accounts:Accounts._current",
    replacement=_current,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("drivers",),
)
