"""CorruptStorage: what was durable cannot be read back, so the server refuses to start."""

from __future__ import annotations


class CorruptStorage(Exception):  # noqa: N818 - a state of the disk, named as such
    """The data directory lies: names file and offset, and what the operator can do."""
