"""Folders as archives."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

from harness.environments.archive import pack, unpack_files


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def test_equal_folders_have_equal_digests_wherever_and_whenever_they_were_made(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one", a="1", b="2"), folder(tmp_path / "two", b="2", a="1")
    os.utime(two / "a", (1, 1))
    assert pack(one) == pack(two)


def test_a_changed_byte_name_or_mode_changes_the_digest(tmp_path: Path) -> None:
    base = pack(folder(tmp_path / "base", a="1"))
    other = folder(tmp_path / "other", a="1")
    (other / "a").chmod(0o755)
    digests = {
        base.digest,
        pack(other).digest,
        pack(folder(tmp_path / "byte", a="2")).digest,
        pack(folder(tmp_path / "name", b="1")).digest,
    }
    assert len(digests) == 4


def test_the_archive_holds_the_files_with_their_folders(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", a="1")
    (source / "deep").mkdir()
    (source / "deep/b").write_text("2")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(pack(source).content))) as archive:
        assert archive.getnames() == ["a", "deep/b"]


def test_an_archive_of_a_host_cannot_write_elsewhere(tmp_path: Path) -> None:
    path, inside = tmp_path / "logs.tar", tmp_path / "inside"
    inside.mkdir()
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("../../escaped")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"log"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    unpack_files(path, inside)
    assert [file.name for file in inside.iterdir()] == ["escaped"]
    assert not (tmp_path / "escaped").exists()
