"""Reads without asking whether it still leads."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _confirmed_by_itself(self: Leadership) -> int:
    return self._reads.round


DEFECT = Defect(
    id="read-without-quorum",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.leadership:Leadership._confirmed_round",
    replacement=_confirmed_by_itself,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    mirrors="etcd#20418",
    number="R02",
)
