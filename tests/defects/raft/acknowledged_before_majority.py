"""Acknowledges before a majority has stored it."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _committable_at_once(self: Leadership) -> int:
    return self._log.last_index


DEFECT = Defect(
    id="acknowledged-before-majority",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.leadership:Leadership._committable",
    replacement=_committable_at_once,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    mirrors="NATS: acknowledged by a minority",
    number="R01",
)
