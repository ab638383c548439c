"""Every fate of an element, each right once and wrong once."""

from __future__ import annotations

from random import Random

import pytest

from checkers.history import History, Op
from checkers.set_full import SetFull
from checkers.verdict import Limits, Verdict
from tests.checkers.histories import history


def check(*lines: str, linearizable: bool = False) -> Verdict:
    return judge(history(*lines), linearizable=linearizable)


def judge(whole: History, *, linearizable: bool = False) -> Verdict:
    return SetFull(linearizable=linearizable).check(whole, Limits())


def add(value: object, process: int = 0, end: str = "ok") -> tuple[str, str]:
    return f"{process} invoke add {value}", f"{process} {end} add {value}"


def read(*values: object, process: int = 1) -> tuple[str, str]:
    shown = " ".join(map(str, values)) if len(values) != 1 else f"{values[0]}"
    return f"{process} invoke read", f"{process} ok read {shown}"


def sets(*lines: tuple[str, str], linearizable: bool = False) -> Verdict:
    whole = history(*(line for pair in lines for line in pair))
    listed = (
        Op(op.index, op.time, op.process, op.type, op.f, _listed(op.value))
        if op.f == "read" and op.type == "ok"
        else op
        for op in whole
    )
    return judge(History(listed), linearizable=linearizable)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_an_element_that_stays_is_stable() -> None:
    verdict = sets(add(1), read(1), add(2), read(1, 2))
    assert verdict.valid is True
    assert (verdict.statistics["stable"], verdict.statistics["acknowledged"]) == (2, 2)


def test_an_acknowledged_element_that_no_later_read_shows_is_lost() -> None:
    verdict = sets(add(1), add(2), read(2))
    (found,) = verdict.anomalies
    assert (verdict.valid, found.name) == (False, "lost-write")
    assert found.sentence == "element 1 is lost: its add was acknowledged, and no later read shows it"
    assert [op.index for op in found.operations] == [0, 1, 4, 5]
    assert verdict.statistics["lost"] == 1


def test_an_element_that_disappears_is_lost() -> None:
    (found,) = sets(add(1), read(1), read()).anomalies
    assert found.sentence == (
        "element 1 is lost: its add was acknowledged, and the reads after its last appearance lack it"
    )
    assert [op.index for op in found.operations] == [0, 1, 2, 3, 4, 5]


def test_an_unacknowledged_element_is_lost_if_it_had_been_seen() -> None:
    verdict = sets(add(1, end="info"), add(2, process=2), read(1, 2), read(2))
    assert [found.name for found in verdict.anomalies] == ["lost-write"]
    assert verdict.anomalies[0].sentence.startswith("element 1 is lost: a read had shown it")


def test_an_element_that_comes_late_is_stale_and_a_violation_only_on_demand() -> None:
    lines = (add(1), add(2), read(2), read(1, 2))
    verdict = sets(*lines)
    assert verdict.valid is True
    assert (verdict.statistics["stale"], verdict.statistics["stable"]) == (1, 1)
    assert verdict.statistics["stale_latency_ms"]["max"] == 3.0
    (found,) = sets(*lines, linearizable=True).anomalies
    assert (found.name, found.operations[0].value) == ("stale-read", 1)
    assert found.sentence == "element 1 was missing in a read that began after its add was acknowledged"


def test_a_read_that_began_before_the_acknowledgement_may_lack_the_element() -> None:
    whole = [
        Op(0, 0, 0, "invoke", "add", 1),
        Op(1, 1, 1, "invoke", "read"),
        Op(2, 2, 0, "ok", "add", 1),
        Op(3, 3, 1, "ok", "read", []),
        Op(4, 4, 1, "invoke", "read"),
        Op(5, 5, 1, "ok", "read", [1]),
    ]
    assert judge(History(whole), linearizable=True).valid is True


def test_absence_beside_a_presence_at_the_same_time_is_not_loss() -> None:
    whole = [
        Op(0, 0, 0, "invoke", "add", 1),
        Op(1, 1, 0, "ok", "add", 1),
        Op(2, 2, 1, "invoke", "read"),
        Op(3, 3, 2, "invoke", "read"),
        Op(4, 4, 1, "ok", "read", [1]),
        Op(5, 5, 2, "ok", "read", []),
    ]
    verdict = judge(History(whole))
    assert (verdict.valid, verdict.statistics["stale"], verdict.statistics["lost"]) == (True, 1, 0)


def test_an_element_shown_more_often_than_added_is_a_duplicate() -> None:
    verdict = sets(add(1), read(1, 1), read(1))
    (found,) = verdict.anomalies
    assert (verdict.valid, found.name) == (False, "duplicate")
    assert found.sentence == "element 1 was added once and a read shows it 2 times"
    assert [op.index for op in found.operations] == [0, 1, 2, 3]
    assert verdict.statistics["duplicated"] == 1
    assert sets(add(1), add(1), read(1, 1)).valid is True


def test_an_element_that_nobody_added_is_a_phantom() -> None:
    verdict = sets(add(1), read(1, 7))
    (found,) = verdict.anomalies
    assert (verdict.valid, found.name, verdict.statistics["phantom"]) == (False, "phantom", 1)
    assert found.sentence == "element 7 was read although nobody had added it"


