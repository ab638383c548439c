"""Faults: what was broken when, with the proof that it broke.

The interpreter hands the nemesis's operations to `Faults.invoke`, which knows the nemesis of each family and
keeps the book: "start-x" injects, half of a fault's usual length later the effect is probed, "stop-x" probes
again and heals. A fault is *effective* if the last probe, taken just before it was healed, counted more than
nothing: an effect that was gone by then was not there all the time, whoever removed it. A fault that nobody
has met yet when it is to be stopped, as that of a disk that nobody writes to, stays in force for up to half
its usual length more.

Every fault that ends is one line of `faults.jsonl`; so is every fault that could not be injected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.history import Op
from harness.interpreter import IllBehaved
from harness.nemesis import Effect, Nemesis

_MORE_PROBES = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault from its injection to its healing, in ns of the run, as `faults.jsonl` has it."""

    family: str
    start_ns: int
    end_ns: int | None
    value: Mapping[str, Any]
    nodes: tuple[str, ...]
    effect: Effect | None
    effective: bool
    error: str | None = None


@dataclass(slots=True)
class _Open:
    """A fault in force."""

    start_ns: int
    value: Mapping[str, Any]
    midway: asyncio.Task[Effect] | None


class Faults:
    """The nemeses of a run, by family. `record` is told of every fault when it has ended.

    `now_ns` is the run's time; `interval_s` the mean length of a fault.
    """

    def __init__(
        self,
        nemeses: Sequence[Nemesis],
        *,
        nodes: Sequence[str],
        interval_s: float,
        record: Callable[[Fault], None],
    ) -> None:
        self._nemeses = {nemesis.family: nemesis for nemesis in nemeses}
        self._nodes = tuple(nodes)
        self._interval_s = interval_s
        self._record = record
        self._open: dict[str, _Open] = {}
        self.ended: list[Fault] = []
        self.now_ns: Callable[[], int] = lambda: 0

    @property
    def in_force(self) -> tuple[str, ...]:
        """Families of which a fault is in force now."""
        return tuple(self._open)

    async def invoke(self, op: Op) -> Any:
        """Do what an operation of the nemesis asks; returns the value to record."""
        verb, _, family = op.f.partition("-")
        nemesis = self._nemeses.get(family)
        if nemesis is None or verb not in ("start", "stop"):
            raise IllBehaved(f"no nemesis knows {op.f!r}; there are {sorted(self._nemeses)}")
        if verb == "start":
            return await self._start(nemesis, op.value)
        return await self._stop(nemesis, patience=_MORE_PROBES)

    async def heal(self) -> tuple[str, ...]:
        """End every fault, also those nobody stopped. Returns what went wrong, a sentence each."""
        wrong = []
        for family, nemesis in self._nemeses.items():
            try:
                if family in self._open:
                    await self._stop(nemesis)
                else:
                    await nemesis.heal()
            except Exception as error:  # noqa: BLE001 - the other families must be healed all the same
                wrong.append(f"{family} could not be healed: {type(error).__name__}: {error}")
        return tuple(wrong)

    async def _start(self, nemesis: Nemesis, value: Any) -> Mapping[str, Any]:
        start_ns = self.now_ns()
        try:
            done = await nemesis.inject(value)
        except BaseException as error:
            # Nobody knows how far it came: it is told as a fault, without effect, and `heal` will mend it.
            wanted = {} if value is None else {"wanted": value}
            self._end(nemesis.family, _Open(start_ns, wanted, None), None, f"{type(error).__name__}: {error}")
            raise
        midway = asyncio.create_task(self._probe_later(nemesis))
        self._open[nemesis.family] = _Open(start_ns, done, midway)
        return done

    async def _probe_later(self, nemesis: Nemesis) -> Effect:
        await asyncio.sleep(self._interval_s / 2)
        return await nemesis.probe()

    async def _stop(self, nemesis: Nemesis, *, patience: int = 0) -> Mapping[str, Any]:
        fault = self._open.pop(nemesis.family, None)
        if fault is None:
            await nemesis.heal()
            return {"nothing": "was in force"}
        effect, error = await self._measure(nemesis, fault, patience=patience)
        try:
            await nemesis.heal()
        except BaseException as failure:
            error = f"not healed: {type(failure).__name__}: {failure}"
            raise
        finally:
            ended = self._end(nemesis.family, fault, effect, error)
        return {"healed": dict(fault.value), "effective": ended.effective}

    async def _measure(
        self, nemesis: Nemesis, fault: _Open, *, patience: int
    ) -> tuple[Effect | None, str | None]:
        """The last of up to 1 + `patience` probes, with the one half-way beside it; or why there is none."""
        earlier = await _halfway(fault)
        was_met = earlier is not None and earlier.get("count", 0) > 0
        try:
            effect = await nemesis.probe()
            while patience and not (effect.count or was_met):
                patience -= 1
                await asyncio.sleep(self._interval_s / 2 / _MORE_PROBES)
                effect = await nemesis.probe()
        except Exception as error:  # noqa: BLE001 - a fault whose probe fails must still be healed
            return None, f"probe failed: {type(error).__name__}: {error}"
        evidence = {**effect.evidence, **({} if earlier is None else {"midway": earlier})}
        return Effect(effect.measure, effect.count, evidence), None

    def _end(self, family: str, fault: _Open, effect: Effect | None, error: str | None) -> Fault:
        effective = effect is not None and effect.count > 0 and error is None
        nodes = tuple(node for node in self._nodes if _mentions(fault.value, node))
        ended = Fault(family, fault.start_ns, self.now_ns(), fault.value, nodes, effect, effective, error)
        self.ended.append(ended)
        self._record(ended)
        return ended


async def _halfway(fault: _Open) -> dict[str, Any] | None:
    """What the probe half-way measured; None if it was not taken in time."""
    if fault.midway is None or not fault.midway.done():
        if fault.midway is not None:
            fault.midway.cancel()
            await asyncio.wait([fault.midway])
        return None
    error = fault.midway.exception()
    if error is not None:
        return {"error": f"{type(error).__name__}: {error}"}
    effect = fault.midway.result()
    return {"count": effect.count, "evidence": dict(effect.evidence)}


def _mentions(value: Any, node: str) -> bool:
    if isinstance(value, Mapping):
        return any(_mentions(name, node) or _mentions(inner, node) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return any(_mentions(inner, node) for inner in value)
    return bool(value == node)
