from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parity.worlds import Real, Simulated


@pytest.fixture(scope="session")
def real_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    world = Real(tmp_path_factory.mktemp("parity"))
    yield world
    world.close()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Real | Simulated:
    if request.param == "simulated":
        return Simulated()
    real: Real = request.getfixturevalue("real_world")
    return real
