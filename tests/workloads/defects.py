"""Ways in which the fake database can be broken, each in one method."""

from __future__ import annotations

from collections.abc import Sequence

from tests.workloads.fake_database import SECOND, Changes, FakeDatabase, State
from workloads.protocol.capabilities import Document
from workloads.protocol.outcome import RequestError


class LosesAcknowledgedWrites(FakeDatabase):
    """Every fortieth write is acknowledged and forgotten."""

    skipped = 0

    def commit(self, changes: Changes) -> None:
        self.skipped += 1
        if self.skipped % 40:
            super().commit(changes)


class FailsButWrites(FakeDatabase):
    """Every fortieth write is refused for certain, and done all the same."""

    done = 0

    def commit(self, changes: Changes) -> None:
        super().commit(changes)
        self.done += 1
        if self.done % 40 == 0:
            raise RequestError("refused", definite=True)


class ServesStaleReads(FakeDatabase):
    """The leader answers as of a moment ago."""

    def view(self, node: str) -> State:
        state: State = {}
        for entry in self.log:
            if node != self.leader or entry.time + SECOND // 5 <= self.now:
                state |= {key: document for key, document in entry.changes.items() if document is not None}
        return state


class ShowsTwice(FakeDatabase):
    """A read of everything shows the first document twice."""

    def documents(self, node: str) -> Sequence[Document]:
        documents = super().documents(node)
        return [*documents[:1], *documents]


class Invents(FakeDatabase):
    """A read of everything shows a document that nobody wrote."""

    def documents(self, node: str) -> Sequence[Document]:
        return [
            *super().documents(node),
            Document("number-777777", "_x", {"number": 777777, "element": 777777}),
        ]


class TearsTransactions(FakeDatabase):
    """Every tenth transaction is committed as two, and the second one never."""

    seen = 0

    def commit(self, changes: Changes) -> None:
        if len(changes) > 1:
            self.seen += 1
        torn = len(changes) > 1 and self.seen % 10 == 0
        super().commit(dict(list(changes.items())[:1]) if torn else changes)


class SkipsOnFollower(FakeDatabase):
    """Followers leave out every thirtieth transaction."""

    def apply(self, follower: str, position: int) -> None:
        if position % 30 != 29:
            super().apply(follower, position)


class AppliesOutOfOrder(FakeDatabase):
    """Followers apply every tenth transaction ten places late, and everything in the end."""

    def apply(self, follower: str, position: int) -> None:
        if position % 10 != 5:
            super().apply(follower, position)
        if position % 10 == 4 and position > 10:
            super().apply(follower, position - 9)

    def catch_up(self, follower: str) -> None:
        super().catch_up(follower)
        if self.log and self.now > self.log[-1].time + SECOND:
            for entry in self.log:
                self.show(follower, entry.changes)


class AppliesHalves(FakeDatabase):
    """Followers apply a transaction document by document, and are asked in between."""

    def apply(self, follower: str, position: int) -> None:
        changes = list(self.log[position].changes.items())
        self.show(follower, dict(changes[:1]))
        if len(changes) > 1 and self.now < self.log[position].time + 5 * self.lag_ns:
            self.applied[follower] -= 1
            self.halves = True
            return
        self.show(follower, dict(changes))

    def catch_up(self, follower: str) -> None:
        self.halves = False
        while self.applied[follower] < len(self.log) and self.due(follower) and not self.halves:
            self.apply(follower, self.applied[follower])
            self.applied[follower] += 1


class MakesOwnRevisions(FakeDatabase):
    """Followers give applied documents revisions of their own."""

    def apply(self, follower: str, position: int) -> None:
        changes = self.log[position].changes
        own = {k: d and Document(d.key, f"{d.revision}-{follower}", d.body) for k, d in changes.items()}
        self.show(follower, own)


class ForgetsRemovals(FakeDatabase):
    """Followers apply no removal."""

    def apply(self, follower: str, position: int) -> None:
        self.show(follower, {k: d for k, d in self.log[position].changes.items() if d is not None})


class StopsApplying(FakeDatabase):
    """After five seconds nothing is applied any more, though appliers say that they run."""

    def due(self, follower: str) -> bool:
        return super().due(follower) and self.log[self.applied[follower]].time < 5 * SECOND


class PromotesFollowers(FakeDatabase):
    """A follower that misses its leader stops following it."""

    def followed(self, follower: str) -> str | None:
        return None if self.leader in self.down else super().followed(follower)


class RepeatsRevisions(FakeDatabase):
    """Every second write has the revision of the one before."""

    def revision(self) -> str:
        return f"_r{len(self.log) // 2}"


class ForgetsTruncations(FakeDatabase):
    """What was truncated is there again after a while."""

    def commit(self, changes: Changes) -> None:
        if len(changes) < 2 or None not in changes.values():
            super().commit(changes)


class CommitsAborted(FakeDatabase):
    """An abort commits."""

    def aborted(self, transaction: str) -> None:
        self.commit(self.transactions[transaction][1])


class IgnoresRevisions(FakeDatabase):
    """A replacement of several does not compare revisions."""

    def fits(self, document: Document, revision: str | None) -> bool:
        return True
