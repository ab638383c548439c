"""Any password will do for a user that exists."""

from __future__ import annotations

from reference.api.accounts import Accounts, Caller
from tests.defects.defect import Defect


def _check(self: Accounts, name: str, password: str) -> Caller | None:
    user = self._users.get(name)
    return user.as_caller() if user is not None and user.active else None


DEFECT = Defect(
    id="wrong-password-accepted",
    clause="LF-AUTH",
    anomaly="wrong-password",
    replaces="reference.api.accounts:Accounts._check",
    replacement=_check,
    oracle="http",
    needs=("authentication",),
)
