"""Reading a file of frames from some offset on, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

from reference.storage.record import Record, decode, frame_length
from reference.world import File

_BLOCK = 256 * 1024


def read_frames(file: File, offset: int) -> Iterator[tuple[Record, int]]:
    """Each record and the offset after its frame.

    Ends at the end of the file or where no frame can be read.
    """
    block, base = b"", offset
    while offset < file.size:
        frame = decode(block, offset - base)
        if frame is not None:
            offset = base + frame[2]
            yield frame[0], offset
            continue
        wanted = frame_length(block, offset - base) or 0
        if base == offset and block and (wanted <= len(block) or len(block) >= file.size - offset):
            return
        block, base = file.read(offset, max(_BLOCK, wanted)), offset
