"""The definitions themselves, too slow for anything but a handful of transactions: try every order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, permutations
from typing import Any

from checkers.transactions.transaction import NEVER, Txn

State = Mapping[Any, Any]


def is_serializable(txns: Sequence[Txn], *, strict: bool = False) -> bool:
    """Whether all that committed, and some of what is unknown, has an order that explains every read."""
    return any(
        _explained(order)
        for some in _choices(txns)
        for order in permutations(some)
        if not strict or _in_time(order)
    )


def is_snapshot_isolated(txns: Sequence[Txn], *, strong: bool = False) -> bool:
    """Whether everybody can have read a snapshot and committed without a conflict."""
    return any(_schedule(list(some), (), {}, strong) for some in _choices(txns))


def _choices(txns: Sequence[Txn]) -> Iterator[tuple[Txn, ...]]:
    must = [txn for txn in txns if txn.type == "ok"]
    may = [txn for txn in txns if txn.type == "info"]
    for some in chain.from_iterable(combinations(may, size) for size in range(len(may) + 1)):
        yield (*must, *some)


def _in_time(order: Iterable[Txn]) -> bool:
    latest = -1
    for txn in order:
        latest = max(latest, txn.begin)
        if txn.end < latest:
            return False
    return True


def _explained(order: Iterable[Txn]) -> bool:
    state: State = {}
    for txn in order:
        after = _run(txn, state)
        if after is None:
            return False
        state = after
    return True


def _run(txn: Txn, state: State) -> State | None:
    """The state after the transaction, or None if it read something else."""
    mine = dict(state)
    for mop in txn.mops:
        initial: Any = () if mop.f == "append" or isinstance(mop.value, tuple) else None
        now = mine.get(mop.key, initial)
        if mop.f == "append":
            mine[mop.key] = (*now, mop.value)
        elif mop.f == "w":
            mine[mop.key] = mop.value
        elif txn.type == "ok" and now != mop.value:
            return None
    return mine


def _schedule(left: list[Txn], open_: tuple[tuple[Txn, State, int], ...], now: State, strong: bool) -> bool:
    return _step(left, open_, [(now, frozenset())], strong)


def _step(
    left: list[Txn],
    open_: tuple[tuple[Txn, State, int], ...],
    commits: list[tuple[State, frozenset[Any]]],
    strong: bool,
) -> bool:
    """Every way on: somebody takes a snapshot, or somebody who has one commits."""
    if not left and not open_:
        return True
    for txn in left:
        waiting = [other for other in (*left, *(some for some, _, _ in open_)) if other is not txn]
        if strong and any(other.end < txn.begin for other in waiting):
            continue
        if _run(txn, commits[-1][0]) is None:
            continue
        rest = [other for other in left if other is not txn]
        if _step(rest, (*open_, (txn, commits[-1][0], len(commits))), commits, strong):
            return True
    for txn, _, since in open_:
        keys = frozenset(mop.key for mop in txn.writes)
        if any(keys & other for _, other in commits[since:]):
            continue
        state = dict(commits[-1][0])
        for mop in txn.writes:
            state[mop.key] = (*state.get(mop.key, ()), mop.value) if mop.f == "append" else mop.value
        still = tuple(some for some in open_ if some[0] is not txn)
        if _step(left, still, [*commits, (state, keys)], strong):
            return True
    return False


def ended(txn: Txn) -> bool:
    """Whether anybody knows when it ended."""
    return txn.end != NEVER
