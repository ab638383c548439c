"""A real arangod, which must be installed on the hosts: versions 3.8 to 3.11 have this replication.

Started with the same options as the reference, spoken to in the same dialect. Never run by Pestle's own
tests, for want of an arangod: what is written here is what its documentation says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.database import Database, DatabaseOptions
from harness.databases.arango_http.deployment import Deployment
from harness.databases.arango_http.failover_deployment import TOPOLOGY, FailoverDeployment
from harness.databases.arango_http.product import Product
from harness.environment import Environment


def database(options: DatabaseOptions) -> Database:
    """ArangoDB in one of its topologies."""
    product = Product("arangodb", "ArangoDB", "arangod", _installed)
    if options.topology == TOPOLOGY:
        return FailoverDeployment(product, options)
    return Deployment(product, options)


async def _installed(environment: Environment, nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG001 - Product's signature
    return dict.fromkeys(nodes, ("arangod",))
