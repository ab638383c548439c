"""Reads before an entry of its own term is committed."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _may_read_at_once(_self: Leadership) -> bool:
    return True


DEFECT = Defect(
    id="read-before-own-entry",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.leadership:Leadership._may_read",
    replacement=_may_read_at_once,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("agency_register",),
    mirrors="etcd#7331, redisraft#22",
    number="R03",
)
