"""Every write, fsync, rename and removal is a place to die, for a process and for a machine."""

from __future__ import annotations

import itertools

import pytest

from harness.environments.simulation.disk import HostDisk
from tests.defects import catalogue
from tests.defects.stage import FOLLOWER, LEADER, Stage
from tests.reference.crash_points import enumeration, following
from tests.reference.crash_points.enumeration import DEATHS, WORDS, Death, die
from tests.reference.crash_points.scripts import (
    SCRIPTS,
    Step,
    create,
    drop,
    remove,
    rename,
    transact,
    truncate,
    wait,
    write,
)

SYSTEM = {"_users", "_apps", "_jobs", "_queues", "_graphs"}
APPLIED: tuple[Step, ...] = (
    create("c"),
    write("c", a=1, b=1),
    transact("c", a=2, b=2),
    write("c", d=3),
    remove("c", "b"),
    truncate("c"),
    transact("c", a=4, b=4),
    rename("c", "e"),
    write("e", d=5),
    wait(0.6),
    create("f"),
    write("f", x=6),
    drop("f"),
    write("e", d=7),
)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_after_any_death_there_is_a_past_of_the_script(script: tuple[Step, ...], death: Death) -> None:
    boundaries = enumeration.boundaries(script)
    assert len(boundaries) > 2 * len(script) - 10
    wrong = {at: found for at in boundaries if (found := enumeration.crash(script, death, at))}
    assert wrong == {}


@pytest.mark.parametrize("death", ["kill", "power: last write torn"])
def test_dying_again_in_the_recovery_changes_nothing(death: Death) -> None:
    script = SCRIPTS["transactions"]
    deaths = 0
    for at in enumeration.boundaries(script):
        for again in itertools.count(1):
            found = enumeration.crash_again(script, death, at, again)
            if found is None:
                break
            deaths += 1
            assert found == [], f"died at boundary {at}, and at boundary {again} of its recovery"
    assert deaths > 20


@pytest.mark.parametrize("death", DEATHS)
def test_a_first_start_may_be_interrupted_anywhere(death: Death) -> None:
    stage = Stage(words=WORDS)
    stage.world.run(_open_and_close(stage))
    first_start = range(1, stage.disk(LEADER).boundaries + 1)
    assert len(first_start) > 20
    for boundary in first_start:
        stage = Stage(words=WORDS)
        die(stage, LEADER, death, boundary)
        assert stage.world.run(_born(stage)) >= SYSTEM, f"boundary {boundary}"


async def _open_and_close(stage: Stage) -> None:
    await stage.open()
    await stage.close()


async def _born(stage: Stage) -> set[str]:
    """Start once, to die, and once more; the collections that are there then."""
    await stage.boot(LEADER)
    await stage.until(lambda: _has_died(stage.disk(LEADER)), "the first start dies")
    await stage.start(LEADER)
    found = set(await stage.collections(LEADER))
    await stage.close()
    return found


async def _has_died(disk: HostDisk) -> bool:
    return disk.at_boundary is None


@pytest.mark.parametrize(
    ("death", "chunk_bytes"),
    [("kill", 0), ("power: nothing kept", 0), ("kill", 1), ("power: last write torn", 1)],
    ids=["kill", "power", "kill, entry by entry", "power, entry by entry"],
)
def test_a_follower_may_die_anywhere(death: Death, chunk_bytes: int) -> None:
    boundaries = following.boundaries(APPLIED, chunkSize=chunk_bytes)
    assert len(boundaries) > 20
    wrong = {
        at: found
        for at in boundaries
        if (found := following.crash(APPLIED, death, at, chunkSize=chunk_bytes))
    }
    assert wrong == {}


@pytest.mark.parametrize("death", DEATHS)
def test_an_acknowledged_set_up_outlives_its_follower(death: Death) -> None:
    """The first tick is durable before make-follower answers, or autoStart has nothing to resume from."""
    stage = Stage(nodes=2, words=WORDS)

    async def live() -> bool:
        await stage.open()
        await stage.follow()
        die(stage, FOLLOWER, death, stage.disk(FOLLOWER).boundaries + 1)
        stage.disk(FOLLOWER).boundary("the answer")
        await stage.start(FOLLOWER)
        follows = await stage.caught_up()
        await stage.close()
        return follows

    assert stage.world.run(live())


CAUGHT = (
    ("missing-fsync", "single writes", "power: nothing kept"),
    ("ack-before-fsync", "single writes", "power: nothing kept"),
    ("torn-tail-kept", "batches", "power: last write torn"),
    ("transaction-in-pieces", "transactions", "kill"),
    ("unfinished-transaction-replayed", "transactions", "power: last write torn"),
    ("removal-not-logged", "single writes", "kill"),
    ("truncate-not-logged", "collections", "kill"),
    ("replay-begins-too-late", "checkpoints and pruning", "kill"),
    ("checkpoint-misses-pending-commit", "checkpoints and pruning", "power: nothing kept"),
)


@pytest.mark.parametrize(("defect", "script", "death"), CAUGHT, ids=[defect for defect, _, _ in CAUGHT])
def test_planted_defects_are_caught(defect: str, script: str, death: Death) -> None:
    with catalogue.planted(defect):
        boundaries = enumeration.boundaries(SCRIPTS[script])
        assert any(enumeration.crash(SCRIPTS[script], death, at) for at in boundaries)


def test_a_follower_that_stores_its_position_first_is_caught() -> None:
    with catalogue.planted("position-before-data"):
        boundaries = following.boundaries(APPLIED)
        assert any(following.crash(APPLIED, "kill", at) for at in boundaries)
