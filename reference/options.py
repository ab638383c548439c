"""Options: how one server is started. Names and defaults are arangod's, for the options that there are.

Each section of `--help` is one frozen record; each field carries its option's name. There is no configuration
file: what a server does follows from its command line alone. An unknown option is an error, and the exit
code 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, NoReturn

from reference import VERSION

LEVELS = ("fatal", "error", "warning", "info", "debug", "trace")


class UsageError(Exception):
    """The command line is wrong; the message says how in one sentence."""


def _option(name: str, default: Any, says: str) -> Any:
    return field(default=default, metadata={"name": name, "help": says})


@dataclass(frozen=True, slots=True)
class Server:
    """Who may talk to this server, and where."""

    endpoint: str = _option("endpoint", "tcp://127.0.0.1:8529", "where to listen")
    authentication: bool = _option("authentication", True, "ask for user and password, or a token")
    jwt_secret_keyfile: str = _option(
        "jwt-secret-keyfile", "", "file whose content signs tokens; without it, a random secret for this run"
    )
    session_timeout_s: float = _option("session-timeout", 3600.0, "seconds that a user's token is valid")


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """Where and how data are kept."""

    directory: str = _option("directory", "", "folder for the data; created if it does not exist")
    wait_for_sync: bool = _option("wait-for-sync", False, "new collections wait for the disk on every write")


@dataclass(frozen=True, slots=True)
class RocksDB:
    """The write-ahead log. The section bears the name of arangod's engine, as its options do."""

    wal_file_timeout_s: float = _option(
        "wal-file-timeout", 10.0, "seconds after which a log file that nobody needs is removed"
    )
    wal_file_timeout_initial_s: float = _option(
        "wal-file-timeout-initial", 180.0, "seconds after the start in which no log file is removed"
    )
    sync_interval_ms: float = _option(
        "sync-interval", 100.0, "milliseconds between syncs of writes that did not wait for one; 0: none"
    )


@dataclass(frozen=True, slots=True)
class Replication:
    """Asynchronous replication, on the side of the follower, and active failover."""

    auto_start: bool = _option("auto-start", True, "start the appliers whose configuration says autoStart")
    automatic_failover: bool = _option(
        "automatic-failover", False, "take part in an active failover; needs the cluster options"
    )
    leader_grace_period_s: float = _option(
        "active-failover-leader-grace-period",
        8.0,
        "seconds that a leader serves after the agency last confirmed it",
    )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Servers that find each other through an agency."""

    my_role: str = _option("my-role", "", "SINGLE for a member of an active failover")
    my_address: str = _option("my-address", "", "tcp://host:port under which the others reach this server")
    agency_endpoint: tuple[str, ...] = _option(
        "agency-endpoint", (), "tcp://host:port of an agent; once for each of them"
    )
    heartbeat_interval_s: float = _option("heartbeat-interval", 1.0, "seconds between two heartbeats")


@dataclass(frozen=True, slots=True)
class Transaction:
    """Stream transactions."""

    streaming_lock_timeout_s: float = _option(
        "streaming-lock-timeout", 8.0, "seconds that a request waits while another uses its transaction"
    )
    streaming_idle_timeout_s: float = _option(
        "streaming-idle-timeout", 60.0, "seconds without a request after which a transaction is aborted"
    )
    streaming_max_transaction_size: int = _option(
        "streaming-max-transaction-size", 128 << 20, "bytes that one transaction may write"
    )


@dataclass(frozen=True, slots=True)
class Agency:
    """An agent: a member of the agency instead of a server with documents."""

    activate: bool = _option("activate", False, "be an agent")
    size: int = _option("size", 1, "number of agents, odd")
    my_address: str = _option("my-address", "", "this agent's endpoint, as the others reach it")
    endpoint: tuple[str, ...] = _option("endpoint", (), "an agent's endpoint; once for each of them")
    supervision: bool = _option("supervision", False, "supervise servers while this agent leads")
    supervision_frequency_s: float = _option("supervision-frequency", 1.0, "seconds between its rounds")
    supervision_grace_period_s: float = _option(
        "supervision-grace-period", 10.0, "seconds without a heartbeat after which a server has failed"
    )
    supervision_ok_threshold_s: float = _option(
        "supervision-ok-threshold",
        5.0,
        "seconds without a heartbeat after which a server is not good any more",
    )
    election_timeout_min_s: float = _option(
        "election-timeout-min",
        1.0,
        "shortest time in seconds without a leader before an agent stands for election",
    )
    election_timeout_max_s: float = _option(
        "election-timeout-max", 5.0, "longest time in seconds before that"
    )
    compaction_step_size: int = _option(
        "compaction-step-size", 1000, "log entries after which the tree is saved and the log is cut"
    )
    compaction_keep_size: int = _option(
        "compaction-keep-size", 1000, "entries that stay in the log for slower agents (arangod: 50000)"
    )


@dataclass(frozen=True, slots=True)
class Log:
    """Lines on standard error."""

    level: str = _option("level", "info", f"one of {', '.join(LEVELS)}")


@dataclass(frozen=True, slots=True)
class Options:
    """All options of one server, by section."""

    server: Server = field(default_factory=Server)
    database: DatabaseOptions = field(default_factory=DatabaseOptions)
    rocksdb: RocksDB = field(default_factory=RocksDB)
    replication: Replication = field(default_factory=Replication)
    transaction: Transaction = field(default_factory=Transaction)
    agency: Agency = field(default_factory=Agency)
    cluster: Cluster = field(default_factory=Cluster)
    log: Log = field(default_factory=Log)
    defect: str = ""
    """A known bug to plant, by name; only where the tests that know it can be imported."""


_SECTIONS: dict[str, type] = {
    "server": Server,
    "database": DatabaseOptions,
    "rocksdb": RocksDB,
    "replication": Replication,
    "transaction": Transaction,
    "agency": Agency,
    "cluster": Cluster,
    "log": Log,
}


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line; raises UsageError. `--help` and `--version` print and exit 0."""
    found = vars(_parser().parse_args(arguments))
    sections = {
        name: record(**{f.name: _value(f, found[f"{name}.{f.name}"]) for f in fields(record)})
        for name, record in _SECTIONS.items()
    }
    options = Options(**sections, defect=found["defect"])
    _check(options)
    return options


