"""Regressions: shrunk tapes that are kept for good, `results/regressions/<name>/`.

    tape.json       the least choices that fail
    expected.json   how they fail, why none of them can be spared, and the line that plays them

A tape with a planted defect must go on showing it, and nothing without the defect; one of a defect that was
the product's own must show nothing any more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from harness.explore.life import live_tape
from harness.explore.shrink import Goal, Need, Shrunk
from harness.explore.tape import FILE, Tape, TapeError, as_json, read

FOLDER = "regressions"
EXPECTED = "expected.json"


@dataclass(frozen=True, slots=True)
class Expected:
    """How a tape fails. `fixed` says that it did, and must not any more."""

    clause: str | None
    anomaly: str
    sentence: str
    needs: tuple[Need, ...]
    one_minimal: bool
    replay: str
    fixed: bool = False

    @property
    def goal(self) -> Goal:
        """What a run of the tape is to show."""
        return Goal(self.clause, self.anomaly)


def name_of(shrunk: Shrunk) -> str:
    """Of the defect, or of what is broken."""
    what = f"{shrunk.goal.clause or 'none'}-{shrunk.goal.anomaly}".lower()
    return shrunk.tape.defect or f"{what}-{shrunk.tape.swarm.seed}"


def store(results: Path, name: str, shrunk: Shrunk) -> Path:
    """Keep what was shown to be 1-minimal for good; returns its folder."""
    assert shrunk.complete, "a regression has nothing that could be spared"
    return write(results / FOLDER / name, shrunk)


def write(folder: Path, shrunk: Shrunk) -> Path:
    """Write both files; returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    expected = Expected(
        clause=shrunk.goal.clause,
        anomaly=shrunk.goal.anomaly,
        sentence=shrunk.sentence,
        needs=shrunk.needs,
        one_minimal=shrunk.complete,
        replay=f"pestle replay --tape {folder}",
    )
    (folder / FILE).write_text(as_json(shrunk.tape))
    content = msgspec.json.format(msgspec.json.encode(asdict(expected)), indent=1)
    (folder / EXPECTED).write_bytes(content + b"\n")
    return folder


def load(folder: Path) -> tuple[Tape, Expected]:
    """One regression. Raises TapeError."""
    try:
        expected = msgspec.json.decode((folder / EXPECTED).read_bytes(), type=Expected)
    except (OSError, msgspec.DecodeError) as error:
        raise TapeError(f"{folder} is no regression: {error}") from error
    return read(folder), expected


def stored(results: Path) -> tuple[Path, ...]:
    """The folders of all regressions, by name."""
    return tuple(sorted(file.parent for file in (results / FOLDER).glob(f"*/{EXPECTED}")))


def check(folder: Path) -> list[str]:
    """What is not as it should be with a regression, a sentence each; plays it once or twice."""
    tape, expected = load(folder)
    wrong = []
    shows = expected.goal.seen_in(live_tape(tape)) is not None
    if shows == expected.fixed:
        wrong.append(f"{folder.name} {'shows' if shows else 'does not show'} {expected.goal}.")
    if tape.defect is not None:
        healthy = live_tape(replace(tape, defect=None)).results
        if healthy.valid is False:
            wrong.append(f"{folder.name} fails without its defect: {healthy.sentence}")
    return wrong
