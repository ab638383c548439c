"""What tests of the lab share: who may run them, names of their own, and what a lab must not leave."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.lab.control_group import control_root
from harness.lab.node import first_process
from harness.lab.plan import LabError, Plan, octets, read_plan, stored_labs
from harness.lab.requirements import require


def _lacking() -> str:
    try:
        require()
    except LabError as error:
        return str(error)
    return ""


needs_lab = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(_lacking()), reason=_lacking() or "a lab can be made here"),
]


def lab_name(word: str) -> str:
    """A lab's name for this process alone, whose first subnet nobody uses, not even in another container."""
    names = (f"t-{word}-{os.getpid()}{suffix}" for suffix in ("", *(f"-{number}" for number in range(100))))
    return next(names) if _lacking() else next(name for name in names if not leftovers(name))


def leftovers(name: str) -> list[str]:
    """Whatever the kernel or a folder still has of a lab of this name: nothing, one hopes.

    Other labs may stand, so traces are looked for by the first subnet in the name's order that is not theirs.
    """
    others = {
        plan.octet for other in stored_labs() if other != name and (plan := read_plan(other)) is not None
    }
    octet = next(octet for octet in octets(name) if octet not in others)
    mark, subnet = f"pestle-{octet}", f"10.77.{octet}."
    found = [f"folder {path}" for path in [Path("/run/pestle") / name] if path.exists()]
    for what, text in {
        "route": output("ip", "route", "show", "table", "all"),
        "link": output("ip", "-o", "link"),
        "mount": Path("/proc/self/mounts").read_text(),
        "loop device": output("losetup", "-a"),
        "process": output("ps", "axo", "args"),
    }.items():
        traces = (subnet, f"{mark}:", f"{mark}@", f"/run/pestle/{name}/")
        found += [f"{what}: {line}" for line in text.splitlines() if any(trace in line for trace in traces)]
    root = control_root()
    if root is not None and (root / mark).exists():
        found.append(f"control group {root / mark}")
    return found


def output(*command: str) -> str:
    """What a program of this machine prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def on_node(plan: Plan, node: str, command: str, *, check: bool = True) -> str:
    """Run a shell command on a node by stepping into it, which is quicker than SSH and needs none of ours."""
    process = first_process(plan, node)
    assert process is not None, f"{node} is off"
    inside = ["nsenter", "-t", str(process), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
    confined = ["setpriv", "--bounding-set", "-sys_time,-sys_module,-sys_boot"]
    done = subprocess.run(
        [*inside, *confined, "/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def by_ssh(plan: Plan, node: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a node as anybody with the key would."""
    options = ["-o", f"UserKnownHostsFile={plan.known_hosts}", "-o", "BatchMode=yes", "-i", str(plan.key)]
    address = f"root@{plan.address(node)}"
    return subprocess.run(
        ["ssh", *options, address, command], capture_output=True, text=True, check=False, timeout=30
    )


def eventually(condition: Callable[[], bool], within_s: float) -> float:
    """Wait for a condition and return how long it took; fail if it does not come."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(0.05)
    return time.monotonic() - began
