"""The section about failovers in the report."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.reports.failovers import failovers
from harness.reports.page import render
from harness.reports.run_folder import read_run
from tests.harness.reports.synthetic import make_run

TIMED = {
    "old": "n1", "new": "n2", "cause": "kill", "at_ns": 5_000_000_000, "detection_ms": 2100.0,
    "election_ms": 2150.0, "takeover_ms": 2200.0, "first_write_ms": None, "unavailable_ms": 2300.0,
}  # fmt: skip
SUMMARY = {"count": 1, "min": 2100.0, "median": 2100.0, "p95": 2100.0, "max": 2100.0}


def make_failover_run(folder: Path, *, split_brain_ms: list[float]) -> Path:
    make_run(folder)
    test = msgspec.json.decode((folder / "test.json").read_bytes())
    test |= {"topology": "active-failover", "database": {"agents": "n1, n2, n3", "servers": "n2, n3"}}
    (folder / "test.json").write_bytes(msgspec.json.encode(test))
    results = msgspec.json.decode((folder / "results.json").read_bytes())
    times = {"failovers": [TIMED], "summary": {"detection_ms": SUMMARY}}
    leadership = {"times": times, "leadership": {"split_brain_ms": split_brain_ms}}
    loss = {"acknowledged": 900, "lost_in_window": 7, "lost_outside_window": 0}
    results["workloads"] = {
        "leadership": {"verdict": "valid", "statistics": leadership},
        "failover_loss": {"verdict": "valid", "statistics": {"loss": loss}},
    }
    (folder / "results.json").write_bytes(msgspec.json.encode(results))
    return folder


def test_times_losses_and_topology_are_shown(tmp_path: Path) -> None:
    run = read_run(make_failover_run(tmp_path / "run", split_brain_ms=[]))
    found = failovers(run)
    assert found is not None
    assert found.rows[0][1] == [2100.0, 2150.0, 2200.0, None, 2300.0]
    assert [word for word, _ in found.summary] == ["detection"]
    assert (str(found.picture).count(">agent<"), str(found.picture).count(">server<")) == (3, 2)
    page = render(run)
    assert "900 acknowledged writes, 7 were lost in the window" in page
    assert "At no time did two servers take writes at once" in page


def test_a_split_brain_is_shown(tmp_path: Path) -> None:
    page = render(read_run(make_failover_run(tmp_path / "run", split_brain_ms=[1500.0])))
    assert "Two servers took writes at once 1 time" in page


def test_other_topologies_have_no_such_section(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run"))
    assert failovers(run) is None
    assert 'id="failovers"' not in render(run)
