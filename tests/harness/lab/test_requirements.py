"""A machine that cannot have a lab is told what is missing."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from click.testing import CliRunner

from harness.command import UserError
from harness.command.lab import command
from harness.lab.plan import LabError
from harness.lab.requirements import require


def test_without_root_it_says_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root; use sudo"):
        require()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        shutil, "which", lambda name, path: None if name in {"sshd", "ip"} else f"/bin/{name}"
    )
    with pytest.raises(LabError, match=r"needs ip, sshd.*apt-get install iproute2 openssh-server$"):
        require()


def test_another_system_is_pointed_to_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match="needs Linux"):
        require()


def test_the_command_turns_it_into_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = CliRunner().invoke(command, ["up", "3", "--name", "never"], standalone_mode=False)
    assert isinstance(result.exception, UserError)
    assert result.exception.exit_code == 254
