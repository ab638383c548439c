"""Control groups (version 2): a handle on all processes of a node, however they hide.

Machines mount them at different places, or beside version 1, or not at all; without them a node is still
found by its network namespace, but cannot be frozen, and so cannot lose power.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


def control_root() -> Path | None:
    """Where version 2 is mounted and writable."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(",") and os.access(place, os.W_OK):
            return Path(place)
    return None


class ControlGroup:
    """The group of one node of one lab (or of the lab, without a node)."""

    def __init__(self, mark: str, node: str = "") -> None:
        root = control_root()
        self.path = root / mark / node if root is not None else None

    def create(self) -> None:
        """Make the group."""
        if self.path is not None:
            self.path.mkdir(parents=True, exist_ok=True)

    def freeze(self, timeout_s: float = 5.0) -> bool:
        """Stop every process in its tracks; False if that could not be done."""
        if self.path is None or not (self.path / "cgroup.freeze").exists():
            return False
        (self.path / "cgroup.freeze").write_text("1")
        deadline = time.monotonic() + timeout_s
        while "frozen 1" not in (self.path / "cgroup.events").read_text():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return True

    def kill(self) -> None:
        """SIGKILL everything in it, frozen or not, and leave it thawed."""
        if self.path is None:
            return
        for file, value in (("cgroup.kill", "1"), ("cgroup.freeze", "0")):
            if (self.path / file).exists():  # cgroup.kill came with Linux 5.14
                (self.path / file).write_text(value)

    def remove(self, timeout_s: float = 5.0) -> bool:
        """Remove it and the groups in it, once their processes have gone; False if some stay."""
        if self.path is None or not self.path.is_dir():
            return True
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                for child in [path for path in self.path.iterdir() if path.is_dir()]:
                    child.rmdir()
                self.path.rmdir()
            except OSError:  # EBUSY while processes are still ending
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.01)
            else:
                return True
