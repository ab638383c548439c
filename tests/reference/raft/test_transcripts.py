"""Every situation goes as its transcript says."""

from __future__ import annotations

import pytest

from tests.reference.raft import transcript


@pytest.mark.parametrize("name", sorted(path.stem for path in transcript.FOLDER.glob("*.txt")))
def test_transcript(name: str) -> None:
    text = transcript.read(name)
    assert transcript.play(text) == text