def _value(option: Field[Any], found: Any) -> Any:
    """What was given, where an option that may be repeated is a tuple."""
    return tuple(found or ()) if isinstance(option.default, tuple) else found


def _check(options: Options) -> None:
    if not options.database.directory:
        raise UsageError("--database.directory is missing: say in which folder the data shall be kept")
    if not options.server.endpoint.startswith("tcp://"):
        raise UsageError(f"--server.endpoint '{options.server.endpoint}' is not of the form tcp://host:port")
    if options.log.level not in LEVELS:
        raise UsageError(f"--log.level '{options.log.level}' is not one of {', '.join(LEVELS)}")
    if not 0 < options.transaction.streaming_idle_timeout_s <= 120:
        raise UsageError("--transaction.streaming-idle-timeout must be above 0 and at most 120 seconds")
    if options.agency.activate:
        _check_agency(options.agency)
        if options.server.authentication and not options.server.jwt_secret_keyfile:
            raise UsageError(
                "--server.jwt-secret-keyfile is missing: agents trust each other by a common secret"
            )
    if options.replication.automatic_failover:
        _check_failover(options.cluster)


def _check_failover(cluster: Cluster) -> None:
    if cluster.my_role != "SINGLE":
        raise UsageError("--replication.automatic-failover needs --cluster.my-role SINGLE")
    if not cluster.agency_endpoint:
        raise UsageError("--replication.automatic-failover needs --cluster.agency-endpoint, once per agent")
    for endpoint in (cluster.my_address, *cluster.agency_endpoint):
        if not endpoint.startswith("tcp://"):
            raise UsageError(f"--cluster: '{endpoint}' is not an address of the form tcp://host:port")
    if cluster.heartbeat_interval_s <= 0:
        raise UsageError("--cluster.heartbeat-interval must be above 0")


def _check_agency(agency: Agency) -> None:
    if agency.size % 2 == 0:
        raise UsageError(f"--agency.size {agency.size} must be odd")
    if not agency.my_address.startswith("tcp://"):
        raise UsageError(
            "--agency.my-address must say where the other agents reach this one: tcp://host:port"
        )
    known = {*agency.endpoint, agency.my_address}
    if len(known) != agency.size:
        raise UsageError(
            f"--agency.size is {agency.size}, but {len(known)} agents are known: "
            "give --agency.endpoint once for each of them"
        )
    if not 0 < agency.election_timeout_min_s < agency.election_timeout_max_s:
        raise UsageError(
            "--agency.election-timeout-min must be above 0 and below --agency.election-timeout-max"
        )
    if agency.compaction_step_size < 1 or agency.supervision_frequency_s <= 0:
        raise UsageError("--agency.compaction-step-size and --agency.supervision-frequency must be above 0")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message.replace("unrecognized arguments:", "unknown option:"))


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="arangod-ref",
        allow_abbrev=False,
        usage="arangod-ref --database.directory DIR [options]",
        description="A minimal server with ArangoDB's HTTP API and replication.",
    )
    parser.add_argument("--version", action="version", version=f"arangod-ref {VERSION}")
    parser.add_argument(
        "--defect",
        default="",
        metavar="NAME",
        help="plant a known bug, to see whether it is found; only from a source tree, with its tests",
    )
    for section, record in _SECTIONS.items():
        group = parser.add_argument_group(section, record.__doc__)
        for f in fields(record):
            _add(group, section, f)
    return parser


def _add(group: argparse._ArgumentGroup, section: str, option: Field[Any]) -> None:
    if isinstance(option.default, tuple):
        _add_repeatable(group, section, option)
        return
    convert, meta = _CONVERT[type(option.default)]
    is_flag = isinstance(option.default, bool)
    shown = str(option.default).lower() if is_flag else option.default
    says = option.metadata["help"]
    group.add_argument(
        f"--{section}.{option.metadata['name']}",
        dest=f"{section}.{option.name}",
        default=option.default,
        type=convert,
        metavar=meta,
        help=says if shown == "" else f"{says} (default: {shown})",
        nargs="?" if is_flag else None,
        const=True if is_flag else None,
    )


def _add_repeatable(group: argparse._ArgumentGroup, section: str, option: Field[Any]) -> None:
    group.add_argument(
        f"--{section}.{option.metadata['name']}",
        dest=f"{section}.{option.name}",
        action="append",
        metavar="TEXT",
        help=option.metadata["help"],
    )


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return word in ("true", "1", "yes", "on")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of zero or more")
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)


_CONVERT: dict[type, tuple[Any, str]] = {
    bool: (_boolean, "true|false"),
    float: (_seconds, "NUMBER"),
    int: (_whole, "NUMBER"),
    str: (str, "TEXT"),
}
