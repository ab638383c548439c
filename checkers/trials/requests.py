"""What single answers show.

loop               a server was told to follow itself, and did (LF-NO-SELF)
wrong-password     a follower was let in by a leader that demands a password, with a wrong one (LF-AUTH)
old-configuration  after a second set-up something of the first one's configuration is left
                   (LF-SETUP-AGAIN)
not-a-snapshot     a snapshot shows what was written after it, or lacks what was written before
                   (LF-SYNC-TICK)
"""

from __future__ import annotations

from collections.abc import Iterator

from checkers.history import Pair
from checkers.trials.evidence import Finding, Trial, operations
from checkers.verdict import Anomaly

_LOOP, _REFUSED_BY_LEADER = 1405, 1402


def itself(trial: Trial) -> Iterator[Finding]:
    """LF-NO-SELF."""
    for follow in trial.pairs:
        if follow.f != "follow" or follow.invoke.value["leader"] != follow.invoke.value["server"]:
            continue
        if follow.type == "ok":
            sentence = f"{follow.node} was told to follow itself, and did"
            yield Finding("LF-NO-SELF", Anomaly("loop", sentence, follow.ops))
        elif _is_refused(follow, _LOOP):
            yield Finding("LF-NO-SELF")


def secrets(trial: Trial) -> Iterator[Finding]:
    """LF-AUTH. A password is wrong if a follow names one: the right one is added by the session alone."""
    if not any(knock.value["demands"] for knock in trial.ok("knock")):
        return
    for follow in trial.pairs:
        if follow.f != "follow" or "password" not in follow.invoke.value["configuration"]:
            continue
        if follow.type == "ok":
            sentence = f"{follow.node} was let in by its leader with a wrong password"
            yield Finding("LF-AUTH", Anomaly("wrong-password", sentence, follow.ops))
        elif _is_refused(follow, _REFUSED_BY_LEADER):
            yield Finding("LF-AUTH")


def _is_refused(pair: Pair, number: int) -> bool:
    """Whether the answer was an error of this number: "400/1405 and why"."""
    error = None if pair.completion is None else pair.completion.error
    return error is not None and error.partition(" ")[0].endswith(f"/{number}")


def settings(trial: Trial) -> Iterator[Finding]:
    """LF-SETUP-AGAIN: the last set-up's configuration is shown, and nothing of those before it."""
    for shown in trial.ok("settings"):
        server = shown.value["server"]
        setup = trial.last(shown, server, "follow", "configure")
        if setup is None or setup.f != "follow" or setup.type != "ok" or not trial.is_sure(shown):
            continue
        given = setup.invoke.value["configuration"]
        wrong = [name for name in given if shown.value["shown"].get(name) != given[name]]
        for earlier in trial.ok("follow"):
            if earlier.precedes(setup) and earlier.invoke.value["server"] == server:
                old = earlier.invoke.value["configuration"]
                wrong += [
                    name for name in old if name not in given and shown.value["shown"].get(name) == old[name]
                ]
        if not wrong:
            yield Finding("LF-SETUP-AGAIN")
            continue
        sentence = (
            f"{shown.node} was set up again, and its {wrong[0]} is {shown.value['shown'].get(wrong[0])}"
        )
        yield Finding("LF-SETUP-AGAIN", Anomaly("old-configuration", sentence, operations(setup, shown)))


def snapshots(trial: Trial) -> Iterator[Finding]:
    """LF-SYNC-TICK."""
    for pin in trial.ok("pin"):
        for dump in trial.ok("dump"):
            if dump.invoke.value["snapshot"] != pin.value["snapshot"]:
                continue
            name, keys = dump.value["collection"], dump.value["keys"]
            later = [f for f in trial.acts("fill") if pin.precedes(f) and f.invoke.index < dump.invoke.index]
            early = [f for f in trial.ok("fill") if f.precedes(pin)]
            wrong = [(f, k) for f in later for k in f.invoke.value["collections"].get(name, ()) if k in keys]
            lacking = [
                (f, k) for f in early for k in f.invoke.value["collections"].get(name, ()) if k not in keys
            ]
            if not wrong and not lacking:
                yield Finding("LF-SYNC-TICK")
            for fill, key in (*wrong, *lacking):
                did = f"shows {key}, written after it" if (fill, key) in wrong else f"lacks {key}"
                sentence = f"a snapshot of {dump.node} {did}"
                ops = operations(pin, fill, dump)
                yield Finding("LF-SYNC-TICK", Anomaly("not-a-snapshot", sentence, ops))
