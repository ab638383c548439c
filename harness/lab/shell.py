"""Running this machine's own programs for a lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.lab.plan import LabError
from harness.lab.requirements import SEARCH_PATH

_TIMEOUT_S = 60


class Shell:
    """Runs programs that inherit the labs' lock, so that no lab command overtakes an orphan of a killed
    one.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock

    def run(self, *arguments: str, lines: Sequence[str] = (), check: bool = True) -> str:
        """Run a program with `lines` as its input and return its output; failure is a LabError."""
        try:
            done = subprocess.run(  # noqa: S603 - a list, never a shell's text
                arguments,
                input="".join(f"{line}\n" for line in lines),
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
                pass_fds=(self.lock,),
                env={"PATH": SEARCH_PATH, "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabError(f"`{' '.join(arguments)}` could not be run: {error}") from error
        if check and done.returncode != 0:
            raise LabError(f"`{' '.join(arguments)}` failed: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def run_in(self, namespace: Path, *arguments: str, lines: Sequence[str] = (), check: bool = True) -> str:
        """The same inside a network namespace."""
        return self.run("nsenter", f"--net={namespace}", *arguments, lines=lines, check=check)

    def detach(self, script: str, log: Path) -> None:
        """Start a bash script in the background, its output appended to `log`; it inherits the lock."""
        with log.open("ab") as output:
            subprocess.run(  # noqa: S603 - the script is ours, its words are quoted
                ["/bin/bash", "-c", f"{{ {script}\n}} &"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=True,
                timeout=_TIMEOUT_S,
                pass_fds=(self.lock,),
                env={"PATH": SEARCH_PATH, "LC_ALL": "C", "HOME": "/root"},
                cwd=os.sep,
            )
