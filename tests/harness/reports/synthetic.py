"""Run folders made up for tests: the same seed gives the same bytes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

SECOND = 1_000_000_000
LENGTH_S = 60
FAULTS = (
    ("partition", 6, 13, "packets dropped", 18_231, ["n1"]),
    ("kill", 18, 22, "processes gone", 1, ["n2"]),
    ("pause", 27, 33, "processes paused", 1, ["n3"]),
    ("partition", 38, 44, "packets dropped", 9_120, ["n1", "n3"]),
    ("kill", 47, 50, "processes gone", 1, ["n1"]),
)


def make_run(folder: Path, kind: str = "valid", operations: int = 4_000, seed: int = 7) -> Path:
    """A run's folder: `kind` is valid, invalid, unknown or killed (no results, torn history, open fault)."""
    folder.mkdir(parents=True, exist_ok=True)
    history = make_history(operations, random.Random(seed))
    faults = make_faults(kind)
    _write(folder / "test.json", TEST | {"name": f"leader-follower-{kind}"})
    _lines(folder / "history.jsonl", history)
    _lines(folder / "faults.jsonl", faults)
    if kind == "killed":
        with (folder / "history.jsonl").open("ab") as file:
            file.write(b'{"index":99999,"time":600')
        _lines(folder / "faults.jsonl", faults[:-1])
    else:
        _write(folder / "results.json", make_results(kind, history, faults))
    for node in TEST["nodes"]:
        logs = folder / "nodes" / node
        logs.mkdir(parents=True, exist_ok=True)
        (logs / "arangod.log").write_text("started\n", encoding="utf-8")
    return folder


