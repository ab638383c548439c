from __future__ import annotations

import pytest

from reference.options import UsageError, parse

WHERE = "--database.directory=/somewhere"


def test_defaults_are_those_of_arangod() -> None:
    options = parse([WHERE])
    assert options.server.endpoint == "tcp://127.0.0.1:8529"
    assert options.server.authentication is True
    assert options.rocksdb.wal_file_timeout_s == 10
    assert options.rocksdb.wal_file_timeout_initial_s == 180
    assert options.transaction.streaming_idle_timeout_s == 60
    assert options.transaction.streaming_max_transaction_size == 128 << 20


def test_both_spellings_of_a_value_are_understood() -> None:
    assert parse([WHERE, "--server.endpoint=tcp://[::1]:1"]).server.endpoint == "tcp://[::1]:1"
    assert parse([WHERE, "--server.endpoint", "tcp://h:1"]).server.endpoint == "tcp://h:1"


@pytest.mark.parametrize(
    ("words", "value"),
    [([], True), (["--server.authentication"], True), (["--server.authentication", "false"], False)],
)
def test_a_flag_may_stand_alone(words: list[str], value: bool) -> None:
    assert parse([WHERE, *words]).server.authentication is value


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([WHERE, "--server.authenticatoin=true"], "unknown option: --server.authenticatoin"),
        ([WHERE, "--server.auth=true"], "unknown option"),
        ([WHERE, "surplus"], "unknown option: surplus"),
        ([], "--database.directory is missing"),
        ([WHERE, "--server.authentication=perhaps"], "neither true nor false"),
        ([WHERE, "--rocksdb.wal-file-timeout=-1"], "not a number"),
        ([WHERE, "--rocksdb.wal-file-timeout=nan"], "not a number"),
        ([WHERE, "--transaction.streaming-idle-timeout=500"], "at most 120"),
        ([WHERE, "--transaction.streaming-max-transaction-size=1e9"], "not a whole number"),
        ([WHERE, "--server.endpoint=localhost"], "tcp://host:port"),
        ([WHERE, "--log.level=loud"], "--log.level 'loud'"),
    ],
)
def test_a_wrong_command_line_is_one_clear_sentence(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(words)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_help_groups_the_options_by_section(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    sections = [
        text.index(f"\n{name}:\n") for name in ("server", "database", "rocksdb", "transaction", "log")
    ]
    assert sections == sorted(sections)
    assert "--rocksdb.wal-file-timeout-initial" in text
