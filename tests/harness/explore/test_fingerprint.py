from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import Op
from checkers.verdict import Anomaly
from harness.explore.fingerprint import Fingerprint, _fingerprint
from harness.faults import Fault
from harness.nemesis import Effect

ADD = Op(10, 1_000, 3, "ok", "add", 7, key="a", node="n1")
READ = Op(12, 3_000, 4, "ok", "read", [1, 2], key="a", node="n2")
LOST = Anomaly("lost-write", "element 7 is lost", (ADD, READ), "LF-WAL", {"element": 7})
KILL = Fault("kill", 500, 900, {"nodes": ["n1"]}, ("n1",), Effect("processes gone", 1), effective=True)


def fingerprint(anomaly: Anomaly = LOST, *faults: Fault) -> Fingerprint:
    return _fingerprint("set", anomaly, faults or (KILL,))


@given(
    st.integers(0, 10**9),
    st.integers(0, 50),
    st.text(max_size=5),
    st.sampled_from(["n1", "n2", "n3"]),
    st.integers(1, 5),
)
def test_keys_values_times_processes_nodes_and_number_do_not_matter(
    later: int, process: int, key: str, node: str, times: int
) -> None:
    moved = [
        msgspec.structs.replace(op, time=op.time + later, process=process, key=key, node=node, value=None)
        for op in LOST.operations
    ]
    other = replace(LOST, operations=tuple(moved) * times, sentence="another one", details={})
    assert fingerprint(other) == fingerprint()
    assert fingerprint(other).digest == fingerprint().digest


def test_promise_anomaly_shape_and_families_do_matter() -> None:
    others = [
        fingerprint(replace(LOST, clause="LF-ORDER")),
        fingerprint(replace(LOST, name="duplicate")),
        fingerprint(replace(LOST, operations=(ADD,))),
        fingerprint(LOST, KILL, replace(KILL, family="power")),
        _fingerprint("register", LOST, (KILL,)),
    ]
    assert len({f.digest for f in [fingerprint(), *others]}) == 6


def test_faults_without_effect_or_after_the_evidence_are_no_part_of_it() -> None:
    silent = replace(KILL, family="pause", effective=False)
    late = replace(KILL, family="power", start_ns=3_001)
    assert fingerprint(LOST, KILL, silent, late).families == ("kill",)


def test_anomaly_without_evidence_is_blamed_on_all_families() -> None:
    assert fingerprint(replace(LOST, operations=())).families == ("kill",)
