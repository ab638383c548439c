"""A way to one server that can be cut, without any rights: connections pass through this process.

Cut, nothing is refused and nothing answered, as by a partition.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

from tests.reference.server_process import ServerProcess, free_port


class Link:
    """Listens on `endpoint` and passes on to `target` until it is cut."""

    def __init__(self, target: ServerProcess) -> None:
        self._target = target
        self._port = free_port()
        self.endpoint = f"tcp://127.0.0.1:{self._port}"
        self._whole = threading.Event()
        self._whole.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._connected, "127.0.0.1", self._port)
        asyncio.run_coroutine_threadsafe(serving, self._loop).result(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self) -> None:
        """Let nothing through any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again; what was under way meanwhile is late."""
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target.port)
        try:
            await asyncio.gather(self._pump(reader, their_writer), self._pump(their_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # one of the two sides has ended, or the test has
        finally:
            writer.close()
            their_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            while not self._whole.is_set():
                await asyncio.sleep(0.01)
            sink.write(data)
            await sink.drain()
        sink.close()
