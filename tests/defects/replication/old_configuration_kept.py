"""Setting up again merges into the earlier configuration, which should be dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.replication.applier import Applier
from tests.defects.defect import Defect

_make_follower_rightly = Applier.make_follower


async def _make_follower(self: Applier, given: Mapping[str, Any]) -> None:
    await _make_follower_rightly(self, {**self.configuration.shown(), **given})


DEFECT = Defect(
    id="old-configuration-kept",
    clause="LF-SETUP-AGAIN",
    anomaly="old-configuration",
    replaces="reference.replication.applier:Applier.make_follower",
    replacement=_make_follower,
    oracle="http",
    needs=("two set-ups with different configurations",),
)
