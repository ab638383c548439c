"""Reaper: removes a lab that a run made for itself, when the run is killed, or one that is half made.

`python -m harness.lab.reaper LAB PID` waits for the end of process PID, leaves another run a minute to take
the lab over (and people a minute to look at it), and removes it unless somebody uses it or asked for it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from harness.lab import lifecycle

GRACE_S = 60.0


def watch_over(name: str, grace_s: float = GRACE_S) -> subprocess.Popen[bytes]:
    """Start a reaper for a lab of this process; to be terminated once the lab has been removed."""
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "harness.lab.reaper", name, str(os.getpid()), str(grace_s)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def reap(name: str, process: int, grace_s: float) -> None:
    """Wait for the process, then for the time of grace, then remove the lab if it is nobody's."""
    _await_end(process)
    time.sleep(grace_s)
    lifecycle.remove_abandoned(name)


def _await_end(process: int) -> None:
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    select.select([handle], [], [])
    os.close(handle)


if __name__ == "__main__":
    reap(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
