from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import patch

from harness.databases import reference
from harness.explore import twice
from harness.explore.campaign import Errand
from harness.explore.life import Outcome
from harness.explore.pool import Here
from reference.world import World

ERRAND = Errand("single", ("set",), ("kill",))
NAMES = {"documents", "indexes", "collections", "databases", "transactions", "cursors"}

Program = Callable[[World, Sequence[str], Callable[[str, str], object]], Awaitable[None]]


def life_of_a_server_that_iterates_over_a_set(errand: Errand, seed: int) -> tuple[Outcome, int]:
    """A worker's work. What the server says depends on the order of a set of strings."""
    genuine: Program = reference.simulated

    async def wrong(world: World, arguments: Sequence[str], tell: Callable[[str, str], object]) -> None:
        tell("info", f"loading {', '.join(NAMES)}")
        await genuine(world, arguments, tell)

    with patch.object(reference, "simulated", wrong):
        return twice.hashed_life(errand, seed)


def test_every_seed_gives_one_trace_in_processes_that_hash_differently() -> None:
    pairs = twice.run(ERRAND, iter(range(4)), jobs=2)
    assert pairs.sentence == "4 seeds, each lived twice in processes that hash unlike: all traces are equal."
    assert pairs.exit_code == 0


def test_set_of_strings_in_the_server_is_caught() -> None:
    pairs = twice.run(ERRAND, iter(range(2)), jobs=2, life=life_of_a_server_that_iterates_over_a_set)
    assert pairs.differing == (0, 1)
    assert pairs.exit_code == 255
    assert "2 of 2 seeds are not the same run twice" in pairs.sentence


def fake(verdict: str, hashes: list[int]) -> Any:
    def life(_errand: Errand, seed: int) -> tuple[Outcome, int]:
        return Outcome(seed, verdict, "", trace_sha256="same"), hashes.pop()

    return life


def test_equal_hashes_of_strings_show_nothing() -> None:
    pairs = twice.run(ERRAND, iter([1]), 1, executors=(Here(), Here()), life=fake("valid", [5, 5]))
    assert pairs.exit_code == 2


def test_life_without_verdict_is_no_evidence() -> None:
    pairs = twice.run(ERRAND, iter([1]), 1, executors=(Here(), Here()), life=fake("crashed", [5, 6]))
    assert (pairs.exit_code, pairs.crashed) == (255, (1,))


def test_violation_that_shows_twice_is_a_violation() -> None:
    pairs = twice.run(ERRAND, iter([1]), 1, executors=(Here(), Here()), life=fake("invalid", [5, 6]))
    assert (pairs.exit_code, pairs.violating) == (1, (1,))
    assert twice.as_json(pairs, "again")["verdict"] == "invalid"
