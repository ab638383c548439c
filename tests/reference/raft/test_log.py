"""The log against a plain list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference.raft import Durable, Entry, Persist, Snapshot, recover
from reference.raft.log import Log

_TERMS = st.lists(st.integers(1, 4), max_size=12).map(sorted)


def _entries(terms: list[int]) -> tuple[Entry, ...]:
    return tuple(Entry(index, term, b"%d" % term) for index, term in enumerate(terms, 1))


def _log(terms: list[int]) -> Log:
    return Log(Durable(entries=_entries(terms)))


def _all(log: Log) -> tuple[Entry, ...]:
    return log.between(log.base_index + 1, log.last_index)


@given(_TERMS, _TERMS, st.data())
def test_entries_replace_only_what_conflicts(
    mine: list[int], leaders: list[int], data: st.DataObject
) -> None:
    prev = data.draw(st.integers(0, len(leaders)))
    last = data.draw(st.integers(prev, len(leaders)))
    log, sent = _log(mine), _entries(leaders)
    agreed = log.accept(prev, leaders[prev - 1] if prev else 0, sent[prev:last])
    if prev and (prev > len(mine) or mine[prev - 1] != leaders[prev - 1]):
        assert agreed is None
        assert _all(log) == _entries(mine)
        return
    assert agreed == last
    conflicts = mine[prev:last] != leaders[prev:last]
    behind = () if conflicts else _entries(mine)[last:]
    assert _all(log) == _entries(mine)[:prev] + sent[prev:last] + behind


@given(_TERMS, _TERMS, st.data())
def test_what_is_told_adds_up_to_the_log(mine: list[int], leaders: list[int], data: st.DataObject) -> None:
    log, records = _log(mine), [Persist(entries=_entries(mine))]
    for _ in range(data.draw(st.integers(1, 4))):
        prev = data.draw(st.integers(0, len(leaders)))
        log.accept(prev, leaders[prev - 1] if prev else 0, _entries(leaders)[prev:])
        if log.last_index > log.base_index and data.draw(st.booleans()):
            index = data.draw(st.integers(log.base_index + 1, log.last_index))
            log.compact(Snapshot(index, log.term(index) or 0), data.draw(st.integers(1, index + 1)))
        record = log.changes(None)
        if record is not None:
            records.append(record)
        assert log.changes(None) is None
    kept = recover(records)
    assert kept.snapshot == log.snapshot
    assert tuple(entry for entry in kept.entries if entry.index > log.base_index) == _all(log)
    reopened = Log(kept)
    assert reopened.base_index - log.base_index in (0, 1), "the first entry may become the base"
    assert _all(reopened) == _all(log)[reopened.base_index - log.base_index :]


@given(_TERMS, st.integers(1, 5))
def test_the_end_of_a_term_is_found(terms: list[int], term: int) -> None:
    expected = max((index for index, it in enumerate(terms, 1) if it == term), default=None)
    assert _log(terms).end_of_term(term) == expected


@given(_TERMS, st.integers(1, 14))
def test_a_hint_names_the_first_entry_of_the_term_that_is_there(terms: list[int], prev_index: int) -> None:
    expected = (len(terms) + 1, 0)
    if prev_index <= len(terms):
        term = terms[prev_index - 1]
        expected = (terms.index(term) + 1, term)
    assert _log(terms).conflict(prev_index) == expected


def test_a_snapshot_whose_last_entry_is_here_keeps_what_comes_behind() -> None:
    log = _log([1, 1, 2, 2])
    assert not log.install(Snapshot(3, 2, b"state"))
    assert (log.commit_index, log.last_index) == (3, 4)


def test_a_snapshot_that_differs_replaces_the_log() -> None:
    log = _log([1, 1, 1, 1])
    assert log.install(Snapshot(3, 2, b"state"))
    assert (log.commit_index, log.base_index, log.last_index, log.last_term) == (3, 3, 3, 2)
    assert log.changes(None) == Persist(snapshot=Snapshot(3, 2, b"state"), keep_from=4, truncate_from=1)
