"""After a failed fsync: what a restarted server shows is on the disk, though the system took it for clean."""

from __future__ import annotations

from tests.defects.stage import LEADER, Stage

_SEEDS = 12
_ONE = "/_api/document/c?waitForSync=true"


async def _shown_twice(stage: Stage) -> tuple[dict[str, int], dict[str, int]]:
    """What the server shows after a failed fsync and a restart, and after one more write and a power loss."""
    await stage.open()
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "c"})
    await stage.put(LEADER, "c", "before", 1, sync=True)
    await stage.environment.disks.fault(LEADER, "fsync")
    refused = await stage.send(LEADER, "POST", _ONE, {"_key": "doomed", "n": 2})
    assert refused.error == 2, "nobody knows whether it is stored"
    assert (await stage.send(LEADER, "POST", _ONE, {"_key": "too-late", "n": 2})).error == 2
    await stage.environment.disks.heal(LEADER)
    await stage.restart(LEADER)
    shown = await stage.contents(LEADER, "c")
    await stage.put(LEADER, "c", "after", 3, sync=True)
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    again = await stage.contents(LEADER, "c")
    await stage.close()
    return shown, again


def test_what_was_shown_after_a_failed_fsync_survives_the_next_power_loss() -> None:
    outcomes = []
    for seed in range(_SEEDS):
        stage = Stage(seed=seed)
        shown, again = stage.world.run(_shown_twice(stage))
        assert shown["before"] == 1
        assert again == shown | {"after": 3}
        outcomes.append("doomed" in shown)
    assert {True, False} == set(outcomes), "it may be read from memory, and it may be gone"
