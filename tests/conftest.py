"""How all tests run: with the same examples every time, so that a failure is a change.

HYPOTHESIS_PROFILE=explore draws new ones, and more.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow]  # says something about the machine, nothing about the code

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW
)
settings.register_profile("explore", deadline=None, suppress_health_check=_SLOW, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
