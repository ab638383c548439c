"""Linearizability against its definition, and what is said of a history that is not."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.budget import Budget
from checkers.history import History, Op
from checkers.linearizability import Linearizable, entries
from checkers.models import Model, model
from checkers.native import AVAILABLE
from checkers.search import NEVER, search
from checkers.shrinking import shrink
from checkers.verdict import Anomaly, Limits, Verdict
from tests.checkers.histories import history, run_register
from tests.checkers.oracle import has_order

CAS = model("cas-register")


def check(whole: History, *, by: Model = CAS) -> Verdict:
    """The verdict of the readable search; the compiled one has to say the same, word for word."""
    verdict = Linearizable(by, compiled=False).check(whole, Limits())
    if AVAILABLE:
        compiled = Linearizable(by, compiled=True).check(whole, Limits())
        assert (compiled.valid, compiled.reasons) == (verdict.valid, verdict.reasons)
        assert [said(found) for found in compiled.anomalies] == [said(found) for found in verdict.anomalies]
    return verdict


def said(found: Anomaly) -> dict[str, Any]:
    """What an anomaly says but for the order that was found, of which there may be several."""
    details = {key: value for key, value in found.details.items() if not key.startswith("prefix")}
    states = sorted(details.pop("states"))
    unplaced = details.pop("unplaced")
    return {
        "name": found.name,
        "sentence": found.sentence,
        "operations": found.operations,
        "details": details,
        "states": states,
        "ends": found.details["prefix_ends_at_index"],
        "unplaced": bool(unplaced),
    }


def limited(whole: History, *, time_s: float | None = None, memory: int | None = None) -> Verdict:
    """The verdict of the readable search under limits."""
    return Linearizable(CAS, compiled=False).check(whole, Limits(time_s, memory))


def anomaly(*lines: str, by: Model = CAS) -> Anomaly:
    (found,) = check(history(*lines), by=by).anomalies
    return found


@st.composite
def small_histories(draw: st.DrawFn) -> History:
    """At most seven operations with any results at all, right or wrong."""
    running: dict[int, Op] = {}
    ops: list[Op] = []
    fresh = draw(st.integers(1, 4))
    processes = list(range(fresh))
    value = st.integers(0, 2)
    begun = 0
    while begun < 7 and draw(st.integers(0, 9)):
        process = draw(st.sampled_from(processes))
        common: dict[str, Any] = {"index": len(ops), "time": len(ops), "process": process}
        if process not in running:
            f = draw(st.sampled_from(["read", "write", "cas"]))
            argument = {"read": st.none(), "write": value, "cas": st.lists(value, min_size=2, max_size=2)}[f]
            running[process] = Op(type="invoke", f=f, value=draw(argument), **common)
            ops.append(running[process])
            begun += 1
            continue
        op = running.pop(process)
        kind: Any = draw(st.sampled_from(["ok", "ok", "ok", "fail", "info"]))
        answer = draw(st.none() | value) if op.f == "read" and kind == "ok" else op.value
        ops.append(Op(type=kind, f=op.f, value=answer, **common))
        if kind == "info":
            processes[processes.index(process)] = fresh
            fresh += 1
    return History(ops)


@settings(max_examples=400, deadline=None)
@given(small_histories(), st.sampled_from(["register", "cas-register", "etcd"]))
def test_the_search_agrees_with_the_definition(whole: History, name: str) -> None:
    judge = model(name)
    if name == "register":
        whole = whole.where(lambda op: op.f != "cas")
    parts = entries(judge, whole.pairs)
    judged = any(entry.end != NEVER for entry in parts)
    assert check(whole, by=judge).valid == (has_order(judge, parts) if judged else "unknown")


@settings(max_examples=150, deadline=None)
@given(small_histories())
def test_what_shrinking_leaves_has_no_order_and_shows_that_the_whole_has_none(whole: History) -> None:
    parts = entries(CAS, whole.pairs)
    result = search(CAS, parts, Budget(Limits()))
    if result.linearizable:
        return
    left = shrink(CAS, parts, result.stuck, Budget(Limits()))
    assert {entry.begin for entry in left} <= {entry.begin for entry in parts}
    assert not has_order(CAS, left)


@pytest.mark.parametrize("seed", range(20))
def test_a_correct_register_is_never_accused(seed: int) -> None:
    random = Random(seed)
    whole = run_register(
        random,
        operations=300,
        clients=random.randint(2, 8),
        keys=random.randint(0, 4),
        values=random.choice([0, 3, 5]),
        unknown=random.choice([0, 0.05, 0.3]),
    )
    assert check(whole).valid is True


@pytest.mark.parametrize("seed", range(20))
def test_a_register_that_forgets_is_caught(seed: int) -> None:
    whole = run_register(Random(seed), operations=300, clients=3, keys=2, values=0, stale=0.3)
    verdict = check(whole)
    assert verdict.valid is False
    assert all(found.operations and found.sentence for found in verdict.anomalies)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_that_is_found_is_an_order(seed: int) -> None:
    parts = entries(CAS, run_register(Random(seed), operations=80, unknown=0.2).pairs)
    order = search(CAS, parts, Budget(Limits())).order
    assert {e.begin for e in parts if e.end != NEVER} <= {e.begin for e in order}
    state = CAS.init
    for entry in order:
        possible, state = CAS.step(state, entry.call)
        assert possible
    assert all(later.end > earlier.begin for earlier, later in pairwise(order))


@pytest.mark.parametrize("seed", range(10))
def test_a_lost_answer_never_turns_right_into_wrong(seed: int) -> None:
    """Metamorphic: to know less cannot make a linearizable history impossible."""
    whole = run_register(Random(seed), operations=60, unknown=0)
    victim = Random(seed).choice([pair for pair in whole.pairs if pair.type == "ok"])
    assert victim.completion is not None
    index, process = victim.completion.index, victim.invoke.process
    ops = [msgspec.structs.replace(op, type="info") if op.index == index else op for op in whole]
    renamed = [
        msgspec.structs.replace(op, process=99) if op.process == process and op.index > index else op
        for op in ops
    ]
    assert check(whole).valid is True
    assert check(History(renamed)).valid is True


@pytest.mark.parametrize("seed", range(10))
def test_names_of_values_do_not_matter(seed: int) -> None:
    """Metamorphic: another name for each value gives the same answer."""

    def rename(value: object) -> object:
        if isinstance(value, list):
            return [rename(part) for part in value]
        return value if value is None else {"value": value}

    whole = run_register(Random(seed), operations=60, stale=0.1)
    other = History(msgspec.structs.replace(op, value=rename(op.value)) for op in whole)
    assert check(whole).valid == check(other).valid


def test_a_stale_read_is_explained() -> None:
    found = anomaly(
        "0 invoke write 1 key=3",
        "0 ok write 1 key=3",
        "0 invoke write 2 key=3",
        "0 ok write 2 key=3",
        "1 invoke read key=3",
        "1 ok read 1 key=3",
    )
    assert found.name == "stale-read"
    assert (
        found.sentence == "read of key 3 returned 1 although write 2 to key 3 had completed before it began"
    )
    assert [op.index for op in found.operations] == [0, 1, 2, 3, 4, 5]
    assert found.details["states"] == ["2"]
    assert found.details["unplaced"] == ["read of key 3 returned 1"]
    assert found.details["prefix"] == ["write 1 to key 3", "write 2 to key 3"]
    assert found.details["prefix_ends_at_index"] == 5


def test_a_lost_write_is_explained() -> None:
    found = anomaly("0 invoke write 1", "0 ok write 1", "1 invoke read", "1 ok read nil")
    assert found.name == "stale-read"
    assert found.sentence == "read returned null although write 1 had completed before it began"


def test_a_read_that_goes_back_behind_an_earlier_one_is_explained() -> None:
    found = anomaly("0 invoke write 1", "1 invoke read", "1 ok read 1", "2 invoke read", "2 ok read nil")
    assert found.name == "stale-read"
    assert found.sentence == "read returned null after an earlier read returned 1"


def test_a_value_that_is_written_again_later_does_not_excuse_a_stale_read() -> None:
    again = ("0 invoke write 1", "0 ok write 1")
    found = anomaly(*again, "0 invoke write 2", "0 ok write 2", "1 invoke read", "1 ok read 1", *again)
    assert found.sentence == "read returned 1 although write 2 had completed before it began"
    assert [op.index for op in found.operations] == [0, 1, 2, 3, 4, 5]


def test_a_phantom_is_explained_by_itself() -> None:
    found = anomaly("0 invoke write 1", "0 ok write 1", "1 invoke read", "1 ok read 7")
    assert (found.name, found.sentence) == ("phantom", "read returned 7 although nothing had written 7")
    assert [op.index for op in found.operations] == [2, 3]


def test_a_read_of_a_write_that_failed_is_explained() -> None:
    found = anomaly("0 invoke write 1", "0 fail write 1", "1 invoke read", "1 ok read 1")
    assert (found.name, found.sentence) == ("aborted-read", "read returned 1 although write 1 had failed")
    assert [op.index for op in found.operations] == [0, 1, 2, 3]


def test_a_stale_compare_and_set_is_explained() -> None:
    lines = ("0 invoke write 1", "0 ok write 1", "0 invoke write 2", "0 ok write 2", "1 invoke cas 1 3")
    assert anomaly(*lines, "1 ok cas 1 3").sentence == (
        "cas from 1 to 3 succeeded although write 2 had completed before it began"
    )
    assert anomaly(*lines[:2], "1 invoke cas 7 3", "1 ok cas 7 3").sentence == (
        "cas from 7 to 3 succeeded although nothing had written 7"
    )


def test_a_failed_operation_may_have_asked_for_anything() -> None:
    found = anomaly("0 invoke cas 1", "0 fail cas 1", "1 invoke read", "1 ok read 1")
    assert found.name == "phantom"


def test_a_read_from_the_future_is_explained() -> None:
    found = anomaly("1 invoke read", "1 ok read 1", "0 invoke write 1", "0 ok write 1")
    assert (found.name, found.sentence) == ("future-read", "read returned 1 before write 1 began")


def test_a_lost_update_is_explained() -> None:
    found = anomaly(
        "0 invoke write 1",
        "0 ok write 1",
        "0 invoke cas 1 2",
        "1 invoke cas 1 3",
        "0 ok cas 1 2",
        "1 ok cas 1 3",
    )
    assert found.name == "lost-update"
    assert (
        found.sentence
        == "cas from 1 to 2 and cas from 1 to 3 both succeeded although the value became 1 only once"
    )


def test_what_fits_no_pattern_shows_all_that_is_needed_and_no_more() -> None:
    found = anomaly(
        "5 invoke write 9",
        "5 ok write 9",
        "0 invoke write 1",
        "1 invoke write 2",
        "2 invoke read",
        "2 ok read 1",
        "2 invoke read",
        "2 ok read 2",
        "2 invoke read",
        "2 ok read 1",
        "0 ok write 1",
        "1 ok write 2",
    )
    assert found.name == "non-linearizable"
    assert found.sentence == "read returned 1, which no order of these 5 operations in real time allows"
    assert [op.index for op in found.operations] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_evidence_of_a_long_history_is_small() -> None:
    whole = run_register(Random(5), operations=3000, clients=5, keys=3, values=0, stale=0.002)
    for found in check(whole).anomalies:
        assert len(found.operations) <= 8


def test_an_unknown_write_may_appear_late_or_never() -> None:
    begun = ("0 invoke write 1", "0 info write 1", "1 invoke read", "1 ok read nil")
    assert check(history(*begun)).valid is True
    assert check(history(*begun, "1 invoke read", "1 ok read 1")).valid is True
    assert (
        check(history(*begun, "1 invoke read", "1 ok read 1", "1 invoke read", "1 ok read nil")).valid
        is False
    )


def test_an_unknown_read_says_nothing() -> None:
    lines = (
        "0 invoke write 1",
        "0 ok write 1",
        "1 invoke read",
        "1 info read 5",
        "2 invoke read",
        "2 ok read 1",
    )
    assert check(history(*lines)).valid is True


def test_keys_are_judged_apart() -> None:
    lines = ("0 invoke write 1 key=1", "0 ok write 1 key=1", "0 invoke read key=2", "0 ok read nil key=2")
    assert check(history(*lines)).valid is True
    assert check(history(*(line.replace("key=2", "key=1") for line in lines))).valid is False


def test_a_failed_compare_and_set_is_an_observation_only_where_the_model_says_so() -> None:
    lines = ("0 invoke write 1", "0 ok write 1", "0 invoke cas 1 2", "0 fail cas 1 2")
    assert check(history(*lines)).valid is True
    found = anomaly(*lines, by=model("etcd"))
    assert (
        found.sentence == "failed cas from 1 to 2, which no order of these 2 operations in real time allows"
    )


def test_a_compare_and_set_that_answered_false_is_an_observation() -> None:
    write = [Op(0, 0, 0, "invoke", "write", 1), Op(1, 1, 0, "ok", "write", 1)]
    for old, valid in ((2, True), (1, False)):
        cas = [Op(2, 2, 0, "invoke", "cas", [old, 3]), Op(3, 3, 0, "ok", "cas", False)]
        assert check(History([*write, *cas])).valid is valid


def test_a_keyed_register_takes_its_key_from_the_value() -> None:
    ops = [
        Op(0, 0, 0, "invoke", "write", ["x", 1]),
        Op(1, 1, 0, "ok", "write", ["x", 1]),
        Op(2, 2, 0, "invoke", "cas", ["y", [None, 2]]),
        Op(3, 3, 0, "ok", "cas", ["y", [None, 2]]),
        Op(4, 4, 0, "invoke", "read", ["x", None]),
        Op(5, 5, 0, "ok", "read", ["x", 2]),
    ]
    (found,) = check(History(ops), by=model("keyed-register")).anomalies
    assert found.sentence == "read of key x returned 2 although nothing had written 2"
    unkeyed = check(history("0 invoke write 1", "0 ok write 1"), by=model("keyed-register"))
    assert unkeyed.reasons == (
        'the model keyed-register does not fit: "write" of index 0 has neither key nor [key, value]',
    )


def test_json_values_are_not_mixed_up() -> None:
    ops = [Op(0, 0, 0, "invoke", "write", 1), Op(1, 1, 0, "ok", "write", 1)]
    for answer, valid in ((1, True), (1.0, True), (True, False), ("1", False), ([1], False)):
        read = [Op(2, 2, 0, "invoke", "read"), Op(3, 3, 0, "ok", "read", answer)]
        assert check(History([*ops, *read])).valid is valid


def test_an_operation_that_the_model_lacks_is_not_judged() -> None:
    verdict = check(history("0 invoke add 1", "0 ok add 1"))
    assert verdict.reasons == (
        'the model cas-register does not fit: it has no operation "add" (only cas, read, write)',
    )
    cas = check(history("0 invoke cas 1", "0 ok cas 1"))
    assert cas.reasons == ('the model cas-register does not fit: "cas" of index 0 needs a value [old, new]',)


def test_nothing_that_succeeded_is_nothing_to_judge() -> None:
    assert check(History()).valid == "unknown"
    assert check(history("0 invoke write 1", "0 info write 1")).reasons == (
        "no operation ended with ok, so there is nothing to judge",
    )


def _hard(writers: int, key: str = "") -> tuple[str, ...]:
    """Concurrent writes and then a read of something else: every subset of them has to be tried."""
    begin = (f"{i} invoke write {i} {key}" for i in range(writers))
    end = (f"{i} ok write {i} {key}" for i in range(writers))
    return (*begin, *end, f"0 invoke read {key}", f"0 ok read -1 {key}")


def test_time_is_limited_during_the_search() -> None:
    began = time.monotonic()
    verdict = limited(history(*_hard(24)), time_s=0.2)
    assert time.monotonic() - began < 20, "without a limit it takes hours"
    assert verdict.valid == "unknown"
    assert "the time limit was reached after" in verdict.reasons[0]
    assert "the history can be explained up to index 49" in verdict.reasons[0]


def test_memory_is_limited_during_the_search() -> None:
    whole = history(*_hard(24))
    assert len(whole.pairs) == 25
    tracemalloc.start()
    try:
        verdict = limited(whole, memory=3 * 2**20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert verdict.valid == "unknown"
    assert verdict.reasons[0].startswith("the memory limit of 3 MB was reached after ")
    assert 2**20 < peak <= 3 * 2**20


def test_memory_of_a_long_and_easy_history_is_accounted_as_well() -> None:
    whole = run_register(Random(3), operations=3000, values=0, unknown=0)
    assert len(whole.pairs) == 3000
    tracemalloc.start()
    try:
        verdict = limited(whole, memory=2 * 2**20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert verdict.valid == "unknown"
    assert peak <= 2 * 2**20
    assert limited(whole, memory=20 * 2**20).valid is True


@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=0), Limits(memory_bytes=1000)])
def test_no_limit_is_too_small_to_be_kept(limits: Limits) -> None:
    whole = history("0 invoke write 1", "0 ok write 1", "1 invoke read", "1 ok read nil")
    for compiled in {False, AVAILABLE}:
        verdict = Linearizable(CAS, compiled=compiled).check(whole, limits)
        assert verdict.valid == "unknown"
        assert "limit" in verdict.reasons[0]


def test_a_hard_key_does_not_hide_the_violation_of_an_easy_one() -> None:
    hard = _hard(24, "key=1")
    easy = ("50 invoke write 1 key=2", "50 ok write 1 key=2", "50 invoke read key=2", "50 ok read nil key=2")
    verdict = limited(history(*hard, *easy), memory=10 * 2**20)
    assert verdict.valid is False
    assert [found.details["key"] for found in verdict.anomalies] == [2]
    assert verdict.statistics["objects_undecided"] == 1


def test_ten_thousand_operations_take_about_a_second() -> None:
    whole = run_register(Random(5), operations=10_000, clients=10, keys=100, values=0, unknown=0.02)
    assert len(whole.pairs) == 10_000
    began = time.process_time()
    assert limited(whole).valid is True
    # About a second; what CI grants is a bound against mistakes.
    assert time.process_time() - began < 10
