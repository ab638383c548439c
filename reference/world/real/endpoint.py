"""Endpoints as arangod writes them: `tcp://host:port`."""

from __future__ import annotations

import errno
from urllib.parse import urlsplit


def parse_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port. Raises OSError if this is no endpoint that can be reached or served."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if (
        parts.scheme not in {"tcp", "http", "http+tcp"}
        or host is None
        or port is None
        or parts.path not in {"", "/"}
    ):
        raise OSError(errno.EINVAL, f"'{endpoint}' is no endpoint: write tcp://host:port")
    return host, port
