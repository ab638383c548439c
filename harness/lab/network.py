"""The lab's network: a bridge in a namespace of its own, one cable to every node and one to this machine.

First of all comes a guard route that makes the lab's addresses unreachable: without it, packets to a node
that is down would leave this machine by its default route. It also claims the subnet, and goes last.
"""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from harness.lab.plan import LabError, Plan
from harness.lab.shell import Shell

_GUARD = ("metric", "4096")
_SWITCH = "switch"
_TCP_CAP = "echo 1000 > /proc/sys/net/ipv4/tcp_rto_max_ms"


def subnet_is_free(shell: Shell, subnet: str) -> bool:
    """Whether no address or route of this machine touches the subnet; very wide routes do not count."""
    wanted = ipaddress.ip_network(subnet)
    for route in json.loads(shell.run("ip", "-4", "-json", "route", "show", "table", "all") or "[]"):
        if route["dst"] == "default":
            continue
        taken = ipaddress.ip_network(route["dst"], strict=False)
        if taken.prefixlen >= 16 and taken.overlaps(wanted):
            return False
    return True


def add_guard(shell: Shell, subnet: str) -> None:
    """Claim the subnet."""
    shell.run("ip", "route", "add", "unreachable", subnet, *_GUARD)


def remove_guard(shell: Shell, subnet: str) -> None:
    """Give the subnet back."""
    shell.run("ip", "route", "del", "unreachable", subnet, *_GUARD, check=False)


def build_network(shell: Shell, plan: Plan) -> None:
    """Make the bridge, the namespaces of all nodes, and the cables."""
    switch = plan.namespace(_SWITCH)
    for name in (_SWITCH, *plan.nodes):
        _make_namespace(shell, plan.namespace(name))
    shell.run_in(switch, "ip", "-batch", "-", lines=["link add br0 type bridge stp_state 0 forward_delay 0"])
    shell.run("ip", "link", "add", plan.mark, "type", "veth", "peer", "name", "host", "netns", str(switch))
    for node in plan.nodes:
        _plug_in(shell, plan, node)
    ports = [f"link set {port} master br0\nlink set {port} up" for port in ("host", *plan.nodes)]
    shell.run_in(switch, "ip", "-batch", "-", lines=["link set lo up", "link set br0 up", *ports])
    shell.run("ip", "addr", "add", f"{plan.gateway}/24", "dev", plan.mark)
    shell.run("ip", "link", "set", plan.mark, "up")


def _make_namespace(shell: Shell, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    shell.run("unshare", f"--net={path}", "true")


def _plug_in(shell: Shell, plan: Plan, node: str) -> None:
    space = plan.namespace(node)
    cable = (
        "link",
        "add",
        "eth0",
        "type",
        "veth",
        "peer",
        "name",
        node,
        "netns",
        str(plan.namespace(_SWITCH)),
    )
    shell.run_in(space, "ip", *cable)
    address = f"addr add {plan.address(node)}/24 dev eth0"
    shell.run_in(space, "ip", "-batch", "-", lines=["link set lo up", address, "link set eth0 up"])
    # Since Linux 6.15: without this cap a TCP flow needs up to as long again after a cut as the cut lasted.
    shell.run_in(space, "sh", "-c", _TCP_CAP, check=False)


def remove_network(shell: Shell, plan: Plan) -> None:
    """End every process in the lab's namespaces and remove them with their cables; harmless without any."""
    for name in (*plan.nodes, _SWITCH):
        end_processes(plan.namespace(name))
        while _is_bound(plan.namespace(name)):
            shell.run("umount", "-l", str(plan.namespace(name)))
    shell.run("ip", "link", "del", plan.mark, check=False)


def _is_bound(path: Path) -> bool:
    """Whether a namespace is mounted on the file (Path.is_mount knows folders only)."""
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev


def processes_in(namespace: Path) -> Iterator[int]:
    """Ids of the processes whose network namespace this is."""
    try:
        wanted = namespace.stat()
    except FileNotFoundError:
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.path.samestat((entry / "ns/net").stat(), wanted):
                    yield int(entry.name)
            except OSError:  # it ended meanwhile, or belongs to a container's keeper and so is none of ours
                continue


def end_processes(namespace: Path, timeout_s: float = 5.0) -> None:
    """SIGKILL everything in the namespace until nothing is left."""
    deadline = time.monotonic() + timeout_s
    while processes := list(processes_in(namespace)):
        if time.monotonic() > deadline:
            raise LabError(f"Processes {processes} do not end; end them, then run `pestle lab down` again.")
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.005)
