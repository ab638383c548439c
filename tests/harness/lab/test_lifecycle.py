"""Labs are made, used and removed for real; whatever is killed, nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environments.inventory import read_inventory
from harness.lab import lifecycle
from harness.lab.node import turn_off
from harness.lab.plan import LabError, Plan
from tests.harness.lab.rig import by_ssh, eventually, lab_name, leftovers, needs_lab, on_node, output

pytestmark = needs_lab

NAME = lab_name("life")


@pytest.fixture(scope="module")
def lab() -> Iterator[Plan]:
    try:
        yield lifecycle.up(NAME, 3, 32)
    finally:
        lifecycle.down(NAME)
        assert leftovers(NAME) == []


def test_every_node_is_a_host_of_its_own(lab: Plan) -> None:
    assert [by_ssh(lab, node, "hostname").stdout.strip() for node in lab.nodes] == ["n1", "n2", "n3"]
    on_node(lab, "n1", "echo private > /etc/pestle-was-here; setsid sleep 987 </dev/null >/dev/null 2>&1 &")
    assert "sleep 987" in on_node(lab, "n1", "ps ax")
    assert "sleep 987" not in on_node(lab, "n2", "ps ax")
    assert on_node(lab, "n2", "ls /etc/pestle-was-here", check=False) == ""
    assert not Path("/etc/pestle-was-here").exists()


def test_nodes_reach_each_other_by_name_and_nothing_else(lab: Plan) -> None:
    assert "1 received" in on_node(lab, "n1", "ping -c 1 -W 2 n3")
    assert on_node(lab, "n1", "ip route show default") == ""


def test_no_node_can_set_the_clock_of_the_machine(lab: Plan) -> None:
    before = time.time()
    assert "not permitted" in by_ssh(lab, "n1", "date -s 2020-01-01").stderr
    assert time.time() >= before


def test_the_inventory_reaches_the_nodes(lab: Plan) -> None:
    inventory = read_inventory(lab.inventory)
    assert inventory.lab == NAME
    assert [(host.name, host.data, host.sudo) for host in inventory.hosts] == [
        (node, "/data", False) for node in lab.nodes
    ]


def test_up_again_leaves_a_lab_that_is_just_so_alone(lab: Plan) -> None:
    on_node(lab, "n1", "touch /data/still-here")
    assert lifecycle.up(NAME, 3, 32) == lab
    on_node(lab, "n1", "ls /data/still-here")
    (status,) = lifecycle.status(NAME)
    assert status.healthy


def test_a_second_lab_stands_beside_the_first(lab: Plan) -> None:
    other = lab_name("beside")
    try:
        beside = lifecycle.up(other, 1, 32)
        assert beside.subnet != lab.subnet
        assert (
            on_node(beside, "n1", f"ping -c 1 -W 1 {lab.address('n1')}", check=False).count(" 1 received")
            == 0
        )
    finally:
        assert lifecycle.down(other)
    assert leftovers(other) == []
    assert on_node(lab, "n1", "hostname").strip() == "n1"


def test_a_power_cut_keeps_exactly_what_was_fsynced(lab: Plan) -> None:
    write = (
        "import os\n"
        "for name, sync in (('synced', True), ('written', False)):\n"
        "    file = os.open(f'/data/{name}', os.O_WRONLY | os.O_CREAT)\n"
        "    os.write(file, b'x' * 100)\n"
        "    if sync:\n"
        "        os.fsync(file)\n"
        "        folder = os.open('/data', os.O_RDONLY)\n"
        "        os.fsync(folder)\n"
    )
    on_node(lab, "n2", f'python3 -c "{write}"')
    lifecycle.lose_power(NAME, "n2")
    assert not lifecycle.has_power(NAME, "n2")
    (status,) = lifecycle.status(NAME)
    assert status.answering == ("n1", "n3")
    lifecycle.restore_power(NAME, "n2")
    assert on_node(lab, "n2", "cat /data/synced") == "x" * 100
    assert on_node(lab, "n2", "ls /data/written", check=False) == ""


def test_a_reboot_ends_processes_and_rules_and_keeps_all_files(lab: Plan) -> None:
    on_node(lab, "n3", "echo 1 > /data/a; echo 2 > /root/b; iptables -A INPUT -s 203.0.113.9 -j DROP")
    on_node(lab, "n3", "setsid sleep 986 </dev/null >/dev/null 2>&1 &")
    lifecycle.reboot(NAME, "n3")
    assert on_node(lab, "n3", "cat /data/a /root/b").split() == ["1", "2"]
    assert "sleep 986" not in on_node(lab, "n3", "ps ax")
    assert "203.0.113.9" not in on_node(lab, "n3", "iptables -S")


def test_a_lab_in_use_by_a_run_is_not_given_to_another(lab: Plan) -> None:
    first = lifecycle.occupy(NAME, 2)
    try:
        with pytest.raises(LabError, match="used by another run"):
            lifecycle.occupy(NAME, 2)
        with pytest.raises(LabError, match="used by another run"):
            lifecycle.up(NAME, 4, 32)
    finally:
        first.end()
    lifecycle.occupy(NAME, 3).end()
    assert lifecycle.status(NAME)[0].healthy


def test_a_lab_made_for_a_run_goes_with_it() -> None:
    name = lab_name("owned")
    lifecycle.occupy(name, 1, 32).end()
    assert leftovers(name) == []


def test_down_is_harmless_where_nothing_is() -> None:
    assert lifecycle.down(lab_name("nobody")) is False


def pestle(*words: str) -> list[str]:
    return [sys.executable, "-c", "from harness.command import main; main()", "lab", *words]


def test_the_command_line_tells_machines_what_it_tells_people() -> None:
    name = lab_name("cli")
    try:
        up = json.loads(output(*pestle("up", "2", "--name", name, "--disk", "32", "--json", "-")))
        assert [node["up"] for node in up["nodes"]] == [True, True]
        assert read_inventory(Path(up["inventory"])).lab == name
        assert json.loads(output(*pestle("status", "--name", name, "--json", "-")))["labs"][0]["healthy"]
        assert json.loads(output(*pestle("down", "--name", name, "--json", "-")))["removed"] == [name]
        assert json.loads(output(*pestle("down", "--name", name, "--json", "-")))["removed"] == []
    finally:
        lifecycle.down(name)
    assert leftovers(name) == []


# Moments of `up`: after its n-th line of progress, and so many milliseconds later.
MOMENTS = [
    (1, 0),
    (2, 0),
    (2, 15),
    (2, 40),
    (3, 0),
    (3, 20),
    (3, 60),
    (4, 0),
    (4, 5),
    (4, 15),
    (4, 40),
    (4, 90),
]


@pytest.mark.parametrize(("lines", "later_ms"), MOMENTS)
def test_up_killed_at_any_moment_leaves_nothing_after_down(lines: int, later_ms: int) -> None:
    name = lab_name("killed")
    making = subprocess.Popen(
        pestle("up", "3", "--name", name, "--disk", "32"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert making.stderr is not None
        for _ in range(lines):
            assert making.stderr.readline()
        time.sleep(later_ms / 1000)
        making.send_signal(signal.SIGKILL)
        making.wait()
    finally:
        lifecycle.down(name)
    eventually(lambda: leftovers(name) == [], 1)
    assert lifecycle.down(name) is False


def test_what_a_killed_up_leaves_goes_by_itself() -> None:
    name = lab_name("orphan")
    making = subprocess.Popen(pestle("up", "3", "--name", name, "--disk", "32"), stderr=subprocess.PIPE)
    try:
        assert making.stderr is not None
        while b"booting" not in making.stderr.readline():
            pass
        making.kill()
        making.wait()
        eventually(lambda: leftovers(name) == [], 20)
    finally:
        lifecycle.down(name)


def test_up_after_a_killed_up_makes_a_whole_lab() -> None:
    name = lab_name("again")
    making = subprocess.Popen(pestle("up", "3", "--name", name), stderr=subprocess.PIPE)
    try:
        assert making.stderr is not None
        for _ in range(4):
            making.stderr.readline()
        making.kill()
        making.wait()
        assert on_node(lifecycle.up(name, 3, 32), "n3", "hostname").strip() == "n3"
    finally:
        lifecycle.down(name)
    assert leftovers(name) == []


def test_down_killed_half_way_is_finished_by_the_next() -> None:
    name = lab_name("halfway")
    lifecycle.up(name, 3, 32)
    for delay_s in (0.10, 0.13, 0.16):
        removing = subprocess.Popen(pestle("down", "--name", name), stdout=subprocess.DEVNULL)
        time.sleep(delay_s)
        removing.kill()
        removing.wait()
    lifecycle.down(name)
    assert leftovers(name) == []


def test_nodes_killed_by_hand_are_made_again_by_up() -> None:
    name = lab_name("slain")
    try:
        plan = lifecycle.up(name, 2, 32)
        turn_off(plan, "n2")
        assert not lifecycle.status(name)[0].healthy
        assert on_node(lifecycle.up(name, 2, 32), "n2", "hostname").strip() == "n2"
    finally:
        lifecycle.down(name)
    assert leftovers(name) == []
