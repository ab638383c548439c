"""What is written down adds up to what was known, and what cannot be right is refused."""

from __future__ import annotations

import pytest

from reference.raft import DamagedLogError, Durable, Entry, HardState, Persist, Snapshot, recover
from reference.raft.durable import decode, encode


def _entries(first: int, last: int, term: int = 1) -> tuple[Entry, ...]:
    return tuple(Entry(index, term, b"%d" % index) for index in range(first, last + 1))


def test_nothing_written_is_a_new_member() -> None:
    assert recover([]) == Durable()


def test_records_add_up() -> None:
    kept = recover(
        [
            Persist(hard_state=HardState(1, "a")),
            Persist(entries=_entries(1, 4)),
            Persist(hard_state=HardState(2, None), truncate_from=3, entries=_entries(3, 5, term=2)),
        ]
    )
    assert kept == Durable(hard_state=HardState(2), entries=_entries(1, 2) + _entries(3, 5, term=2))


def test_entries_of_one_record_replace_those_that_it_cuts() -> None:
    kept = recover(
        [Persist(entries=_entries(1, 2)), Persist(truncate_from=1, entries=_entries(1, 1, term=2))]
    )
    assert kept.entries == _entries(1, 1, term=2)


def test_a_compacted_log_keeps_what_comes_behind_the_snapshot() -> None:
    snapshot = Snapshot(3, 1, b"state")
    kept = recover([Persist(entries=_entries(1, 5)), Persist(snapshot=snapshot, keep_from=3)])
    assert kept == Durable(snapshot=snapshot, entries=_entries(3, 5))


def test_an_installed_snapshot_replaces_the_log() -> None:
    snapshot = Snapshot(9, 2, b"state")
    kept = recover(
        [Persist(entries=_entries(1, 5)), Persist(snapshot=snapshot, keep_from=10, truncate_from=1)]
    )
    assert kept == Durable(snapshot=snapshot)


def test_one_record_may_stand_for_all_before_it() -> None:
    first = [
        Persist(hard_state=HardState(3, "b"), entries=_entries(1, 6)),
        Persist(snapshot=Snapshot(4, 1), keep_from=4),
    ]
    later = [Persist(truncate_from=6, entries=_entries(6, 8, term=3))]
    assert recover([recover(first).whole(), *later]) == recover([*first, *later])
    assert recover([*first, recover(first).whole(), *later]) == recover([*first, *later])


def test_a_record_survives_its_encoding() -> None:
    record = Persist(HardState(7, "agent-1"), Snapshot(2, 1, b"\0state"), 3, 4, _entries(4, 6))
    assert decode(encode(record)) == record


@pytest.mark.parametrize(
    "records",
    [
        [Persist(entries=_entries(2, 3))],
        [Persist(entries=_entries(1, 3)), Persist(entries=_entries(5, 6))],
        [Persist(entries=_entries(1, 3)), Persist(entries=_entries(3, 4))],
        [Persist(snapshot=Snapshot(4, 1)), Persist(entries=_entries(6, 7))],
        [Persist(entries=_entries(1, 3)), Persist(snapshot=Snapshot(5, 1))],
    ],
    ids=["no beginning", "a gap", "an overlap", "behind the snapshot", "before the snapshot's end"],
)
def test_a_hole_is_refused(records: list[Persist]) -> None:
    with pytest.raises(DamagedLogError, match="hole"):
        recover(records)
