"""Unique ids: no two requests are given the same id.

Operation: `generate`, whose `ok` value is the id, anything that JSON can say. `fail` and `info` gave nobody
an id and say nothing. With `key`, ids are unique within their key.

Anomaly: `duplicate-id`, with all operations that were given it. If nothing was generated, the answer is
unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.models import Label, freeze, text
from checkers.verdict import Anomaly, Limits, Verdict

_ID_BYTES = 200  # an id, its place in the table, and who was given it
_MOST_ANOMALIES = 10
"""So many are told; all are counted."""


@dataclass(frozen=True, slots=True)
class UniqueIds:
    """The checker. `statistics`: `generated`, and `duplicated`, the ids given more than once."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every id that was given."""
        budget = Budget(limits)
        given: dict[tuple[Label, object], list[Pair]] = {}
        try:
            budget.charge(_ID_BYTES * len(history.pairs))
            for pair in history.pairs:
                if pair.f == "generate" and pair.type == "ok" and pair.value is not None:
                    given.setdefault((pair.key, freeze(pair.value)), []).append(pair)
            budget.check_time()
        except LimitReachedError as error:
            return Verdict("unknown", reasons=(str(error),))
        twice = {name: pairs for name, pairs in given.items() if len(pairs) > 1}
        statistics = {"generated": sum(map(len, given.values())), "duplicated": len(twice)}
        if not given:
            return Verdict("unknown", (), statistics, ("no operation generated an id",))
        anomalies = tuple(_anomaly(value, pairs) for (_, value), pairs in twice.items())
        return Verdict(not twice, anomalies[:_MOST_ANOMALIES], statistics)


def _anomaly(value: object, pairs: list[Pair]) -> Anomaly:
    return Anomaly(
        "duplicate-id",
        f"the id {text(value)} was given {len(pairs)} times",
        tuple(op for pair in pairs for op in pair.ops),
        details={"key": pairs[0].key, "id": pairs[0].value},
    )
