"""Hosts reached by SSH, and what is done to them, on the nodes of a lab."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.environment import EnvironmentOptions, HostError, Program
from harness.environments import lab as lab_module
from harness.environments.bundle import bundle
from harness.environments.inventory import Inventory, read_inventory
from harness.environments.lab import LabEnvironment
from harness.environments.remote import Remote
from harness.environments.ssh import SshEnvironment
from harness.lab import lifecycle
from harness.lab.plan import Plan
from harness.lab.reaper import reap
from tests.harness.lab.rig import eventually, lab_name, leftovers, needs_lab, on_node, output

pytestmark = needs_lab

NAME = lab_name("ssh")
SLEEPER = Program("sleeper", ("sleep", "1000"), 1, {"WORD": "two words"})
TALKER = Program("talker", ("sh", "-c", "ping -i 0.05 n2 > /dev/null & exec ping -i 0.05 n3 > /dev/null"), 1)


@pytest.fixture(scope="module")
def plan() -> Iterator[Plan]:
    try:
        yield lifecycle.up(NAME, 3, 32)
    finally:
        lifecycle.down(NAME)
        assert leftovers(NAME) == []


@pytest.fixture
async def hosts(plan: Plan) -> AsyncIterator[LabEnvironment]:
    """The lab's nodes, opened with a switch that waits two seconds."""
    environment = LabEnvironment(NAME, 3, lease_s=2)
    await environment.open()
    yield environment
    await environment.close()
    for node in plan.nodes:
        places = "/run/pestle-node /data/pestle /var/log/pestle /root/.pestle/*.tar.gz"
        assert on_node(plan, node, f"ls -d {places}", check=False) == ""
        assert "PESTLE" not in on_node(plan, node, "iptables -S")


async def test_a_program_is_started_once_with_its_variables(hosts: LabEnvironment, plan: Plan) -> None:
    assert await hosts.processes.state("n1", "sleeper") == "gone"
    await hosts.processes.start("n1", SLEEPER)
    await hosts.processes.start("n1", SLEEPER)
    assert await hosts.processes.state("n1", "sleeper") == "running"
    pids = on_node(plan, "n1", "pgrep -x -f 'sleep 1000'").split()
    assert len(pids) == 1
    assert "WORD=two words" in on_node(plan, "n1", f"tr '\\0' '\\n' < /proc/{pids[0]}/environ")
    assert on_node(plan, "n2", "pgrep -x -f 'sleep 1000'", check=False) == ""


async def test_kill_pause_resume_and_stop_return_when_it_is_so(hosts: LabEnvironment) -> None:
    processes = hosts.processes
    await processes.start("n1", SLEEPER)
    await processes.pause("n1", "sleeper")
    await processes.pause("n1", "sleeper")
    assert await processes.state("n1", "sleeper") == "paused"
    await processes.resume("n1", "sleeper")
    assert await processes.state("n1", "sleeper") == "running"
    await processes.kill("n1", "sleeper")
    await processes.kill("n1", "sleeper")
    assert await processes.state("n1", "sleeper") == "gone"
    await processes.start("n1", SLEEPER)
    await processes.pause("n1", "sleeper")
    await processes.stop("n1", "sleeper")
    assert await processes.state("n1", "sleeper") == "gone"
    with pytest.raises(HostError, match="n1: pause failed: sleeper does not run"):
        await processes.pause("n1", "sleeper")


async def test_a_program_with_children_dies_with_them(hosts: LabEnvironment, plan: Plan) -> None:
    await hosts.processes.start("n1", Program("family", ("sh", "-c", "sleep 1001 & sleep 1001"), 1))
    eventually(lambda: len(on_node(plan, "n1", "pgrep -x -f 'sleep 1001'", check=False).split()) == 2, 5)
    await hosts.processes.kill("n1", "family")
    assert on_node(plan, "n1", "pgrep -x -f 'sleep 1001'", check=False) == ""


async def test_another_process_with_the_recorded_number_is_left_alone(
    hosts: LabEnvironment, plan: Plan
) -> None:
    await hosts.processes.start("n1", SLEEPER)
    # As if the server had died and the kernel had given its number to somebody else.
    on_node(plan, "n1", "f=/run/pestle-node/programs/sleeper; read p born boot < $f; echo $p 1 $boot > $f")
    assert await hosts.processes.state("n1", "sleeper") == "gone"
    await hosts.processes.kill("n1", "sleeper")
    assert on_node(plan, "n1", "pgrep -x -f 'sleep 1000'").strip()
    on_node(plan, "n1", "pkill -x -f 'sleep 1000'")


