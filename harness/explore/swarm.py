"""Swarm: one seed becomes one set of options, and no two seeds test alike.

A test that always does everything a little finds less than many that each do something else a lot (Groce et
al., "Swarm testing", ISSTA 2012): a fault family that is left out is what lets another one's defect show. So
each seed draws its workloads, fault families, sizes, timings and conditions, all before anything runs.

An expansion depends on the seed, the topology, and the workloads and nemeses that exist: with a new nemesis
module a seed becomes another test. What has to survive that is kept as a tape (`harness.explore.tape`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from harness.explore.conditions import CALM, Conditions, draw
from harness.plan import NEMESIS, WORKLOAD, Claim, Plan, fitting_interval_s, load, parts
from harness.seeds import stream
from workloads.protocol.workload import Options, Workload

ENVIRONMENT = "simulation"


@dataclass(frozen=True, slots=True)
class Space:
    """What the swarms of a topology are drawn from; `pointless` are nemeses that can do nothing in it."""

    node_counts: tuple[int, ...]
    pointless: frozenset[str] = frozenset()


_AGENCY = frozenset({"agents", "isolation"})

SPACES = {
    "single": Space(node_counts=(1,), pointless=_AGENCY | {"partition"}),
    "leader-follower": Space(node_counts=(2, 3, 3, 3, 4), pointless=_AGENCY),
}
"""By topology. A count that is named twice is drawn twice as often."""


_SHOWN = ("delay_s", "jitter_s", "loss", "duplication", "sync_s", "flush_s", "keep_log_s", "chunk_bytes")


@dataclass(frozen=True, slots=True)
class Swarm:
    """The options of one simulated run; units and names as in `harness.plan.Plan`."""

    seed: int
    topology: str
    node_count: int
    workloads: tuple[str, ...]
    nemeses: tuple[str, ...]
    interval_s: float
    time_limit_s: float
    rate: float
    concurrency: int
    op_timeout_s: float = 5.0
    claim: Claim = "fault-tolerance"
    conditions: Conditions = field(default=CALM)

    @property
    def plan(self) -> Plan:
        """The run."""
        return Plan(
            environment=ENVIRONMENT,
            topology=self.topology,
            workloads=self.workloads,
            nemeses=self.nemeses,
            time_limit_s=self.time_limit_s,
            rate=self.rate,
            concurrency=self.concurrency,
            seed=self.seed,
            interval_s=self.interval_s,
            claim=self.claim,
            op_timeout_s=self.op_timeout_s,
            node_count=self.node_count,
        )

    def __str__(self) -> str:
        """One line for people."""
        trouble = ", ".join(
            f"{name} {value:g}" for name in _SHOWN if (value := getattr(self.conditions, name))
        )
        clocks = self.conditions.clock_offsets_s or self.conditions.clock_drifts
        return (
            f"seed {self.seed}: {self.topology}, {self.node_count} nodes, {'+'.join(self.workloads)}, "
            f"{'+'.join(self.nemeses) or 'no fault'} every {self.interval_s:g} s, {self.time_limit_s:g} s, "
            f"{self.rate:g}/s by {self.concurrency}, timeout {self.op_timeout_s:g} s"
            f"{'; ' + trouble if trouble else ''}{'; clocks off' if clocks else ''}"
        )


def expand(
    seed: int, topology: str, workloads: Sequence[str] = (), nemeses: Sequence[str] | None = None
) -> Swarm:
    """The swarm of a seed. `workloads` and `nemeses` restrict the draw; () of the latter means no fault.

    ValueError for a topology that there is not, or one that a workload cannot use.
    """
    space = _space(topology)
    random = stream(seed, f"swarm/{topology}")
    mix = _some(random, _fitting(topology, tuple(workloads)), most=3)
    families = _families(random, space, nemeses)
    time_limit_s = float(random.choice((11, 12, 14, 17, 20)))
    # So many that also a run whose leader is away half of the time does what its workloads need at least.
    operations = random.choice((500, 700, 900)) * len(mix)
    node_count = random.choice(space.node_counts)
    return Swarm(
        seed=seed,
        topology=topology,
        node_count=node_count,
        workloads=mix,
        nemeses=families,
        interval_s=round(fitting_interval_s(time_limit_s, len(families)) * random.uniform(0.4, 1.0), 3),
        time_limit_s=time_limit_s,
        rate=round(operations / time_limit_s, 3),
        concurrency=len(mix) * random.choice((2, 3, 4, 5)),
        op_timeout_s=random.choice((1.0, 2.0, 5.0)),
        claim="fault-tolerance" if families else "fault-free",
        conditions=draw(random, node_count),
    )


def _families(random: Random, space: Space, only: Sequence[str] | None) -> tuple[str, ...]:
    """One to three, and one run in twenty without any, so that also the control arm is explored."""
    possible = [name for name in _known(NEMESIS.package) if name not in space.pointless]
    if only is not None:
        possible = [name for name in only if name not in space.pointless]
    is_calm = random.random() < 0.05
    return () if is_calm or not possible else _some(random, possible, most=3)


def _some(random: Random, names: Sequence[str], most: int) -> tuple[str, ...]:
    """At least one of them, fewer more often than more."""
    count = min(random.choice((1, 1, 2, most)), len(names))
    return tuple(sorted(random.sample(list(names), count)))


def _space(topology: str) -> Space:
    if topology not in SPACES:
        raise ValueError(
            f"There is nothing to explore of topology {topology!r}; there is {' or '.join(SPACES)}."
        )
    return SPACES[topology]


@cache
def _known(package: str) -> tuple[str, ...]:
    kind = next(kind for kind in (NEMESIS, WORKLOAD) if kind.package == package)
    return tuple(parts(kind))


@cache
def _fitting(topology: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The wanted workloads, or all that can use the topology."""
    if unfit := [name for name in wanted if topology not in _workload(name, topology).topologies]:
        raise ValueError(f"The workload {unfit[0]} cannot use the topology {topology}.")
    return wanted or tuple(
        name for name in _known(WORKLOAD.package) if topology in _workload(name, topology).topologies
    )


def _workload(name: str, topology: str) -> Workload:
    options = Options(
        rate=1.0, concurrency=2, nodes=("n1", "n2"), topology=topology, seed=0, time_limit_s=10.0
    )
    workload: Workload = load(WORKLOAD, name).workload(options)
    return workload
