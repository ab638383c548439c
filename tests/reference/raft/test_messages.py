"""Messages survive their encoding, and nothing else is taken for one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.raft import Entry, Message, Snapshot
from reference.raft.messages import (
    AppendReply,
    AppendRequest,
    SnapshotRequest,
    VoteReply,
    VoteRequest,
    decode,
    encode,
)

_NUMBER = st.integers(0, (1 << 63) - 1)
_HEAD = {"term": _NUMBER, "sender": st.text()}
_ENTRIES = st.lists(st.builds(Entry, _NUMBER, _NUMBER, st.binary())).map(tuple)
_PLACE = {"prev_index": _NUMBER, "prev_term": _NUMBER}
_MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(VoteRequest, **_HEAD, last_index=_NUMBER, last_term=_NUMBER, pre=st.booleans()),
    st.builds(VoteReply, **_HEAD, granted=st.booleans(), pre=st.booleans()),
    st.builds(AppendRequest, **_HEAD, **_PLACE, entries=_ENTRIES, commit=_NUMBER, round=_NUMBER),
    st.builds(
        SnapshotRequest, **_HEAD, snapshot=st.builds(Snapshot, _NUMBER, _NUMBER, st.binary()), round=_NUMBER
    ),
    st.builds(
        AppendReply,
        **_HEAD,
        ok=st.booleans(),
        index=_NUMBER,
        round=_NUMBER,
        hint_index=_NUMBER,
        hint_term=_NUMBER,
    ),
)


@given(_MESSAGES)
def test_a_message_survives_its_encoding(message: Message) -> None:
    assert decode(encode(message)) == message


@given(_MESSAGES, st.data())
def test_half_a_message_is_refused(message: Message, data: st.DataObject) -> None:
    whole = encode(message)
    with pytest.raises(msgspec.DecodeError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(msgspec.msgpack.encode({"type": "gossip", "term": 1, "sender": "a"}))
