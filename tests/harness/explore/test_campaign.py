from __future__ import annotations

import itertools
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.explore.campaign import KEPT_EACH, Campaign, Errand, Tally
from harness.explore.fingerprint import Fingerprint
from harness.explore.life import Outcome
from harness.explore.pool import Here, Standstill, within
from harness.explore.summary import as_json, lines, reasons, sentence, trace_sha256
from harness.explore.watch import Plain, Silent

LOST = Fingerprint("LF-WAL", "lost-write", "set", ("add ok", "read ok"), ("power",))
ERRAND = Errand("leader-follower", results=Path("nowhere"))


def fine(_errand: Errand, seed: int) -> Outcome:
    return Outcome(seed, "valid", "held", (), f"trace {seed}", 12.0, 0.5, 100, 50, 2, ("kill",))


def bad_every_tenth(errand: Errand, seed: int) -> Outcome:
    seen = fine(errand, seed)
    if seed % 10 == 0:
        return replace(seen, verdict="invalid", note=f"element {seed} is lost", fingerprints=(LOST,))
    return seen


def folder(_errand: Errand, seed: int) -> tuple[str, str]:
    return f"runs/{seed}", f"trace {seed}"


def explore(life: Any, seeds: Any, **options: Any) -> Tally:
    watch = options.pop("watch", Silent())
    errand = options.pop("errand", ERRAND)
    return Campaign(errand, iter(seeds), Here(), 2, watch, life=life, folder=folder, **options).run()


def test_quiet_campaign_gives_the_bound_by_the_rule_of_three() -> None:
    tally = explore(fine, range(300))
    assert (tally.exit_code, tally.stopped_by) == (0, "count")
    assert tally.bound == pytest.approx(0.01)
    assert "at most 0.01 (rule of three: 3 / 300)" in sentence(tally)


def test_violations_of_one_kind_are_one_finding_with_a_few_folders() -> None:
    tally = explore(bad_every_tenth, range(1, 101))
    assert tally.violations == {LOST: list(range(10, 101, 10))}
    assert sorted(tally.folders) == [10, 20, 30]
    assert len(tally.folders) == KEPT_EACH
    assert (tally.exit_code, tally.bound) == (1, None)
    shown = "\n".join(lines(tally, "pestle explore"))
    assert "lost-write in set after power, 10 seeds: 10, 20" in shown
    assert "pestle shrink runs/10" in shown


def test_first_failure_stops_it_if_that_is_wished() -> None:
    tally = explore(bad_every_tenth, itertools.count(1), stop_on_first=True)
    assert tally.stopped_by == "first failure"
    assert list(tally.violations) == [LOST]
    assert max(tally.outcomes) < 20


def test_time_stops_it_and_what_was_seen_counts() -> None:
    tally = explore(fine, itertools.count(), time_s=0.05)
    assert tally.stopped_by == "time"
    assert tally.counts["valid"] == len(tally.outcomes) > 0


def test_interrupt_lets_lives_under_way_end_and_keeps_them() -> None:
    campaign: Campaign

    def interrupted(errand: Errand, seed: int) -> Outcome:
        if seed == 5:
            campaign.stop("interrupt")
        return bad_every_tenth(errand, seed)

    campaign = Campaign(ERRAND, itertools.count(), Here(), 2, Silent(), life=interrupted, folder=folder)
    tally = campaign.run()
    assert tally.stopped_by == "interrupt"
    assert {0, 5} <= set(tally.outcomes)
    assert tally.folders == {0: "runs/0"}


def test_crashed_life_is_told_and_the_next_seed_has_its_turn() -> None:
    def crashing(errand: Errand, seed: int) -> Outcome:
        if seed == 3:
            raise Standstill("not done in 120 s of processor time")
        return fine(errand, seed)

    tally = explore(crashing, range(10))
    assert tally.counts == {"valid": 9, "crashed": 1}
    assert tally.exit_code == 255
    assert "Standstill" in sentence(tally)


def test_violation_outranks_a_crash_and_a_crash_outranks_inconclusive() -> None:
    verdicts = {0: "crashed", 1: "unknown", 2: "invalid"}

    def mixed(errand: Errand, seed: int) -> Outcome:
        return replace(fine(errand, seed), verdict=verdicts[seed], fingerprints=(LOST,) if seed == 2 else ())

    assert explore(mixed, [0, 1]).exit_code == 255
    assert explore(mixed, [0, 1, 2]).exit_code == 1


