"""Taking packages to a host that lacks them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.environment import HostError
from harness.environments.archive import pack
from harness.environments.bundle import bundle


def package(path: Path, text: str = "ANSWER = 42\n") -> Path:
    path.mkdir()
    (path / "__init__.py").write_text(text)
    (path / "__pycache__").mkdir()
    (path / "__pycache__/stale.pyc").write_bytes(b"x")
    return path


def test_a_program_finds_its_packages_and_only_those(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", ["jinja2"], [package(tmp_path / "guest")])
    program = "import jinja2, markupsafe, guest; print(jinja2.__file__, guest.ANSWER)"
    said = subprocess.run([made / "python", "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(made / "lib/jinja2/__init__.py"), "42"]
    assert not (made / "lib/guest/__pycache__/stale.pyc").exists()
    assert not (made / "lib/pytest").exists()


def test_the_check_passes_where_everything_loads(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", ["msgspec"], [package(tmp_path / "guest")])
    assert subprocess.run([made / "check"], check=False).returncode == 0


def test_the_check_says_in_one_sentence_what_does_not_load(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", [], [package(tmp_path / "guest", "import no_such_module\n")])
    done = subprocess.run([made / "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "do not load there" in done.stderr
    assert "no_such_module" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_python_is_refused_by_name(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", [], [])
    launcher = made / "python"
    launcher.write_text(launcher.read_text().replace("python3", "python9").replace("Python 3", "Python 9"))
    done = subprocess.run([made / "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Python 9" in done.stderr
    assert "not installed there" in done.stderr


def test_the_same_packages_make_the_same_archive(tmp_path: Path) -> None:
    source = package(tmp_path / "guest")
    one, two = (bundle(tmp_path / name, ["msgspec", "jinja2"], [source]) for name in ("one", "two"))
    assert pack(one).digest == pack(two).digest


def test_a_distribution_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no-such-thing is not installed here"):
        bundle(tmp_path / "bundle", ["no-such-thing"], [])
