"""Kills: how soon the swarm finds each planted defect, as one table.

The search is told nothing but the topology: it is the ordinary swarm, seed after seed, until a checker finds
a violation in what clients saw, or the time is over. A crash, a standstill or an inconclusive life is no
kill. The table is evidence only for the defects as they were, so it carries hashes of what was planted where.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from harness.explore.campaign import Errand, one_life
from harness.explore.fingerprint import Fingerprint
from harness.explore.life import Outcome
from harness.explore.planted import NoDefectError, catalogue

TABLE, FIGURES = "kill-matrix.md", "kill-matrix.json"


@dataclass(frozen=True, slots=True)
class Target:
    """A defect as it was when it was hunted; `source_sha256` is of what was replaced and by what."""

    id: str
    clause: str
    topology: str
    oracle: str
    source_sha256: str
    equivalent: str | None = None


@dataclass(frozen=True, slots=True)
class Hunt:
    """How one defect was hunted. `seed` is the one that shows it, None if none did.

    `inconclusive` and `crashed` count lives before it that had no verdict.
    """

    target: Target
    seeds: int
    cpu_s: float
    virtual_s: float
    inconclusive: int
    crashed: int
    seed: int | None = None
    found: tuple[Fingerprint, ...] = ()
    nemeses: tuple[str, ...] = ()
    sentence: str = ""


def targets(only: Sequence[str] = ()) -> tuple[Target, ...]:
    """All defects of the catalogue, or those named, by id. Raises NoDefectError."""
    known = catalogue()
    defects = [known.find(name) for name in only] if only else known.all()
    return tuple(sorted((_target(defect) for defect in defects), key=lambda target: target.id))


def _target(defect: Any) -> Target:
    owner, name = defect.target()
    sources = [_source(inspect.getattr_static(owner, name)), _source(defect.replacement)]
    return Target(
        id=defect.id,
        clause=defect.clause,
        topology=defect.topology,
        oracle=defect.oracle,
        source_sha256=sha256("\n".join(sources).encode()).hexdigest(),
        equivalent=defect.equivalent,
    )


def _source(thing: Any) -> str:
    """Of a function, also if it is bound to a class or wrapped as a property; else what it looks like."""
    function = getattr(thing, "__func__", None) or getattr(thing, "fget", None) or thing
    return inspect.getsource(function) if callable(function) else repr(thing)


def hunt(
    target: Target, first_seed: int, budget_s: float, life: Callable[[Errand, int], Outcome] = one_life
) -> Hunt:
    """Live seed after seed until one shows the defect, for at most so many CPU seconds; a worker's work."""
    errand = Errand(target.topology, defect=target.id)
    began = time.process_time()
    lives: list[Outcome] = []
    while not lives or (lives[-1].verdict != "invalid" and time.process_time() - began < budget_s):
        lives.append(life(errand, first_seed + len(lives)))
    last = lives[-1]
    killed = last.verdict == "invalid"
    return Hunt(
        target=target,
        seeds=len(lives),
        cpu_s=round(time.process_time() - began, 1),
        virtual_s=round(sum(o.virtual_s for o in lives)),
        inconclusive=sum(o.verdict == "unknown" for o in lives),
        crashed=sum(o.verdict == "crashed" for o in lives),
        seed=last.seed if killed else None,
        found=last.fingerprints if killed else (),
        nemeses=last.families if killed else (),
        sentence=last.note,
    )


def hunt_all(
    wanted: Iterable[Target],
    executor: Executor,
    first_seed: int,
    budget_s: float,
    tell: Callable[[str], object],
) -> tuple[Hunt, ...]:
    """Hunt each, several at once; the results by id."""
    futures = [executor.submit(hunt, target, first_seed, budget_s) for target in wanted]
    hunts = []
    try:
        for future in as_completed(futures):
            hunts.append(future.result())
            tell(line(hunts[-1]))
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        raise
    return tuple(sorted(hunts, key=lambda each: each.target.id))


def line(found: Hunt) -> str:
    """One hunt for people."""
    spent = f"{found.seeds} seeds, {found.cpu_s:g} CPU s"
    if found.seed is None:
        return f"{found.target.id}: survived {spent}"
    return f"{found.target.id}: killed by seed {found.seed} after {spent}: {_whats(found)}"


