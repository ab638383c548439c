"""What the benchmark of the checkers generates and measures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from checkers.history import History
from checkers.linearizability import Linearizable
from checkers.models import model
from checkers.verdict import Limits
from harness.bench import checkers
from harness.bench.registers import Shape, generate


@pytest.mark.parametrize("values", [0, 5])
@pytest.mark.parametrize("impossible", [False, True])
def test_a_generated_history_is_what_its_shape_says(values: int, impossible: bool) -> None:
    shape = Shape(300, 4, 2, values, unknown=0.05, impossible=impossible)
    whole = History(generate(shape, 1))
    assert len(whole.pairs) == 300
    assert {pair.key for pair in whole.pairs} == {0, 1}
    assert any(pair.type == "info" for pair in whole.pairs)
    assert Linearizable(model("cas-register")).check(whole, Limits()).valid is not impossible


def test_each_search_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = checkers.store(Shape(100, 3, 1, 5), 1, tmp_path)
    figures = checkers.measure(path, checkers.READABLE, 60)
    assert figures["verdict"] == "valid"
    assert figures["seconds"] > 0


def test_an_external_checker_is_given_the_file_and_answers_by_its_exit_code(tmp_path: Path) -> None:
    path = checkers.store(Shape(10, 1, 1, 5), 1, tmp_path)
    program = "import sys; sys.exit(len(open(sys.argv[1]).readlines()))"
    figures = checkers.measure_external(path, f'{sys.executable} -c "{program}" {{}}')
    assert figures["verdict"] == "exit 20"
