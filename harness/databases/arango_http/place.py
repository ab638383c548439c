"""Places: the node behind an endpoint, in whatever scheme it is written."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def node_at(endpoints: Mapping[str, str], endpoint: str) -> str | None:
    """The node whose endpoint has the same host and port; None if there is none."""
    place = urlsplit(endpoint).netloc
    return next(
        (node for node, known in endpoints.items() if place and urlsplit(known).netloc == place), None
    )
