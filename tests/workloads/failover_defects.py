"""Ways in which the fake active failover can be broken, each in one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.workloads.fake_database import SECOND
from tests.workloads.fake_failover import JOBS, USERS, Entry, FakeFailover
from workloads.protocol.capabilities import Document
from workloads.protocol.failover import Reply
from workloads.protocol.outcome import RequestError

# Loss.


class LosesInTheMiddle(FakeFailover):
    """The promoted server forgets a write from the middle of its log."""

    def promote(self, node: str) -> None:
        super().promote(node)
        del self.logs[node][len(self.logs[node]) // 2]


class LosesWithoutFailover(FakeFailover):
    """Every fortieth write is acknowledged and forgotten."""

    count = 0

    def commit(self, node: str, entry: Entry) -> None:
        self.count += 1
        if self.count % 40:
            super().commit(node, entry)


class PromotesTheEmptiest(FakeFailover):
    """Followers show what they have, and forget half of it when they are promoted."""

    def promote(self, node: str) -> None:
        super().promote(node)
        del self.logs[node][len(self.logs[node]) // 2 :]


class Resurrects(FakeFailover):
    """What an old leader had alone comes back to the new one with it, four seconds later."""

    tails: tuple[tuple[int, Entry], ...] = ()

    def promote(self, node: str) -> None:
        known = {entry.document.key for entry in self.logs[node]}
        lost = [entry for entry in self.logs[self.leader] if entry.document.key not in known]
        self.tails = tuple((self.now + 4 * SECOND, entry) for entry in lost)
        super().promote(node)

    def tick(self) -> None:
        due = [entry for at, entry in self.tails if at <= self.now]
        self.tails = tuple((at, entry) for at, entry in self.tails if at > self.now)
        self.logs[self.leader] += due
        super().tick()


class Invents(FakeFailover):
    """Reads show a document that nobody wrote."""

    def shown(self, node: str, collection: str) -> dict[str, Document]:
        strange = Document("number-777777", "_x", {"number": 777777})
        return super().shown(node, collection) | {strange.key: strange}


class FailsButWrites(FakeFailover):
    """Every fortieth write is refused for certain, and done all the same."""

    count = 0

    def commit(self, node: str, entry: Entry) -> None:
        super().commit(node, entry)
        self.count += 1
        if self.count % 40 == 0:
            raise RequestError("refused", definite=True)


class KeepsItsTail(FakeFailover):
    """An old leader comes back without dropping what nobody else has."""

    def replicate(self, node: str) -> None:
        if node not in self.former:
            super().replicate(node)
            return
        own = {entry.document.key for entry in self.logs[node]}
        self.logs[node] += [e for e in self.logs[self.leader] if e.document.key not in own]


class NeverReplicates(FakeFailover):
    """The last server copies nothing."""

    def replicate(self, node: str) -> None:
        if node != "n3":
            super().replicate(node)


# Leadership.


class KeepsLeading(FakeFailover):
    """Whoever has led once goes on taking writes when it comes back."""

    def leads(self, node: str) -> bool:
        return super().leads(node) or node in self.former


class LeadsUnnamed(FakeFailover):
    """The last server takes writes though nobody named it."""

    def leads(self, node: str) -> bool:
        return super().leads(node) or node == "n3"


class NobodyLeads(FakeFailover):
    """After the first failover nobody takes writes any more."""

    def leads(self, node: str) -> bool:
        return super().leads(node) and not self.former


# What followers answer.


class TakesWrites(FakeFailover):
    """Followers take writes."""

    def admits(self, node: str, *, write: bool, dirty: bool) -> bool:
        return write or dirty


class AnswersReads(FakeFailover):
    """Followers answer reads that did not allow it."""

    def admits(self, node: str, *, write: bool, dirty: bool) -> bool:
        return not write


class RefusesDirtyReads(FakeFailover):
    """Followers refuse all reads."""

    def admits(self, node: str, *, write: bool, dirty: bool) -> bool:
        return False


class ForgetsTheMark(FakeFailover):
    """Followers do not mark what they answer."""

    def answered(self, node: str, reply: Reply) -> Reply:
        return replace(reply, marked=False)


class MarksEverything(FakeFailover):
    """The leader marks its answers as well."""

    def answered(self, node: str, reply: Reply) -> Reply:
        return replace(reply, marked=True)


class ForgetsTheEndpoint(FakeFailover):
    """Refusals do not say who leads."""

    def refuse(self, node: str) -> Reply:
        return Reply(503, 1496, None, marked=True)


class NamesItself(FakeFailover):
    """Refusals name the refusing server."""

    def refuse(self, node: str) -> Reply:
        return Reply(503, 1496, self.endpoint(node), marked=True)


class NamesAFormerLeader(FakeFailover):
    """Refusals name somebody who does not lead any more."""

    def refuse(self, node: str) -> Reply:
        old = next((each for each in self.former if each not in (node, self.leader)), self.leader)
        return Reply(503, 1496, self.endpoint(old), marked=True)


class SaysNotFound(FakeFailover):
    """Followers answer "database not found" to reads instead of "not a leader"."""

    def answered(self, node: str, reply: Reply) -> Reply:
        denied = reply.number == 1496 and reply.body is not None
        return Reply(404, 1228, reply.endpoint, reply.marked) if denied else reply


class HidesTheServers(FakeFailover):
    """Followers do not list the servers."""

    def answered(self, node: str, reply: Reply) -> Reply:
        hidden = reply.endpoints is not None and not self.leads(node)
        return Reply(403, 11, reply.endpoint, reply.marked) if hidden else reply


class ListsItselfFirst(FakeFailover):
    """Every server lists itself first."""

    def listed(self, node: str) -> tuple[str, ...]:
        return (node, *(other for other in self.nodes if other != node))


# The agency.


class StaleAgency(FakeFailover):
    """The agency answers reads of registers as of the change before the last."""

    before: Mapping[str, Any] = {}

    def write_tree(self, values: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
        previous = dict(self.tree)
        done = super().write_tree(values, expected)
        self.before = previous if done else self.before
        return done

    def read_tree(self) -> dict[str, Any]:
        return dict(self.before)


class IgnoresPreconditions(FakeFailover):
    """The agency writes whatever was expected."""

    def write_tree(self, values: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
        return super().write_tree(values, {})


class WritesHalves(FakeFailover):
    """Every tenth transaction of the agency is done in half."""

    count = 0

    def write_tree(self, values: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
        self.count += 1
        some: Sequence[str] = list(values)[: 1 if self.count % 10 == 0 else None]
        return super().write_tree({path: values[path] for path in some}, expected)


# What drivers do.


class HidesTheLeader(FakeFailover):
    """One follower sends everybody to another follower, which sends them back."""

    def refuse(self, node: str) -> Reply:
        others = [each for each in self.nodes if each not in (node, self.leader)]
        return Reply(503, 1496, self.endpoint(others[0]), marked=True)


class ListsAFollowerFirst(FakeFailover):
    """A follower lists itself first; nobody who follows that list finds the leader."""

    def listed(self, node: str) -> tuple[str, ...]:
        return (node, *(other for other in self.nodes if other != node))

    def refuse(self, node: str) -> Reply:
        return Reply(503, 1496, "", marked=True)


class KeepsUsersAtHome(FakeFailover):
    """Users are not replicated, as if they were not excluded from what is."""

    def replicate(self, node: str) -> None:
        super().replicate(node)
        self.logs[node] = [entry for entry in self.logs[node] if entry.collection != USERS]


class ForgetsGrants(FakeFailover):
    """The next leader has the users, and not what they may do."""

    def promote(self, node: str) -> None:
        super().promote(node)
        for place, entry in enumerate(self.logs[node]):
            if entry.collection == USERS:
                body = {**entry.document.body, "level": "none"}
                document = Document(entry.document.key, entry.document.revision, body)
                self.logs[node][place] = Entry(entry.time, USERS, document)


class GrantsTooMuch(FakeFailover):
    """The next leader lets everybody write."""

    def shown(self, node: str, collection: str) -> dict[str, Document]:
        found = super().shown(node, collection)
        if collection != USERS or not self.former:
            return found
        return {
            name: Document(name, user.revision, {**user.body, "level": "rw"}) for name, user in found.items()
        }


class AnswersFromOldUsers(FakeFailover):
    """The next leader answers for users from what it knew when it began to follow: nothing."""

    def level_of(self, node: str, name: str) -> str | None:
        return None if self.former else super().level_of(node, name)


class StopsJobs(FakeFailover):
    """Only the first leader runs jobs."""

    def runs(self, node: str, job: Document) -> bool:
        return super().runs(node, job) and not self.former


class LosesJobs(FakeFailover):
    """Who takes over throws away the jobs of its predecessor."""

    def promote(self, node: str) -> None:
        super().promote(node)
        self.logs[node] = [entry for entry in self.logs[node] if entry.collection != JOBS]


class RunsJobsTwice(FakeFailover):
    """Who takes over does the jobs of its predecessor once more."""

    def promote(self, node: str) -> None:
        super().promote(node)
        for job in self.shown(node, JOBS).values():
            data = job.body["data"]
            again = Document(f"again-{len(self.logs[node])}", "_1", data["document"])
            self.logs[node].append(Entry(self.now, data["collection"], again))


class OnlySaysDone(FakeFailover):
    """Every tenth job is called done without being done."""

    count = 0

    def do(self, node: str, job: Document) -> None:
        super().do(node, job)
        self.count += 1
        if self.count % 10 == 0:
            del self.logs[node][-2]


class FailsJobs(FakeFailover):
    """The next leader cannot do jobs."""

    def do(self, node: str, job: Document) -> None:
        if not self.former:
            super().do(node, job)
            return
        failed = Document(job.key, "_2", {**job.body, "status": "failed"})
        self.logs[node].append(Entry(self.now, JOBS, failed))


# Whom the agency tells.


class TellsNobody(FakeFailover):
    """After the first failover the agency knows no observers any more."""

    def promote(self, node: str) -> None:
        super().promote(node)
        self.observers = []


class TellsTooEarly(FakeFailover):
    """Observers are told of the change before the last."""

    def tell(self, url: str, message: Mapping[str, Any]) -> bool:
        return super().tell(url, {**message, "index": message["index"] - 1})


class TellsStrangers(FakeFailover):
    """Observers are told of what they do not observe."""

    def tell(self, url: str, message: Mapping[str, Any]) -> bool:
        return super().tell(url, {"term": 1, "index": message["index"], "/other": {"op": "modified"}})


# Elections.


class NobodyWins(FakeFailover):
    """Who is elected after the first failover takes no writes for a minute."""

    promoted = 0

    def promote(self, node: str) -> None:
        super().promote(node)
        self.promoted = self.now

    def leads(self, node: str) -> bool:
        return super().leads(node) and (not self.former or self.now > self.promoted + 60 * SECOND)
