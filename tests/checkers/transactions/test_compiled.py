"""The compiled twin finds what the readable Python finds, or leaves the history to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest

from checkers import codec
from checkers.budget import Budget, LimitReachedError
from checkers.history import History
from checkers.native import AVAILABLE, NOTICE
from checkers.transactions import compiled, cycles
from checkers.transactions.checker import ListAppend, RwRegister
from checkers.transactions.finding import Evidence
from checkers.verdict import Limits
from tests.checkers.transactions import databases
from tests.checkers.transactions.databases import Write, record
from tests.checkers.transactions.notation import sequence

pytestmark = pytest.mark.skipif(not AVAILABLE, reason=NOTICE)
CHECKERS: dict[Write, Callable[[], ListAppend | RwRegister]] = {"append": ListAppend, "w": RwRegister}
DATABASES = (
    databases.StrictlySerializable,
    databases.Serializable,
    databases.SnapshotIsolated,
    databases.ReadCommitted,
    databases.ReadUncommitted,
    databases.WithoutIsolation,
    databases.Stale,
    databases.Lossy,
)


def components(evidence: Evidence) -> list[list[int]]:
    """The transactions of each component."""
    count = len(evidence.txns)
    return sorted(sorted(node for node in part if node < count) for part in evidence.parts())


@pytest.mark.parametrize("write", CHECKERS)
@pytest.mark.parametrize("database", DATABASES)
def test_what_python_finds(
    database: databases.Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(25):
        random = Random(seed)
        history = record(
            database,
            random,
            write=write,
            transactions=random.randint(2, 50),
            clients=random.randint(1, 6),
            keys=random.randint(1, 4),
            longest=random.randint(1, 5),
            final_read=seed % 2 == 0,
        )
        slow = CHECKERS[write]().infer(history, Budget(Limits()))
        fast = compiled.infer(codec.encode_all(history), write, Budget(Limits()))
        assert fast is not None
        assert list(fast.txns) == slow.txns
        assert {name: count for name, count in fast.types.items() if count} == dict(slow.types)
        assert fast.counts == dict(slow.counts), seed
        assert fast.dependencies == slow.dependencies, seed
        assert components(fast) == components(slow), seed
        assert sorted(map(repr, fast.findings)) == sorted(map(repr, slow.findings)) or max(
            slow.counts.values()
        ) > len(slow.findings)
        assert_same_cycles(slow, monkeypatch)
        judge = CHECKERS[write]().judge
        verdicts = [judge(evidence, Budget(Limits())) for evidence in (slow, fast)]
        assert verdicts[0].statistics == verdicts[1].statistics
        assert verdicts[0].valid == verdicts[1].valid
        words = [sorted(a.sentence for a in verdict.anomalies) for verdict in verdicts]
        assert [len(some) for some in words] == [len(verdicts[0].anomalies)] * 2


def assert_same_cycles(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step for step, also where the effort ends early."""
    for effort in (cycles.EFFORT, 30):
        found = []
        for available in (True, False):
            monkeypatch.setattr(cycles, "AVAILABLE", available)
            found.append(list(cycles.cycles(evidence.parts(), len(evidence.txns), Budget(Limits()), effort)))
        assert found[0] == found[1]


GOOD = b"".join(codec.encode(op) for op in sequence("ok a x 1", "ok r x [1]"))


def test_lines_are_read_as_they_may_be_written() -> None:
    other = b"\n".join(
        json.dumps({"error": 'a "b" \\', "node": None, "z": [{"a": [1, True]}], **json.loads(line)}).encode()
        for line in GOOD.splitlines()
    )
    for lines in (
        GOOD,
        other + b"\n",
        GOOD.replace(b'"index":0,', b"").replace(b":", b" : ").replace(b",", b"\t,"),
    ):
        verdict = ListAppend().check_lines(lines, Limits())
        assert verdict is not None
        assert verdict.valid is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"x"', b'"\xc3\xa4"'),  # beyond ASCII
        (b'"x"', b"[1]"),  # a key that is a list
        (b",1]", b",1.0]"),  # a number that is no integer
        (b'"index":1', b'"index":0'),  # indices must rise
        (b'"process":100,"type":"ok"', b'"process":7,"type":"ok"'),  # a completion without an invocation
        (b'"f":"txn"', b'"f":"read"'),
        (b'"type":"ok"', b'"type":"done"'),
        (b'"append"', b'"write"'),
        (b"[1]]]}\n", b"[1]]]}"),  # perhaps torn
        (b"[1]]]}\n", b"[1]]]}x\n"),
        (b"[1]]]", b"[1,]]]"),
        (b"[1]]]", b"[null]]]"),
        (b'"value":[["r","x",[1]]]', b'"value":null'),
    ],
)
def test_anything_unusual_is_left_to_python(old: bytes, new: bytes) -> None:
    assert old in GOOD
    assert compiled.infer(GOOD.replace(old, new), "append", Budget(Limits())) is None


def test_a_completion_must_be_of_what_was_asked() -> None:
    first, second, *rest = GOOD.splitlines(keepends=True)
    lines = b"".join([first, second.replace(b",1]", b",2]"), *rest])
    assert compiled.infer(lines, "append", Budget(Limits())) is None


def test_limits_hold() -> None:
    with pytest.raises(LimitReachedError, match="memory"):
        compiled.infer(GOOD, "append", Budget(Limits(memory_bytes=100)))
    many = codec.encode_all(History(sequence(*(f"ok a x {n}" for n in range(40_000)))))
    with pytest.raises(LimitReachedError, match="time"):
        compiled.infer(many, "append", Budget(Limits(time_s=0)))
