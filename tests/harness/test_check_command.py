"""`pestle check` as a user meets it: exit codes, what is printed, what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import harness.command
from checkers import codec
from checkers.foreign import parquet
from checkers.native import AVAILABLE, NOTICE
from tests.checkers.histories import history


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Check = Callable[..., Answer]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `pestle check` through the command line's own door."""

    def run(*arguments: str | Path) -> Answer:
        monkeypatch.setattr(sys, "argv", ["pestle", "check", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            harness.command.main()
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Answer(stop.value.code, captured.out, captured.err)

    return run


def store(folder: Path, *lines: str, name: str = "history.jsonl") -> Path:
    codec.write(folder / name, history(*lines))
    return folder / name


def set_file(folder: Path, final: list[int]) -> Path:
    """Elements 1 and 2 are added, then one read returns `final`."""
    lines = ["0 invoke add 1", "0 ok add 1", "0 invoke add 2", "0 ok add 2", "1 invoke read"]
    path = store(folder, *lines)
    with path.open("a") as file:
        file.write(
            json.dumps(
                {"index": 5, "time": 5_000_000, "process": 1, "type": "ok", "f": "read", "value": final}
            )
        )
        file.write("\n")
    return path


STALE = (
    "0 invoke write 1 key=3",
    "0 ok write 1 key=3",
    "0 invoke write 2 key=3",
    "0 ok write 2 key=3",
    "1 invoke read key=3",
    "1 ok read 1 key=3",
)
# Every value is written twice and read once: as hard for the compiled searches as for the readable one.
HARD = (
    *(f"{i} invoke write {i // 2}" for i in range(60)),
    *(line for i in range(30) for line in ("70 invoke read", f"70 ok read {i}")),
    *(f"{i} ok write {i // 2}" for i in range(60)),
    "0 invoke read",
    "0 ok read 99",
)


def indices(answer: Answer) -> list[list[int]]:
    return [[op["index"] for op in anomaly["operations"]] for anomaly in answer.json["anomalies"]]


def test_a_stale_read_is_a_violation_and_its_repair_is_none(tmp_path: Path, check: Check) -> None:
    answer = check(store(tmp_path, *STALE), "--checker", "linearizable", "--json", "-")
    assert answer.code == 1
    assert answer.json["verdict"] == "invalid"
    assert indices(answer) == [[0, 1, 2, 3, 4, 5]]
    assert answer.json["anomalies"][0]["name"] == "stale-read"
    repaired = store(tmp_path, *STALE[:-1], "1 ok read 2 key=3")
    assert check(repaired, "--checker", "linearizable").code == 0


def test_a_lost_write_of_a_register_is_a_violation_and_its_repair_is_none(
    tmp_path: Path, check: Check
) -> None:
    lines = ("0 invoke write 1", "0 ok write 1", "1 invoke read")
    lost = check(store(tmp_path, *lines, "1 ok read nil"), "--checker", "linearizable", "--json", "-")
    assert (lost.code, indices(lost)) == (1, [[0, 1, 2, 3]])
    assert check(store(tmp_path, *lines, "1 ok read 1"), "--checker", "linearizable").code == 0


def test_a_phantom_of_a_register_is_a_violation(tmp_path: Path, check: Check) -> None:
    lines = ("0 invoke write 1", "0 ok write 1", "1 invoke read", "1 ok read 8")
    answer = check(store(tmp_path, *lines), "--checker", "linearizable", "--json", "-")
    assert (answer.code, indices(answer)) == (1, [[2, 3]])


@pytest.mark.parametrize(
    ("final", "name", "evidence"),
    [
        ([2], "lost-write", [0, 1, 4, 5]),
        ([1, 2, 2], "duplicate", [2, 3, 4, 5]),
        ([1, 2, 7], "phantom", [4, 5]),
    ],
)
def test_a_broken_set_is_a_violation(
    tmp_path: Path, check: Check, final: list[int], name: str, evidence: list[int]
) -> None:
    answer = check(set_file(tmp_path, final), "--checker", "set-full", "--json", "-")
    assert answer.code == 1
    assert [anomaly["name"] for anomaly in answer.json["anomalies"]] == [name]
    assert indices(answer) == [evidence]


def test_a_repaired_set_is_valid(tmp_path: Path, check: Check) -> None:
    answer = check(set_file(tmp_path, [2, 1]), "--checker", "set-full", "--json", "-")
    assert answer.code == 0
    assert answer.json == {
        "schema": 1,
        "verdict": "valid",
        "anomalies": [],
        "statistics": answer.json["statistics"],
        "reasons": [],
    }
    assert answer.json["statistics"]["stable"] == 2


def test_a_stale_read_of_a_set_counts_on_demand(tmp_path: Path, check: Check) -> None:
    path = set_file(tmp_path, [1])
    with path.open("a") as file:
        file.write('{"index":6,"time":6000000,"process":1,"type":"invoke","f":"read"}\n')
        file.write('{"index":7,"time":7000000,"process":1,"type":"ok","f":"read","value":[1,2]}\n')
    assert check(path, "--checker", "set-full").code == 0
    assert check(path, "--checker", "set-full", "--linearizable").code == 1


def test_people_get_the_sentence_the_operations_the_verdict_and_how_to_repeat(
    tmp_path: Path, check: Check
) -> None:
    path = store(tmp_path, *STALE)
    answer = check(path, "--checker", "linearizable", "--model", "register")
    lines = answer.out.splitlines()
    assert lines[0] == (
        "stale-read: read of key 3 returned 1 although write 2 to key 3 had completed before it began"
    )
    assert lines[1].split() == ["index", "time", "ms", "process", "type", "f", "key", "value"]
    assert lines[7].split() == ["5", "5.000", "1", "ok", "read", "3", "1"]
    assert lines[-2:] == [
        "verdict: invalid (1 stale-read)",
        f"repeat: pestle check {path} --checker linearizable --model register",
    ]


@pytest.mark.parametrize("limit", [("--time-limit", "0.2"), ("--memory-limit", "2"), ("--memory-limit", "0")])
def test_a_limit_that_is_too_small_is_inconclusive(
    tmp_path: Path, check: Check, limit: tuple[str, str]
) -> None:
    answer = check(store(tmp_path, *HARD), "--checker", "linearizable", *limit)
    assert answer.code == 2
    reason = next(line for line in answer.out.splitlines() if line.startswith("reason: "))
    assert f"the {limit[0][2:].replace('-', ' ')}" in reason
    assert answer.out.splitlines()[-2] == "verdict: unknown"


@pytest.mark.parametrize("checker", ["linearizable", "set-full", "convergence", "availability", "statistics"])
@pytest.mark.parametrize("limit", [("--time-limit", "0"), ("--memory-limit", "0")])
def test_no_checker_exceeds_no_limit(
    tmp_path: Path, check: Check, checker: str, limit: tuple[str, str]
) -> None:
    lines = {"set-full": ("0 invoke add 1", "0 ok add 1")}.get(checker, STALE)
    answer = check(store(tmp_path, *lines), "--checker", checker, *limit, "--json", "-")
    assert (answer.code, answer.json["verdict"]) == (2, "unknown")


@pytest.mark.parametrize("checker", ["linearizable", "set-full", "convergence", "availability", "statistics"])
def test_an_empty_history_proves_nothing(tmp_path: Path, check: Check, checker: str) -> None:
    answer = check(store(tmp_path), "--checker", checker, "--json", "-")
    assert (answer.code, answer.json["verdict"]) == (2, "unknown")
    assert answer.json["reasons"]


def test_a_malformed_line_is_named(tmp_path: Path, check: Check) -> None:
    path = store(tmp_path, *STALE)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], '{"index": 3, "time"\n', *lines[4:]]))
    answer = check(path, "--checker", "linearizable")
    assert answer.code == 254
    assert f"{path}: line 4: " in answer.err
    assert answer.out == ""


