"""Registers judged from the lines of a file, against the same history read into operations."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers import codec
from checkers.history import History, Op
from checkers.linearizability import Linearizable
from checkers.models import model
from checkers.native import AVAILABLE
from checkers.verdict import Limits, Verdict
from tests.checkers.histories import history, run_register
from tests.checkers.test_linearizability import small_histories

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no C++ compiler when the project was installed")


def lines_of(whole: History) -> bytes:
    return b"".join(codec.encode(op) for op in whole)


def from_lines(text: bytes, name: str = "cas-register", limits: Limits | None = None) -> Verdict | None:
    return Linearizable(model(name)).check_lines(text, limits or Limits())


def same(whole: History, name: str) -> None:
    """The verdict on the lines is that on the history, to the last word."""
    assert from_lines(lines_of(whole), name) == Linearizable(model(name)).check(whole, Limits())


@settings(max_examples=200, deadline=None)
@given(small_histories(), st.sampled_from(["cas-register", "etcd"]))
def test_lines_are_judged_as_the_history_is(whole: History, name: str) -> None:
    same(whole, name)


@pytest.mark.parametrize("seed", range(30))
def test_longer_lines_with_keys_are_judged_as_the_history_is(seed: int) -> None:
    random = Random(seed)
    whole = run_register(
        random,
        operations=200,
        clients=random.randint(2, 6),
        keys=random.randint(0, 4),
        values=random.choice([0, 4]),
        unknown=random.choice([0, 0.1]),
        stale=random.choice([0, 0.1]),
    )
    same(whole, random.choice(["cas-register", "etcd"]))


def test_strings_and_the_nemesis_are_plain_lines() -> None:
    whole = history(
        "0 invoke write a", "nemesis info kill n1", "0 ok write a", "1 invoke read", "1 ok read b"
    )
    verdict = from_lines(lines_of(whole))
    assert verdict is not None
    assert [found.sentence for found in verdict.anomalies] == [
        'read returned "b" although nothing had written "b"'
    ]
    same(whole, "cas-register")


WRITE = [Op(0, 0, 0, "invoke", "write", 1), Op(1, 1, 0, "ok", "write", 1)]


@pytest.mark.parametrize(
    "text",
    [
        b"not json\n",
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":1.0}\n',
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":"\\u0061"}\n',
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":{"a":1}}\n',
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":12345678901234567890}\n',
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":01}\n',
        b'{"index":0,"time":0,"process":0,"type":"invoke","f":"add","value":1}\n',
        b'{"time":0,"process":0,"type":"invoke","f":"write","value":1}\n',
        b'{"index":0,"time":0,"process":"x","type":"invoke","f":"write","value":1}\n',
        b'{"index":0,"time":0,"process":"nemesis","type":"info","f":"kill","value":{"a":}}\n',
        lines_of(History(WRITE))[:-1],
        lines_of(History([WRITE[1]])),
        lines_of(History([WRITE[0], WRITE[0]])),
        lines_of(History([WRITE[0], Op(1, 1, 1, "invoke", "write", 1), Op(2, 2, 1, "info", "read")])),
    ],
)
def test_what_is_not_plain_is_left_to_python(text: bytes) -> None:
    assert from_lines(lines_of(History(WRITE))) is not None
    assert from_lines(text) is None


def test_a_process_that_goes_on_after_info_is_left_to_python() -> None:
    unknown = [Op(0, 0, 0, "invoke", "write", 1), Op(1, 1, 0, "info", "write", 1)]
    again = [Op(2, 2, 0, "invoke", "read"), Op(3, 3, 0, "ok", "read", 1)]
    assert from_lines(lines_of(History([*unknown, *again]))) is None


def test_models_with_keys_in_their_values_are_left_to_python() -> None:
    assert from_lines(lines_of(History(WRITE)), "keyed-register") is None


@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=0), Limits(memory_bytes=1000)])
def test_no_limit_is_too_small_to_be_kept(limits: Limits) -> None:
    verdict = from_lines(lines_of(run_register(Random(1), operations=50)), limits=limits)
    assert verdict is not None
    assert verdict.valid == "unknown"
    assert "limit" in verdict.reasons[0]
