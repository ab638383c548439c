"""The real disk: files that grow, durable small files, one server per folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.world.real.disk import RealDisk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[RealDisk]:
    disk = RealDisk(tmp_path / "data")
    yield disk
    disk.close()


async def test_a_file_grows_is_read_and_cut(disk: RealDisk) -> None:
    file = disk.open("deep/folder/file")
    assert file.size == 0
    file.append(b"hello ")
    file.append(b"world")
    await file.sync()
    assert (file.size, file.read(6, 100), file.read(99, 1)) == (11, b"world", b"")
    file.truncate(5)
    file.append(b"!")
    await file.sync()
    file.close()
    again = disk.open("deep/folder/file")
    assert again.read(0, again.size) == b"hello!"
    again.close()


async def test_files_are_listed_replaced_renamed_and_removed(disk: RealDisk) -> None:
    assert disk.list("folder") == []
    await disk.replace("folder/b", b"1")
    await disk.replace("folder/b", b"22")
    await disk.replace("folder/a", b"3")
    disk.open("folder/sub/x").close()
    assert disk.list("folder") == ["a", "b"]
    assert disk.exists("folder/a")
    assert not disk.exists("folder/c")
    assert not disk.exists("folder/sub")
    await disk.rename("folder/a", "folder/b")
    assert disk.list("folder") == ["b"]
    file = disk.open("folder/b")
    assert file.read(0, 9) == b"3"
    file.close()
    await disk.remove("folder/b")
    await disk.remove("folder/b")
    assert disk.list("folder") == []


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = RealDisk(tmp_path)
    with pytest.raises(OSError, match="another server is using it") as caught:
        RealDisk(tmp_path)
    assert caught.value.errno == errno.EBUSY
    assert str(tmp_path) in str(caught.value)
    first.close()
    RealDisk(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        RealDisk(tmp_path / "file")


async def test_a_failed_sync_names_the_file(disk: RealDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    file = disk.open("journal")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match=r"Input/output error: '.*/journal'"):
        await file.sync()
    file.close()


async def test_a_write_in_pieces_is_whole(disk: RealDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    file = disk.open("journal")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    file.append(b"0123456789")
    assert (file.size, file.read(0, 99)) == (10, b"0123456789")
    file.close()


async def test_a_full_disk_says_how_much_was_written(disk: RealDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    file = disk.open("journal")
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if file.size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:4])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.append(b"0123456789")
    assert file.size == 4
    file.truncate(0)
    assert file.read(0, 99) == b""
    file.close()


async def test_new_files_are_synced_with_their_folder(
    disk: RealDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fdatasync", note)
    monkeypatch.setattr(os, "fsync", note)
    file = disk.open("journal")
    await file.sync()
    assert synced == ["journal", "data"]
    await file.sync()
    assert synced == ["journal", "data", "journal"]
    file.close()
    synced.clear()
    await disk.replace("small", b"x")
    assert synced == ["small.new", "data"]
    synced.clear()
    await disk.rename("small", "other")
    await disk.remove("other")
    assert synced == ["data", "data"]
