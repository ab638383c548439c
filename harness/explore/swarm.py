"""Swarm: one seed becomes one set of options, and no two seeds test alike.

A test that always does everything a little finds less than many that each do something else a lot (Groce et
al., "Swarm testing", ISSTA 2012): a fault family that is left out is what lets another one's defect show. So
each seed draws its workloads, fault families, sizes, timings and conditions, all before anything runs.

An expansion depends on the seed, the topology, and the workloads and nemeses that exist: with a new nemesis
module a seed becomes another test. What has to survive that is kept as a tape (`harness.explore.tape`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from random import Random

from harness.database import FailoverTimings
from harness.explore.conditions import CALM, Conditions, draw
from harness.explore.spells import draw_spells
from harness.plan import NEMESIS, WORKLOAD, Claim, Plan, fitting_interval_s, load, parts
from harness.seeds import stream
from workloads.protocol.workload import Options, Workload

ENVIRONMENT = "simulation"


@dataclass(frozen=True, slots=True)
class Space:
    """What the swarms of a topology are drawn from; `pointless` are nemeses that can do nothing in it.

    `lengths_s` are time limits, `operations` are of one workload. Where leaders change, each swarm has one of
    the `witnesses`, the workloads that see it, and one of the `strikes`, the nemeses that bring it about.
    Faults then last about `fault_s`: long enough for it, and short enough for several. Without `spells` there
    are none: leases are so short that they would end with each.
    """

    node_counts: tuple[int, ...]
    pointless: frozenset[str] = frozenset()
    lengths_s: tuple[int, ...] = (11, 12, 14, 17, 20)
    operations: tuple[int, ...] = (500, 700, 900)
    witnesses: tuple[str, ...] = ()
    strikes: tuple[str, ...] = ()
    fault_s: tuple[float, float] | None = None
    spells: bool = True


_GUARDED = 0.2
"""The share of worlds whose servers demand a password."""
_AGENCY = frozenset({"agents", "isolation"})

SPACES = {
    "single": Space(node_counts=(1,), pointless=_AGENCY | {"partition", "replication"}),
    "leader-follower": Space(node_counts=(2, 3, 3, 3, 4), pointless=_AGENCY),
    "active-failover": Space(
        # Up to four nodes have an agent and a server; of more, three have an agent only. Two have one agent,
        # from which no leader can be isolated.
        node_counts=(3, 3, 3, 4, 5, 5, 5, 6, 6, 7),
        pointless=frozenset({"replication"}),
        lengths_s=(20, 21, 22, 24),
        operations=(400, 450, 500),
        witnesses=("failover_loss", "leadership", "redirects"),
        strikes=(*("isolation",) * 5, "kill", "partition", "pause", "power"),
        fault_s=(1.8, 2.4),
        spells=False,
    ),
}
"""By topology. What is named twice is drawn twice as often."""


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
        failover = self.conditions.failover
        often = asdict(self.conditions.spells).items()
        spells = ", ".join(f"{name[:-2]} every {mean_s:g} s" for name, mean_s in often if mean_s is not None)
        patience = "" if failover is None else f", lease {failover.lease_s:g} s, grace {failover.grace_s:g} s"
        return (
            f"seed {self.seed}: {self.topology}, {self.node_count} nodes, {'+'.join(self.workloads)}, "
            f"{'+'.join(self.nemeses) or 'no fault'} every {self.interval_s:g} s, {self.time_limit_s:g} s, "
            f"{self.rate:g}/s by {self.concurrency}, timeout {self.op_timeout_s:g} s{patience}"
            f"{'; ' + trouble if trouble else ''}{'; clocks off' if clocks else ''}"
            f"{'; ' + spells if spells else ''}"
        )


def expand(
    seed: int, topology: str, workloads: Sequence[str] = (), nemeses: Sequence[str] | None = None
) -> Swarm:
    """The swarm of a seed. `workloads` and `nemeses` restrict the draw; () of the latter means no fault.

    ValueError for a topology that there is not, or one that a workload cannot use.
    """
    space = _space(topology)
    random = stream(seed, f"swarm/{topology}")
    mix = _some(random, _fitting(topology, tuple(workloads)), space.witnesses)
    families = _families(random, space, nemeses)
    time_limit_s = float(random.choice(space.lengths_s))
    # So many that also a run whose leader is away half of the time does what its workloads need at least.
    operations = random.choice(space.operations) * len(mix)
    node_count = random.choice(space.node_counts)
    longest_s = fitting_interval_s(time_limit_s, len(families))
    interval_s = longest_s * random.uniform(0.4, 1.0)
    if space.fault_s is not None:
        interval_s = min(longest_s, random.uniform(*space.fault_s))
    swarm = Swarm(
        seed=seed,
        topology=topology,
        node_count=node_count,
        workloads=mix,
        nemeses=families,
        interval_s=round(interval_s, 3),
        time_limit_s=time_limit_s,
        rate=round(operations / time_limit_s, 3),
        concurrency=len(mix) * random.choice((2, 3, 4, 5)),
        op_timeout_s=random.choice((1.0, 2.0, 5.0)),
        claim="fault-tolerance" if families else "fault-free",
        # A source of its own: servers with passwords are otherwise as they would be without.
        conditions=replace(
            draw(random, node_count),
            guarded=not space.strikes and stream(seed, "guarded").random() < _GUARDED,
        ),
    )
    if space.spells:
        swarm = replace(swarm, conditions=replace(swarm.conditions, spells=draw_spells(random)))
    if not space.strikes:
        return swarm
    return replace(swarm, conditions=replace(swarm.conditions, failover=_timings(random)))


def _families(random: Random, space: Space, only: Sequence[str] | None) -> tuple[str, ...]:
    """One to three, or two where leaders change; in one run in twenty none, so that also the control arm is
    explored.
    """
    possible = [name for name in _known(NEMESIS.package) if name not in space.pointless]
    if only is not None:
        possible = [name for name in only if name not in space.pointless]
    is_calm = random.random() < 0.05
    if is_calm or not possible:
        return ()
    return _some(random, possible, space.strikes, most=2 if space.strikes else 3)


def _some(random: Random, names: Sequence[str], needed: Sequence[str] = (), most: int = 3) -> tuple[str, ...]:
    """At least one of them, fewer more often than more; one of those that are needed, if there is any."""
    count = min(random.choice((1, 1, 2, most)), len(names))
    useful = [name for name in needed if name in names]
    if not useful:
        return tuple(sorted(random.sample(list(names), count)))
    first = random.choice(useful)
    others = [name for name in names if name != first]
    return tuple(sorted([first, *random.sample(others, count - 1)]))


def _timings(random: Random) -> FailoverTimings:
    """Fast ones. No leader is named and replaced within a second: nobody who looks could see it."""
    heartbeat_s = round(random.uniform(0.25, 0.33), 3)
    lease_s = round(random.uniform(0.85, 1.1), 3)
    election_s = round(random.uniform(0.7, 0.9), 3)
    return FailoverTimings(
        heartbeat_s=heartbeat_s,
        lease_s=lease_s,
        supervision_s=round(random.uniform(0.2, 0.3), 3),
        ok_s=round(lease_s * random.uniform(0.8, 0.9), 3),
        grace_s=round(max(1.1, 1.15 * lease_s) + random.choice((0.0, random.uniform(0.0, 0.4))), 3),
        election_s=(election_s, round(2 * election_s, 3)),
    )


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