def test_a_completion_out_of_nowhere_is_named(tmp_path: Path, check: Check) -> None:
    answer = check(store(tmp_path, "0 invoke read", "3 ok read 1"), "--checker", "linearizable")
    assert answer.code == 254
    assert "line 2: completion of process 3 without an invocation" in answer.err


def test_a_torn_tail_is_noted_and_the_rest_is_judged(tmp_path: Path, check: Check) -> None:
    path = store(tmp_path, *STALE)
    path.write_bytes(path.read_bytes()[:-20])
    answer = check(path, "--checker", "linearizable", "--json", "-")
    assert (answer.code, answer.json["verdict"]) == (0, "valid")
    assert "line 6, the last, is torn and was left out" in answer.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--checker", "magic"), "'magic' is not one of 'linearizable'"),
        ((), "Missing option '--checker'"),
        (("--checker", "linearizable", "--model", "queue"), "has no --model queue; it has register"),
        (("--checker", "set-full", "--model", "register"), "--model belongs to --checker linearizable"),
        (
            ("--checker", "list-append", "--model", "register"),
            "list-append has no --model register; it has read-un",
        ),
        (("--checker", "set-full", "--svg", "x"), "--svg belongs to --checker list-append"),
        (("--checker", "linearizable", "--linearizable"), "--linearizable belongs to --checker set-full"),
        (("--checker", "linearizable", "--workload", "x"), "has no workload x: its operations name none"),
        (("--checker", "linearizable", "--time-limit", "-1"), "Invalid value for '--time-limit'"),
        (("--checker", "linearizable", "--json", "/nowhere/at/all"), "cannot write /nowhere/at/all"),
    ],
)
def test_wrong_options_are_usage_errors(
    tmp_path: Path, check: Check, options: tuple[str, ...], message: str
) -> None:
    answer = check(store(tmp_path, *STALE), *options)
    assert answer.code == 254
    assert message in answer.err


