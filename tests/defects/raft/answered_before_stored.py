"""Answers before the entries are on disk."""

from __future__ import annotations

from reference.raft.durable import Persist
from reference.raft.effects import Effect
from reference.raft.raft import Raft
from tests.defects.defect import Defect

_effects_rightly = Raft._effects


def _persisted_last(self: Raft) -> list[Effect]:
    effects = _effects_rightly(self)
    return sorted(effects, key=lambda effect: isinstance(effect, Persist))


DEFECT = Defect(
    id="answered-before-stored",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._effects",
    replacement=_persisted_last,
    oracle="client",
    topology="active-failover",
    faults=("power",),
    workloads=("agency_register",),
    mirrors="NATS: acknowledged before fsync",
    number="R06",
)
