"""The book of faults: what is recorded of faults that bite, that do not, and that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from checkers.history import NEMESIS, Op
from harness.faults import Fault, Faults
from harness.interpreter import IllBehaved
from harness.nemesis import Effect
from tests.harness.virtual_time import in_virtual_time


class Scripted:
    """A nemesis of which every part can fail. `counts` are what its probes measure in turn."""

    family = "flood"

    def __init__(self, *counts: int, fails: str = "") -> None:
        self.counts = list(counts)
        self.fails = fails
        self.healed = 0

    async def inject(self, value: Any) -> Mapping[str, Any]:
        self._perhaps_fail("inject")
        return {"nodes": ["n2"], "depth": {"n3": 4}}

    async def probe(self) -> Effect:
        self._perhaps_fail("probe")
        return Effect("litres", self.counts.pop(0))

    async def heal(self) -> None:
        self._perhaps_fail("heal")
        self.healed += 1

    def _perhaps_fail(self, part: str) -> None:
        if part == self.fails:
            raise OSError(f"cannot {part}")


def op(f: str) -> Op:
    return Op(-1, 0, NEMESIS, "invoke", f)


def book(nemesis: Scripted) -> Faults:
    recorded: list[Fault] = []
    faults = Faults([nemesis], nodes=("n1", "n2", "n3"), interval_s=4, record=recorded.append)
    loop = asyncio.get_running_loop()
    faults.now_ns = lambda: round(loop.time() * 1e9)
    assert faults.ended == recorded
    return faults


def fault_of(nemesis: Scripted, lasts_s: float) -> Fault:
    """One fault from start to stop."""

    async def main() -> Fault:
        faults = book(nemesis)
        await faults.invoke(op("start-flood"))
        while_it_lasts = faults.in_force
        await asyncio.sleep(lasts_s)
        await faults.invoke(op("stop-flood"))
        assert (while_it_lasts, faults.in_force) == (("flood",), ())
        (fault,) = faults.ended
        return fault

    return in_virtual_time(main())


def test_fault_that_bit_is_effective_with_both_measurements() -> None:
    fault = fault_of(Scripted(5, 9), lasts_s=3)
    assert fault.effective
    assert fault.effect == Effect("litres", 9, {"midway": {"count": 5, "evidence": {}}})
    assert (fault.end_ns or 0) - fault.start_ns == pytest.approx(3e9)
    assert fault.nodes == ("n2", "n3")


def test_fault_that_was_gone_by_its_end_is_not_effective() -> None:
    fault = fault_of(Scripted(5, 0), lasts_s=3)
    assert not fault.effective
    assert fault.effect is not None
    assert fault.effect.evidence == {"midway": {"count": 5, "evidence": {}}}


def test_fault_that_nobody_has_met_stays_until_somebody_does() -> None:
    fault = fault_of(Scripted(0, 0, 0, 3), lasts_s=3)
    assert fault.effective
    assert (fault.end_ns or 0) - fault.start_ns == pytest.approx(4e9)


def test_fault_that_nobody_meets_ends_and_is_not_effective() -> None:
    fault = fault_of(Scripted(0, 0, 0, 0, 0, 0), lasts_s=3)
    assert not fault.effective
    assert (fault.end_ns or 0) - fault.start_ns == pytest.approx(5e9)


def test_fault_that_nobody_met_is_healed_at_once_when_all_must_be() -> None:
    async def main() -> None:
        nemesis = Scripted(0)
        faults = book(nemesis)
        await faults.invoke(op("start-flood"))
        assert await faults.heal() == ()
        assert (nemesis.healed, faults.ended[0].effective) == (1, False)

    in_virtual_time(main())


def test_short_fault_is_probed_once() -> None:
    fault = fault_of(Scripted(1), lasts_s=1)
    assert fault.effect == Effect("litres", 1)
    assert fault.effective


def test_fault_whose_probe_fails_is_healed_and_not_effective() -> None:
    nemesis = Scripted(fails="probe")
    fault = fault_of(nemesis, lasts_s=3)
    assert nemesis.healed == 1
    assert not fault.effective
    assert fault.error == "probe failed: OSError: cannot probe"


def test_fault_that_cannot_be_injected_is_recorded() -> None:
    async def main() -> None:
        faults = book(Scripted(fails="inject"))
        with pytest.raises(OSError, match="cannot inject"):
            await faults.invoke(op("start-flood"))
        (fault,) = faults.ended
        assert (fault.effective, fault.effect, fault.error) == (False, None, "OSError: cannot inject")
        assert faults.in_force == ()

    in_virtual_time(main())


def test_fault_that_cannot_be_healed_is_recorded_and_told() -> None:
    async def main() -> None:
        faults = book(Scripted(3, fails="heal"))
        await faults.invoke(op("start-flood"))
        assert await faults.heal() == ("flood could not be healed: OSError: cannot heal",)
        (fault,) = faults.ended
        assert fault.error == "not healed: OSError: cannot heal"
        assert not fault.effective

    in_virtual_time(main())


def test_healing_ends_what_is_in_force_and_heals_what_is_not() -> None:
    async def main() -> None:
        nemesis = Scripted(2)
        faults = book(nemesis)
        await faults.invoke(op("start-flood"))
        assert await faults.heal() == ()
        assert len(faults.ended) == 1
        assert await faults.heal() == ()
        assert (nemesis.healed, len(faults.ended)) == (2, 1)

    in_virtual_time(main())


def test_stop_without_start_heals_and_records_nothing() -> None:
    async def main() -> None:
        nemesis = Scripted()
        faults = book(nemesis)
        await faults.invoke(op("stop-flood"))
        assert (nemesis.healed, faults.ended) == (1, [])

    in_virtual_time(main())


@pytest.mark.parametrize("f", ["start-fire", "flood", "mend-flood"])
async def test_operation_that_no_nemesis_knows_is_the_harnesss_fault(f: str) -> None:
    with pytest.raises(IllBehaved, match="no nemesis knows"):
        await book(Scripted()).invoke(op(f))
