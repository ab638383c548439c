"""What this machine must have before a lab can be made."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from harness.lab.plan import LabError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for; an ordinary PATH may lack the sbin folders."""

_PACKAGES = {
    "bash": "bash",
    "ip": "iproute2",
    "iptables": "iptables",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "unshare": "util-linux",
}


def require() -> None:
    """Raise LabError with one sentence unless a lab can be made here."""
    if sys.platform != "linux":
        raise LabError("A lab needs Linux; on this system use `pestle run --env ssh` with hosts of your own.")
    if os.geteuid() != 0:
        raise LabError("A lab needs root; use sudo, or `pestle run --env ssh` with hosts of your own.")
    missing = [program for program in _PACKAGES if shutil.which(program, path=SEARCH_PATH) is None]
    if missing:
        packages = " ".join(sorted({_PACKAGES[program] for program in missing}))
        raise LabError(
            f"A lab needs {', '.join(missing)}, not installed here; on Debian run: apt-get install {packages}"
        )
    if not Path("/dev/loop-control").exists():
        raise LabError(
            "A lab needs loop devices; in a container, give it /dev/loop-control and all capabilities."
        )
