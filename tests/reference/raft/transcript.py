"""Transcripts: a situation as text, commands and what follows from them.

A line that begins with "> " is a command, one that begins with "#" a remark, all others are the effects as
they are carried out. `python -m tests.reference.raft.transcript` writes the effects of all transcripts anew;
read the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reference.raft import (
    Accepted,
    Committed,
    Effect,
    Entry,
    Message,
    Persist,
    Propose,
    Read,
    ReadReady,
    Redirect,
    Restore,
    RoleChanged,
    Send,
)
from reference.raft.messages import AppendReply, AppendRequest, SnapshotRequest, VoteReply, VoteRequest
from tests.reference.raft.cluster import Cluster, Host, Patient

FOLDER = Path(__file__).parent / "transcripts"


class _Recorded(Cluster):
    """A cluster that writes down what it carries out."""

    def __init__(self, members: int, lines: list[str]) -> None:
        self.lines = lines
        super().__init__(members, Patient())

    def _carry_out(self, host: Host, effect: Effect) -> None:
        self.lines.append(f"{host.name} {_effect(effect)}")
        super()._carry_out(host, effect)


def play(text: str) -> str:
    """The transcript with the effects that follow now."""
    lines: list[str] = []
    cluster = _Recorded(3, lines)
    for line in text.splitlines():
        if line.startswith("> "):
            lines.append(line)
            name, *arguments = line[2:].split()
            if name == "members":
                cluster = _Recorded(int(arguments[0]), lines)
            else:
                _COMMANDS[name](cluster, *arguments)
        elif line.startswith("#") or not line:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _tick(cluster: Cluster, name: str, count: str = "1") -> None:
    for _ in range(int(count)):
        cluster.tick(name)
        cluster.carry_out(name)


def _deliver(cluster: Cluster, count: str = "1") -> None:
    """The oldest messages arrive."""
    for _ in range(int(count)):
        cluster.deliver()
        for name in cluster.running():
            cluster.carry_out(name)


def _repeat(cluster: Cluster) -> None:
    """The oldest message arrives, and stays on the wire."""
    cluster.deliver(keep=True)
    for name in cluster.running():
        cluster.carry_out(name)


def _overtake(cluster: Cluster) -> None:
    """The newest message arrives."""
    cluster.deliver(len(cluster.wire) - 1)
    for name in cluster.running():
        cluster.carry_out(name)


def _propose(cluster: Cluster, name: str, *commands: str) -> None:
    """All of them in one step."""
    cluster.step(name, *[Propose(cluster._new_id(), data.encode()) for data in commands])
    cluster.carry_out(name)


def _read(cluster: Cluster, name: str, count: str = "1") -> None:
    cluster.step(name, *[Read(cluster._new_id()) for _ in range(int(count))])
    cluster.carry_out(name)


def _start(cluster: Cluster, name: str) -> None:
    cluster.start(name)
    cluster.carry_out(name)


def _compact(cluster: Cluster, name: str) -> None:
    cluster.compact(name)
    cluster.carry_out(name)


def _elect(cluster: _Recorded, name: str) -> None:
    """A setting, so without its effects."""
    count = len(cluster.lines)
    cluster.elect(name)
    del cluster.lines[count:]
    cluster.lines.append(f"{name} leads in term {cluster.raft(name).term}")


_COMMANDS: dict[str, Callable[..., None]] = {
    "tick": _tick,
    "timeout": lambda cluster, name: cluster.lose_patience(name),
    "deliver": _deliver,
    "repeat": _repeat,
    "overtake": _overtake,
    "settle": lambda cluster: cluster.settle(),
    "lose": lambda cluster: cluster.wire.clear(),
    "propose": _propose,
    "read": _read,
    "crash": lambda cluster, name: cluster.crash(name),
    "start": _start,
    "isolate": lambda cluster, group: cluster.isolate(group),
    "heal": lambda cluster: cluster.blocked.clear(),
    "compact": _compact,
    "elect": _elect,
}


def _entries(entries: tuple[Entry, ...]) -> str:
    """Index.term and data of each."""
    return (
        "["
        + " ".join(f"{it.index}.{it.term}" + (f"={it.data.decode()}" if it.data else "") for it in entries)
        + "]"
    )


def _effect(effect: Effect) -> str:
    match effect:
        case Persist():
            return "persists " + ", ".join(_record(effect))
        case Send(to, message):
            return f"-> {to} {_message(message)}"
        case Committed(entries):
            return f"commits {_entries(entries)}"
        case Restore(snapshot):
            return f"restores {snapshot.index}.{snapshot.term}"
        case Accepted(id, index, term):
            return f"accepts {id} as {index}.{term}"
        case ReadReady(ids, index):
            return f"may answer reads {list(ids)} at {index}"
        case Redirect(ids, leader):
            return f"redirects {list(ids)} to {leader}"
        case RoleChanged(role, term, leader):
            return f"is {role} of term {term}, led by {leader}"


def _record(record: Persist) -> list[str]:
    parts = []
    if record.snapshot is not None:
        parts.append(f"snapshot {record.snapshot.index}.{record.snapshot.term}")
    if record.keep_from is not None:
        parts.append(f"keeps from {record.keep_from}")
    if record.truncate_from is not None:
        parts.append(f"cuts from {record.truncate_from}")
    if record.entries:
        parts.append(_entries(record.entries))
    if record.hard_state is not None:
        parts.append(f"term {record.hard_state.term} vote {record.hard_state.vote}")
    return parts


def _message(message: Message) -> str:
    term = f"(term {message.term})"
    match message:
        case VoteRequest(last_index=index, last_term=last_term, pre=pre):
            return f"{'would you ' if pre else ''}vote? {term} my log ends at {index}.{last_term}"
        case VoteReply(granted=granted, pre=pre):
            return f"{'would ' if pre else ''}vote {'yes' if granted else 'no'} {term}"
        case AppendRequest(
            prev_index=index, prev_term=prev_term, entries=entries, commit=commit, round=round
        ):
            return f"append {term} {index}.{prev_term} + {_entries(entries)} commit {commit} round {round}"
        case SnapshotRequest(snapshot=snapshot, round=round):
            return f"snapshot {term} {snapshot.index}.{snapshot.term} round {round}"
        case AppendReply(ok=True, index=index, round=round):
            return f"agree {term} up to {index} round {round}"
        case AppendReply(index=index, hint_index=hint_index, hint_term=hint_term, round=round):
            return f"differ {term} at {index}, hint {hint_index}.{hint_term} round {round}"
    raise TypeError(message)


def record() -> None:
    """Write all transcripts anew."""
    for path in sorted(FOLDER.glob("*.txt")):
        path.write_text(play(path.read_text()))


def read(name: str) -> str:
    """A transcript."""
    return (FOLDER / f"{name}.txt").read_text()


if __name__ == "__main__":
    record()
