"""The labs' lock: one change of labs at a time on this machine.

Every program that is run to change a lab inherits the lock's descriptor. So when `up` is killed, its last
child still holds the lock until it has done its step or has joined the control group by which `down` finds
it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.lab.plan import ROOT, LabError

_PATH = ROOT / "lock"


@contextmanager
def locked(timeout_s: float = 60.0) -> Iterator[int]:
    """Hold the lock; yields its descriptor, which children are to inherit."""
    descriptor = _acquire(time.monotonic() + timeout_s)
    try:
        yield descriptor
    finally:
        _release(descriptor)


def _acquire(deadline: float) -> int:
    while True:
        descriptor = _open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise LabError(
                    "Another `pestle lab` command is still at work; try again when it is done."
                ) from None
            time.sleep(0.02)
            continue
        if _is_current(descriptor):
            return descriptor
        os.close(descriptor)


def _open() -> int:
    while True:
        ROOT.mkdir(parents=True, exist_ok=True, mode=0o755)
        try:
            return os.open(_PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the last lab went, and its folder with it, between the two calls
            continue


def _is_current(descriptor: int) -> bool:
    """Whether the locked file is still the one that others would open."""
    try:
        return os.path.samestat(os.fstat(descriptor), _PATH.stat())
    except FileNotFoundError:
        return False


def _release(descriptor: int) -> None:
    """Unlock for everybody, children included; the last lab to go takes the file and the folder with it."""
    if {path.name for path in ROOT.iterdir()} == {_PATH.name}:
        _PATH.unlink()
        _remove_root_if_empty()
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _remove_root_if_empty() -> None:
    try:
        ROOT.rmdir()
    except OSError:  # somebody has already begun another lab
        return
