"""The tree names every piece in which two copies differ, and no other."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reference.replication.revision_tree import Axis, RevisionTree, document_hash

Copy = dict[int, int]
copies = st.dictionaries(st.integers(0, 1 << 62), st.integers(1, (1 << 64) - 1), max_size=80)


def tree(copy: Copy, axis: Axis) -> RevisionTree:
    return RevisionTree.build(axis, copy.items())


@given(copies, copies)
def test_pieces_that_differ_are_those_with_a_document_of_one_copy_only(ours: Copy, theirs: Copy) -> None:
    axis = Axis.over(theirs, len(theirs))
    differing = set(tree(ours, axis).differing(tree(theirs, axis)))
    odd = {axis.piece_of(revision) for revision, _ in ours.items() ^ theirs.items()} - {None}
    assert differing == odd  # equal sums by chance would need two equal 64-bit hashes


@given(copies)
def test_a_tree_survives_the_wire(copy: Copy) -> None:
    sent = tree(copy, Axis.over(copy, len(copy)))
    assert RevisionTree.decode(msgspec.json.decode(msgspec.json.encode(sent.encode()))) == sent


@given(copies)
def test_every_revision_lies_in_the_bounds_of_its_piece(copy: Copy) -> None:
    axis = Axis.over(copy, 1000)
    for revision in copy:
        piece = axis.piece_of(revision)
        assert piece is not None
        low, high = axis.bounds(piece)
        assert low <= revision <= high
    assert axis.piece_of(axis.end) is None


def test_one_changed_document_among_many_costs_one_small_piece() -> None:
    theirs = {revision << 20: revision for revision in range(50_000)}
    ours = {**theirs, 7 << 20: 8}
    axis = Axis.over(theirs, len(theirs))
    (piece,) = tree(ours, axis).differing(tree(theirs, axis))
    assert tree(theirs, axis).pieces[piece][1] <= 8


def test_hashes_tell_contents_apart() -> None:
    assert document_hash(b'{"_key":"a","_rev":"_x"}') != document_hash(b'{"_key":"b","_rev":"_x"}')