def test_an_element_whose_add_failed_is_a_phantom() -> None:
    (found,) = sets(add(1), add(7, end="fail"), read(1, 7)).anomalies
    assert found.sentence == "element 7 was read although its add had failed"
    assert sets(add(1), add(7, end="fail"), read(1)).valid is True


def test_an_element_read_before_its_add_began_is_a_phantom() -> None:
    (found,) = sets(add(1), read(1, 7), add(7), read(1, 7)).anomalies
    assert found.sentence == "element 7 was read although its add began only later"


def test_an_unknown_add_that_is_seen_is_recovered() -> None:
    verdict = sets(add(1), add(2, process=2, end="info"), read(1, 2))
    assert verdict.valid is True
    assert (verdict.statistics["recovered"], verdict.statistics["stable"]) == (1, 2)


def test_an_unknown_add_that_is_never_seen_is_no_loss() -> None:
    verdict = sets(add(1), add(2, process=2, end="info"), read(1))
    assert verdict.valid is True
    assert (verdict.statistics["unseen"], verdict.statistics["recovered"]) == (1, 0)


def test_a_set_without_a_final_read_is_unknown() -> None:
    verdict = sets(add(1), read(1), add(2))
    assert verdict.valid == "unknown"
    assert verdict.statistics["never_read"] == 1
    assert verdict.reasons == (
        "there is no final read: no read began after 1 of the acknowledged elements were added",
    )
    assert sets(add(1)).valid == "unknown"


def test_a_violation_outranks_the_missing_final_read() -> None:
    assert sets(add(1), read(1, 1), add(2)).valid is False


def test_a_set_without_an_acknowledged_add_is_unknown() -> None:
    assert sets(read()).reasons == ("no add was acknowledged, so there is nothing to judge",)


def test_keys_are_sets_of_their_own() -> None:
    lines = ["0 invoke add 1 key=1", "0 ok add 1 key=1", "1 invoke read key=2", "1 ok read key=2"]
    whole = history(*lines)
    empty = Op(3, whole[3].time, 1, "ok", "read", [], 2)
    verdict = judge(History([*whole[:3], empty]))
    assert (verdict.valid, verdict.statistics["never_read"]) == ("unknown", 1)


def test_an_element_that_the_database_names_is_known_from_the_answer() -> None:
    ops = [Op(0, 0, 0, "invoke", "add"), Op(1, 1, 0, "ok", "add", 5), Op(2, 2, 0, "invoke", "read")]
    assert judge(History([*ops, Op(3, 3, 0, "ok", "read", [5])])).valid is True
    assert judge(History([*ops, Op(3, 3, 0, "ok", "read", [])])).valid is False


def test_evidence_of_long_reads_is_cut_down() -> None:
    many = list(range(200))
    ops = [
        op for v in many for op in (Op(2 * v, 0, 0, "invoke", "add", v), Op(2 * v + 1, 0, 0, "ok", "add", v))
    ]
    ops += [Op(400, 0, 1, "invoke", "read"), Op(401, 0, 1, "ok", "read", many[1:])]
    (found,) = judge(History(ops)).anomalies
    assert found.operations[-1].value == {"elements": 199, "element": "0", "times": 0}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ("0 invoke write 1", "0 ok write 1"),
            'a set has operations "add" and "read", and not "write" (index 0)',
        ),
        (("0 invoke read", "0 ok read 7"), "the read of index 1 must have a list of elements as its value"),
    ],
)
def test_what_is_no_set_is_not_judged(lines: tuple[str, ...], reason: str) -> None:
    assert check(*lines).reasons == (reason,)


@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=100)])
def test_limits_are_kept(limits: Limits) -> None:
    verdict = SetFull().check(history(*add(1), *read()), limits)
    assert verdict.valid == "unknown"
    assert "limit" in verdict.reasons[0]


@pytest.mark.parametrize("seed", range(30))
def test_a_correct_set_is_never_accused_and_a_planted_loss_is_found(seed: int) -> None:
    """Adds take effect while they run, reads see all effects so far; then one element is dropped for good."""
    random = Random(seed)
    ops: list[Op] = []
    present: list[int] = []
    known: list[int] = []
    running: dict[int, tuple[str, int]] = {}
    for value in range(300):
        process = random.randrange(4)
        f, element = running.pop(process, ("", 0))
        if f == "read":
            ops.append(Op(len(ops), 0, process, "ok", "read", random.sample(present, len(present))))
        elif f == "add":
            present.append(element)
            known.append(element)
            ops.append(Op(len(ops), 0, process, "ok", "add", element))
        else:
            running[process] = (random.choice(["add", "read"]), value)
            f = running[process][0]
            ops.append(Op(len(ops), 0, process, "invoke", f, value if f == "add" else None))
    good = [*ops, Op(len(ops), 0, 9, "invoke", "read"), Op(len(ops) + 1, 0, 9, "ok", "read", list(present))]
    assert judge(History(good), linearizable=True).valid is True
    dropped = random.choice(known)
    good[-1] = Op(len(ops) + 1, 0, 9, "ok", "read", [v for v in present if v != dropped])
    verdict = judge(History(good))
    assert [found.details["element"] for found in verdict.anomalies] == [str(dropped)]
