"""Histories on disk: what is written is read, what is torn is cut, what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers import codec
from checkers.history import UNTIMED, History, Op
from tests.checkers.histories import history

_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def _histories(draw: st.DrawFn) -> History:
    ops: list[Op] = []
    for process in range(draw(st.integers(0, 6))):
        key = draw(st.none() | st.integers(0, 3) | st.text(max_size=3))
        common: dict[str, Any] = {"f": draw(st.text(min_size=1, max_size=5)), "key": key}
        for kind in ("invoke", draw(st.sampled_from(["ok", "fail", "info"]))):
            ops.append(
                Op(
                    index=len(ops) * 2,
                    time=len(ops) * 7,
                    process=process,
                    type=kind,  # type: ignore[arg-type]  # sampled from the three
                    value=draw(_json),
                    node=draw(st.none() | st.text(max_size=3)),
                    error=draw(st.none() | st.text(max_size=3)),
                    **common,
                )
            )
    return History(ops)


def _bytes(ops: History) -> bytes:
    return b"".join(codec.encode(op) for op in ops)


@given(_histories())
def test_what_is_written_is_read(whole: History) -> None:
    assert codec.decode(_bytes(whole)) == whole


@given(_histories(), st.data())
def test_torn_tail_is_cut_and_the_prefix_survives(whole: History, data: st.DataObject) -> None:
    content = _bytes(whole)
    cut = data.draw(st.integers(0, len(content)))
    survived = codec.decode(content[:cut])
    complete = content[:cut].count(b"\n")
    assert list(survived[:complete]) == list(whole[:complete])
    assert len(survived) - complete in (0, 1)
    torn = cut > 0 and not content[:cut].endswith(b"\n") and len(survived) == complete
    assert survived.notes == ((f"line {complete + 1}, the last, is torn and was left out",) if torn else ())


def test_a_whole_history_is_written_to_a_file_and_read(tmp_path: Path) -> None:
    whole = history("0 invoke write 1", "0 ok write 1")
    codec.write(tmp_path / "history.jsonl", whole)
    assert codec.read(tmp_path / "history.jsonl") == whole


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"index":2,"time":2,"process":1,"type":"inv', "line 3: "),
        (b"[1,2]", "line 3: Expected `object`, got `array`"),
        (b'{"index":2,"time":2,"process":1,"type":"done","f":"read"}', "line 3: Invalid enum value 'done'"),
        (b'{"index":2,"time":2,"process":1,"type":"ok"}', "line 3: .*missing required field `f`"),
        (
            b'{"index":2,"time":2,"process":1,"type":"ok","f":"read"}',
            "line 3: completion of process 1 without",
        ),
        (b'{"index":0,"time":2,"process":1,"type":"invoke","f":"read"}', "line 3: index 0 follows index 1"),
        (b"\xff\xfe", "line 3: "),
    ],
)
def test_a_malformed_line_is_an_error_that_names_it(line: bytes, message: str) -> None:
    before = _bytes(history("0 invoke write 1", "0 ok write 1"))
    after = b'{"index":9,"time":9,"process":2,"type":"invoke","f":"read"}\n'
    with pytest.raises(codec.MalformedFileError, match=message):
        codec.decode(before + line + b"\n" + after)


def test_line_numbers_count_blank_lines() -> None:
    with pytest.raises(codec.MalformedFileError, match="line 3: completion of process 1"):
        codec.decode(b'\n\n{"index":0,"time":0,"process":1,"type":"ok","f":"read"}\n')


def test_a_last_line_that_is_whole_but_wrong_is_not_taken_for_torn() -> None:
    with pytest.raises(codec.MalformedFileError, match="line 1: Object missing required field"):
        codec.decode(b'{"index":0}')


def test_index_and_time_may_be_missing() -> None:
    whole = codec.decode(b'{"process":0,"type":"invoke","f":"read"}\n{"process":0,"type":"ok","f":"read"}\n')
    assert [op.index for op in whole] == [0, 1]
    assert [op.time for op in whole] == [UNTIMED, UNTIMED]


def test_unknown_fields_and_structured_errors_are_harmless() -> None:
    whole = codec.decode(b'{"process":0,"type":"invoke","f":"read","time":1e3,"error":["a",1],"extra":{}}\n')
    assert (whole[0].time, whole[0].error) == (1000, "['a', 1]")


def test_an_empty_file_is_an_empty_history() -> None:
    assert len(codec.decode(b"")) == 0
