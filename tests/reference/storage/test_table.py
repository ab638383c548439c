"""A table shows every snapshot its own moment, and keeps no version that nobody can see."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference.storage.table import LiveTicks, Table

steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abcd")),
        st.tuples(st.just("remove"), st.sampled_from("abcd")),
        st.tuples(st.just("pin"), st.just("")),
        st.tuples(st.just("unpin"), st.integers(0, 9)),
        st.tuples(st.just("clear"), st.just("")),
    ),
    max_size=60,
)


def visible(table: Table, tick: int) -> dict[str, bytes]:
    found = {key: table.at(key, tick) for key in table.all_keys()}
    return {key: version.body or b"" for key, version in found.items() if version is not None}


@given(steps)
def test_every_pinned_tick_sees_what_was_there_when_it_was_pinned(  # noqa: C901 - one step, one branch
    steps: list[tuple[str, object]],
) -> None:
    live = LiveTicks()
    table = Table(live)
    now: dict[str, bytes] = {}
    pinned: list[tuple[int, dict[str, bytes]]] = []
    for tick, (what, argument) in enumerate(steps, 1):
        if what == "write":
            now[str(argument)] = b"%d" % tick
            table.write(str(argument), tick, tick, b"%d" % tick)
        elif what == "remove" and argument in now:
            del now[str(argument)]
            table.write(str(argument), tick, tick, None)
        elif what == "clear":
            now.clear()
            table.clear(tick, tick)
        elif what == "pin":
            live.pin(tick)
            pinned.append((tick, dict(now)))
        elif what == "unpin" and isinstance(argument, int) and pinned:
            released, _ = pinned.pop(argument % len(pinned))
            if live.unpin(released):
                table.prune()
        assert table.count == len(now)
        assert visible(table, tick) == now
        for at, then in pinned:
            assert visible(table, at) == then
    for at, _ in pinned:
        if live.unpin(at):
            table.prune()
    assert len(table.all_keys()) == len(now), "tombstones are collected"
    for key in now:
        newest = table.newest(key)
        assert newest is not None
        assert newest.older is None, "old versions are collected"


def test_versions_of_a_hot_key_do_not_pile_up_under_one_old_snapshot() -> None:
    live = LiveTicks()
    table = Table(live)
    table.write("k", 1, 1, b"1")
    live.pin(1)
    for tick in range(2, 1000):
        table.write("k", tick, tick, b"x")
    chain = 0
    version = table.newest("k")
    while version is not None:
        chain, version = chain + 1, version.older
    assert chain == 2
