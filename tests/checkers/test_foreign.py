"""Histories of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkers import codec, foreign
from checkers.codec import MalformedFileError
from checkers.foreign import parquet
from checkers.history import UNTIMED, History, Op
from checkers.transactions.checker import ListAppend, RwRegister
from checkers.verdict import Checker, Limits
from tests.checkers.histories import history

EDN = r"""
{:type :invoke, :f :read, :value nil, :process 0, :time 3, :index 0}
#jepsen.history.Op{:index 1, :time 5, :type :ok, :process 0, :f :read, :value nil}
{:type :info, :f :start-partition, :value {:n1 #{"n3" "n2"}}, :process :nemesis, :time 6, :index 2}
; a comment with a brace {
{:type :invoke, :f :cas, :value [nil 1], :process 1, :time 7,
 :index 3}
{:type :info, :f :cas, :value [nil 1], :process 1, :time 8, :error [:timeout "a } \" b"],
 :index 4, :exception #error{:cause "x", :via [#object[Foo "0x12"]]}}
"""


def _file(folder: Path, text: str) -> Path:
    (folder / "file").write_text(text)
    return folder / "file"


@pytest.mark.parametrize("text", [EDN, f"[{EDN}]", "[" + EDN.replace("}\n", "},\n") + "]"])
def test_edn_maps_one_by_one_or_in_a_vector(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)
    assert foreign.guess(path) == "edn"
    assert list(foreign.load(path)) == [
        Op(0, 3, 0, "invoke", "read"),
        Op(1, 5, 0, "ok", "read"),
        Op(2, 6, "nemesis", "info", "start-partition", {"n1": ["n2", "n3"]}),
        Op(3, 7, 1, "invoke", "cas", [None, 1]),
        Op(4, 8, 1, "info", "cas", [None, 1], error='["timeout","a } \\" b"]'),
    ]


def test_edn_values_become_what_json_has(tmp_path: Path) -> None:
    path = _file(
        tmp_path, "{:type :invoke, :f :read, :process 0, :value [:a 1.5 #{2 1} {:k sym} true \\c 2.5M]}"
    )
    (op,) = foreign.load(path)
    assert (op.index, op.time) == (0, UNTIMED)
    assert op.value == ["a", 1.5, [1, 2], {"k": "sym"}, True, "c", 2.5]


def test_edn_of_independent_tests_has_its_key_in_the_value(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        """{:type :invoke, :f :read, :process 0, :value [7 nil]}
           {:type :ok, :f :read, :process 0, :value [7 3]}
           {:type :info, :f :start, :process :nemesis, :value [1 2]}""",
    )
    ops = list(foreign.take_keys_out(foreign.load(path)))
    assert [(op.key, op.value) for op in ops] == [(7, None), (7, 3), (None, [1, 2])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{:type :invoke, :f :read, :process 0}\n{:type :ok, :f}\n", "line 2: "),
        (
            "{:type :invoke, :f :read, :process 0}\n{:type :done, :f :read, :process 0}",
            "line 2: Invalid enum",
        ),
        (
            "{:type :invoke, :f :read, :process 0}\n\n{:type :ok, :f :read, :process 1}",
            "line 3: completion of",
        ),
        (
            "{:type :invoke, :f :read, :process 0}\n{:type :ok,\n",
            "line 2: the map that begins here does not end",
        ),
        ("{:type :invoke, :f :read, :process 0}\nrubbish\n", 'line 2: "rubbish" is no operation'),
        ("{:type :invoke, :f :read, :process 0}\n3 {:type :ok}", 'line 2: "3" is no operation'),
        (
            "{:type :invoke, :f :read, :process 0}\n{:type :ok, :f :re",
            "line 2: the map that begins here does",
        ),
    ],
)
def test_malformed_edn_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MalformedFileError, match=message):
        foreign.load(_file(tmp_path, text))


LOG = "\n".join(
    [
        "INFO  jepsen.core - Running test",
        "INFO  jepsen.util - 0\t:invoke\t:write\t3",
        "INFO  jepsen.util - 1\t:invoke\t:read\tnil",
        "INFO  jepsen.util - 0\t:ok\t:write\t3",
        "INFO  jepsen.util - 1\t:fail\t:read\t:timed-out",
        "INFO  jepsen.util - 1\t:invoke\t:cas\t[3 4]",
        "INFO  jepsen.util - :nemesis\t:info\t:start\tnil",
        "INFO  jepsen.util - 1\t:info\t:cas\t:timed-out",
        "INFO jepsen.util - 2 :invoke :cas [0 1]",
        "INFO jepsen.util - 2 :fail :cas [0 1]",
    ]
)


def test_a_log_of_an_early_jepsen(tmp_path: Path) -> None:
    path = _file(tmp_path, LOG)
    assert foreign.guess(path) == "jepsen-log"
    assert list(foreign.load(path)) == [
        Op(0, UNTIMED, 0, "invoke", "write", 3),
        Op(1, UNTIMED, 1, "invoke", "read"),
        Op(2, UNTIMED, 0, "ok", "write", 3),
        Op(3, UNTIMED, 1, "fail", "read", error="timed-out"),
        Op(4, UNTIMED, 1, "invoke", "cas", [3, 4]),
        Op(5, UNTIMED, "nemesis", "info", "start"),
        Op(6, UNTIMED, 1, "info", "cas", error="timed-out"),
        Op(7, UNTIMED, 2, "invoke", "cas", [0, 1]),
        Op(8, UNTIMED, 2, "ok", "cas", False),  # it compared, and that is what it saw
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("INFO  jepsen.util - 2\t:invok\t:read\tnil", "line 11: "),
        ("INFO  jepsen.util - 2\t:invoke\t:cas\t[1 2", "line 11: "),
        ("INFO  jepsen.util - 2\t:ok\t:read\tnil", "line 11: completion of process 2 without an invocation"),
    ],
)
def test_a_malformed_log_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(MalformedFileError, match=message):
        foreign.load(_file(tmp_path, f"{LOG}\n{line}\n"))


def test_a_log_without_operations_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(MalformedFileError, match="no line has an operation"):
        foreign.load(_file(tmp_path, "INFO  jepsen.core - nothing\n"), "jepsen-log")


def test_parquet_there_and_back(tmp_path: Path) -> None:
    whole = history(
        "0 invoke write 1 key=3", "nemesis info start", "0 ok write 1 key=3 node=n1", "1 invoke read"
    )
    whole = History([*whole, Op(9, 9, 2, "invoke", "cas", [None, {"a": "\u00e4"}], "text", error="late")])
    parquet.write(tmp_path / "history.parquet", whole)
    assert foreign.guess(tmp_path / "history.parquet") == "parquet"
    assert foreign.load(tmp_path / "history.parquet") == whole


def test_parquet_that_is_none_or_holds_no_history(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(MalformedFileError, match="is no Parquet file"):
        foreign.load(tmp_path / "broken")
    parquet.write(tmp_path / "orphan", [Op(0, 0, 0, "ok", "read")])
    with pytest.raises(MalformedFileError, match="line 1: completion of process 0 without an invocation"):
        foreign.load(tmp_path / "orphan")


def test_our_own_files_are_taken_for_what_they_are(tmp_path: Path) -> None:
    whole = history("0 invoke write 1", "0 ok write 1")
    codec.write(tmp_path / "file", whole)
    assert foreign.guess(tmp_path / "file") == "jsonl"
    assert foreign.load(tmp_path / "file") == whole
    (tmp_path / "empty").write_bytes(b"")
    assert foreign.guess(tmp_path / "empty") == "jsonl"


@pytest.mark.parametrize(
    ("checker", "text"),
    [
        (
            ListAppend("serializable"),
            """{:process 0, :type :invoke, :f :txn, :value [[:r :x nil] [:append :y 1]], :index 0, :time 1}
               {:process 1, :type :invoke, :f :txn, :value [[:r :y nil] [:append :x 1]], :index 1, :time 2}
               {:process 0, :type :ok, :f :txn, :value [[:r :x nil] [:append :y 1]], :index 2, :time 3}
               {:process 1, :type :ok, :f :txn, :value [[:r :y []] [:append :x 1]], :index 3, :time 4}""",
        ),
        (
            RwRegister("serializable"),
            """{:process 0, :type :invoke, :f :txn, :value [[:r 5 nil] [:w 6 1]]}
               {:process 1, :type :invoke, :f :txn, :value [[:r 6 nil] [:w 5 1]]}
               #jepsen.history.Op{:process 0, :type :ok, :f :txn, :value [[:r 5 nil] [:w 6 1]]}
               {:process 1, :type :ok, :f :txn, :value [[:r 6 nil] [:w 5 1]]}""",
        ),
    ],
)
def test_edn_of_transactions_is_judged(tmp_path: Path, checker: Checker, text: str) -> None:
    verdict = checker.check(foreign.load(_file(tmp_path, text)), Limits())
    assert [anomaly.name for anomaly in verdict.anomalies] == ["G2-item"]