async def test_what_cannot_be_started_is_said_at_once(hosts: LabEnvironment) -> None:
    with pytest.raises(HostError, match="n1: start failed: there is no program to start as ghost"):
        await hosts.processes.start("n1", Program("ghost", ("/nowhere/ghost",), 1))
    with pytest.raises(HostError, match="cannot be a program's name"):
        await hosts.processes.start("n1", Program("../ghost", ("sleep", "1"), 1))


async def test_a_cut_drops_packets_one_way_and_healing_opens_it(hosts: LabEnvironment, plan: Plan) -> None:
    await hosts.processes.start("n1", TALKER)
    await hosts.network.cut([("n1", "n2")])
    await hosts.network.cut([("n1", "n2")])
    assert set(await hosts.network.dropped()) == {("n1", "n2")}
    await _until_dropped(hosts, "n1", "n2")
    assert "0 received" in on_node(plan, "n1", "ping -c 1 -W 1 n2", check=False)
    assert "1 received" in on_node(plan, "n1", "ping -c 1 -W 1 n3")
    await hosts.network.heal()
    assert await hosts.network.dropped() == {}
    assert "1 received" in on_node(plan, "n1", "ping -c 1 -W 1 n2")


async def _until_dropped(hosts: SshEnvironment, source: str, destination: str) -> None:
    async with asyncio.timeout(5):
        while not (await hosts.network.dropped())[source, destination]:
            await asyncio.sleep(0.05)


async def test_links_cut_later_join_those_that_are_cut(hosts: LabEnvironment) -> None:
    await hosts.network.cut([("n1", "n2")])
    await hosts.network.cut([("n3", "n2"), ("n2", "n3")])
    assert set(await hosts.network.dropped()) == {("n1", "n2"), ("n3", "n2"), ("n2", "n3")}


async def test_a_link_without_traffic_shows_no_drops(hosts: LabEnvironment) -> None:
    await hosts.network.cut([("n2", "n3"), ("n3", "n2")])
    assert await hosts.network.dropped() == {("n2", "n3"): 0, ("n3", "n2"): 0}


@pytest.mark.parametrize(
    "by_hand",
    [
        "iptables -F $chain",
        "iptables -D INPUT -j $chain",
        "iptables -D INPUT -j $chain; iptables -F $chain; iptables -X $chain",
    ],
)
async def test_rules_removed_by_hand_are_no_cut_any_more(
    hosts: LabEnvironment, plan: Plan, by_hand: str
) -> None:
    await hosts.network.cut([("n1", "n2"), ("n1", "n3")])
    on_node(plan, "n2", f"chain=$(iptables -S | sed -n 's/^-N \\(PESTLE.*\\)/\\1/p'); {by_hand}")
    assert set(await hosts.network.dropped()) == {("n1", "n3")}
    await hosts.network.heal()
    assert await hosts.network.dropped() == {}


async def test_other_peoples_rules_survive_everything(hosts: LabEnvironment, plan: Plan) -> None:
    on_node(
        plan,
        "n2",
        "iptables -N THEIRS; iptables -A THEIRS -s 203.0.113.1 -j DROP; iptables -A INPUT -j THEIRS",
    )
    theirs = on_node(plan, "n2", "iptables -S")
    await hosts.network.cut([("n1", "n2"), ("n3", "n2")])
    await hosts.network.heal()
    await hosts.network.heal()
    assert on_node(plan, "n2", "iptables -S") == theirs
    on_node(plan, "n2", "iptables -F; iptables -X")


HOLD = """
import asyncio, sys, time
from harness.environments.lab import LabEnvironment
from harness.environment import Program
async def hold():
    environment = LabEnvironment(sys.argv[1], 3, **({"lease_s": float(sys.argv[2])} if sys.argv[2] else {}))
    await environment.open()
    await environment.processes.start("n2", Program("sleeper", ("sleep", "1002"), 1))
    await environment.processes.pause("n2", "sleeper")
    await environment.network.cut([("n1", "n2"), ("n2", "n1")])
    print("holding", flush=True)
    time.sleep(float(sys.argv[3]))
    print(sorted(await environment.network.dropped()), flush=True)
    await asyncio.sleep(1000)
asyncio.run(hold())
"""


