"""Inventory: the file that says which hosts a test may use.

    lab = "NAME"                       # optional: they are the nodes of this lab

    [defaults]                         # optional: for all hosts below
    user = "root"
    key = "/path/to/private/key"

    [hosts.n1]                         # one table a host, in the order in which the nodes are numbered
    address = "10.0.0.11"              # how this machine and the other hosts reach it; default: its name
    port = 22
    user = "root"                      # default: root
    key = "id"                         # private key, relative to the inventory; default: agent and ~/.ssh
    known_hosts = "known_hosts"        # default: ~/.ssh/known_hosts; unknown hosts are refused
    sudo = false                       # true: use `sudo -n`; partitions need it unless the user is root
    data = "/var/lib"                  # databases' files go to the folder "pestle" in it

Everything in the folders named "pestle" and in iptables chains named "PESTLE-..." on these hosts is Pestle's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.environment import HostError

_KINDS: Mapping[str, type] = {
    "address": str,
    "port": int,
    "user": str,
    "key": str,
    "known_hosts": str,
    "sudo": bool,
    "data": str,
}


@dataclass(frozen=True, slots=True)
class Host:
    """How to reach one host. Paths are absolute; None means SSH's own default."""

    name: str
    address: str
    port: int = 22
    user: str = "root"
    key: Path | None = None
    known_hosts: Path | None = None
    sudo: bool = False
    data: str = "/var/lib"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The hosts, in order, and the lab that they belong to, if any."""

    hosts: tuple[Host, ...]
    lab: str | None = None


def read_inventory(path: Path) -> Inventory:
    """Read the file; what is wrong with it is a HostError that names the place."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise HostError(f"Inventory {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise HostError(f"Inventory {path} is not TOML: {error}.") from error
    unknown = sorted(set(content) - {"lab", "defaults", "hosts"})
    if unknown:
        raise HostError(f"Inventory {path}: unknown entry {unknown[0]!r}; known are lab, defaults and hosts.")
    hosts = content.get("hosts")
    if not isinstance(hosts, dict) or not hosts:
        raise HostError(f"Inventory {path} names no hosts; add a table [hosts.NAME] for each.")
    defaults = content.get("defaults", {})
    return Inventory(
        tuple(_host(path, name, {**defaults, **table}) for name, table in hosts.items()), content.get("lab")
    )


def _host(path: Path, name: str, table: Mapping[str, Any]) -> Host:
    for key, value in table.items():
        kind = _KINDS.get(key)
        if kind is None:
            raise HostError(
                f"Inventory {path}, host {name}: unknown entry {key!r}; known: {', '.join(_KINDS)}."
            )
        if type(value) is not kind:
            raise HostError(f"Inventory {path}, host {name}: {key} must be of type {kind.__name__}.")
    places = {
        key: path.parent.absolute() / Path(table[key]).expanduser()
        for key in ("key", "known_hosts")
        if key in table
    }
    return Host(**{"name": name, "address": name, **table, **places})


def write_inventory(path: Path, inventory: Inventory) -> None:
    """Write the file such that `read_inventory` returns the same."""
    lines = [] if inventory.lab is None else [f"lab = {_quoted(inventory.lab)}"]
    for host in inventory.hosts:
        lines += ["", f"[hosts.{_quoted(host.name)}]", f"address = {_quoted(host.address)}"]
        lines += [f"port = {host.port}", f"user = {_quoted(host.user)}", f"sudo = {str(host.sudo).lower()}"]
        if host.key is not None:
            lines.append(f"key = {_quoted(str(host.key))}")
        if host.known_hosts is not None:
            lines.append(f"known_hosts = {_quoted(str(host.known_hosts))}")
        lines.append(f"data = {_quoted(host.data)}")
    path.write_text("\n".join(lines).lstrip("\n") + "\n")


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
