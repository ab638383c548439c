"""Recovery applies a transaction record by record, so one whose end was torn off is there in part."""

from __future__ import annotations

from reference.storage.record import FIRST_LOGGED, decode
from reference.storage.recovery import Apply, _continues, _Gap
from reference.storage.segment import Segment
from tests.defects.defect import Defect


def _scan(segment: Segment, position: int, data: bytes, start_tick: int, apply: Apply) -> _Gap | None:
    offset, tick = 0, segment.first_tick - 1
    while offset < len(data):
        frame = decode(data, offset)
        if frame is None or not _continues(frame[0], tick, segment):
            break
        record, _, end = frame
        if record.type >= FIRST_LOGGED:
            segment.note(record.tick, offset)
            tick = record.tick
            if tick > start_tick:
                apply([record])
        offset = end
    segment.last_tick = tick
    if offset == len(data) and offset > 0:
        return None
    where = f"{segment.name} is damaged at offset {offset} (tick {tick + 1})"
    return _Gap(tick + 1, where, position + 1, segment, offset, offset)


DEFECT = Defect(
    id="unfinished-transaction-replayed",
    clause="S-ATOMIC",
    anomaly="fractured-read",
    replaces="reference.storage.recovery:_scan",
    replacement=_scan,
    oracle="client",
    topology="leader-follower",
    faults=("power",),
    workloads=("leader_follower",),
    mirrors="a commit group that is not atomic across a crash (LazyFS, VLDB 2024: torn sequences)",
)
