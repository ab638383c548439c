"""Frames: what was written is read back, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference.storage.record import Draft, Record, Type, decode, encode, frame_length

u64 = st.integers(0, 2**64 - 1)
drafts = st.builds(
    Draft,
    type=st.sampled_from([int(t) for t in Type]),
    database=u64,
    collection=u64,
    key=st.text(max_size=254),
    revision=u64,
    body=st.binary(max_size=300),
)


@given(draft=drafts, tick=u64, transaction=u64, synced=u64, before=st.binary(max_size=9))
def test_a_frame_is_read_back_wherever_it_stands(
    draft: Draft, tick: int, transaction: int, synced: int, before: bytes
) -> None:
    frame = encode(draft, tick, transaction, synced)
    found = decode(before + frame + b"more", len(before))
    expected = Record(
        tick, draft.type, draft.database, draft.collection, transaction, draft.key, draft.revision, draft.body
    )
    assert found == (expected, synced, len(before) + len(frame))
    assert frame_length(before + frame, len(before)) == len(frame)


@given(draft=drafts, data=st.data())
def test_a_frame_with_one_changed_byte_is_not_read(draft: Draft, data: st.DataObject) -> None:
    frame = bytearray(encode(draft, 7, 0, 6))
    position = data.draw(st.integers(0, len(frame) - 1))
    frame[position] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(frame), 0) is None


@given(draft=drafts, data=st.data())
def test_a_frame_cut_short_is_not_read(draft: Draft, data: st.DataObject) -> None:
    frame = encode(draft, 7, 0, 6)
    assert decode(frame[: data.draw(st.integers(0, len(frame) - 1))], 0) is None
