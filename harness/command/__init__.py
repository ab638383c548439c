"""The command line. Each module of this package is one subcommand, found by its name, loaded when used."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from enum import IntEnum

import click


class Exit(IntEnum):
    """Exit codes of every subcommand. A violation outranks a crash, a crash outranks inconclusive."""

    PASS = 0
    VIOLATION = 1
    INCONCLUSIVE = 2
    PERFORMANCE = 3
    WAIVER = 4
    USAGE = 254
    CRASH = 255


class UserError(click.ClickException):
    """Something the user can put right: one sentence saying what is wrong and what to do."""

    exit_code = Exit.USAGE


class _Subcommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(module.name for module in pkgutil.iter_modules(__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(cls=_Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pestle")
def pestle() -> None:
    """Find out whether a replicated database keeps what its documentation promises.

    \b
    pestle lab up 3                        make three hosts on this machine
    pestle run --env lab --topology leader-follower --workload register,set --nemesis kill,partition
    pestle check history.jsonl --checker linearizable --model cas-register
    """


def main() -> None:
    """Run the command line; usage errors exit with 254, faults of Pestle itself with 255."""
    try:
        code = pestle.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        click.echo("aborted", err=True)
        code = Exit.CRASH
    except UserError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = Exit.USAGE
    except Exception:  # noqa: BLE001 - Python would exit with 1, which here means a violation
        traceback.print_exc()
        code = Exit.CRASH
    sys.exit(int(code or 0))
