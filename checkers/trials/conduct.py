"""When appliers run, when they stop, and how often they ask.

    went-on-after-error  an applier runs and has passed an event that it cannot have applied
                         (LF-APPLIER-STOPS)
    unapplicable-event   an applier stopped at an event of its leader, though nobody but it had changed
                         anything on the follower (LF-CONVERGE)
    too-many-resyncs     more copies in a row than autoResyncRetries allows (LF-RESYNC-RETRIES)
    start-tick-gone      the leader had lost the log after a sync that it had not even restarted since
                         (LF-SYNC-TICK)
    started-unasked      an applier without autoStart runs after a restart (LF-AUTOSTART-OFF)
    not-resumed          a follower that was set up does not go on after a restart (LF-AUTOSTART-ON)
    paused-too-long      an idle applier did not ask for longer than its configuration allows (LF-POLLING)

That a server was restarted, or was not, is what its own uptime says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from checkers.faults import Fault
from checkers.history import Pair
from checkers.trials.evidence import Finding, Trial, elapsed_s, operations, settled, span_s
from checkers.verdict import Anomaly

NO_START_TICK, TICK_NOT_PRESENT = 1413, 1414
_UNAPPLICABLE = frozenset({1200, 1202, 1203, 1207, 1210})
"""Errors of an event that does not fit the data."""
_SLACK_S = 2.0
"""What an answer and a busy machine may add to a pause."""
_MARGIN = 1.1
"""How wrong clocks may run."""
_AFTERMATH_S = 4.0
"""For so long after a fault an applier may still be busy with what the fault did to it."""


def errors(trial: Trial) -> Iterator[Finding]:
    """Whether appliers stop at what they cannot apply, and at nothing else."""
    for state in trial.ok("state"):
        server = state.value["server"]
        drop = trial.last(state, server, "drop")
        copy = trial.last(state, server, "follow", "sync")
        if copy is None or not trial.is_sure(state, "sync"):
            continue
        if drop is not None and drop.invoke.index > copy.invoke.index:
            yield from _after_conflict(trial, drop, state)
        elif state.value["error"] in _UNAPPLICABLE and not state.value["running"]:
            change = trial.last(state, server, "fill", "drop", "remove")
            if change is None or change.invoke.index < copy.invoke.index:
                yield _anomaly(
                    "LF-CONVERGE",
                    "unapplicable-event",
                    f"the applier of {state.node} stopped with {state.value['error']} though nobody had "
                    "touched its data",
                    *(copy, state),
                )


def _after_conflict(trial: Trial, drop: Pair, state: Pair) -> Iterator[Finding]:
    """The follower's collection is gone, and its leader has written to it since."""
    name = drop.invoke.value["collection"]
    written = [
        fill
        for fill in trial.ok("fill")
        if name in fill.invoke.value["collections"] and drop.precedes(fill) and fill.precedes(state)
    ]
    if not written:
        return
    if not state.value["running"]:
        if state.value["error"] in _UNAPPLICABLE:
            yield Finding("LF-APPLIER-STOPS")
        return
    look, tick = trial.next_look(state), trial.awaited(state)
    # The look says that the collection was not brought back by a loss of power, which undoes the drop.
    if settled(state.value) and tick is not None and look is not None and name not in look.value["names"]:
        yield _anomaly(
            "LF-APPLIER-STOPS",
            "went-on-after-error",
            f"the applier of {state.node} runs and has caught up, though {name}, to which its leader wrote, "
            "is gone there",
            *(drop, written[0], state, look),
        )


def retries(trial: Trial) -> Iterator[Finding]:
    """An applier that may resynchronize, and has nobody to do it with."""
    for state in trial.ok("state"):
        server = state.value["server"]
        configured = trial.configuration(state, server)
        start = trial.last(state, server, "start", "follow", "configure")
        last = trial.last(state, server, "configure")
        if start is None or start.f != "start" or last is None or configured.get("leader", 0) is not None:
            continue
        most = configured.get("autoResyncRetries", 0)
        if not trial.is_sure(state):
            continue
        if state.value["resyncs"] <= most:
            yield Finding("LF-RESYNC-RETRIES")
            continue
        if 0.9 * state.value["uptime_s"] < span_s(last, state):
            continue  # perhaps restarted before it was started: then these are two rows
        yield _anomaly(
            "LF-RESYNC-RETRIES",
            "too-many-resyncs",
            f"the applier of {state.node} made {state.value['resyncs']} copies in a row; it may make {most}",
            *(last, start, state),
        )


