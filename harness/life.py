"""Life: one whole run of a simulated cluster, in memory, from its plan to its verdict.

The same nine steps as `pestle run`, without a folder, for those who live thousands of lives.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkers.history import History
from harness.environment import Environment
from harness.plan import Plan
from harness.progress import Progress
from harness.results import Recorded, Results, judge
from harness.run import Cast, Run, cast
from harness.store import Memory
from workloads.guarantees import load as catalogue


@dataclass(frozen=True, slots=True)
class Life:
    """What became of it. `environment` is the world as it was left, with its trace and its servers' logs;
    `crash` is where the harness itself died, if it did.
    """

    plan: Plan
    recorded: Recorded
    history: History
    results: Results
    environment: Environment
    crash: str | None

    @property
    def trace_sha256(self) -> str:
        """The hash of all that happened."""
        assert self.recorded.trace_sha256 is not None
        return self.recorded.trace_sha256


def live(plan: Plan, parts: Cast | None = None) -> Life:
    """Live one life of `plan`, or of `parts` made of it. ValueError if its environment is no simulation."""
    parts = cast(plan) if parts is None else parts
    simulation = parts.environment.simulation
    if simulation is None:
        raise ValueError(f"--env {plan.environment} has no virtual time; only simulation has.")
    memory = Memory()
    run = Run(plan, parts, memory, Progress(None), started="")
    recorded = simulation.run(run.execute())
    history = memory.history()
    results = judge(recorded, history, catalogue())
    return Life(plan, recorded, history, results, parts.environment, memory.texts.get("crash.txt"))
