"""Archive: a folder as one file, named by its content, so that a host gets it once."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Archive:
    """A gzipped tar, and the hash of what is in it: equal folders have equal digests wherever they lie."""

    digest: str
    content: bytes


def pack(folder: Path) -> Archive:
    """Pack the folder's files: names, contents and whether they may be executed; not times and owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                _add(archive, path, str(path.relative_to(folder)))
    content = plain.getvalue()
    return Archive(hashlib.sha256(content).hexdigest()[:16], gzip.compress(content, compresslevel=1, mtime=0))


def unpack_files(archive: Path, folder: Path) -> None:
    """Write the archive's regular files into the folder, flat: a host cannot choose other places."""
    with tarfile.open(archive) as files:
        for entry in files:
            content = files.extractfile(entry) if entry.isfile() else None
            if content is not None:
                with (folder / Path(entry.name).name).open("wb") as file:
                    shutil.copyfileobj(content, file)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    content = path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    archive.addfile(entry, io.BytesIO(content))
