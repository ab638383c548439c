"""Runs one plan and prints its trace's hash: for comparisons between processes.

    python -m tests.harness.simulation.scenario SEED [careless]

`careless` plants the mistake that the comparison must catch: a server that iterates over a set of strings.
"""

from __future__ import annotations

import sys

from harness.life import live
from harness.plan import Plan
from reference.server import Server
from reference.world import Request, Response

NAMES = {"agency", "coordinator", "dbserver", "follower", "leader", "single"}


def plan(seed: int, **changes: object) -> Plan:
    wanted: dict[str, object] = {
        "environment": "simulation",
        "topology": "leader-follower",
        "workloads": ("register", "set", "leader_follower"),
        "nemeses": ("kill", "pause", "partition", "power", "clock", "slow", "disk"),
        "time_limit_s": 12.0,
        "rate": 60.0,
        "concurrency": 6,
        "seed": seed,
        "interval_s": 0.5,
    }
    return Plan(**{**wanted, **changes})  # type: ignore[arg-type]  # checked where the plan is made


def be_careless() -> None:
    """Let every server answer with a list made of a set."""
    proper = Server.handle

    async def handle(self: Server, request: Request) -> Response:
        response = await proper(self, request)
        return Response(response.status, {**response.headers, "x-roles": ",".join(NAMES)}, response.body)

    Server.handle = handle  # type: ignore[method-assign]  # the planted mistake


if __name__ == "__main__":
    if "careless" in sys.argv:
        be_careless()
    print(live(plan(int(sys.argv[1]))).trace_sha256)  # noqa: T201 - what the process is for
