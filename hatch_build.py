"""Compiles checkers/native when the project is installed, if this machine can; else Python checks, slower.

Needed are a C++20 compiler ($CXX, or c++, g++, clang++) and Python's header files. What is missing or fails
is said in one sentence (pip shows it with --verbose) and never stops the installation.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nanobind
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent / "checkers" / "native"
ENGINE = HERE / f"_engine{sysconfig.get_config_var('EXT_SUFFIX')}"
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing", "-pthread"]


class CannotCompileError(Exception):
    """What is missing, in words."""


class CustomBuildHook(BuildHookInterface[Any]):
    """hatchling's name for what it runs before it packs a wheel or an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Compile, and make the wheel one for this Python and machine if that succeeded."""
        try:
            compile_engine()
        except CannotCompileError as missing:
            ENGINE.unlink(missing_ok=True)  # It would be of other sources.
            self.app.display_warning(f"checkers.native is not compiled, checks will be slower: {missing}")
            return
        build_data["artifacts"].append(f"/checkers/native/{ENGINE.name}")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_engine() -> None:
    """Make ENGINE from the sources beside it, unless it is newer than they are."""
    sources = sorted(HERE.glob("*.cpp"))
    watched = [*sources, *HERE.glob("*.hpp"), Path(__file__)]
    if ENGINE.exists() and ENGINE.stat().st_mtime > max(path.stat().st_mtime for path in watched):
        return
    compiler = _compiler()
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        raise CannotCompileError(f"{headers} has no Python.h (Debian: apt-get install python3-dev)")
    nanobind_sources = Path(nanobind.source_dir())
    robin_map = nanobind_sources.parent / "ext" / "robin_map" / "include"
    includes = [f"-I{path}" for path in (headers, nanobind.include_dir(), robin_map)]
    with tempfile.TemporaryDirectory() as scratch:
        units = [*sources, nanobind_sources / "nb_combined.cpp"]
        objects = [str(Path(scratch, f"{unit.stem}.o")) for unit in units]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                pool.submit(_run, [*compiler, *FLAGS, *includes, "-c", str(unit), "-o", made])
                for unit, made in zip(units, objects, strict=True)
            ]
            for job in jobs:
                job.result()
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        made = str(Path(scratch, ENGINE.name))
        _run([*compiler, *shared, "-pthread", *objects, "-o", made])
        # Whoever runs the old one goes on with it: the file is replaced, not written over.
        fresh = ENGINE.with_suffix(".fresh")
        shutil.copy(made, fresh)
        fresh.replace(ENGINE)


def _compiler() -> list[str]:
    named = shlex.split(os.environ.get("CXX", ""))
    for candidate in [named] if named else [["c++"], ["g++"], ["clang++"]]:
        if shutil.which(candidate[0]):
            return candidate
    raise CannotCompileError("there is no C++ compiler (Debian: apt-get install g++ python3-dev)")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-300:])
        raise CannotCompileError(f"{command[0]} failed: {first}")
