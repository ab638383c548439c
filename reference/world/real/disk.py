"""A folder of files, and what it takes that they survive a power loss.

Appending is a write(2) in the caller's thread: it ends in the page cache. Whatever waits for the disk runs in
a small pool of threads, so that a slow disk does not stop the server. A new, renamed or removed file is
durable only when its folder is synced too.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LOCK_FILE = "LOCK"
_FILE_MODE = 0o640


class RealFile:
    """An open file that grows at its end."""

    def __init__(self, path: Path, pool: ThreadPoolExecutor) -> None:
        self._path = path
        self._pool = pool
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        self._size = os.fstat(self._descriptor).st_size
        # Not only if it is new: a server that was killed may have made the file and not synced the folder.
        self._is_in_folder = False

    @property
    def size(self) -> int:
        """Bytes written so far, durable or not."""
        return self._size

    def append(self, data: bytes) -> None:
        """Hand `data` to the operating system. Raises OSError; then any part of it may have been written."""
        written = os.write(self._descriptor, data)
        self._size += written
        if written < len(data):
            self.append(data[written:])

    async def sync(self) -> None:
        """Return when everything appended before the call is durable. Raises OSError."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._sync)

    def _sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
            if not self._is_in_folder:
                _sync_folder(self._path.parent)
                self._is_in_folder = True
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        return os.pread(self._descriptor, length, offset)

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes; durable after the next sync."""
        os.ftruncate(self._descriptor, size)
        self._size = size

    def close(self) -> None:
        """Close it without a sync."""
        os.close(self._descriptor)


class RealDisk:
    """The data directory `root`, locked for this process as long as it lives."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="disk")
        self._lock = os.open(root / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                raise OSError(
                    errno.EBUSY, "another server is using it; stop that one first", str(root)
                ) from None
            raise

    def close(self) -> None:
        """Let another server use the directory."""
        self._pool.shutdown()
        os.close(self._lock)

    def open(self, name: str) -> RealFile:
        """Open for reading and appending; created, with its folders, if it does not exist."""
        path = self._root / name
        self._make_folder(path.parent)
        return RealFile(path, self._pool)

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self._root / name).is_file()

    def list(self, folder: str) -> list[str]:
        """Names of the files directly in `folder`, sorted; empty if there is no such folder."""
        path = self._root / folder
        return sorted(entry.name for entry in path.iterdir() if entry.is_file()) if path.is_dir() else []

    async def replace(self, name: str, data: bytes) -> None:
        """Write a whole small file so that after a power loss either the old or the new content is there."""
        await self._run(lambda: self._replace(self._root / name, data))

    async def rename(self, old: str, new: str) -> None:
        """Rename durably, replacing `new`."""
        await self._run(lambda: self._rename(self._root / old, self._root / new))

    async def remove(self, name: str) -> None:
        """Remove durably; it is no error if it does not exist."""
        await self._run(lambda: self._remove(self._root / name))

    async def _run(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)

    def _replace(self, path: Path, data: bytes) -> None:
        self._make_folder(path.parent)
        temporary = path.with_name(path.name + ".new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._rename(temporary, path)

    def _rename(self, old: Path, new: Path) -> None:
        old.replace(new)
        _sync_folder(new.parent)
        if old.parent != new.parent:
            _sync_folder(old.parent)

    def _remove(self, path: Path) -> None:
        if path.exists():
            path.unlink()
            _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
