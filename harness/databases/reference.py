"""Pestle's own reference implementation of ArangoDB's replication modes.

It is taken to the hosts as it is here, with the packages it needs, and started with arangod's option names.
In simulation it is this process's own code, and nothing is taken anywhere. The only place of the harness
that knows the reference's package.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import reference
from harness.database import Database, DatabaseOptions
from harness.databases.arango_http.deployment import Deployment
from harness.databases.arango_http.failover_deployment import TOPOLOGY, FailoverDeployment
from harness.databases.arango_http.product import Product
from harness.environment import Environment
from harness.environments.bundle import bundle
from reference.options import parse
from reference.roles import create
from reference.world import World

_DISTRIBUTIONS = ("httptools", "msgspec", "pyjwt", "uvloop")


def database(options: DatabaseOptions) -> Database:
    """The reference in one of its topologies."""
    product = Product(
        "reference",
        "Pestle's reference implementation",
        "arangod-ref",
        _install,
        simulated=simulated,
        failover_options=lambda heartbeat_s: {"--cluster.heartbeat-interval": f"{heartbeat_s:g}"},
    )
    if options.topology == TOPOLOGY:
        return FailoverDeployment(product, options)
    return Deployment(product, options)


async def simulated(world: World, arguments: Sequence[str], tell: Callable[[str, str], object]) -> None:
    """`arangod-ref` in a world that is given: what the process would do from its start to its end.

    Raises what keeps the server from serving.
    """
    await create(world, parse(arguments), tell).run()


async def _install(environment: Environment, nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    if environment.simulation is not None:
        return dict.fromkeys(nodes, ())
    with TemporaryDirectory() as folder:
        source = Path(reference.__file__).parent
        packed = await asyncio.to_thread(bundle, Path(folder) / "bundle", _DISTRIBUTIONS, [source])
        paths = await asyncio.gather(*(environment.install(node, packed) for node in nodes))
    return {node: (f"{path}/python", "-m", "reference") for node, path in zip(nodes, paths, strict=True)}
