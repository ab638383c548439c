"""Queued jobs stay on the leader that they were given."""

from __future__ import annotations

from msgspec import structs

from reference.failover.member import Member
from reference.replication.configuration import ApplierConfiguration
from tests.defects.defect import Defect

_configuration_rightly = Member._configuration


def _configuration(self: Member, endpoint: str) -> ApplierConfiguration:
    return structs.replace(_configuration_rightly(self, endpoint), include_foxx_queues=False)


DEFECT = Defect(
    id="jobs-not-followed",
    clause="AF-QUEUES",
    anomaly="lost-outside-window",
    replaces="reference.failover.member:Member._configuration",
    replacement=_configuration,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("drivers",),
)
