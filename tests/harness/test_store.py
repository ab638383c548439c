"""The folder of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checkers import codec
from checkers.history import Op
from harness.store import RunFolder, new_run_folder

MOMENT = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path, "name", MOMENT) for _ in range(2)]
    names = [str(folder.path.relative_to(tmp_path)) for folder in folders]
    assert names == ["runs/name/20200102T030405Z", "runs/name/20200102T030405Z-2"]


def test_history_is_read_back_as_it_was_recorded(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    ops = [Op(0, 1, 0, "invoke", "write", [1, None], key="k"), Op(1, 2, 0, "ok", "write", [1, None], key="k")]
    for op in ops:
        folder.record(op)
    assert list(folder.history()) == ops


def test_value_that_is_no_json_is_refused_and_leaves_no_half_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(TypeError):
        folder.record(Op(0, 0, 0, "invoke", "write", object()))
    assert folder.history_path.read_bytes() == b""


def test_whole_files_are_replaced_and_leave_no_partial(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for number in (1, 2):
        folder.write("test.json", {"number": number})
    assert json.loads((folder.path / "test.json").read_text()) == {"number": 2}
    assert not list(folder.path.glob("*.partial"))


def test_what_was_recorded_survives_the_death_of_its_writer(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from checkers.history import Op\n"
        "from harness.store import RunFolder\n"
        "folder = RunFolder(Path(sys.argv[1]))\n"
        "for n in range(1000):\n"
        "    folder.record(Op(2 * n, n, n, 'invoke', 'read'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False, timeout=60)
    assert len(codec.read(tmp_path / "run" / "history.jsonl")) == 1000
