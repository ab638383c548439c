"""What checkers of active failover conclude, and what they must leave alone, from small histories."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest

from checkers.accounts import Accounts
from checkers.callbacks import Callbacks
from checkers.elections import Elections
from checkers.failover_loss import FailoverLoss
from checkers.guidance import Guidance
from checkers.history import NEMESIS, History, Op, OpType
from checkers.queued_jobs import QueuedJobs
from checkers.verdict import Checker, Limits, Verdict

Answered = tuple[Op, Op]
SERVERS = ("n1", "n2", "n3")


def did(
    at_s: float, f: str, value: Any, said: Any = None, *, node: str = "n1", end: OpType = "ok"
) -> Answered:
    """An operation that takes a millisecond; `said` is its answer, by default its value."""
    asked = Op(index=-1, time=round(at_s * 1e9), process=0, type="invoke", f=f, value=value)
    answer = value if said is None else said
    told = Op(
        index=-1, time=asked.time + 1_000_000, process=0, type=end, f=f, value=answer, node=node,
        error=None if end == "ok" else "refused",
    )  # fmt: skip
    return asked, told


def fault(begin_s: float, end_s: float, family: str = "kill", nodes: Iterable[str] = SERVERS) -> list[Op]:
    value = {"nodes": list(nodes)}
    times = ((begin_s, "start"), (begin_s + 0.001, "start"), (end_s, "stop"), (end_s + 0.001, "stop"))
    return [
        Op(
            index=-1, time=round(at * 1e9), process=NEMESIS, type="info" if n % 2 else "invoke",
            f=f"{verb}-{family}", value=value,
        )
        for n, (at, verb) in enumerate(times)
    ]  # fmt: skip


def looks(begin_s: float, end_s: float, leader: str | None = "n1", *, every_s: float = 0.5) -> list[Answered]:
    """The agency, asked again and again whom it names."""
    count = round((end_s - begin_s) / every_s) + 1
    seen: dict[str, Any] = {"leader": leader, "health": {}}
    return [did(begin_s + n * every_s, "observe", None, seen) for n in range(count)]


def history(*parts: Iterable[Op | Answered]) -> History:
    """All of it in the order of time. Operations get processes of their own."""
    ops: list[Op] = []
    for process, part in enumerate(chain(*parts)):
        if isinstance(part, Op):
            ops.append(part)
        else:
            ops += [Op(**{**fields(op), "process": process}) for op in part]
    ordered = sorted(ops, key=lambda op: op.time)
    return History(Op(**{**fields(op), "index": index}) for index, op in enumerate(ordered))


def fields(op: Op) -> dict[str, Any]:
    return {name: getattr(op, name) for name in op.__struct_fields__}


def judged(checker: Checker, *parts: Iterable[Op | Answered]) -> Verdict:
    return checker.check(history(*parts), Limits())


def names(verdict: Verdict) -> list[str]:
    return [anomaly.name for anomaly in verdict.anomalies]


# Few writes, and looks at the agency between them.

LOSS = FailoverLoss(frozenset({"user", "job"}))


def read(at_s: float, *numbers: int, node: str = "n1", dirty: bool = False) -> Answered:
    return did(at_s, "read", {"dirty": dirty}, {"numbers": list(numbers), "dirty": dirty}, node=node)


def test_a_leader_that_came_and_went_between_two_writes_may_have_lost_the_first() -> None:
    writes = [did(1, "job", 1), did(9, "job", 3), read(10, 3)]
    between = looks(0, 4), looks(4.5, 6, "n2"), looks(6.5, 11)
    verdict = judged(LOSS, writes, *between)
    assert verdict.valid is True
    assert verdict.statistics["lost_in_window"] == 1
    assert names(judged(LOSS, writes, looks(0, 11))) == ["lost-outside-window"]


def test_while_nobody_looked_another_leader_may_have_come_and_gone() -> None:
    writes = [did(1, "job", 1), did(9, "job", 3), read(10, 3)]
    assert judged(LOSS, writes, looks(0, 3), looks(7, 11)).valid is True


def test_a_later_write_of_another_kind_that_was_kept_shows_what_was_shipped() -> None:
    old = [did(1, "user", 2), did(2, "job", 3)]
    new = [did(9, "job", 5, node="n2")]
    seen = looks(0, 4), looks(5, 11, "n2")
    lost = judged(LOSS, old, new, [read(10, 3, 5, node="n2")], *seen)
    assert names(lost) == ["lost-outside-window"]
    assert lost.anomalies[0].details == {"number": 2}
    assert judged(LOSS, old, new, [read(10, 5, node="n2")], *seen).valid is True


def test_the_last_writes_may_be_lost_if_another_leader_is_read_in_the_end() -> None:
    writes = [did(1, "job", 1), did(2, "job", 3)]
    assert judged(LOSS, writes, [read(9, 1, node="n2")], looks(0, 10)).valid is True
    assert names(judged(LOSS, writes, [read(9, 1)], looks(0, 10))) == ["lost-outside-window"]


def test_what_the_next_leader_had_shown_may_be_lost_only_by_one_between() -> None:
    writes = [did(1, "job", 1), did(9, "job", 3, node="n2"), read(10, 3, node="n2")]
    shown = [read(2, 1, node="n2", dirty=True)]
    at_once = judged(LOSS, writes, shown, looks(0, 4), looks(4.5, 11, "n2"))
    assert names(at_once) == ["lost-outside-window"]
    third = looks(0, 4), looks(4.5, 6, "n3"), looks(6.5, 11, "n2")
    assert judged(LOSS, writes, shown, *third).valid is True


# Elections.


def refusals(begin_s: float, end_s: float, *, end: OpType = "ok") -> list[Answered]:
    asked = {"server": 0, "kind": "write", "dirty": False, "number": 0}
    said = {**asked, "status": 503, "number": 1495}
    count = round(end_s - begin_s) + 1
    return [did(begin_s + n, "probe", asked, said, node=SERVERS[n % 3], end=end) for n in range(count)]


def taken(at_s: float, node: str) -> list[Answered]:
    asked = {"server": 0, "kind": "write", "dirty": False, "number": 0}
    return [did(at_s, "probe", asked, {**asked, "status": 202, "number": None}, node=node)]


def test_nobody_leads_for_a_minute_though_nothing_is_broken() -> None:
    verdict = judged(Elections(), taken(0, "n1"), refusals(1, 60))
    assert names(verdict) == ["none-for-long"]
    assert verdict.statistics["longest_vacancy_ms"] == pytest.approx(59_001)


@pytest.mark.parametrize("ended", ["a fault", "a taken write", "an unknown write", "few tries"])
def test_a_vacancy_is_no_longer_than_what_certainly_was_one(ended: str) -> None:
    parts: dict[str, list[Any]] = {
        "a fault": [*refusals(1, 60), *fault(30.1, 30.9, "partition")],
        "a taken write": [*refusals(1, 30), *taken(30.5, "n2"), *refusals(31, 60)],
        "an unknown write": [*refusals(1, 30), *refusals(30.5, 30.5, end="info"), *refusals(31, 60)],
        "few tries": [*refusals(1, 2), *refusals(50, 60)],
    }
    assert judged(Elections(), taken(0, "n1"), parts[ended]).valid is True


def test_a_change_and_a_start_of_all_at_once_are_elections() -> None:
    writes = *taken(0, "n1"), *taken(5, "n2"), *taken(5.1, "n3"), *taken(20, "n2")
    verdict = judged(Elections(), writes, fault(10, 12), fault(14, 15, "pause"), fault(16, 17, nodes=["n1"]))
    assert verdict.statistics["elections"] == 3 + 1
    assert verdict.statistics["starts_at_once"] == 1


def test_without_a_winner_there_was_no_election() -> None:
    verdict = judged(Elections(), taken(0, "n1"), fault(10, 12), refusals(13, 15))
    assert verdict.statistics["elections"] == 0


# Callbacks.


def change(at_s: float, index: int) -> Answered:
    return did(at_s, "change", index, {"number": index, "index": index})


def called(at_s: float, *indices: int, node: str = "n1", strange: int = 0) -> Answered:
    return did(at_s, "called", None, {"indices": list(indices), "strange": strange}, node=node)


def test_a_change_that_is_not_told_for_ten_calm_seconds() -> None:
    verdict = judged(Callbacks(), [called(0.6, 5), change(1, 7), called(12, 5, 6)], looks(0, 14))
    assert names(verdict) == ["not-called-back"]
    assert "told up to 6 only" in verdict.anomalies[0].sentence


def test_a_later_message_stands_for_the_changes_before() -> None:
    verdict = judged(Callbacks(), [called(0.6), change(1, 7), change(2, 8), called(13, 9)], looks(0, 15))
    assert verdict.valid is True
    assert verdict.statistics["due"] == 2


@pytest.mark.parametrize(
    "why",
    ["a fault", "another leader", "nobody looked", "too soon", "a fault just before", "no document before"],
)
def test_a_change_must_be_told_only_if_nothing_was_in_the_way(why: str) -> None:
    parts: dict[str, list[Any]] = {
        "a fault": [called(12), *looks(0, 14), *fault(5, 6, "slow", ["n1"])],
        "another leader": [called(12), *looks(0, 4), *looks(4.5, 6, "n2"), *looks(6.5, 14)],
        "nobody looked": [called(12), *looks(0, 4), *looks(6, 14)],
        "too soon": [called(10), *looks(0, 14)],
        "a fault just before": [called(12), *looks(0, 14), *fault(0.7, 0.8, "disk", ["n1"])],
        "no document before": [called(12), *looks(0, 14)],
    }
    before = [] if why == "no document before" else [called(0.6)]
    verdict = judged(Callbacks(), before, [change(1, 7)], parts[why])
    assert verdict.valid == "unknown"
    assert verdict.reasons == ("no change was made in a time in which it had to be told",)


# Drivers.


def find(at_s: float, server: int, *, found: bool, way: str = "refusal") -> Answered:
    asked = {"server": server, "way": way}
    said = {"asked": [SERVERS[server]], "found": found, "status": 200 if found else 503, "number": None}
    return did(at_s, "find", asked, {**asked, **said}, node=SERVERS[server])


def search(begin_s: float, *, lost: bool, others: bool = True) -> list[Answered]:
    """From two servers in turn."""
    first = [find(begin_s + n, 0, found=not lost) for n in range(8)]
    return first + [find(begin_s + n + 0.5, 1, found=others) for n in range(8)]


def test_a_server_from_which_nobody_finds_the_leader_though_others_do() -> None:
    verdict = judged(Guidance(), [find(0, 1, found=True)], search(10, lost=True))
    assert names(verdict) == ["driver-lost"]
    assert "began at n1 and followed its refusal" in verdict.anomalies[0].sentence


def test_while_nobody_finds_the_leader_no_server_is_to_blame() -> None:
    assert judged(Guidance(), [find(0, 1, found=True)], search(10, lost=True, others=False)).valid is True


def test_a_lost_driver_is_blamed_on_nobody_before_everybody_can_know_the_leader() -> None:
    broken = judged(Guidance(), [find(0, 1, found=True)], search(10, lost=True), fault(5, 20, "partition"))
    assert broken.valid == "unknown"
    at_once = judged(Guidance(), search(0, lost=True))
    assert at_once.valid is True
    assert at_once.statistics["settled"] < 5 * 2


# Queued jobs.


def jobs(at_s: float, *, pending: Iterable[int] = (), failed: Iterable[int] = (), done: Any = ()) -> Answered:
    numbers = [*pending, *failed, *(number for number, _ in done)]
    shown = {"numbers": numbers, "jobs": numbers, "pending": list(pending), "failed": list(failed)}
    value = {"dirty": False}
    return did(at_s, "read", value, {**shown, "done": [list(each) for each in done], **value})


def test_a_job_that_waits_half_a_minute_after_its_queue_was_opened() -> None:
    begun = [did(1, "job", 1), did(2, "job", 3), did(5, "open", None)]
    verdict = judged(QueuedJobs(), begun, [jobs(6, pending=[1, 3]), jobs(37, pending=[3], done=[(1, 1)])])
    assert names(verdict) == ["job-not-run"]
    assert verdict.anomalies[0].sentence.startswith("job 3 ")


def test_a_job_that_nobody_waited_for_is_no_violation_and_no_pass() -> None:
    begun = [did(1, "job", 1), did(5, "open", None)]
    soon = judged(QueuedJobs(), begun, [jobs(6, pending=[1]), jobs(10, pending=[1])])
    assert (soon.valid, soon.reasons) == (
        "unknown",
        ("1 jobs were not done yet when nobody looked any more",),
    )
    closed = judged(QueuedJobs(), begun[:1], [jobs(6, pending=[1]), jobs(60, pending=[1])])
    assert closed.reasons == ("no leader told of its jobs after the queue was opened",)


def test_a_job_that_was_queued_after_the_last_look_proves_nothing() -> None:
    late = [did(5, "open", None), jobs(6), did(7, "job", 1)]
    assert judged(QueuedJobs(), late).valid == "unknown"


def test_a_failed_job_is_a_violation_only_if_such_jobs_could_be_done_before() -> None:
    opened = [did(20, "open", None)]
    able = [did(1, "job", 1), jobs(2, done=[(1, 1)]), did(3, "job", 3)]
    verdict = judged(QueuedJobs(), opened, able, [jobs(21, failed=[3], done=[(1, 1)])])
    assert names(verdict) == ["job-failed"]
    never = judged(QueuedJobs(), opened, [did(1, "job", 3)], [jobs(21, failed=[3])])
    assert never.valid is True, "the collection itself may be lost"
    lost = judged(QueuedJobs(), opened, able, [jobs(21, failed=[3])])
    assert lost.valid is True, "what showed that it was there is lost, too"


def test_a_job_done_twice_and_one_that_is_only_called_done() -> None:
    opened = [did(1, "job", 1), did(2, "job", 3), did(5, "open", None)]
    shown = jobs(6, done=[(1, 2)])
    assert shown[1].value["jobs"] == [1]
    shown[1].value["jobs"].append(3)
    verdict = judged(QueuedJobs(), opened, [shown])
    assert names(verdict) == ["job-run-twice", "job-without-effect"]


# Users.


def stored(at_s: float, *numbers: int, node: str = "n1", wrong: Any = ()) -> Answered:
    value = {"dirty": False}
    return did(at_s, "read", value, {"numbers": list(numbers), "wrong": list(wrong), **value}, node=node)


def look(at_s: float, number: int, level: str | None, *, node: str = "n1") -> Answered:
    return did(at_s, "look", number, {"number": number, "level": level}, node=node)


def test_a_leader_that_does_not_answer_for_a_user_that_it_has() -> None:
    verdict = judged(Accounts(), [stored(1, 0, 2), look(2, 0, "ro"), look(3, 2, None)], looks(0, 5))
    assert names(verdict) == ["user-not-valid"]
    assert verdict.statistics["looks"] == 2


@pytest.mark.parametrize("why", ["another leader", "one between", "nobody looked", "no such user"])
def test_a_leader_answers_only_for_users_that_it_certainly_has(why: str) -> None:
    parts: dict[str, list[Any]] = {
        "another leader": [look(6, 0, None, node="n2"), *looks(0, 8)],
        "one between": [look(6, 0, None), *looks(0, 2), *looks(2.5, 4, "n2"), *looks(4.5, 8)],
        "nobody looked": [look(6, 0, None), *looks(0, 2), *looks(5, 8)],
        "no such user": [look(6, 4, None), *looks(0, 8)],
    }
    verdict = judged(Accounts(), [stored(1, 0, 2)], parts[why])
    assert verdict.valid == "unknown"


def test_a_level_that_nobody_gave() -> None:
    verdict = judged(Accounts(), [stored(1, 2, wrong=[[0, "rw"]])])
    assert names(verdict) == ["wrong-permission"]
    assert "only given 'ro'" in verdict.anomalies[0].sentence
