"""The life of a lab: up, status, down."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from harness.environments.inventory import Host, Inventory, write_inventory
from harness.lab import node as nodes
from harness.lab.control_group import ControlGroup
from harness.lab.lock import locked
from harness.lab.network import add_guard, build_network, remove_guard, remove_network, subnet_is_free
from harness.lab.plan import (
    MAX_NODES,
    ROOT,
    LabError,
    Plan,
    checked_name,
    octets,
    read_plan,
    stored_labs,
    write_plan,
)
from harness.lab.requirements import require
from harness.lab.shell import Shell

Report = Callable[[str], None]
"""Told what is being done, for people who watch."""


@dataclass(frozen=True, slots=True)
class Status:
    """A lab as it is found: its plan (None if `up` was killed early) and which nodes answer."""

    name: str
    plan: Plan | None
    answering: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether it is complete and every node answers."""
        return self.plan is not None and self.plan.complete and self.answering == self.plan.nodes


def up(name: str, node_count: int, disk_mb: int, *, report: Report = lambda _: None) -> Plan:
    """Make the lab, or leave it as it is if it is just so; anything else of that name is removed first."""
    require()
    checked_name(name)
    with locked() as lock:
        shell = Shell(lock)
        found = _status(name)
        if (
            found.healthy
            and found.plan
            and (found.plan.node_count, found.plan.disk_mb) == (node_count, disk_mb)
        ):
            report("already up")
            plan = replace(found.plan, owned=False)  # somebody asks for it: no run may remove it any more
            write_plan(plan)
            return plan
        _refuse_if_occupied(name)
        _remove(shell, name)
        return _build(shell, Plan(name, 0, node_count, disk_mb), report)


@dataclass(frozen=True, slots=True)
class Occupation:
    """A lab that this process uses alone. The kernel gives it up when the process dies."""

    plan: Plan
    descriptor: int

    def end(self) -> None:
        """Let others use the lab; one that was made for a run goes with it."""
        if self.plan.owned:
            down(self.plan.name)
        os.close(self.descriptor)


