"""Raft under hypothesis.

Any order of ticks, messages, crashes, partitions and commands keeps the promises.
"""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.reference.raft.cluster import Cluster
from tests.reference.raft.oracle import check_logs_match

_MEMBER = st.integers(0, 4)
_PLACE = st.integers(0, 1 << 16)


class RaftMachine(RuleBasedStateMachine):
    """A cluster of three or five to which anything happens; at the end there is peace."""

    cluster: Cluster

    @initialize(members=st.sampled_from((3, 5)), seed=_PLACE, retained=st.sampled_from((0, 3)))
    def begin(self, members: int, seed: int, retained: int) -> None:
        self.cluster = Cluster(members, Random(seed), retained=retained)

    def _name(self, member: int) -> str:
        return self.cluster.names[member % len(self.cluster.names)]

    def _is_up(self, member: int) -> bool:
        return self.cluster.hosts[self._name(member)].raft is not None

    @rule(member=_MEMBER, count=st.integers(1, 6))
    def time_passes(self, member: int, count: int) -> None:
        for _ in range(count if self._is_up(member) else 0):
            self.cluster.tick(self._name(member))

    @rule(ticks=st.integers(1, 6))
    def all_goes_well_for_a_while(self, ticks: int) -> None:
        self.cluster.settle()
        self.cluster.pass_time(ticks)

    @rule(member=_MEMBER, count=st.integers(1, 9))
    def effects_are_carried_out(self, member: int, count: int) -> None:
        self.cluster.carry_out(self._name(member), count)

    @rule(member=_MEMBER)
    def writes_are_synced_together(self, member: int) -> None:
        self.cluster.sync_early(self._name(member))

    @rule(member=_MEMBER)
    def entries_are_sent_while_the_disk_works(self, member: int) -> None:
        if self._is_up(member):
            self.cluster.send_early(self._name(member))

    @precondition(lambda self: self.cluster.wire)
    @rule(place=_PLACE, repeated=st.booleans())
    def a_message_arrives(self, place: int, repeated: bool) -> None:
        self.cluster.deliver(place % len(self.cluster.wire), keep=repeated)

    @precondition(lambda self: self.cluster.wire)
    @rule(count=st.integers(1, 10))
    def messages_arrive_in_order(self, count: int) -> None:
        for _ in range(min(count, len(self.cluster.wire))):
            self.cluster.deliver()

    @precondition(lambda self: self.cluster.wire)
    @rule(place=_PLACE)
    def a_message_is_lost(self, place: int) -> None:
        self.cluster.wire.pop(place % len(self.cluster.wire))

    @precondition(lambda self: self.cluster.leaders())
    @rule(place=_PLACE, count=st.integers(1, 3))
    def a_leader_gets_writes(self, place: int, count: int) -> None:
        leaders = self.cluster.leaders()
        for number in range(count):
            self.cluster.propose(leaders[place % len(leaders)], b"%d %d" % (place, number))

    @precondition(lambda self: self.cluster.leaders())
    @rule(place=_PLACE)
    def a_leader_gets_a_read(self, place: int) -> None:
        leaders = self.cluster.leaders()
        self.cluster.read(leaders[place % len(leaders)])

    @rule(member=_MEMBER)
    def a_member_crashes(self, member: int) -> None:
        self.cluster.crash(self._name(member))

    @rule(member=_MEMBER)
    def a_member_starts(self, member: int) -> None:
        if not self._is_up(member):
            self.cluster.start(self._name(member))

    @rule(member=_MEMBER)
    def a_member_compacts_its_log(self, member: int) -> None:
        if self._is_up(member):
            self.cluster.compact(self._name(member))

    @rule(group=st.sets(_MEMBER, min_size=1, max_size=2))
    def the_network_is_cut(self, group: set[int]) -> None:
        self.cluster.isolate(sorted({self._name(member) for member in group}))

    @rule(one=_MEMBER, other=_MEMBER)
    def one_direction_is_cut(self, one: int, other: int) -> None:
        self.cluster.blocked.add((self._name(one), self._name(other)))

    @rule()
    def the_network_is_whole(self) -> None:
        self.cluster.blocked.clear()

    @invariant()
    def logs_match(self) -> None:
        if hasattr(self, "cluster"):
            check_logs_match(self.cluster.raft(name) for name in self.cluster.running())

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.cluster.make_peace()


TestRaft = RaftMachine.TestCase
TestRaft.settings = settings(stateful_step_count=60)