def make_history(operations: int, chance: random.Random, workers: int = 10) -> list[dict[str, Any]]:
    """Reads, writes, compare-and-sets and inserts of ten workers, slowed and cut by FAULTS."""
    events: list[dict[str, Any]] = []
    per_worker = operations // workers
    for worker in range(workers):
        process, clock = worker, chance.randrange(SECOND // 10)
        for _ in range(per_worker):
            clock += round(chance.expovariate(1) * LENGTH_S * SECOND / per_worker * 0.9)
            if clock >= LENGTH_S * SECOND:
                break
            op = make_operation(chance, process)
            clock, outcome = _happen(events, op, clock, chance)
            if outcome == "info":
                process += workers
    for family, start, end, *_ in FAULTS:
        for verb, second in (("start", start), ("stop", end)):
            entry = {"process": "nemesis", "f": f"{verb}-{family}", "value": None}
            events.append(entry | {"time": second * SECOND - 1000, "type": "invoke"})
            events.append(entry | {"time": second * SECOND, "type": "info"})
    events.sort(key=lambda event: (event["time"], str(event["process"])))
    return [{"index": index, **event} for index, event in enumerate(events)]


def make_operation(chance: random.Random, process: int) -> dict[str, Any]:
    """The invocation of something."""
    f = chance.choice(["register:read", "register:read", "register:write", "register:cas", "set:add"])
    values = {
        "register:read": None,
        "register:write": chance.randrange(100),
        "register:cas": [chance.randrange(5), chance.randrange(5)],
        "set:add": chance.randrange(10**6),
    }
    key = None if f == "set:add" else f"k{chance.randrange(20)}"
    return {"process": process, "f": f, "value": values[f], "key": key, "node": "n1"}


def _happen(
    events: list[dict[str, Any]], op: Mapping[str, Any], clock: int, chance: random.Random
) -> tuple[int, str]:
    troubled = any(start * SECOND < clock < end * SECOND for _, start, end, *_ in FAULTS)
    draw = chance.random()
    outcome = ("info" if draw < 0.06 else "fail" if draw < 0.2 else "ok") if troubled else "ok"
    if op["f"] == "register:cas" and draw > 0.55:
        outcome = "fail"
    latency = round(chance.lognormvariate(0, 0.6) * 1.2e6 * (8 if troubled else 1))
    if outcome == "info":
        latency = 2 * SECOND + round(chance.random() * 1e7)
    events.append({**op, "type": "invoke", "time": clock})
    done = {**op, "type": outcome, "time": clock + latency}
    if outcome == "info":
        done["error"] = "no answer within 2 s"
    elif outcome == "fail":
        done["error"] = (
            "HTTP 412, errorNum 1200: conflict" if op["f"] == "register:cas" else "connection refused"
        )
    elif op["f"] == "register:read":
        done["value"] = chance.randrange(100)
    events.append(done)
    return clock + latency, outcome


def make_faults(kind: str) -> list[dict[str, Any]]:
    """Lines of faults.jsonl; in an inconclusive run the partitions had no effect."""
    lines = []
    for family, start, end, measure, number, nodes in FAULTS:
        idle = kind == "unknown" and family == "partition"
        lines.append(
            {
                "family": family,
                "start_ns": start * SECOND,
                "end_ns": end * SECOND,
                "value": {"isolate": nodes} if family == "partition" else {"programs": ["arangod"]},
                "nodes": nodes,
                "effect": {
                    "measure": measure,
                    "count": 0 if idle else number,
                    "evidence": {"n1->n2": 0 if idle else number},
                },
                "effective": not idle,
                "error": None,
            }
        )
    return lines


def make_results(kind: str, history: list[dict[str, Any]], faults: list[dict[str, Any]]) -> dict[str, Any]:
    """results.json with a verdict of the kind."""
    anomalies = make_anomalies(history) if kind == "invalid" else []
    reasons = (
        ["partition: 2 faults were injected and none took effect (0 packets dropped)."]
        if kind == "unknown"
        else []
    )
    sentence = {
        "valid": "No acknowledged write was lost and all replicas agreed after every fault was healed.",
        "invalid": "1 acknowledged write was lost and 1 read was stale while the leader was killed.",
        "unknown": "The partitions had no effect, so nothing is known about behaviour under partitions.",
    }[kind]
    return {
        "schema": 1,
        "verdict": kind,
        "exit_code": {"valid": 0, "invalid": 1, "unknown": 2}[kind],
        "sentence": sentence,
        "reasons": reasons,
        "duration_s": 74.2,
        "clauses": make_clauses(kind),
        "workloads": {"register": {"verdict": kind, "statistics": {}, "reasons": reasons}},
        "anomalies": anomalies,
        "weaknesses": make_weaknesses(history),
        "faults": make_totals(faults),
        "phases": [
            {"name": "setup", "start_ns": -9 * SECOND, "end_ns": 0},
            {"name": "safety", "start_ns": 0, "end_ns": 50 * SECOND},
            {"name": "heal", "start_ns": 50 * SECOND, "end_ns": 51 * SECOND},
            {"name": "liveness", "start_ns": 51 * SECOND, "end_ns": 60 * SECOND},
        ],
        "statistics": {"operations": len(history) // 2},
    }


def make_totals(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """Faults by family."""
    totals: dict[str, Any] = {}
    for fault in faults:
        total = totals.setdefault(fault["family"], {"injected": 0, "effective": 0, "count": 0})
        total["measure"] = fault["effect"]["measure"]
        total["injected"] += 1
        total["effective"] += fault["effective"]
        total["count"] += fault["effect"]["count"]
    return totals


def make_anomalies(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A lost write with a few operations around it and a stale read."""
    writes = [op for op in history if op["f"] == "register:write" and 18 * SECOND < op["time"] < 23 * SECOND]
    reads = [op for op in history if op["f"] == "register:read" and op["time"] > 21 * SECOND]
    return [
        {
            "name": "lost write",
            "clause": "LF-CONVERGE",
            "workload": "register",
            "sentence": "The write of 42 to k3 was acknowledged, and no later read shows it.",
            "operations": [*writes[:6], *reads[:5]],
            "details": {"key": "k3", "possible_values": [17, 23], "longest_linearizable_prefix": 1_204},
        },
        {
            "name": "stale read",
            "clause": "LF-ORDER",
            "workload": "leader_follower",
            "sentence": "A read of k7 on n2 returned 5 after process 3 had already read 9 there.",
            "operations": reads[30:34],
            "details": {},
        },
    ]


def make_weaknesses(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lag as two measured series, and a promotion that nobody made."""
    chance = random.Random(3)
    series = []
    for node, most in (("n2", 90), ("n3", 140)):
        points = []
        for tenth in range(600):
            troubled = any(
                start * 10 < tenth < end * 10 and node in nodes for _, start, end, _, _, nodes in FAULTS
            )
            points.append(
                [tenth * SECOND // 10, round(chance.expovariate(1 / (most * (9 if troubled else 0.4))), 2)]
            )
        series.append({"label": f"lag of {node}", "unit": "ms", "points": points})
    reads = [op for op in history if op["f"] == "register:read" and op["time"] > 40 * SECOND]
    return [
        {
            "name": "replication lag",
            "clause": "LF-LAG",
            "workload": "leader_follower",
            "sentence": "Followers lagged behind the leader by up to 4.1 s; half of the time by under 60 ms.",
            "operations": [],
            "details": {"series": series, "samples": 1_200, "largest_lag_ms": 4_102.7},
        },
        {
            "name": "nobody is promoted",
            "clause": "LF-FOLLOWER-WRITABLE",
            "workload": "leader_follower",
            "sentence": "With the leader dead no follower took over; writes failed until it came back.",
            "operations": reads[:2],
            "details": {},
        },
    ]


def make_clauses(kind: str) -> list[dict[str, Any]]:
    """A handful of promises."""
    lost, partitioned = kind == "invalid", kind == "unknown"
    rows = [
        (
            "LF-CONVERGE",
            "While the applier runs, all changes of the replicated database reach the follower.",
            "holds",
            "violated" if lost else "inconclusive" if partitioned else "held",
        ),
        (
            "LF-ORDER",
            "A follower never shows a later write without the earlier ones of the log.",
            "holds",
            "violated" if lost else "held",
        ),
        ("LF-AUTOSTART-ON", "With autoStart the applier resumes where it was, with no gap.", "holds", "held"),
        (
            "LF-NO-FAILOVER",
            "Failover is the client's business: a dead leader promotes nobody.",
            "holds",
            "held",
        ),
        (
            "LF-LAG",
            "The single-threaded applier may fall behind a loaded leader.",
            "weak",
            "weakness demonstrated",
        ),
        (
            "LF-FOLLOWER-WRITABLE",
            "Clients may write on the follower; the applier may stop because of it.",
            "weak",
            "weakness not demonstrated",
        ),
        ("LF-STATE", "State and progress of the applier can be queried at any time.", "shape", "held"),
    ]
    return [
        {
            "id": name,
            "document": "leader-follower-limitations",
            "says": says,
            "expect": expect,
            "verdict": verdict,
            "workloads": ["register", "leader_follower"],
            "operations": 3_872,
            "exposures": 5,
            "note": "2 of 5 exposures were partitions" if verdict == "inconclusive" else "",
        }
        for name, says, expect, verdict in rows
    ]


TEST: dict[str, Any] = {
    "schema": 1,
    "environment": "lab",
    "topology": "leader-follower",
    "database": {"product": "arangod-ref", "version": "0.1.0", "topology": "leader-follower", "leader": "n1"},
    "nodes": ["n1", "n2", "n3"],
    "workloads": ["register", "set", "leader_follower"],
    "nemeses": ["kill", "pause", "partition"],
    "time_limit_s": 60,
    "rate": 100,
    "concurrency": 10,
    "seed": 1729,
    "claim": "fault-tolerance",
    "started": "2026-11-20T10:26:03Z",
    "command": "pestle run --env lab --topology leader-follower --workload register,set,leader_follower "
    "--nemesis kill,pause,partition --time-limit 60 --rate 100 --concurrency 10 --seed 1729",
}


def _write(path: Path, value: object) -> None:
    path.write_bytes(msgspec.json.encode(value))


def _lines(path: Path, values: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(value) + b"\n" for value in values))