def _whats(found: Hunt) -> str:
    whats = dict.fromkeys(f"{f.clause or f.workload}: {f.anomaly}" for f in found.found)
    return ", ".join(whats)


def table(hunts: Sequence[Hunt], command: str) -> Iterator[str]:
    """The lines of the matrix in Markdown."""
    yield "# Kill matrix"
    yield ""
    yield f"Written by `{command}`; do not edit."
    yield "Each planted defect was hunted by the ordinary swarm, which knows its topology and nothing else."
    yield "A kill is a violation found by a checker in what clients saw."
    yield ""
    yield from _summary(hunts)
    yield ""
    yield "| defect | breaks | topology | visible to | seeds | CPU s | virtual s | found | faults then |"
    yield "|---|---|---|---|--:|--:|--:|---|---|"
    for each in hunts:
        target = each.target
        found = _whats(each) if each.seed is not None else _survived(each)
        faults = "+".join(each.nemeses) or "none" if each.seed is not None else ""
        yield (
            f"| {target.id} | {target.clause} | {target.topology} | {target.oracle} | {each.seeds} | "
            f"{each.cpu_s:g} | {each.virtual_s:g} | {found} | {faults} |"
        )


def _survived(each: Hunt) -> str:
    notes = [f"{each.inconclusive} inconclusive"] if each.inconclusive else []
    notes += [f"{each.crashed} without verdict"] if each.crashed else []
    notes += ["equivalent: " + each.target.equivalent] if each.target.equivalent else []
    return f"**survived**{' (' + ', '.join(notes) + ')' if notes else ''}"


def _summary(hunts: Sequence[Hunt]) -> Iterator[str]:
    possible = [each for each in hunts if each.target.equivalent is None]
    kinds = {
        "all": possible,
        "those visible to clients": [e for e in possible if e.target.oracle == "client"],
    }
    for topology in sorted({each.target.topology for each in possible}):
        kinds[f"those of {topology}"] = [each for each in possible if each.target.topology == topology]
    for word, those in kinds.items():
        killed = [each for each in those if each.seed is not None]
        if those:
            spent = f", median {median(each.cpu_s for each in killed):.1f} CPU s" if killed else ""
            yield f"* of {word}: {len(killed)} of {len(those)} killed ({len(killed) / len(those):.0%}){spent}"


def write(folder: Path, hunts: Sequence[Hunt], command: str) -> None:
    """Both files, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"schema": 1, "command": command, "hunts": [asdict(each) for each in hunts]}
    (folder / FIGURES).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    (folder / TABLE).write_text("".join(f"{each}\n" for each in table(hunts, command)))


class _Figures(msgspec.Struct):
    command: str
    hunts: tuple[Hunt, ...]


def hunts(folder: Path) -> tuple[Hunt, ...]:
    """What was measured. Raises NoDefectError if there is nothing."""
    try:
        return msgspec.json.decode((folder / FIGURES).read_bytes(), type=_Figures).hunts
    except FileNotFoundError:
        raise NoDefectError(f"There is no {folder / FIGURES}; `pestle explore --defects` makes it.") from None


def stale(folder: Path) -> list[str]:
    """Why the matrix in the folder does not speak of today's defects, a sentence each; empty if it does."""
    try:
        figures = msgspec.json.decode((folder / FIGURES).read_bytes(), type=_Figures)
    except FileNotFoundError:
        return [f"There is no {folder / FIGURES}."]
    measured = {each.target.id: each.target for each in figures.hunts}
    today = {target.id: target for target in targets()}
    wrong = [f"{name} is not in the matrix." for name in today if name not in measured]
    wrong += [f"{name} is in the matrix, but no defect any more." for name in measured if name not in today]
    wrong += [
        f"{name} or what it replaces has changed since it was hunted."
        for name, target in today.items()
        if name in measured and measured[name] != target
    ]
    if (folder / TABLE).read_text().splitlines() != list(table(figures.hunts, figures.command)):
        wrong.append(f"{TABLE} is not what its figures say.")
    return wrong