def holding(lease_s: str, busy_s: float = 0) -> subprocess.Popen[str]:
    """Another harness that has cut n1 from n2 and paused a program on n2."""
    command = [sys.executable, "-c", HOLD, NAME, lease_s, str(busy_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    return process


def mended(plan: Plan) -> bool:
    rules = on_node(plan, "n1", "iptables -S") + on_node(plan, "n2", "iptables -S")
    states = on_node(plan, "n2", "ps -o stat= -C sleep", check=False)
    watching = on_node(plan, "n2", "pgrep -f 'node-.*[.]sh watch'", check=False)
    return "PESTLE" not in rules and "T" not in states and not watching


# The default is 15 s, and 30 s are promised; a short one shows the same sooner.
@pytest.mark.parametrize(("lease_s", "promised_s"), [("2", 6.0), ("", 25.0)])
def test_nodes_mend_themselves_when_the_harness_is_killed(
    plan: Plan, lease_s: str, promised_s: float
) -> None:
    harness = holding(lease_s)
    try:
        assert "PESTLE" in on_node(plan, "n2", "iptables -S")
        assert "T" in on_node(plan, "n2", "ps -o stat= -C sleep")
    finally:
        harness.kill()
        harness.wait()
    took_s = eventually(lambda: mended(plan), promised_s)
    assert took_s > float(lease_s or 15) / 2  # it waited for a sign of life


def test_a_busy_harness_is_not_taken_for_a_dead_one(plan: Plan) -> None:
    harness = holding("2", busy_s=3.5)
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "[('n1', 'n2'), ('n2', 'n1')]\n"
    finally:
        harness.kill()
        harness.wait()
    eventually(lambda: mended(plan), 6)


OCCUPY = """
import asyncio, sys, time
from harness.environments.lab import LabEnvironment
asyncio.run(LabEnvironment(sys.argv[1], 1).open())
print("open", flush=True)
time.sleep(1000)
"""


def test_a_lab_made_for_a_killed_run_goes_after_a_time_of_grace() -> None:
    name = lab_name("orphan")
    run = subprocess.Popen([sys.executable, "-c", OCCUPY, name], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "open\n"
        (own_reaper,) = output("pgrep", "-f", f"harness.lab.reaper {name} {run.pid}").split()
        reaper = threading.Thread(target=reap, args=(name, run.pid, 0.5))
        reaper.start()
        lifecycle.remove_abandoned(name)
        assert lifecycle.status(name)[0].healthy  # it is in use
        run.kill()
        run.wait()
        assert lifecycle.status(name)[0].healthy  # the time of grace
        reaper.join(timeout=10)
        assert leftovers(name) == []
        os.kill(int(own_reaper), signal.SIGTERM)
    finally:
        run.kill()
        lifecycle.down(name)


@pytest.mark.parametrize("after_s", [0.02, 0.2, 0.5])
async def test_an_opening_that_is_cancelled_leaves_no_lab(after_s: float) -> None:
    name = lab_name("cancelled")
    environment = LabEnvironment(name, 3)
    opening = asyncio.create_task(environment.open())
    await asyncio.sleep(after_s)
    opening.cancel()
    await asyncio.wait([opening])
    await environment.close()
    assert leftovers(name) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lease-")]


async def test_the_next_run_takes_over_from_a_killed_one(plan: Plan) -> None:
    harness = holding("2")
    harness.kill()
    harness.wait()
    environment = LabEnvironment(NAME, 3, lease_s=2)
    await environment.open()
    try:
        assert on_node(plan, "n2", "pgrep -x -f 'sleep 1002'", check=False) == ""
        assert await environment.network.dropped() == {}
    finally:
        await environment.close()


async def test_hosts_in_use_are_refused_to_a_second_run(hosts: LabEnvironment, plan: Plan) -> None:
    second = SshEnvironment(read_inventory(plan.inventory), lease_s=2)
    with pytest.raises(HostError, match="n1 is being used by another run"):
        await second.open()
    with pytest.raises(HostError, match="being used by another run"):
        await lab_module.environment(EnvironmentOptions(lab=NAME)).open()
    await hosts.processes.start("n1", SLEEPER)
    with pytest.raises(HostError, match="another run has taken the host"):
        Remote(lifecycle.inventory(plan).hosts[0]).call("release", "somebody", "/data/pestle")
    assert await hosts.processes.state("n1", "sleeper") == "running"


async def test_an_ordinary_user_runs_programs_but_is_told_that_cuts_need_root(
    plan: Plan, tmp_path: Path
) -> None:
    on_node(plan, "n3", "useradd -m -s /bin/sh ordinary && usermod -p '*' ordinary")
    host = replace(lifecycle.inventory(plan).hosts[2], user="ordinary", data="/home/ordinary")
    environment = SshEnvironment(Inventory((host,)), lease_s=2)
    await environment.open()
    try:
        await environment.processes.start("n3", SLEEPER)
        await environment.processes.pause("n3", "sleeper")
        assert on_node(plan, "n3", "pgrep -u ordinary -x -f 'sleep 1000'").strip()
        with pytest.raises(HostError, match=r"n3: cut failed: .*root"):
            await environment.network.cut([("n3", "n3")])
        await environment.collect("n3", tmp_path)
        assert (tmp_path / "sleeper.log").exists()
    finally:
        await environment.close()
    assert on_node(plan, "n3", "pgrep -u ordinary -x -f 'sleep 1000'", check=False) == ""


async def test_a_dead_node_delays_nobody_and_is_named(hosts: LabEnvironment) -> None:
    await hosts.processes.start("n2", SLEEPER)
    assert hosts.power is not None
    await hosts.power.lose("n1")
    dead = asyncio.create_task(hosts.processes.start("n1", SLEEPER))
    await asyncio.sleep(0)
    assert await hosts.processes.state("n2", "sleeper") == "running"
    assert not dead.done()
    with pytest.raises(HostError, match=r"n1 .*cannot be reached by SSH"):
        await dead


async def test_power_goes_and_comes_back_without_daemons(hosts: LabEnvironment, plan: Plan) -> None:
    assert hosts.power is not None
    await hosts.processes.start("n2", SLEEPER)
    await hosts.network.cut([("n1", "n2"), ("n1", "n3")])
    await hosts.power.lose("n2")
    await hosts.power.lose("n2")
    assert await hosts.processes.state("n2", "sleeper") == "gone"
    assert set(await hosts.network.dropped()) == {("n1", "n3")}
    await hosts.network.heal()
    await hosts.power.restore("n2")
    await hosts.power.restore("n2")
    assert await hosts.processes.state("n2", "sleeper") == "gone"
    assert await hosts.network.dropped() == {}
    await hosts.processes.start("n2", SLEEPER)
    await hosts.processes.pause("n2", "sleeper")  # refused if no watch stood guard again


async def test_a_folder_is_installed_once(hosts: LabEnvironment, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    path = await hosts.install("n1", tmp_path)
    assert on_node(plan, "n1", f"cat {path}/file") == "content"
    on_node(plan, "n1", f"echo touched > {path}/file")
    assert await hosts.install("n1", tmp_path) == path
    assert on_node(plan, "n1", f"cat {path}/file") == "touched\n"


async def test_python_programs_run_on_nodes_without_their_packages(
    hosts: LabEnvironment, tmp_path: Path
) -> None:
    source = tmp_path / "guest"
    source.mkdir()
    (source / "__init__.py").write_text("")
    (source / "__main__.py").write_text(
        "import msgspec, time; print(msgspec.__file__, flush=True); time.sleep(99)"
    )
    path = await hosts.install("n3", bundle(tmp_path / "bundle", ["msgspec"], [source]))
    await hosts.processes.start("n3", Program("guest", (f"{path}/python", "-m", "guest"), 1))
    logs = tmp_path / "logs"
    async with asyncio.timeout(10):
        while True:
            await hosts.collect("n3", logs)
            if (logs / "guest.log").read_text():
                break
    assert (logs / "guest.log").read_text().startswith(path)


async def test_a_bundle_that_does_not_fit_is_refused_with_its_reason(
    hosts: LabEnvironment, tmp_path: Path
) -> None:
    made = bundle(tmp_path / "bundle", [], [])
    launcher = made / "python"
    launcher.write_text(launcher.read_text().replace("python3", "python9").replace("Python 3", "Python 9"))
    with pytest.raises(HostError, match=r"n1: unpack failed: Python 9.* is not installed there"):
        await hosts.install("n1", made)
