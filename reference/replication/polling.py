"""How long an applier pauses before it asks the leader again (LF-POLLING).

Nothing to wait for after work: the next request goes out at once. After a request that brought nothing it
waits `idleMinWaitTime`, never less than `FLOOR_S`; with `adaptivePolling` the pause is 2, 6 and 10 times as
long after 15, 30 and 60 such requests in a row, up to `idleMaxWaitTime` and at most a minute. After a
request that failed it waits `connectionRetryWaitTime`, where 0 means half a minute.
"""

from __future__ import annotations

from reference.replication.configuration import ApplierConfiguration

FLOOR_S = 0.3
CEILING_S = 60.0
_GROWTH = ((60, 10.0), (30, 6.0), (15, 2.0))


def idle_pause_s(configuration: ApplierConfiguration, idle_rounds: int) -> float:
    """Seconds to wait after the `idle_rounds`-th request in a row that brought nothing."""
    pause_s = max(configuration.idle_min_wait_time, FLOOR_S)
    if not configuration.adaptive_polling:
        return pause_s
    longest_s = max(pause_s, min(configuration.idle_max_wait_time, CEILING_S))
    factor = next((factor for rounds, factor in _GROWTH if idle_rounds > rounds), 1.0)
    return min(pause_s * factor, longest_s)


def retry_pause_s(configuration: ApplierConfiguration) -> float:
    """Seconds to wait after a request that got no answer, or a 5xx."""
    return max(configuration.connection_retry_wait_time or 30.0, FLOOR_S)
