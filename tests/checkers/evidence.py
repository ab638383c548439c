"""Random small histories against the definition: `python -m tests.checkers.evidence 100000`.

Every search, the readable one and each compiled one, judges every history, in memory and from its lines; the
oracle tries every order. Writes results/checkers.json; exits with 1 if anything disagreed.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from checkers import codec
from checkers.budget import Budget
from checkers.history import History
from checkers.linearizability import Linearizable, entries
from checkers.models import Model, model
from checkers.native import AVAILABLE, registers
from checkers.search import NEVER, search
from checkers.verdict import Limits
from tests.checkers.histories import run_register
from tests.checkers.oracle import has_order

RESULT = Path(__file__).parents[2] / "results" / "checkers.json"
MOST_ENTRIES = 7
"""More have too many orders for the oracle."""


def small_history(random: Random) -> History:
    """Two to nine operations of a register that is right, careless, or both."""
    return run_register(
        random,
        operations=random.randint(2, 9),
        clients=random.randint(2, 5),
        values=random.choice([0, 2, 3, 5]),
        unknown=random.choice([0, 0.1, 0.3]),
        stale=random.choice([0, 0.5, 0.9]),
    )


def answers(judge: Model, whole: History) -> dict[str, object]:
    """What each search says; those that cannot answer are left out."""
    parts = entries(judge, whole.pairs)
    said: dict[str, object] = {"readable": search(judge, parts, Budget(Limits())).linearizable}
    if AVAILABLE:
        for only in registers.METHODS:
            said[only] = registers.search(judge, parts, Budget(Limits()), only=only).linearizable
        lines = Linearizable(judge).check_lines(b"".join(map(codec.encode, whole)), Limits())
        said["lines"] = None if lines is None else lines.valid
    return {name: answer for name, answer in said.items() if answer is not None}


def main(histories: int) -> int:
    """Judge so many histories that the oracle can judge; the number of disagreements decides the exit."""
    judged: Counter[str] = Counter()
    disagreements: list[str] = []
    impossible = seed = done = 0
    while done < histories:
        random = Random(seed)
        judge = model(random.choice(["cas-register", "etcd"]))
        whole = small_history(random)
        seed += 1
        parts = entries(judge, whole.pairs)
        if len(parts) > MOST_ENTRIES or all(entry.end == NEVER for entry in parts):
            continue
        done += 1
        expected = has_order(judge, parts)
        impossible += not expected
        for name, answer in answers(judge, whole).items():
            judged[name] += 1
            if answer is not expected:
                disagreements.append(f"seed {seed - 1}, {judge.name}, {name}: {answer}, not {expected}")
    result = {
        "command": f"python -m tests.checkers.evidence {histories}",
        "histories": done,
        "not_linearizable": impossible,
        "answers": dict(judged),
        "disagreements": disagreements,
    }
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(RESULT.read_text(encoding="utf-8"))  # noqa: T201
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
