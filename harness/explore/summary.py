"""Summary: what a campaign found, for machines and for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from harness.explore.campaign import MOST_INCONCLUSIVE, Tally
from harness.explore.fingerprint import Fingerprint
from harness.explore.life import Outcome

WORDS = {0: "valid", 1: "invalid", 2: "unknown", 255: "unknown"}
_SEEDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all lives; times in seconds.

    `failovers` are those of the `watched` lives, in which somebody looked who leads.
    """

    lives: int
    virtual_s: float
    cpu_s: float
    messages: int
    operations: int
    faults: int
    failovers: int
    watched: int

    @property
    def mean_failovers(self) -> float | None:
        """Failovers of a life in which somebody looked; None without such a life."""
        return self.failovers / self.watched if self.watched else None

    @property
    def speed(self) -> str:
        """What a second of one core does."""
        cpu_s = self.cpu_s or float("inf")
        return (
            f"{self.virtual_s / cpu_s:,.0f} virtual s, {self.messages / cpu_s:,.0f} messages and "
            f"{self.lives / cpu_s:.1f} lives per CPU second"
        )


def totals(tally: Tally) -> Totals:
    """The sums of a campaign."""
    seen = tally.outcomes.values()
    return Totals(
        lives=len(seen),
        virtual_s=round(sum(o.virtual_s for o in seen), 3),
        cpu_s=round(sum(o.cpu_s for o in seen), 3),
        messages=sum(o.messages for o in seen),
        operations=sum(o.operations for o in seen),
        faults=sum(o.faults for o in seen),
        failovers=sum(o.failovers or 0 for o in seen),
        watched=sum(o.failovers is not None for o in seen),
    )


def sentence(tally: Tally) -> str:
    """The verdict of a campaign in one sentence."""
    counts, kinds = tally.counts, len(tally.violations)
    if counts["invalid"]:
        return f"{counts['invalid']} of {len(tally.outcomes)} lives show a violation, of {kinds} kinds."
    if tally.exit_code == 255:
        failed = [*tally.problems, *(o.note for o in tally.of("crashed"))]
        return f"Pestle itself failed {len(failed)} times: {failed[0]}"
    if tally.exit_code == 2:
        part = f"more than {MOST_INCONCLUSIVE:.0%}" if counts["valid"] else "all"
        return f"{counts['unknown']} of {len(tally.outcomes)} lives were inconclusive, {part}: too many."
    assert tally.bound is not None
    return (
        f"No violation in {counts['valid']:,} lives: at 95 % confidence such a life shows one with a "
        f"probability of at most {tally.bound:.2g} (rule of three: 3 / {counts['valid']:,})."
    )


def as_json(tally: Tally, command: str) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        "schema": 1,
        "verdict": WORDS[tally.exit_code],
        "exit_code": tally.exit_code,
        "sentence": sentence(tally),
        "command": command,
        "anomalies": [_kind(fingerprint, seeds, tally) for fingerprint, seeds in tally.violations.items()],
        "statistics": {
            **asdict(totals(tally)),
            "mean_failovers": totals(tally).mean_failovers,
            "verdicts": dict(sorted(tally.counts.items())),
            "bound_95": tally.bound,
            "stopped_by": tally.stopped_by,
        },
        "inconclusive": [
            {"reason": reason, "seeds": seeds} for reason, seeds in reasons(tally.of("unknown")).items()
        ],
        "crashes": [{"seed": o.seed, "error": o.note} for o in tally.of("crashed")],
        "deaths": [o.seed for _, o in sorted(tally.outcomes.items()) if o.deaths],
        "problems": tally.problems,
        "trace_sha256": trace_sha256(tally),
    }


def _kind(fingerprint: Fingerprint, seeds: list[int], tally: Tally) -> dict[str, Any]:
    return {
        "name": fingerprint.anomaly,
        "fingerprint": fingerprint.digest,
        **asdict(fingerprint),
        "sentence": tally.outcomes[seeds[0]].note,
        "seeds": seeds,
        "runs": [tally.folders[seed] for seed in seeds if seed in tally.folders],
    }


def trace_sha256(tally: Tally) -> str:
    """One hash of all lives, by seed: equal for equal campaigns."""
    lines = (f"{seed} {seen.trace_sha256}\n" for seed, seen in sorted(tally.outcomes.items()))
    return sha256("".join(lines).encode()).hexdigest()


def reasons(seen: Iterable[Outcome]) -> Mapping[str, list[int]]:
    """The seeds by why they were inconclusive, numbers and nodes left out; most frequent first."""
    found: dict[str, list[int]] = {}
    for each in seen:
        found.setdefault(_general(each.note), []).append(each.seed)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _general(note: str) -> str:
    said = re.sub(r"( on n\d+(, n\d+)*)|( \(\d+ more reasons\))", "", note)
    return re.sub(r"\d+(\.\d+)?", "#", said)


def lines(tally: Tally, repeat: str) -> Iterator[str]:
    """The summary: what was found, where it is, how to see it again. The verdict is the last but one."""
    for fingerprint, seeds in tally.violations.items():
        yield f"violation {fingerprint.digest}: {fingerprint}, {_number(len(seeds), 'seed')}: {_some(seeds)}"
        yield f"  {tally.outcomes[seeds[0]].note}"
        for path in (tally.folders[seed] for seed in seeds if seed in tally.folders):
            yield f"  {path}"
        kept = next((tally.folders[seed] for seed in seeds if seed in tally.folders), None)
        yield f"  pestle shrink {kept}" if kept else f"  shown again by: {repeat} --seeds {seeds[0]}"
    for crashed in tally.of("crashed")[:_SEEDS_SHOWN]:
        yield f"seed {crashed.seed} crashed: {crashed.note}"
    for reason, seeds in reasons(tally.of("unknown")).items():
        yield f"inconclusive, {_number(len(seeds), 'seed')} ({_some(seeds)}): {reason}"
    if dead := [seed for seed, seen in sorted(tally.outcomes.items()) if seen.deaths]:
        yield f"servers ended of errors of their own, {_number(len(dead), 'seed')}: {_some(dead)}"
    yield from tally.problems
    sums = totals(tally)
    if sums.mean_failovers is not None:
        yield (
            f"{_number(sums.failovers, 'failover')} in the {sums.watched:,} lives in which somebody looked: "
            f"{sums.mean_failovers:.2f} each on average"
        )
    yield (
        f"{sums.lives:,} lives, {sums.virtual_s:,.0f} virtual s, {sums.operations:,} operations, "
        f"{sums.faults:,} faults, {sums.cpu_s:,.1f} CPU s: {sums.speed}"
    )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _some(seeds: list[int]) -> str:
    more = f", {len(seeds) - _SEEDS_SHOWN} more" if len(seeds) > _SEEDS_SHOWN else ""
    return ", ".join(map(str, seeds[:_SEEDS_SHOWN])) + more
