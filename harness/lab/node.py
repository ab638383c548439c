"""Nodes: preparing their disks and keys, booting them, and cutting their power."""

from __future__ import annotations

import fcntl
import os
import shlex
import socket
import struct
import time
from pathlib import Path

from harness.lab.control_group import ControlGroup
from harness.lab.network import end_processes, processes_in
from harness.lab.plan import LabError, Plan
from harness.lab.shell import Shell

_INIT = Path(__file__).with_name("init.sh")
_SYSTEM_MB = 1024  # sparse: costs what is written
# No node may set the machine's clock, load modules, reboot it, or touch its ports and kernel log.
_DROPPED = "-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog"
_EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), Linux fs/ext4/ext4.h
_NO_LOG_FLUSH = struct.pack("I", 2)

_SSHD_CONFIG = """\
Port 22
AddressFamily inet
HostKey /etc/pestle-lab/host_key
AuthorizedKeysFile /etc/pestle-lab/authorized_keys
PidFile /run/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PrintMotd no
MaxStartups 200:30:400
MaxSessions 200
Subsystem sftp internal-sftp
"""


def prepare(shell: Shell, plan: Plan, node: str) -> str:
    """Make the node's disks and keys; returns its line for known_hosts."""
    folder = plan.node_folder(node)
    for part in ("etc", "root", "system"):
        (folder / part).mkdir(parents=True)
    key = folder / "etc/host_key"
    shell.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node, "-f", str(key))
    (folder / "etc/authorized_keys").write_bytes(plan.key.with_suffix(".pub").read_bytes())
    (folder / "etc/sshd_config").write_text(_SSHD_CONFIG)
    hosts = [f"{plan.address(other)} {other}" for other in plan.nodes]
    (folder / "etc/hosts").write_text("\n".join(["127.0.0.1 localhost", *hosts]) + "\n")
    _make_disk(shell, folder / "system.img", _SYSTEM_MB, "-O", "^has_journal")
    _make_disk(shell, folder / "data.img", plan.disk_mb, "-E", "lazy_itable_init=1,lazy_journal_init=1")
    kind, public, *_ = key.with_suffix(".pub").read_text().split()
    return f"{plan.address(node)} {kind} {public}"


def _make_disk(shell: Shell, path: Path, size_mb: int, *options: str) -> None:
    with path.open("wb") as file:
        file.truncate(size_mb << 20)
    shell.run("mkfs.ext4", "-q", "-F", "-m", "0", *options, str(path))


def boot(shell: Shell, plan: Plan, node: str, timeout_s: float = 20.0) -> None:
    """Start the node unless it runs, and wait until its sshd answers."""
    if first_process(plan, node) is None:
        group = ControlGroup(plan.mark, node)
        group.create()
        log = plan.node_folder(node) / "boot.log"
        shell.detach(_boot_script(shell, plan, node, group), log)
    deadline = time.monotonic() + timeout_s
    born = time.monotonic()
    while not answers(plan, node):
        dead = time.monotonic() - born > 1.0 and first_process(plan, node) is None
        if dead or time.monotonic() > deadline:
            raise LabError(f"Node {node} did not boot: {_last_words(plan, node)}")
        time.sleep(0.01)


def _boot_script(shell: Shell, plan: Plan, node: str, group: ControlGroup) -> str:
    """Join the control group and the network, let go of the lock, and become the node: in this order, so that
    whoever gets the lock can find the process by one of the two."""
    join = f"echo $BASHPID > {group.path}/cgroup.procs" if group.path else "true"
    become = (
        f"exec {shell.lock}>&-; exec setsid unshare --mount --pid --fork --uts --ipc --kill-child"
        f" --propagation private setpriv --bounding-set {_DROPPED}"
        f" bash {shlex.quote(str(_INIT))} {shlex.quote(str(plan.node_folder(node)))} {node}"
    )
    return f"{join}; exec nsenter --net={plan.namespace(node)} bash -c {shlex.quote(become)}"


def _last_words(plan: Plan, node: str) -> str:
    log = plan.node_folder(node) / "boot.log"
    return log.read_text(errors="replace").strip()[-500:] if log.exists() else "it left no log"


def answers(plan: Plan, node: str) -> bool:
    """Whether the node's sshd greets."""
    try:
        with socket.create_connection((plan.address(node), 22), timeout=1.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def first_process(plan: Plan, node: str) -> int | None:
    """This machine's id of the node's process 1, or None if the node is off."""
    for process in processes_in(plan.namespace(node)):
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) > 1 and numbers[-1] == "1":
            return process
    return None


def lose_power(plan: Plan, node: str) -> None:
    """Turn the node off so that what was written to /data and not fsynced is lost; harmless when off."""
    group = ControlGroup(plan.mark, node)
    process = first_process(plan, node)
    if process is not None:
        if not group.freeze():  # nobody may act on the errors that the dying disk is about to return
            raise LabError(f"Node {node} cannot lose power: this machine has no control groups of version 2.")
        disk = os.open(f"/proc/{process}/root/data", os.O_RDONLY)
        try:
            fcntl.ioctl(disk, _EXT4_IOC_SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(disk)
    turn_off(plan, node)


def turn_off(plan: Plan, node: str) -> None:
    """End every process of the node. The page cache survives: nothing written is lost."""
    ControlGroup(plan.mark, node).kill()
    end_processes(plan.namespace(node))