def test_a_missing_file_is_a_usage_error(tmp_path: Path, check: Check) -> None:
    answer = check(tmp_path / "none.jsonl", "--checker", "linearizable")
    assert answer.code == 254
    assert f"cannot read {tmp_path / 'none.jsonl'}: No such file or directory" in answer.err


def test_a_run_with_several_workloads_needs_a_choice(tmp_path: Path, check: Check) -> None:
    path = store(
        tmp_path,
        "0 invoke register:write 1",
        "1 invoke set:add 5",
        "0 ok register:write 1",
        "1 ok set:add 5",
        "0 invoke register:read",
        "0 ok register:read 2",
    )
    answer = check(path, "--checker", "linearizable")
    assert answer.code == 254
    assert "choose with --workload: it has register, set" in answer.err
    assert check(path, "--checker", "statistics").code == 0
    assert check(path, "--checker", "linearizable", "--workload", "register").code == 1


def test_a_folder_of_a_run_is_as_good_as_its_history(tmp_path: Path, check: Check) -> None:
    store(tmp_path, *STALE)
    assert check(tmp_path, "--checker", "linearizable").code == 1


def test_the_verdict_is_written_beside_the_words(tmp_path: Path, check: Check) -> None:
    answer = check(store(tmp_path, *STALE), "--checker", "linearizable", "--json", tmp_path / "verdict.json")
    assert "verdict: invalid" in answer.out
    assert json.loads((tmp_path / "verdict.json").read_text())["verdict"] == "invalid"


def test_other_formats_are_recognised(tmp_path: Path, check: Check) -> None:
    whole = history(*STALE)
    values = ["nil" if op.value is None else op.value for op in whole]
    parquet.write(tmp_path / "h.parquet", whole)
    (tmp_path / "h.edn").write_text(
        "".join(
            f"{{:type :{op.type}, :f :{op.f}, :process {op.process}, :value [3 {value}]}}\n"
            for op, value in zip(whole, values, strict=True)
        )
    )
    (tmp_path / "h.log").write_text(
        "".join(
            f"INFO  jepsen.util - {op.process}\t:{op.type}\t:{op.f}\t{value}\n"
            for op, value in zip(whole, values, strict=True)
        )
    )
    assert check(tmp_path / "h.parquet", "--checker", "linearizable").code == 1
    assert check(tmp_path / "h.log", "--checker", "linearizable", "--model", "etcd").code == 1
    assert check(tmp_path / "h.log", "--format", "jsonl", "--checker", "linearizable").code == 254
    for option in (("--independent",), ("--model", "keyed-register")):
        answer = check(tmp_path / "h.edn", "--checker", "linearizable", *option, "--json", "-")
        assert (answer.code, answer.json["anomalies"][0]["details"]["key"]) == (1, 3)


