"""`arangod-ref`: one server as a process.

It takes its endpoint and its folder, serves until SIGTERM or SIGINT, and writes its log to standard error.
Exit code 0 after a shutdown that it was asked for, 1 with one sentence for what keeps it from serving or
from storing what it has acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from reference.options import Options, UsageError, parse


class _Refused(Exception):  # noqa: N818 - not an error of the program; the message says why
    """The server cannot start, or not stop as it should."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one server; the process's exit code."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        secret = _read_secret(options.server.jwt_secret_keyfile)
        if options.defect:
            _plant(options.defect)
        _run(options, secret)
    except UsageError as error:
        return _say(f"{error}; arangod-ref --help lists the options")
    except _Refused as error:
        return _say(str(error))
    return 0


def _say(sentence: str) -> int:
    sys.stderr.write(f"arangod-ref: {sentence}\n")
    return 1


def _read_secret(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--server.jwt-secret-keyfile '{path}' cannot be read: {error}") from None


def _plant(name: str) -> None:
    """Replace one method by a wrong one. The server knows no defects: the tests do, where they are."""
    try:
        catalogue = importlib.import_module("tests.defects.catalogue")
    except ModuleNotFoundError as error:
        raise _Refused(f"--defect needs the package tests.defects of a source tree: {error}") from None
    try:
        catalogue.plant(name)
    except catalogue.UnknownDefectError as error:
        raise UsageError(f"--defect: {error}") from None


def _run(options: Options, secret: str) -> None:
    # Imported late, so that --help and a wrong option answer at once.
    import uvloop  # noqa: PLC0415

    uvloop.run(_serve(options, secret))


async def _serve(options: Options, secret: str) -> None:
    from reference.api.journal import iso_date  # noqa: PLC0415 - see _run
    from reference.errors import ArangoError  # noqa: PLC0415
    from reference.roles import create  # noqa: PLC0415
    from reference.server import CannotListen, NotStored  # noqa: PLC0415
    from reference.storage.corruption import CorruptStorage  # noqa: PLC0415
    from reference.world.real import open_world  # noqa: PLC0415

    directory = options.database.directory
    try:
        world = open_world(Path(directory))
    except OSError as error:
        raise _Refused(f"the folder {directory} cannot be used: {error}") from None

    def tell(level: str, sentence: str) -> None:
        date = iso_date(world.clock.wall_ns() / 1e9)
        # A log that cannot be written, because its disk is full for one, is no reason to stop serving.
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{date} [{os.getpid()}] {level.upper()} {sentence}\n")
            sys.stderr.flush()

    server = create(world, options, tell, secret=secret)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.run()
    except CannotListen as error:
        raise _Refused(f"cannot listen on {error}") from None
    except NotStored as error:
        raise _Refused(f"the last writes may not be on the disk: {error}") from None
    except CorruptStorage as error:
        raise _Refused(f"the data cannot be trusted: {error}") from None
    except (OSError, ArangoError) as error:
        raise _Refused(f"the data in {directory} cannot be used: {error}") from None