def occupy(name: str, node_count: int, disk_mb: int = 256) -> Occupation:
    """Use the lab alone: one that somebody made, if it has enough nodes and all answer, or a new one."""
    require()
    checked_name(name)
    with locked() as lock:
        _refuse_if_occupied(name)
        found = _status(name)
        plan = found.plan
        # One that a run made for itself and left was killed with it: a new one is sooner clean.
        if plan is None or plan.owned or not found.healthy or plan.node_count < node_count:
            owned = plan is None or plan.owned
            _remove(Shell(lock), name)
            plan = _build(Shell(lock), Plan(name, 0, node_count, disk_mb, owned), lambda _: None)
        descriptor = os.open(_occupation_file(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Occupation(plan, descriptor)


def remove_abandoned(name: str) -> None:
    """Remove the lab if it was made for a run and no run uses it, or if its making was broken off."""
    with locked() as lock:
        plan = read_plan(name)
        if plan is not None and plan.complete and not plan.owned:
            return
        try:
            _refuse_if_occupied(name)
        except LabError:
            return
        _remove(Shell(lock), name)


def _refuse_if_occupied(name: str) -> None:
    try:
        descriptor = os.open(_occupation_file(name), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LabError(
            f"Lab {name} is being used by another run; wait for its end, or use another lab."
        ) from error
    finally:
        os.close(descriptor)


def _occupation_file(name: str) -> Path:
    return ROOT / name / "occupied"


def _build(shell: Shell, wanted: Plan, report: Report) -> Plan:
    """Make the whole lab, or nothing."""
    if not 1 <= wanted.node_count <= MAX_NODES or wanted.disk_mb < 8:
        raise LabError(f"A lab has 1 to {MAX_NODES} nodes with disks of at least 8 MB.")
    try:
        report("claiming a subnet")
        plan = _claim(shell, wanted)
        report(f"laying the network {plan.subnet}")
        build_network(shell, plan)
        report(f"making disks and keys of {plan.node_count} nodes")
        _prepare_and_boot(shell, plan, report)
        write_inventory(plan.inventory, inventory(plan))
        plan = replace(plan, complete=True)
        write_plan(plan)
    except BaseException:
        _remove(shell, wanted.name)
        raise
    return plan


def _prepare_and_boot(shell: Shell, plan: Plan, report: Report) -> None:
    shell.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", plan.name, "-f", str(plan.key))
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda node: nodes.prepare(shell, plan, node), plan.nodes))
        plan.known_hosts.write_text("".join(f"{line}\n" for line in keys))
        report("booting")
        list(pool.map(lambda node: nodes.boot(shell, plan, node), plan.nodes))


def _claim(shell: Shell, wanted: Plan) -> Plan:
    """Find a free subnet. The plan is stored before anything is made: `down` must know what to look for."""
    for octet in octets(wanted.name):
        plan = replace(wanted, octet=octet)
        if subnet_is_free(shell, plan.subnet) and not Path("/sys/class/net", plan.mark).exists():
            write_plan(plan)
            add_guard(shell, plan.subnet)
            return plan
    raise LabError(
        "No subnet 10.77.X.0/24 is free here; remove a lab with `pestle lab down`, or a route to 10.77."
    )


def inventory(plan: Plan) -> Inventory:
    """The lab's nodes as SSH hosts."""
    hosts = [
        Host(node, plan.address(node), key=plan.key, known_hosts=plan.known_hosts, data="/data")
        for node in plan.nodes
    ]
    return Inventory(tuple(hosts), lab=plan.name)


def down(name: str) -> bool:
    """Remove everything of the lab; says whether there was anything. Works after anything was killed."""
    require()
    checked_name(name)
    with locked() as lock:
        existed = (ROOT / name).exists()
        _remove(Shell(lock), name)
    return existed


def _remove(shell: Shell, name: str) -> None:
    folder = ROOT / name
    if not folder.exists():
        return
    plan = read_plan(name)
    if plan is not None:
        for node in plan.nodes:
            group = ControlGroup(plan.mark, node)
            if group.path is not None and group.path.is_dir():
                group.kill()
        remove_network(shell, plan)
        if not ControlGroup(plan.mark).remove():
            raise LabError(f"Processes of lab {name} do not end; run `pestle lab down` again in a moment.")
        _release_disks(shell, folder)
    # The plan goes last but for the guard: who is killed here can still be cleaned up after.
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "plan.json":
            path.unlink()
    if plan is not None:
        remove_guard(shell, plan.subnet)
    shutil.rmtree(folder)


def _release_disks(shell: Shell, folder: Path, timeout_s: float = 5.0) -> None:
    """Loop devices go by themselves with the node's mounts, a moment after its last process."""
    deadline = time.monotonic() + timeout_s
    while used := _loop_devices(folder):
        if time.monotonic() > deadline:
            raise LabError(f"{', '.join(used)} is still in use; run `pestle lab down` again in a moment.")
        for device in used:
            shell.run("losetup", "-d", device, check=False)
        time.sleep(0.01)


def _loop_devices(folder: Path) -> list[str]:
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if file.read_text().startswith(f"{folder}/"):
                found.append(f"/dev/{file.parts[3]}")
        except OSError:  # it went while we looked
            continue
    return found


def status(name: str | None = None) -> list[Status]:
    """One lab, or all that left anything."""
    return [_status(each) for each in (stored_labs() if name is None else [checked_name(name)])]


def _status(name: str) -> Status:
    plan = read_plan(name)
    if plan is None:
        return Status(name, None, ())
    with ThreadPoolExecutor(8) as pool:
        up_now = list(pool.map(lambda node: nodes.answers(plan, node), plan.nodes))
    return Status(name, plan, tuple(node for node, yes in zip(plan.nodes, up_now, strict=True) if yes))


def lose_power(name: str, node: str) -> None:
    """Cut a node's power; see `harness.lab.node.lose_power`."""
    nodes.lose_power(_existing(name), node)


def restore_power(name: str, node: str) -> None:
    """Boot a node that is off; returns when it answers."""
    with locked() as lock:
        nodes.boot(Shell(lock), _existing(name), node)


def reboot(name: str, node: str) -> None:
    """Kill all processes of a node and boot it; its files stay."""
    nodes.turn_off(_existing(name), node)
    restore_power(name, node)


def has_power(name: str, node: str) -> bool:
    """Whether the node runs."""
    return nodes.first_process(_existing(name), node) is not None


def _existing(name: str) -> Plan:
    plan = read_plan(name)
    if plan is None:
        raise LabError(f"There is no lab {name!r}; make it with `pestle lab up N --name {name}`.")
    return plan
