from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from harness.environments.simulation import loop as module
from harness.environments.simulation.loop import Deadlock, Livelock, Owner, SimulatedLoop


def _loop(seed: int = 0) -> SimulatedLoop:
    return SimulatedLoop(Random(seed))  # type: ignore[abstract]  # refuses what it lacks


def test_waiting_for_an_hour_takes_an_hour_of_its_own_time() -> None:
    loop = _loop()
    loop.run(asyncio.sleep(3600))
    assert loop.now_ns == 3600 * 10**9


def test_timers_come_in_the_order_of_their_times() -> None:
    came: list[int] = []

    async def come(number: int) -> None:
        await asyncio.sleep(number / 1e9)
        came.append(number)

    async def main() -> None:
        await asyncio.gather(*(come(number) for number in (3, 1, 2)))

    _loop().run(main())
    assert came == [1, 2, 3]


def _order(seed: int) -> tuple[int, ...]:
    came: list[int] = []

    async def main() -> None:
        async def come(number: int) -> None:
            came.append(number)

        await asyncio.gather(*(come(number) for number in range(4)))

    _loop(seed).run(main())
    return tuple(came)


def test_every_order_of_what_is_ready_is_drawn_by_some_seed() -> None:
    assert {_order(seed) for seed in range(400)} == set(itertools.permutations(range(4)))


def test_one_seed_draws_one_order() -> None:
    assert _order(7) == _order(7)


def test_a_group_cancels_its_tasks_in_one_order() -> None:
    def cancelled(seed: int) -> list[int]:
        came: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.sleep(1)
            finally:
                came.append(number)

        async def fail() -> None:
            await asyncio.sleep(0.5)
            raise ValueError

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(wait(number))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup):
            _loop(seed).run(main())
        return came

    assert cancelled(1) == cancelled(1)
    assert len({tuple(cancelled(seed)) for seed in range(8)}) > 1


async def _as_completed() -> None:
    nobody: list[asyncio.Future[None]] = []
    for done in asyncio.as_completed(nobody):
        await done


async def _thread() -> None:
    await asyncio.to_thread(int)


async def _socket() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


@pytest.mark.parametrize("forbidden", [_as_completed, _thread, _socket])
def test_what_could_not_be_repeated_is_refused(forbidden: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await forbidden()

    with pytest.raises(NotImplementedError):
        _loop().run(main())


def test_as_completed_is_itself_again_afterwards() -> None:
    _loop().run(asyncio.sleep(0))
    asyncio.run(_as_completed())


def test_a_future_that_nobody_can_complete_is_a_deadlock() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        _loop().run(main())


def test_time_that_never_moves_again_is_a_livelock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIVELOCK", 1000)

    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        _loop().run(main())


def test_an_exception_that_nobody_awaits_ends_the_run() -> None:
    async def fail() -> None:
        raise ValueError("unheard")

    async def main() -> None:
        asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(10)

    with pytest.raises(ValueError, match="unheard"):
        _loop().run(main())


class _Ticker:
    """Counts its own steps, one every second."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.owner = Owner("ticker")
        self.steps = 0
        self.ended = False
        self._loop = loop

    def start(self) -> None:
        self._loop.create_task(self._tick(), context=self.owner.context)

    async def _tick(self) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                self.steps += 1
        finally:
            self.owner.fence()
            self.ended = True


def test_a_paused_owner_stands_and_goes_on() -> None:
    loop = _loop()
    ticker = _Ticker(loop)

    async def main() -> list[int]:
        ticker.start()
        seen = []
        await asyncio.sleep(2.5)
        seen.append(ticker.steps)
        ticker.owner.paused = True
        await asyncio.sleep(5)
        seen.append(ticker.steps)
        loop.release(ticker.owner)
        await asyncio.sleep(2.1)
        return [*seen, ticker.steps]

    assert loop.run(main()) == [2, 2, 5]


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_killed_owner_does_nothing_more_and_its_finally_cannot_act(is_paused: bool) -> None:
    loop = _loop()
    ticker = _Ticker(loop)

    async def main() -> None:
        ticker.start()
        await asyncio.sleep(2.5)
        ticker.owner.paused = is_paused
        loop.kill(ticker.owner)
        await asyncio.sleep(5)

    loop.run(main())
    assert (ticker.steps, ticker.ended, ticker.owner.tasks) == (2, False, [])


def test_what_a_task_of_an_owner_starts_is_the_owners_too() -> None:
    loop = _loop()
    ticker = _Ticker(loop)

    async def parent() -> None:
        asyncio.get_running_loop().create_task(ticker._tick())

    async def main() -> None:
        loop.create_task(parent(), context=ticker.owner.context)
        await asyncio.sleep(2.5)
        loop.kill(ticker.owner)
        await asyncio.sleep(5)

    loop.run(main())
    assert ticker.steps == 2


def test_a_slowed_owner_comes_late() -> None:
    loop = _loop()
    ticker = _Ticker(loop)
    ticker.owner.lag_ns = 10**9

    async def main() -> None:
        ticker.start()
        await asyncio.sleep(100)

    loop.run(main())
    assert ticker.steps < 60
    assert ticker.owner.delays > ticker.steps
