"""Swarm: many short seeded lives of a cluster, each with its own mixture of trouble, then peace.

python -m tests.reference.raft.swarm 0 10000
"""

from __future__ import annotations

import sys
import time
from random import Random

from reference.raft import Timing
from tests.reference.raft.cluster import Cluster
from tests.reference.raft.oracle import Violation, check_logs_match

_ACTIONS = 600


def run(seed: int, actions: int = _ACTIONS) -> Cluster:
    """One seed. Raises Violation."""
    random = Random(seed)
    members, retained = random.choice((1, 3, 3, 3, 5, 5)), random.choice((0, 0, 3, 20))
    timing = Timing(election_ticks_min=3, election_ticks_max=random.choice((3, 4, 6, 10)))
    cluster = Cluster(members, random, timing=timing, retained=retained)
    trouble = _Trouble(random)
    for number in range(actions):
        trouble.act(cluster)
        if number % 50 == 0:
            check_logs_match(cluster.raft(name) for name in cluster.running())
    cluster.make_peace()
    return cluster


class _Trouble:
    """What happens, how often: drawn once for a life."""

    def __init__(self, random: Random) -> None:
        self._random = random
        draw = random.choice
        self._weights = {
            self._tick: 30,
            self._tick_all: draw((0, 10, 20)),
            self._propose: draw((5, 20)),
            self._read: draw((2, 10)),
            self._crash: draw((0, 1, 3, 8)),
            self._crash_leader: draw((0, 0, 2)),
            self._start: draw((3, 8)),
            self._restart: draw((0, 2, 6)),
            self._partition: draw((0, 1, 4)),
            self._heal: draw((1, 3)),
            self._compact: draw((0, 2, 10)),
        }
        self._kinds, self._shares = tuple(self._weights), tuple(self._weights.values())
        self._calm = draw((0.6, 0.75, 0.9))
        self._loss = draw((0.0, 0.0, 0.05, 0.2))
        self._repeat = draw((0.0, 0.05, 0.2))
        self._disorder = draw((0.0, 0.1, 0.5, 1.0))
        self._early = draw((0.0, 0.3))
        self._partial = draw((0.0, 0.2, 0.6))

    def act(self, cluster: Cluster) -> None:
        """Something happens: work goes on, or trouble comes."""
        busy = [name for name in cluster.names if cluster.hosts[name].queue]
        if (busy or cluster.wire) and self._random.random() < self._calm:
            if cluster.wire and (not busy or self._random.random() < 0.5):
                self._deliver(cluster)
            else:
                self._work(cluster, self._random.choice(busy))
            return
        (kind,) = self._random.choices(self._kinds, self._shares)
        kind(cluster)

    def _somebody(self, cluster: Cluster) -> str | None:
        running = cluster.running()
        return self._random.choice(running) if running else None

    def _somebody_who_leads(self, cluster: Cluster) -> str | None:
        leaders = cluster.leaders()
        return self._random.choice(leaders) if leaders else None

    def _deliver(self, cluster: Cluster) -> None:
        chance = self._random.random
        position = int(chance() * len(cluster.wire)) if chance() < self._disorder else 0
        if chance() < self._loss:
            cluster.wire.pop(position)
        else:
            cluster.deliver(position, keep=chance() < self._repeat)

    def _work(self, cluster: Cluster, name: str) -> None:
        if self._random.random() < self._early:
            cluster.send_early(name)
            return
        if self._random.random() < self._partial:
            if self._random.random() < 0.2:
                cluster.sync_early(name)
            cluster.carry_out(name, self._random.randint(1, 3))
        else:
            cluster.carry_out(name)

    def _tick(self, cluster: Cluster) -> None:
        if (name := self._somebody(cluster)) is not None:
            cluster.tick(name)

    def _tick_all(self, cluster: Cluster) -> None:
        for name in cluster.running():
            cluster.tick(name)

    def _propose(self, cluster: Cluster) -> None:
        if (name := self._somebody_who_leads(cluster)) is not None:
            cluster.propose(name, b"%d" % self._random.getrandbits(30))

    def _read(self, cluster: Cluster) -> None:
        if (name := self._somebody_who_leads(cluster)) is not None:
            cluster.read(name)

    def _crash(self, cluster: Cluster) -> None:
        if (name := self._somebody(cluster)) is not None:
            cluster.crash(name)

    def _crash_leader(self, cluster: Cluster) -> None:
        if (name := self._somebody_who_leads(cluster)) is not None:
            cluster.crash(name)

    def _start(self, cluster: Cluster) -> None:
        for name in cluster.names:
            if cluster.hosts[name].raft is None:
                cluster.start(name)
                return

    def _restart(self, cluster: Cluster) -> None:
        if (name := self._somebody(cluster)) is not None:
            cluster.crash(name)
            cluster.start(name)

    def _partition(self, cluster: Cluster) -> None:
        cluster.blocked.clear()
        size = self._random.randint(1, max(1, len(cluster.names) // 2))
        cluster.isolate(self._random.sample(cluster.names, size))

    def _heal(self, cluster: Cluster) -> None:
        cluster.blocked.clear()

    def _compact(self, cluster: Cluster) -> None:
        if (name := self._somebody(cluster)) is not None:
            cluster.compact(name)


def main(first: int, end: int) -> int:
    """Run seeds and say what was found; the exit code."""
    began_s = time.perf_counter()
    found = elections = decided = 0
    for seed in range(first, end):
        try:
            cluster = run(seed)
        except Violation as violation:
            found += 1
            print(f"seed {seed}: {violation}")  # noqa: T201 - its purpose
        else:
            elections += len(cluster.oracle.leaders)
            decided += len(cluster.oracle.decided)
    took_s = time.perf_counter() - began_s
    print(  # noqa: T201 - its purpose
        f"{end - first} seeds in {took_s:.1f} s, {elections} elections, {decided} entries: {found} violations"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
