"""What changes in the leader's system collections, users among them, is not applied."""

from __future__ import annotations

from msgspec import structs

from reference.failover.member import Member
from reference.replication.configuration import ApplierConfiguration
from tests.defects.defect import Defect

_configuration_rightly = Member._configuration


def _configuration(self: Member, endpoint: str) -> ApplierConfiguration:
    return structs.replace(_configuration_rightly(self, endpoint), include_system=False)


DEFECT = Defect(
    id="users-not-followed",
    clause="AF-USERS",
    anomaly="lost-outside-window",
    replaces="reference.failover.member:Member._configuration",
    replacement=_configuration,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("drivers",),
)