@pytest.mark.parametrize(("inconclusive", "code"), [(0, 0), (1, 0), (25, 0), (26, 2), (100, 2)])
def test_a_few_inconclusive_lives_are_counted_and_many_are_too_little(inconclusive: int, code: int) -> None:
    def some(errand: Errand, seed: int) -> Outcome:
        seen = fine(errand, seed)
        return replace(seen, verdict="unknown", note="too short") if seed < inconclusive else seen

    tally = explore(some, range(100))
    assert tally.exit_code == code
    assert tally.bound == (pytest.approx(3 / (100 - inconclusive)) if inconclusive < 100 else None)
    assert as_json(tally, "x")["inconclusive"] == (
        [{"reason": "too short", "seeds": list(range(inconclusive))}] if inconclusive else []
    )


def test_failovers_are_averaged_over_the_lives_in_which_somebody_looked() -> None:
    def some(errand: Errand, seed: int) -> Outcome:
        return replace(fine(errand, seed), failovers=(None, 0, 3, 4)[seed])

    tally = explore(some, range(4))
    assert as_json(tally, "x")["statistics"]["failovers"] == 7
    assert as_json(tally, "x")["statistics"]["mean_failovers"] == pytest.approx(7 / 3)
    said = "7 failovers in the 3 lives in which somebody looked: 2.33 each on average"
    assert any(said in line for line in lines(tally, ""))


def test_where_nobody_can_fail_over_nothing_is_said_of_it() -> None:
    tally = explore(fine, range(4))
    assert as_json(tally, "x")["statistics"]["mean_failovers"] is None
    assert not any("failover" in line for line in lines(tally, ""))


def test_no_life_at_all_shows_nothing() -> None:
    assert explore(fine, []).exit_code == 2


def test_reasons_that_differ_in_numbers_and_nodes_are_one() -> None:
    notes = [
        "The kill fault from 1.5 s to 2 s on n1, n3 failed.",
        "The kill fault from 3 s to 4.25 s on n2 failed.",
    ]
    seen = [Outcome(seed, "unknown", note) for seed, note in enumerate(notes)]
    assert reasons(seen) == {"The kill fault from # s to # s failed.": [0, 1]}


def test_seed_whose_second_life_is_another_is_a_failure_of_pestle() -> None:
    def other(_errand: Errand, seed: int) -> tuple[str, str]:
        return f"runs/{seed}", "another trace"

    campaign = Campaign(ERRAND, iter([1, 2, 10]), Here(), 2, Silent(), life=bad_every_tenth, folder=other)
    assert "Seed 10 is not the same run twice" in campaign.run().problems[0]


def test_dead_worker_ends_it_and_what_was_found_counts() -> None:
    class Dying(Here):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if args[1] > 25:
                raise BrokenProcessPool("a process was terminated abruptly")
            return super().submit(fn, *args, **kwargs)

    campaign = Campaign(ERRAND, itertools.count(1), Dying(), 2, Silent(), life=bad_every_tenth, folder=folder)
    tally = campaign.run()
    assert tally.stopped_by == "a dead worker"
    assert tally.folders == {10: "runs/10", 20: "runs/20"}
    assert tally.exit_code == 1
    assert "A worker died" in tally.problems[0]


def test_campaigns_with_equal_lives_have_equal_hashes_in_whatever_order() -> None:
    forth, back = explore(fine, range(9)), explore(fine, reversed(range(9)))
    assert trace_sha256(forth) == trace_sha256(back) != trace_sha256(explore(fine, range(8)))


def test_json_says_what_was_found() -> None:
    said = as_json(explore(bad_every_tenth, range(1, 21)), "pestle explore --seeds 1..20")
    assert (said["verdict"], said["exit_code"]) == ("invalid", 1)
    assert said["anomalies"][0]["name"] == "lost-write"
    assert said["anomalies"][0]["seeds"] == [10, 20]
    assert said["statistics"]["virtual_s"] == 240.0


def test_plain_watch_names_each_kind_of_violation_once(capsys: pytest.CaptureFixture[str]) -> None:
    explore(bad_every_tenth, range(1, 31), watch=Plain(sys.stderr))
    assert capsys.readouterr().err.count("lost-write") == 1


def test_work_done_on_the_spot_hands_on_its_exception() -> None:
    future: Future[int] = Here().submit(lambda: 1 // 0)
    assert isinstance(future.exception(), ZeroDivisionError)


def test_standstill_is_noticed() -> None:
    def stand_still() -> None:
        with within(0.05):
            while True:
                pass

    with pytest.raises(Standstill, match=r"0\.05 s"):
        stand_still()