def test_convergence_of_a_stored_run(tmp_path: Path, check: Check) -> None:
    def snapshots(second: dict[str, str]) -> Path:
        lines = [
            {"process": 0, "type": "invoke", "f": "snapshot"},
            {"process": 0, "type": "ok", "f": "snapshot", "value": {"node": "n1", "documents": {"a": "1"}}},
            {"process": 1, "type": "invoke", "f": "snapshot"},
            {"process": 1, "type": "ok", "f": "snapshot", "value": {"node": "n2", "documents": second}},
        ]
        (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path / "history.jsonl"

    broken = check(snapshots({"a": "2"}), "--checker", "convergence")
    assert broken.code == 1
    assert "replicas n1 and n2 differ in one document: document a has revisions 1 and 2" in broken.out
    assert check(snapshots({"a": "1"}), "--checker", "convergence").code == 0


def test_the_installed_command_exits_as_promised(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from harness.command import main; main()", "check"]
    run = subprocess.run(
        [*command, str(store(tmp_path, *STALE)), "--checker", "linearizable"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (1, "" if AVAILABLE else f"note: {NOTICE}\n")
    usage = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True)
    assert "pestle check history.jsonl --checker set-full" in usage.stdout


def transactions_file(folder: Path, *values: list[list[Any]]) -> Path:
    """Transactions that all ran at the same time."""
    ops = [
        {"process": process, "type": kind, "f": "txn", "value": value}
        for kind in ("invoke", "ok")
        for process, value in enumerate(values)
    ]
    (folder / "txns.jsonl").write_text("".join(json.dumps(op) + "\n" for op in ops))
    return folder / "txns.jsonl"


@pytest.mark.parametrize(("model", "code"), [("serializable", 1), ("PL-3", 1), ("snapshot-isolation", 0)])
def test_write_skew_is_told_and_drawn(tmp_path: Path, check: Check, model: str, code: int) -> None:
    path = transactions_file(
        tmp_path, [["r", "x", []], ["append", "y", 1]], [["r", "y", []], ["append", "x", 1]]
    )
    answer = check(path, "--checker", "list-append", "--model", model, "--svg", tmp_path / "cycle.svg")
    assert answer.code == code, answer.err
    assert "not: repeatable-read\n" in answer.out
    assert "may_be: cursor-stability, update-serializable, strong-snapshot-isolation\n" in answer.out
    assert ("G2-item: T1 read [] of x" in answer.out) is (code == 1)
    assert (tmp_path / "cycle.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("checker", "lines", "code"),
    [
        ("unique-ids", ("0 invoke generate", "0 ok generate 1", "0 invoke generate", "0 ok generate 1"), 1),
        ("counter", ("0 invoke add 1", "0 ok add 1", "0 invoke read", "0 ok read 1"), 0),
        ("total-queue", ("0 invoke enqueue 1", "0 ok enqueue 1", "0 invoke dequeue", "0 ok dequeue 2"), 1),
        ("outcomes", ("0 invoke write 1", "0 fail write 1", "0 invoke read", "0 ok read 1"), 2),
        ("sessions", ("0 invoke generate", "0 ok generate 1"), 2),
        ("bank", ("0 invoke transfer", "0 ok transfer"), 2),
    ],
)
def test_small_checkers_by_name(
    tmp_path: Path, check: Check, checker: str, lines: tuple[str, ...], code: int
) -> None:
    assert check(store(tmp_path, *lines), "--checker", checker).code == code


def test_registers_are_judged_as_json(tmp_path: Path, check: Check) -> None:
    path = transactions_file(tmp_path, [["w", 1, 5], ["w", 1, 6]], [["r", 1, 5]])
    answer = check(path, "--checker", "rw-register", "--json", "-").json
    assert answer["verdict"] == "invalid"
    assert [anomaly["name"] for anomaly in answer["anomalies"]] == ["G1b"]


def test_without_a_cycle_nothing_is_drawn(tmp_path: Path, check: Check) -> None:
    path = transactions_file(tmp_path, [["w", 1, 5]], [["r", 1, 5]])
    answer = check(path, "--checker", "rw-register", "--svg", tmp_path / "cycle.svg")
    assert answer.code == 0
    assert "no cycle was found" in answer.err
    assert not (tmp_path / "cycle.svg").exists()
