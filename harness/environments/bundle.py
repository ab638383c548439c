"""Bundle: a folder that lets a host run a Python program without having its packages.

    bundle/check          run once on the host: is the right Python there, and do the packages load?
    bundle/python         Python with the packages: `python -m MODULE ARGUMENT...`
    bundle/lib/           the packages: distributions of this interpreter, and source packages

Compiled packages are copied as they are here, so the host must have the same Python (major.minor) on the same
kind of machine. Nothing is downloaded, here or there.
"""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from harness.environment import HostError

_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_PLATFORM = sysconfig.get_platform()

_PYTHON = f"""\
#!/bin/sh
# Python {_VERSION} with the packages beside this file.
here=$(cd "$(dirname "$0")" && pwd)
for python in /usr/bin/python{_VERSION} /usr/local/bin/python{_VERSION} "$(command -v python{_VERSION})"; do
    if [ -x "$python" ]; then PYTHONPATH=$here/lib exec "$python" -s "$@"; fi
done
echo "Python {_VERSION} is not installed there; install it, or run Pestle with the Python there is" >&2
exit 1
"""

_CHECK = """\
#!/bin/sh
# Fails with one sentence if the packages beside this file cannot be used here.
here=$(cd "$(dirname "$0")" && pwd)
"$here/python" -c '' || exit 1
said=$("$here/python" -c 'import {modules}' 2>&1) && exit 0
echo "packages built for Python {version} on {platform} do not load there: $(echo "$said" | tail -n 1)" >&2
exit 1
"""


def bundle(folder: Path, requirements: Iterable[str], sources: Iterable[Path]) -> Path:
    """Fill the (new) folder with the named distributions, all that they require, and source packages.

    `requirements` are distributions' names ("jinja2"); `sources` are folders of packages. HostError if one
    of them is not installed here.
    """
    library = folder / "lib"
    library.mkdir(parents=True)
    found = _closure(requirements)
    for each in found:
        _copy_distribution(each, library)
    sources = list(sources)
    for source in sources:
        shutil.copytree(source, library / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    modules = ", ".join(sorted({_module(each) for each in found} | {source.name for source in sources}))
    _write_program(folder / "python", _PYTHON)
    _write_program(folder / "check", _CHECK.format(modules=modules, version=_VERSION, platform=_PLATFORM))
    return folder


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _closure(requirements: Iterable[str]) -> list[Distribution]:
    """The distributions and everything they need, as far as it is installed: what an environment marker
    excludes
    is not."""
    wanted, found = list(requirements), dict[str, Distribution]()
    named = {_normal(name) for name in wanted}
    while wanted:
        name = _normal(wanted.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError as error:
            if name in named:
                raise HostError(
                    f"{name} is not installed here, so it cannot be taken to the hosts"
                ) from error
            continue
        wanted += _required(found[name].requires or [])
    return [found[name] for name in sorted(found)]


def _required(lines: Sequence[str]) -> list[str]:
    """Names out of requirement lines such as `h11>=0.8; python_version > "3"`, without those of extras."""
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if "extra ==" not in line]
    return [name.group() for name in names if name]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _copy_distribution(each: Distribution, library: Path) -> None:
    if not each.files:
        name = each.metadata["Name"]
        raise HostError(
            f"nobody recorded which files {name} consists of; install Pestle in an environment of its own"
        )
    for file in each.files:
        if ".." in file.parts or "__pycache__" in file.parts:  # its commands, and what Python makes again
            continue
        target = library / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(file.locate()), target)


def _module(each: Distribution) -> str:
    """A module whose loading proves that the distribution is usable."""
    tops = {file.parts[0].split(".")[0] for file in each.files or [] if file.suffix in {".py", ".so"}}
    public = sorted(top for top in tops if not top.startswith("_") and not top.endswith("-info"))
    return public[0] if public else min(tops)
