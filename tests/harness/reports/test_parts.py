"""The parts of the report: colours, scales, tables, evidence, words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import Op
from harness.reports import charts, evidence, operations, palette, svg, words
from harness.reports.plot import Setting
from harness.reports.run_folder import Fault, RunFolder, Test, read_run
from harness.reports.summary import LIMIT_BYTES, summary
from tests.harness.reports.synthetic import SECOND, make_run

PALETTES = {"light": palette.LIGHT, "dark": palette.DARK}


def run_of(*ops: Op, faults: tuple[Fault, ...] = (), workers: int | None = 2) -> RunFolder:
    return RunFolder(Path(), Test(concurrency=workers), None, ops, faults, (), ())


def mixed(front: str, back: str, opacity: float) -> str:
    pairs = ((int(front[at : at + 2], 16), int(back[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(f * opacity + b * (1 - opacity)):02x}" for f, b in pairs)


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize("ground", palette.GROUNDS)
def test_text_and_marks_stand_out_from_every_ground(scheme: str, ground: str) -> None:
    colours = PALETTES[scheme]
    for text in palette.TEXTS:
        assert palette.contrast(colours[text], colours[ground]) >= 4.5, text
    for mark in palette.MARKS:
        assert palette.contrast(colours[mark], colours[ground]) >= 3, mark


@pytest.mark.parametrize("scheme", PALETTES)
def test_see_through_points_stand_out_even_over_the_band_of_a_fault(scheme: str) -> None:
    colours = PALETTES[scheme]
    for number in range(6):
        band = mixed(colours[f"fault-{number}"], colours["panel"], palette.BAND)
        for outcome in operations.OUTCOMES:
            assert palette.contrast(mixed(colours[outcome], band, palette.POINT), band) >= 3, (
                outcome,
                number,
            )


@pytest.mark.parametrize("scheme", PALETTES)
def test_family_names_in_their_lanes_are_readable(scheme: str) -> None:
    colours = PALETTES[scheme]
    assert all(palette.contrast(colours[f"fault-{n}"], colours["panel"]) >= 4.5 for n in range(6))


def test_contrast_is_that_of_the_standard() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_operation_that_never_completed_is_unknown_to_the_end() -> None:
    run = run_of(
        Op(0, 10, 0, "invoke", "read"),
        Op(1, 20, 1, "invoke", "write", 5),
        Op(2, 30, 0, "ok", "read", 1),
        Op(3, 90, "nemesis", "info", "stop-kill"),
    )
    rows = operations.table(run).to_dict("records")
    assert [(row["outcome"], row["end_ns"], row["completed"]) for row in rows] == [
        ("ok", 30, 2),
        ("info", 90, -1),
    ]


def test_processes_of_one_worker_share_a_lane() -> None:
    ops = [Op(n, n, process, "invoke", "read") for n, process in enumerate((0, 1, 2, 5))]
    assert operations.table(run_of(*ops, workers=2))["lane"].tolist() == [0, 1, 0, 1]
    assert operations.table(run_of(*ops, workers=None))["lane"].tolist() == [0, 1, 2, 3]


def test_rate_counts_every_completion_once(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path))
    frame = operations.table(run)
    step_s = operations.step_ns(run.end_ns) / 1e9
    rates = operations.rates(frame, run.end_ns)
    assert round(float(rates.to_numpy().sum() * step_s)) == (frame["completed"] >= 0).sum()
    assert len(rates) <= operations.BUCKETS + 1


def test_operations_that_overlap_a_fault_are_told_from_the_others() -> None:
    ops = (
        Op(0, 0, 0, "invoke", "read"),
        Op(1, 10, 0, "ok", "read"),
        Op(2, 15, 0, "invoke", "read"),
        Op(3, 25, 0, "fail", "read"),
    )
    run = run_of(*ops, faults=(Fault("kill", 20, 40),))
    during, calm = operations.exposures(operations.table(run), run.faults, run.end_ns)
    assert (during.ok, during.operations, calm.ok, calm.operations) == (0, 1, 1, 1)


def test_unhealed_fault_of_a_killed_run_is_taken_from_the_history(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "killed")
    lines = (folder / "history.jsonl").read_bytes().splitlines(keepends=True)
    stop = max(n for n, line in enumerate(lines) if b"stop-kill" in line) - 1
    (folder / "history.jsonl").write_bytes(b"".join(lines[:stop]))
    (last,) = (fault for fault in read_run(folder).faults if fault.end_ns is None)
    assert (last.family, last.start_ns, last.effective) == ("kill", 47 * SECOND, False)


def test_evidence_joins_both_lines_of_an_operation_once() -> None:
    ops = (
        Op(0, 10, 0, "invoke", "write", 5, key="x"),
        Op(1, 12, 1, "invoke", "read", key="x"),
        Op(2, 20, 0, "ok", "write", 5, key="x"),
        Op(3, 30, 1, "info", "read", key="x", error="no answer"),
    )
    renumbered = [Op(7, 12, 1, "invoke", "read"), Op(8, 30, 1, "info", "read"), Op(9, 20, 0, "ok", "write")]
    found = evidence.Deeds(ops, renumbered).of(renumbered)
    assert [deed.label for deed in found] == ["write x 5", "read x (info)"]
    assert [(deed.start_ns, deed.end_ns) for deed in found] == [(10, 20), (12, 30)]


def test_evidence_that_the_history_lacks_is_shown_as_it_is() -> None:
    line = Op(4, 50, 3, "ok", "read", 9)
    (deed,) = evidence.Deeds((), [line]).of([line])
    assert (deed.label, deed.outcome, deed.start_ns, deed.end_ns) == ("read = 9", "ok", 50, 50)


def test_drawing_keeps_overlap_and_order() -> None:
    ops = [
        Op(0, 10, 0, "invoke", "write", 1),
        Op(1, 11, 1, "invoke", "read"),
        Op(2, 12, 0, "ok", "write", 1),
        Op(3, 9_000_000_000, 1, "ok", "read", 0),
    ]
    deeds = evidence.Deeds(ops, ops).of(ops)
    drawn = str(evidence.drawing(deeds, Setting(10**10, (), ()), "a", "why"))
    assert drawn.count('class="deed ok"') == 2
    assert drawn.index("process 0") < drawn.index("process 1")


@given(st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 1e9)), min_size=1, max_size=5_000))
def test_thinning_keeps_the_peak(points: list[tuple[int, float]]) -> None:
    ordered = sorted(points)
    kept = charts.thinned(ordered, most=50)
    assert len(kept) <= 51
    assert max(value for _, value in kept) == max(value for _, value in points)


def test_series_of_nonsense_are_not_drawn() -> None:
    setting = Setting(10**9, (), ())
    assert charts.series_chart([{"points": "none"}], "x", setting) == ""
    assert charts.series_chart([{"points": [[1], ["a", 2]]}], "x", setting) == ""


@given(st.floats(0, 1e7), st.floats(1e-6, 1e7))
def test_ticks_lie_inside_and_are_few(low: float, length: float) -> None:
    scale = svg.Linear(low, low + length, 0, 100)
    ticks = scale.ticks(6)
    assert len(ticks) <= 8
    assert all(low - length * 1e-6 <= tick <= (low + length) * (1 + 1e-9) + length * 1e-6 for tick in ticks)


def test_logarithmic_scale_puts_what_is_outside_at_the_rim() -> None:
    scale = svg.Logarithmic(1e6, 1e9, 100, 0)
    assert [round(scale(value)) for value in (0, 1e6, 1e9, 1e12)] == [100, 100, 0, 0]
    assert scale.ticks() == [1e6, 1e7, 1e8, 1e9]


@given(st.text())
def test_text_and_attributes_are_escaped(text: str) -> None:
    drawn = str(svg.element("text", text, class_=text))
    assert drawn.count("<") == 2
    assert drawn.count('"') == 2


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "0 ns"),
        (87_000, "87 \u00b5s"),
        (1_250_000_000, "1.25 s"),
        (340e6, "340 ms"),
        (200e9, "3 min 20 s"),
    ],
)
def test_durations_carry_a_fitting_unit(time_ns: float, expected: str) -> None:
    assert words.duration(time_ns) == expected


def test_share_is_never_rounded_to_all_or_nothing() -> None:
    assert words.percent(1, 100_000) == "< 0.1 %"
    assert words.percent(99_999, 100_000) == "> 99.9 %"
    assert (words.percent(0, 7), words.percent(7, 7), words.percent(0, 0)) == ("0 %", "100 %", "\u2013")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("followers lagged", "Followers lagged."),
        ("results.json is missing.", "results.json is missing."),
        ("register: too few operations", "register: too few operations."),
        ("2 faults", "2 faults."),
        (None, ""),
    ],
)
def test_sentences_begin_and_end_as_sentences_do(text: str | None, expected: str) -> None:
    assert words.sentence(text) == expected


def test_details_are_put_in_words() -> None:
    assert words.fact({"p50": 3.14159, "stale_reads": 12_000}) == "p50 3.14, stale reads 12,000"
    assert words.fact({"calm": {"ms": {"p50": 2}}, "all": 3}) == "calm (ms (p50 2)), all 3"
    assert words.fact(list(range(50))) == "50 in all, the last: 44, 45, 46, 47, 48, 49"


def test_summary_tells_verdict_findings_and_how_to_repeat(tmp_path: Path) -> None:
    text = summary(make_run(tmp_path, "invalid"))
    assert text.startswith("## Violation: leader-follower-invalid")
    assert "**lost write** (LF-CONVERGE)" in text
    assert text.rstrip().endswith("--seed 1729`")


def test_summary_is_cut_openly_when_it_would_be_too_long(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "invalid", 100)
    results = (folder / "results.json").read_text(encoding="utf-8")
    many = ",".join('{"id":"C' + str(n) + '","says":"' + "x" * 400 + '"}' for n in range(300))
    (folder / "results.json").write_text(
        results.replace('"clauses":[', f'"clauses":[{many},'), encoding="utf-8"
    )
    text = summary(folder)
    assert len(text.encode()) <= LIMIT_BYTES
    assert "Cut here at 60 kB" in text


def test_summary_shows_hostile_text_as_text(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "invalid", 100)
    results = (folder / "results.json").read_text(encoding="utf-8")
    (folder / "results.json").write_text(
        results.replace("lost write", "|<b>`x`](http://x)\\n# y"), encoding="utf-8"
    )
    assert r"\|\<b\>\`x\`\](http://x) \# y" in summary(folder)
