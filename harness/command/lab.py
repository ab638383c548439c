"""`pestle lab`: hosts made out of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from harness.command import Exit, UserError
from harness.lab import lifecycle
from harness.lab.plan import LabError
from harness.lab.reaper import watch_over

_T = TypeVar("_T")
_name = click.option("--name", default="lab", show_default=True, help="Several labs can stand side by side.")
_json = click.option(
    "--json", "json_file", metavar="FILE", help="Write the result as JSON ('-': standard output)."
)


@click.group()
def command() -> None:
    """Make three hosts, or thirty, on this machine (root, Linux).

    Each has an address, processes, a hostname, an sshd and a disk of its own. `up` prints the path of the
    inventory file that `pestle run --env ssh --inventory` takes; `pestle run --env lab` does it by itself.
    """


@command.command()
@click.argument("node_count", metavar="N", type=click.IntRange(1))
@_name
@click.option(
    "--disk", "disk_mb", default=256, show_default=True, metavar="MB", help="Size of each node's /data."
)
@_json
def up(node_count: int, name: str, disk_mb: int, json_file: str | None) -> None:
    """Make a lab of N nodes; one that is just so already is left alone."""
    begun = time.monotonic()
    reaper = watch_over(name, grace_s=0)  # if this is killed, nothing half made stays
    try:
        plan = _told(lambda: lifecycle.up(name, node_count, disk_mb, report=_progress))
    finally:
        reaper.terminate()
        reaper.wait()
    _progress(f"{node_count} nodes in {time.monotonic() - begun:.1f} s; inventory:")
    _show(str(plan.inventory), _facts(lifecycle.status(name)[0]), json_file)


@command.command()
@_name
@_json
def down(name: str, json_file: str | None) -> None:
    """Remove a lab and all that belongs to it; harmless if there is none."""
    removed = [name] if _told(lambda: lifecycle.down(name)) else []
    _show(f"removed: {', '.join(removed) or 'nothing was there'}", {"removed": removed}, json_file)


@command.command()
@click.option("--name", help="Show this lab only.")
@_json
def status(name: str | None, json_file: str | None) -> None:
    """Show the labs and which of their nodes answer; exit 2 if one is not whole."""
    labs = _told(lambda: lifecycle.status(name))
    lines = [_sentence(lab) for lab in labs] or ["no labs"]
    _show("\n".join(lines), {"labs": [_facts(lab) for lab in labs]}, json_file)
    if not all(lab.healthy for lab in labs):
        raise click.exceptions.Exit(Exit.INCONCLUSIVE)


def _told(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except LabError as error:
        raise UserError(str(error)) from error


def _progress(line: str) -> None:
    click.echo(f"lab: {line}", err=True)


def _sentence(lab: lifecycle.Status) -> str:
    if lab.plan is None:
        return f"{lab.name}: not there, or its making was interrupted"
    nodes = ", ".join(
        f"{node} {lab.plan.address(node)} {'up' if node in lab.answering else 'DOWN'}"
        for node in lab.plan.nodes
    )
    return f"{lab.name}: {nodes}; {lab.plan.inventory}"


def _facts(lab: lifecycle.Status) -> dict[str, Any]:
    if lab.plan is None:
        return {"name": lab.name, "healthy": False, "nodes": [], "inventory": None}
    nodes = [
        {"name": node, "address": lab.plan.address(node), "up": node in lab.answering}
        for node in lab.plan.nodes
    ]
    return {"name": lab.name, "healthy": lab.healthy, "nodes": nodes, "inventory": str(lab.plan.inventory)}


def _show(text: str, facts: dict[str, Any], json_file: str | None) -> None:
    if json_file != "-":
        click.echo(text)
    if json_file is not None:
        line = msgspec.json.encode({"schema": 1, **facts}).decode()
        if json_file == "-":
            click.echo(line)
        else:
            Path(json_file).write_text(line + "\n")