def handover(trial: Trial) -> Iterator[Finding]:
    """LF-SYNC-TICK: the log after a sync's tick is kept for its follower."""
    for state in trial.ok("state"):
        server = state.value["server"]
        start, sync = trial.last(state, server, "start", "follow"), trial.last(state, server, "sync")
        if start is None or sync is None or start.f != "start" or not trial.is_sure(state):
            continue
        if "tick" not in sync.value or start.invoke.value.get("from") != sync.value["tick"]:
            continue
        is_gone = state.value["error"] == TICK_NOT_PRESENT and not state.value["running"]
        if not is_gone and settled(state.value):
            yield Finding("LF-SYNC-TICK")
        elif is_gone and (tick := _old_leader(trial, sync, state)) is not None:
            yield _anomaly(
                "LF-SYNC-TICK",
                "start-tick-gone",
                f"{state.node} cannot go on from tick {sync.value['tick']} of its sync: the leader, which "
                "has not been restarted, has no longer got it",
                *(sync, start, state, tick),
            )


def _old_leader(trial: Trial, sync: Pair, state: Pair) -> Pair | None:
    """A `tick` after `state` at which the leader had certainly been up since before the sync."""
    for tick in trial.ok("tick"):
        same = tick.value["server"] == sync.invoke.value["leader"]
        if same and state.precedes(tick) and 0.9 * tick.value["uptime_s"] > span_s(sync, tick) + 0.1:
            return tick
    return None


def restarts(trial: Trial) -> Iterator[Finding]:
    """LF-AUTOSTART-OFF and LF-AUTOSTART-ON."""
    for state in trial.ok("state"):
        server = state.value["server"]
        begun = trial.last(state, server, "start", "follow", "stop", "forget", "sync", "configure")
        if begun is None or begun.type != "ok" or begun.f not in ("start", "follow"):
            continue
        if not trial.is_sure(state) or not _has_restarted(begun, state):
            continue
        if begun.f == "follow":
            yield _resumed(begun, state)
            continue
        if not trial.configuration(state, server).get("autoStart", False):
            yield _stayed(begun, state)


def standing(trial: Trial) -> Iterator[Finding]:
    """Likewise of appliers that were started before the history began, and that nobody has touched since."""
    for state in () if any(trial.acts()) else trial.ok("state"):
        shown = [each for each in trial.ok("settings") if each.value["server"] == state.value["server"]]
        if not shown or _MARGIN * state.value["uptime_s"] + 0.1 >= state.invoke.time / 1e9:
            continue
        starts = shown[0].value["shown"].get("autoStart", False)
        yield _resumed(shown[0], state) if starts else _stayed(shown[0], state)


def _has_restarted(begun: Pair, state: Pair) -> bool:
    """Whether the server has certainly been started after `begun`; drifting clocks allowed for."""
    return bool(_MARGIN * state.value["uptime_s"] + 0.1 < elapsed_s(begun, state))


def _stayed(start: Pair, state: Pair) -> Finding:
    if not state.value["running"]:
        return Finding("LF-AUTOSTART-OFF")
    sentence = f"the applier of {state.node} runs after a restart, though it has no autoStart"
    return _anomaly("LF-AUTOSTART-OFF", "started-unasked", sentence, start, state)


def _resumed(follow: Pair, state: Pair) -> Finding:
    """It may have stopped since for a reason that the documents know; having no tick is none."""
    if state.value["running"] or state.value["error"] not in (0, NO_START_TICK):
        return Finding("LF-AUTOSTART-ON")
    why = f"it says {state.value['error']}" if state.value["error"] else "and does not say why"
    sentence = f"{state.node} was set up, and after a restart its applier does not run: {why}"
    return _anomaly("LF-AUTOSTART-ON", "not-resumed", sentence, follow, state)


def polling(trial: Trial, broken: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """LF-POLLING: two states in between which an idle applier must have asked. `broken` are the times (ns)
    between which there were faults.
    """
    shown = next(trial.ok("settings"), None)
    if trial.kind != "idle" or shown is None:
        return
    configuration = shown.value["shown"]
    longest_s = configuration["idleMaxWaitTime"] + configuration["requestTimeout"] + _SLACK_S
    states = [state for state in trial.ok("state") if state.value["running"]]
    for before, after in itertools.combinations(states, 2):
        same = all(before.value[name] == after.value[name] for name in ("requests", "failed_connects"))
        begin, end = before.invoke.time, after.invoke.time
        is_calm = not any(first <= end and begin < last + _AFTERMATH_S * 1e9 for first, last in broken)
        if elapsed_s(before, after) <= longest_s or not is_calm:
            continue
        if not same or after.value["uptime_s"] < before.value["uptime_s"]:
            yield Finding("LF-POLLING")
            continue
        yield _anomaly(
            "LF-POLLING",
            "paused-too-long",
            f"the idle applier of {after.node} asked nothing for {elapsed_s(before, after):.1f} s; "
            f"its pauses are at most {configuration['idleMaxWaitTime']:g} s",
            *(before, after),
        )
        return


def spans(found: Sequence[Fault], times: dict[int, int]) -> list[tuple[int, int]]:
    """The times (ns) between which each fault was in force; `times` are those of the history by index."""
    return [(times[fault.begin], times[fault.end]) for fault in found]


def _anomaly(clause: str, name: str, sentence: str, *pairs: Pair) -> Finding:
    return Finding(clause, Anomaly(name, sentence, operations(*pairs)))
