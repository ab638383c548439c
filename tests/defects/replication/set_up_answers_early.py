"""make-follower answers before the initial sync has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from reference.replication.applier import Applier
from tests.defects.defect import Defect

_make_follower_rightly = Applier.make_follower


async def _make_follower(self: Applier, given: Mapping[str, Any]) -> None:
    vars(self)["set_up"] = asyncio.create_task(_make_follower_rightly(self, given))


DEFECT = Defect(
    id="set-up-answers-early",
    clause="LF-SETUP",
    anomaly="answered-early",
    replaces="reference.replication.applier:Applier.make_follower",
    replacement=_make_follower,
    oracle="http",
)
