from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.reference.replication.pair import Pair


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    """A leader with an empty collection `c`, and a follower that does not follow yet."""
    servers = Pair()
    await servers.start()
    await servers.leader.expect("POST", "/_api/collection", {"name": "c"})
    yield servers
    await servers.stop()
