"""What a server may be told about its storage; the defaults are arangod's where it has the option."""

from __future__ import annotations

from dataclasses import dataclass

MiB = 1 << 20


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Sizes in bytes, times in seconds.

    Each option names the arangod option it stands for, if there is one.
    """

    sync_interval_s: float = 0.1
    """`--rocksdb.sync-interval`: longest time that a record stays unsynced; 0: for ever."""
    wal_file_timeout_s: float = 10.0
    """`--rocksdb.wal-file-timeout`: how long a closed, unpinned segment is kept."""
    wal_file_timeout_initial_s: float = 180.0
    """`--rocksdb.wal-file-timeout-initial`: no segment goes before the server is this old."""
    segment_bytes: int = 32 * MiB
    """Size at which the log begins a new segment."""
    checkpoint_bytes: int = 64 * MiB
    """Least growth of the log after which a checkpoint is written (the last one's size, if larger)."""
    transaction_lock_timeout_s: float = 8.0
    """`--transaction.streaming-lock-timeout`: wait of a second request on one busy stream transaction."""
    transaction_idle_timeout_s: float = 60.0
    """`--transaction.streaming-idle-timeout`: a stream transaction unused for so long is aborted."""
    transaction_max_bytes: int = 128 * MiB
    """`--transaction.streaming-max-transaction-size`."""
