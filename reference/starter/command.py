"""`arangodb-ref`: starts a deployment on this machine, and ends all of it together.

It stays in the foreground. SIGTERM and SIGINT end every process gently, by force after ten seconds; if one
ends by itself, the others are ended too and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from reference.starter.plan import MODES, Part, plan

_GENTLY_S = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a deployment; the process's exit code."""
    options = _parser().parse_args(arguments)
    if not 1 <= options.port <= 65_000:
        return _refuse(f"--starter.port {options.port} is no port, or leaves no room for the others")
    if options.secret and not Path(options.secret).is_file():
        return _refuse(f"--auth.jwt-secret '{options.secret}' is no file")
    secret = str(Path(options.secret).resolve()) if options.secret else ""
    parts = plan(options.mode, options.port, secret_file=secret)
    try:
        Path(options.directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return _refuse(f"--starter.data-dir '{options.directory}' cannot be used: {error}")
    return asyncio.run(_run(parts, Path(options.directory)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="arangodb-ref", allow_abbrev=False, description="Starts a whole deployment on this machine."
    )
    parser.add_argument("--starter.mode", dest="mode", choices=MODES, default="activefailover")
    parser.add_argument(
        "--starter.local", dest="local", action="store_true", help="all on this machine: always so"
    )
    parser.add_argument("--starter.port", dest="port", type=int, default=8528, help="the first port")
    parser.add_argument(
        "--starter.data-dir", dest="directory", required=True, help="folder for data and logs"
    )
    parser.add_argument(
        "--auth.jwt-secret", dest="secret", default="", help="file with the common secret; none: no passwords"
    )
    return parser


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"arangodb-ref: {sentence}\n")
    return 1


async def _run(parts: Sequence[Part], directory: Path) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    running = [(part, await _start(part, directory)) for part in parts]
    for part, _ in running:
        sys.stdout.write(f"{part.folder} tcp://127.0.0.1:{part.port}\n")
    sys.stdout.flush()
    endings = {asyncio.ensure_future(process.wait()): part for part, process in running}
    wish = asyncio.ensure_future(asked.wait())
    await asyncio.wait([wish, *endings], return_when=asyncio.FIRST_COMPLETED)
    ended = [part.folder for ending, part in endings.items() if ending.done()]
    await asyncio.gather(*(_end(process) for _, process in reversed(running)))
    wish.cancel()
    if ended and not asked.is_set():
        log = directory / ended[0] / "arangod.log"
        return _refuse(f"{ended[0]} ended by itself; see {log}")
    return 0


async def _start(part: Part, directory: Path) -> asyncio.subprocess.Process:
    folder = directory / part.folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "arangod.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reference", "--database.directory", str(folder / "data"), *part.options,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _GENTLY_S)
    except TimeoutError:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    sys.exit(main())
