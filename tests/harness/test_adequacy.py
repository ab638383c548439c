"""Each rule on its own: a run that keeps it, and one that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.adequacy import LEAST_OK, USEFUL_S, Evidence, reasons
from harness.faults import Fault
from harness.nemesis import Effect
from harness.plan import Plan

PLAN = Plan(
    environment="lab",
    topology="single",
    workloads=("register",),
    nemeses=("kill",),
    time_limit_s=60,
    rate=10,
    concurrency=3,
    seed=1,
    interval_s=5,
)
KILL = Fault("kill", 1, 2, {"nodes": ["n1"]}, ("n1",), Effect("processes gone", 1), effective=True)
GOOD = Evidence(
    plan=PLAN,
    families=("kill",),
    safety_s=USEFUL_S,
    interrupted=False,
    liveness=True,
    faults=(KILL,),
    ok={"register": {"read": LEAST_OK}},
    minimum={"register": {"read": LEAST_OK}},
)


def test_good_run_has_no_reasons() -> None:
    assert reasons(GOOD) == ()


def test_control_arm_needs_no_faults() -> None:
    plan = replace(PLAN, claim="fault-free", nemeses=())
    assert reasons(replace(GOOD, plan=plan, families=(), faults=())) == ()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(GOOD, safety_s=USEFUL_S - 0.1), "lasted only 9.9 s"),
        (replace(GOOD, safety_s=4, interrupted=True), "was interrupted after 4.0 s"),
        (replace(GOOD, families=(), faults=()), "No fault was injected"),
        (replace(GOOD, faults=()), "No kill fault was injected in 10 s"),
        (replace(GOOD, families=("kill", "pause")), "No pause fault"),
        (
            replace(GOOD, faults=(KILL, replace(KILL, effect=Effect("processes gone", 0), effective=False))),
            "on n1 had no measured effect when it ended: 0 processes gone",
        ),
        (
            replace(GOOD, faults=(replace(KILL, effect=None, effective=False, error="no SSH"),)),
            "failed: no SSH",
        ),
        (replace(GOOD, ok={"register": {"read": LEAST_OK - 1}}, minimum={}), "Only 99 operations succeeded"),
        (
            replace(GOOD, minimum={"register": {"write": 1}}),
            "Only 0 of the 1 write operations that register needs succeeded",
        ),
        (replace(GOOD, liveness=False), "final phase after healing did not come to its end"),
        (replace(GOOD, problems=("n1 burns.",)), "n1 burns."),
    ],
)
def test_each_shortcoming_is_one_plain_sentence(broken: Evidence, says: str) -> None:
    (reason,) = reasons(broken)
    assert says in reason
    assert reason.endswith(".")
