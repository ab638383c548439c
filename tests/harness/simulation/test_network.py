"""Who hears what, and what who asked is told when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from harness.environments.simulation.loop import Owner, SimulatedLoop
from harness.environments.simulation.network import CLIENTS, Caller, Link, SimulatedNetwork
from harness.environments.simulation.trace import Trace
from reference.world import Request, Response, Unreachable

_CUT = ("n1", "n2")
_BACK = ("n2", "n1")


class _Bench:
    """A server on n2 that answers with its own count, and somebody on n1 who asks."""

    def __init__(self, seed: int = 0) -> None:
        self.loop = SimulatedLoop(Random(seed))  # type: ignore[abstract]  # refuses what it lacks
        self.network = SimulatedNetwork(self.loop, Random(seed), Trace())
        self.caller = Caller("n1")
        self.delay_s = 0.0
        self.served = 0
        self.owner = Owner("server")
        self.listen()

    def listen(self) -> None:
        self.owner = Owner("server")
        self.port = self.network.listen("n2", 1, self._handle, self.owner)

    async def _handle(self, request: Request) -> Response:
        self.served += 1
        number = self.served
        await asyncio.sleep(self.delay_s)
        return Response(200, {}, b"%d" % number)

    async def ask(self, timeout_s: float = 1.0, caller: Caller | None = None) -> bytes:
        request = Request("GET", "/")
        return (await self.network.request(caller or self.caller, "n2", 1, request, timeout_s)).body

    async def refused(self, timeout_s: float = 1.0) -> tuple[str, bool]:
        with pytest.raises(Unreachable) as error:
            await self.ask(timeout_s)
        return str(error.value), error.value.sent

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(work)


def test_an_answer_comes_after_the_links_delay() -> None:
    bench = _Bench()
    bench.network.default = Link(delay_s=1, jitter_s=0)
    assert bench.run(bench.ask(timeout_s=10)) == b"1"
    assert bench.loop.now_ns == 4 * 10**9  # three ways until the request is there, one for the answer


def test_a_kept_connection_saves_a_round_trip() -> None:
    bench = _Bench()
    bench.network.default = Link(delay_s=1, jitter_s=0)

    async def main() -> None:
        await bench.ask(timeout_s=10)
        await bench.ask(timeout_s=10)

    bench.run(main())
    assert bench.loop.now_ns == (4 + 2) * 10**9


def test_messages_overtake_one_another() -> None:
    def first(seed: int) -> bytes:
        bench = _Bench(seed)
        bench.network.default = Link(delay_s=0, jitter_s=0.1)

        async def main() -> tuple[bytes, bytes]:
            return await asyncio.gather(bench.ask(), bench.ask(caller=Caller("n1")))

        answer: bytes = bench.run(main())[0]
        return answer

    assert {first(seed) for seed in range(20)} == {b"1", b"2"}


def test_a_port_on_which_nobody_listens_refuses_and_nothing_was_sent() -> None:
    bench = _Bench()
    bench.network.die(bench.owner)
    assert bench.run(bench.refused()) == ("connection refused", False)


def test_a_taken_port_is_not_given_twice() -> None:
    bench = _Bench()
    with pytest.raises(OSError, match="in use"):
        bench.listen()


def test_a_server_that_is_killed_resets_what_it_has_not_answered() -> None:
    bench = _Bench()
    bench.delay_s = 1

    async def main() -> tuple[str, bool]:
        asking = asyncio.ensure_future(bench.refused(timeout_s=5))
        await asyncio.sleep(0.5)
        bench.loop.kill(bench.owner)
        bench.network.die(bench.owner)
        return await asking

    assert bench.run(main()) == ("connection reset by peer", True)


def test_a_connection_to_a_killed_server_is_opened_anew() -> None:
    bench = _Bench()

    async def main() -> bytes:
        await bench.ask()
        bench.loop.kill(bench.owner)
        bench.network.die(bench.owner)
        bench.listen()
        return await bench.ask()

    assert bench.run(main()) == b"2"


def test_a_host_without_power_is_silent() -> None:
    bench = _Bench()

    async def main() -> tuple[str, bool]:
        bench.network.lose_power("n2")
        return await bench.refused(timeout_s=3)

    assert bench.run(main()) == ("waited 3 s to connect", False)
    assert bench.loop.now_ns == 3 * 10**9


def test_a_connection_to_a_host_that_lost_power_is_believed_in() -> None:
    bench = _Bench()

    async def main() -> list[tuple[str, bool]]:
        await bench.ask()
        bench.loop.kill(bench.owner)
        bench.network.lose_power("n2")
        while_off = await bench.refused()
        await asyncio.sleep(1)
        bench.network.restore_power("n2")
        bench.listen()
        return [while_off, (str(await bench.ask()), False)]

    assert bench.run(main()) == [("waited 1 s for the answer", True), ("b'2'", False)]


def test_a_rebooted_host_resets_connections_that_it_does_not_know() -> None:
    bench = _Bench()

    async def main() -> tuple[str, bool]:
        await bench.ask()
        bench.loop.kill(bench.owner)
        bench.network.lose_power("n2")
        bench.network.restore_power("n2")
        bench.listen()
        return await bench.refused()

    assert bench.run(main()) == ("connection reset by peer", True)
    assert bench.served == 1


def test_a_rebooted_host_resets_what_was_asked_before_and_is_sent_again() -> None:
    bench = _Bench()

    async def main() -> tuple[str, bool]:
        await bench.ask()
        bench.loop.kill(bench.owner)
        bench.network.lose_power("n2")
        asked = asyncio.create_task(bench.refused(timeout_s=60))
        await asyncio.sleep(2)
        bench.network.restore_power("n2")
        bench.listen()
        return await asked

    assert bench.run(main()) == ("connection reset by peer", True)
    assert bench.loop.now_ns < 4 * 10**9


def test_a_cut_link_drops_and_counts_and_says_nothing() -> None:
    bench = _Bench()

    async def main() -> tuple[str, bool]:
        await bench.ask()
        bench.network.cut([_CUT])
        return await bench.refused()

    assert bench.run(main()) == ("waited 1 s for the answer", True)
    assert bench.served == 1
    assert bench.network.dropped()[_CUT] > 1, "TCP sends again, and each try is dropped"


def test_a_connection_that_never_came_about_sent_nothing() -> None:
    bench = _Bench()
    bench.network.cut([_CUT])

    async def main() -> tuple[str, bool]:
        told = await bench.refused()
        bench.network.heal()
        await asyncio.sleep(10)
        return told

    assert bench.run(main()) == ("waited 1 s to connect", False)
    assert bench.served == 0


def test_a_link_cut_one_way_lets_the_request_through_and_not_the_answer() -> None:
    bench = _Bench()
    bench.network.cut([_BACK])
    assert bench.run(bench.refused()) == ("waited 1 s for the answer", True)
    assert bench.served == 1
    assert bench.network.dropped()[_BACK] > 1


def test_what_a_cut_dropped_may_arrive_when_nobody_waits_any_more() -> None:
    def served(seed: int) -> int:
        bench = _Bench(seed)

        async def main() -> None:
            await bench.ask()
            bench.network.cut([_CUT])
            await bench.refused()
            bench.network.heal()
            await asyncio.sleep(10)

        bench.run(main())
        return bench.served

    assert {served(seed) for seed in range(60)} == {1, 2}


def test_healing_ends_the_count() -> None:
    bench = _Bench()
    bench.network.cut([_CUT, _BACK])
    bench.network.heal()
    assert bench.network.dropped() == {}
    assert bench.run(bench.ask()) == b"1"


def test_what_a_paused_server_gets_waits_for_it() -> None:
    bench = _Bench()
    bench.owner.paused = True

    async def main() -> bytes:
        asking = asyncio.ensure_future(bench.ask(timeout_s=10))
        await asyncio.sleep(3)
        assert bench.served == 0
        bench.loop.release(bench.owner)
        return await asking

    assert bench.run(main()) == b"1"


def test_a_lost_message_breaks_the_connection() -> None:
    bench = _Bench()

    async def main() -> tuple[str, bool]:
        await bench.ask()
        bench.network.links[_CUT] = Link(loss=1)
        return await bench.refused()

    assert bench.run(main()) == ("connection lost", True)


@pytest.mark.parametrize(("host", "served"), [("n1", 2), (CLIENTS, 1)])
def test_requests_between_servers_may_come_twice_those_of_clients_never(host: str, served: int) -> None:
    bench = _Bench()
    bench.network.default = Link(duplication=1)

    async def main() -> None:
        await bench.ask(caller=Caller(host))
        await asyncio.sleep(1)

    bench.run(main())
    assert bench.served == served


def test_a_server_that_closes_lets_requests_in_progress_end() -> None:
    bench = _Bench()
    bench.delay_s = 1

    async def main() -> tuple[bytes, tuple[str, bool]]:
        asking = asyncio.ensure_future(bench.ask(timeout_s=5))
        await asyncio.sleep(0.5)
        closing = asyncio.ensure_future(bench.network.unlisten("n2", bench.port))
        await asyncio.sleep(0)
        bench.caller = Caller("n1")
        told = await bench.refused()
        assert not closing.done()
        answer = await asking
        await closing
        return answer, told

    assert bench.run(main()) == (b"1", ("connection refused", False))
