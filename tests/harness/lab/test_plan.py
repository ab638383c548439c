"""Names and places of a lab, without making one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab import plan as plans
from harness.lab.plan import LabError, Plan, checked_name, octets, read_plan, write_plan


@given(st.text(max_size=40))
def test_a_name_is_a_plain_word_or_refused(name: str) -> None:
    try:
        assert checked_name(name) == name
    except LabError:
        return
    assert name.isascii()
    assert "/" not in name
    assert 0 < len(name) <= 32


@given(st.text("abc-019", min_size=1, max_size=32))
def test_every_name_tries_every_subnet_in_an_order_of_its_own(name: str) -> None:
    assert sorted(octets(name)) == list(range(1, 255))
    assert octets(name) == octets(name)


@given(st.integers(1, 254), st.integers(1, 64))
def test_nodes_have_different_addresses_and_names_fit_the_kernel(octet: int, count: int) -> None:
    plan = Plan("lab", octet, count, 64)
    addresses = {plan.address(node) for node in plan.nodes} | {plan.gateway}
    assert len(addresses) == count + 1
    assert len(plan.mark) <= 15
    assert plan.nodes[0] == "n1"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "ROOT", tmp_path)
    plan = Plan("lab", 7, 3, 64, owned=True, complete=True)
    write_plan(plan)
    assert read_plan("lab") == plan
    assert read_plan("other") is None


def test_a_broken_plan_says_which_file_to_remove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "ROOT", tmp_path)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/plan.json").write_text("{")
    with pytest.raises(LabError, match=r"lab/plan\.json is not a lab's plan"):
        read_plan("lab")
