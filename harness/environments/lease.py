"""Lease: the harness's side of the dead man's switch.

A thread per host renews the lease over a connection of its own, so that neither a long upload nor a busy
event loop lets it lapse. When the harness dies, the host mends itself within `timeout_s` and a second or
two.
"""

from __future__ import annotations

import threading
import time

from harness.environment import HostError
from harness.environments.inventory import Host
from harness.environments.remote import InUseError, Remote

DEFAULT_TIMEOUT_S = 15.0
"""How long a host waits for a sign of life before it mends itself."""


class Lease:
    """Exclusive use of one host, renewed until released."""

    def __init__(self, host: Host, holder: str, timeout_s: float) -> None:
        self._host = host
        self._holder = holder
        self._timeout_s = timeout_s
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Wait until the host is free, or its last holder must have lapsed; then begin to renew."""
        remote = Remote(self._host)
        try:
            self._wait_for_it(remote)
        finally:
            remote.close()
        if self._ended.is_set():
            return
        self._thread = threading.Thread(target=self._keep, name=f"lease-{self._host.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Renew no more; the host is to be released by its own verb afterwards."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _wait_for_it(self, remote: Remote) -> None:
        deadline = time.monotonic() + 2 * self._timeout_s + 5
        seen = ""
        while not self._ended.is_set():
            try:
                self._renew(remote)
            except InUseError as other:
                if seen not in {"", str(other)} or time.monotonic() > deadline:
                    raise HostError(
                        f"{self._host.name} is being used by another run; let it end, or use other hosts"
                    ) from other
                seen = str(other)
                time.sleep(0.5)
            else:
                return

    def _renew(self, remote: Remote) -> None:
        remote.call("renew", self._holder, f"{self._timeout_s:.0f}", timeout_s=5)

    def _keep(self) -> None:
        remote = Remote(self._host)
        while not self._ended.wait(self._timeout_s / 5):
            try:
                self._renew(remote)
            except HostError:  # a host that is down needs no lease; what it missed shows in the probes
                continue
        remote.close()
