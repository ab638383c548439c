"""`pestle list`: the parts that there are."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from harness.plan import KINDS, parts


@click.command(name="list")
@click.option("--json", "json_to", metavar="FILE", help="Write it as JSON; - is standard output.")
def command(json_to: str | None) -> None:
    """List workloads, nemeses, databases and environments, each by the name that `pestle run` takes."""
    found = {kind.word: parts(kind) for kind in KINDS}
    if json_to is None:
        for kind, named in found.items():
            click.echo(f"{kind}:")
            for name, says in named.items():
                click.echo(f"  {name:<18} {says}")
        return
    content = msgspec.json.format(msgspec.json.encode({"schema": 1, **found}), indent=1) + b"\n"
    if json_to == "-":
        sys.stdout.buffer.write(content)
    else:
        Path(json_to).write_bytes(content)
