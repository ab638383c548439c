"""Plan: what a lab consists of, and the names of its parts.

Everything in the kernel that is visible outside a lab's folder (interface, route, control group) is named
by the third octet of its subnet, which is claimed machine-wide; names of labs never leave their folder.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.environment import HostError

ROOT = Path("/run/pestle")
"""Folder of all labs. It vanishes with a reboot, as the labs do."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MAX_NODES = 64


class LabError(HostError):
    """A lab cannot be made or used. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One lab: its name, the third octet of its subnet 10.77.X.0/24, how many nodes, and their disks' size.

    `complete` is set when every node has answered. `owned` says that a run made it and will remove it.
    """

    name: str
    octet: int
    node_count: int
    disk_mb: int
    owned: bool = False
    complete: bool = False

    @property
    def folder(self) -> Path:
        """Everything the lab keeps in files."""
        return ROOT / self.name

    @property
    def nodes(self) -> tuple[str, ...]:
        """n1, n2, ..."""
        return node_names(self.node_count)

    @property
    def mark(self) -> str:
        """Name of the lab's interface on this machine and of its control group."""
        return f"pestle-{self.octet}"

    @property
    def subnet(self) -> str:
        """The addresses of the lab."""
        return f"10.77.{self.octet}.0/24"

    @property
    def gateway(self) -> str:
        """This machine's address among the nodes."""
        return f"10.77.{self.octet}.254"

    @property
    def key(self) -> Path:
        """The private key that opens every node."""
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys."""
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The inventory file for `pestle run --env ssh --inventory`."""
        return self.folder / "inventory.toml"

    def address(self, node: str) -> str:
        """The node's address."""
        return f"10.77.{self.octet}.{10 + self.nodes.index(node) + 1}"

    def node_folder(self, node: str) -> Path:
        """The node's disk images, keys and boot log."""
        return self.folder / "nodes" / node

    def namespace(self, node: str) -> Path:
        """The file that holds a node's network namespace; "switch" is the bridge's."""
        return self.folder / "net" / node


def node_names(count: int) -> tuple[str, ...]:
    """The names of a lab's nodes, known before it exists."""
    return tuple(f"n{number}" for number in range(1, count + 1))


def checked_name(name: str) -> str:
    """The name, if a lab may have it."""
    if not NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot be a lab's name: use up to 32 of a-z, 0-9 and '-'.")
    return name


def octets(name: str) -> list[int]:
    """Third octets in the order in which a lab of this name tries them: always the same, spread by name."""
    first = zlib.crc32(name.encode()) % 254
    return [(first + step) % 254 + 1 for step in range(254)]


def write_plan(plan: Plan) -> None:
    """Store the plan, all or nothing."""
    plan.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = plan.folder / "plan.json.new"
    temporary.write_text(json.dumps(asdict(plan)))
    temporary.replace(plan.folder / "plan.json")


def read_plan(name: str) -> Plan | None:
    """The stored plan of a lab, or None where `up` did not come so far."""
    path = ROOT / checked_name(name) / "plan.json"
    try:
        return Plan(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise LabError(f"Lab {name} belongs to root; use sudo.") from error
    except (ValueError, TypeError) as error:
        raise LabError(
            f"{path} is not a lab's plan ({error}): remove it, then run `pestle lab down`."
        ) from error


def stored_labs() -> list[str]:
    """Names of all labs that left a folder."""
    if not ROOT.is_dir():
        return []
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir())
