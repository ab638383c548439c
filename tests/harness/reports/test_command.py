"""`pestle report` as a user meets it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.command import Exit, UserError
from harness.command.report import command
from tests.harness.reports.synthetic import make_run


def test_report_is_built_again_and_its_path_printed(tmp_path: Path) -> None:
    make_run(tmp_path)
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == Exit.PASS
    assert Path(done.output.strip()) == tmp_path / "report.html"
    assert (tmp_path / "report.html").is_file()


def test_summary_is_printed_and_nothing_written(tmp_path: Path) -> None:
    make_run(tmp_path)
    done = CliRunner().invoke(command, [str(tmp_path), "--summary"])
    assert done.output.startswith("## Pass")
    assert not (tmp_path / "report.html").exists()


def test_folder_of_something_else_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run's folder"):
        command.main([str(tmp_path)], standalone_mode=False)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files too
