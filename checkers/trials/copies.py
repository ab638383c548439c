"""What followers hold: after a set-up, after they have caught up, and never.

    answered-early       a set-up had ended, and its copy lacked what the leader had when it began (LF-SETUP)
    surplus-collection   a copy had a collection, or a document (surplus-document), that the leader had not
    surplus-document     when the copying began (LF-SYNC-OVERWRITES)
    divergence           a follower had caught up, and differed from its leader (LF-CONVERGE)
    leaked-collection    a follower had something of the leader that its configuration, the documents, or the
                         borders of the database keep from it
    phantom-on-follower  a follower had a document that its leader's log does not have (LF-ORDER)

What is looked at was asked for at a time when nobody changed anything; where it is unknown whether somebody
did, nothing is judged. A follower may crash and restart at any time: what is demanded here holds all
the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from checkers.history import Pair
from checkers.trials.evidence import Finding, Trial, operations, settled
from checkers.trials.scope import barrier, takes
from checkers.verdict import Anomaly


def copied(trial: Trial) -> Iterator[Finding]:
    """What the first look after a set-up or a sync shows."""
    for copy in trial.ok("follow", "sync"):
        look = trial.next_look(copy)
        if look is None or not trial.is_sure(look):
            continue
        yield from _surplus(trial, copy, look)
        if copy.f == "follow":
            yield from _early(trial, copy, look)


def _early(trial: Trial, copy: Pair, look: Pair) -> Iterator[Finding]:
    """LF-SETUP: what the leader certainly had when the set-up began is in the copy when it has ended."""
    for fill in _fills(trial, copy.invoke.value["leader"]):
        if not (fill.precedes(copy) and fill.invoke.value["durable"]):
            continue
        for name, keys in fill.invoke.value["collections"].items():
            if name not in look.value["collections"] or not takes(name, copy.invoke.value["configuration"]):
                continue
            held = look.value["documents"].get(name, {})
            missing = [key for key in keys if key not in held and not _is_taken_away(trial, name, key)]
            yield (
                Finding("LF-SETUP")
                if not missing
                else Finding(
                    "LF-SETUP",
                    Anomaly(
                        "answered-early",
                        f"the set-up of {look.node} had ended, but its {name} lacks {missing[0]}, which the "
                        "leader had when it began",
                        operations(fill, copy, look),
                    ),
                )
            )


def _surplus(trial: Trial, copy: Pair, look: Pair) -> Iterator[Finding]:
    """LF-SYNC-OVERWRITES: what the leader did not have when the copying began is gone when it has ended."""
    server, configuration = copy.invoke.value["server"], copy.invoke.value["configuration"]
    theirs = _created(trial, copy.invoke.value["leader"])
    for fill in _fills(trial, server):
        if not fill.precedes(copy):
            continue
        for name, keys in fill.invoke.value["collections"].items():
            if not takes(name, configuration):
                continue
            if name not in theirs:
                found = [f"the collection {name}"] if name in look.value["names"] else []
                yield _surplus_in(found, "surplus-collection", fill, copy, look)
            elif name in look.value["documents"]:
                found = [f"{key} in {name}" for key in keys if key in look.value["documents"][name]]
                yield _surplus_in(found, "surplus-document", fill, copy, look)
    for removal in trial.ok("remove"):
        value = removal.invoke.value
        held = look.value["documents"].get(value["collection"])
        if removal.precedes(copy) and held is not None and takes(value["collection"], configuration):
            found = [f"{value['key']} in {value['collection']}"] if value["key"] in held else []
            yield _surplus_in(found, "surplus-document", removal, copy, look)


def _surplus_in(found: Sequence[str], name: str, cause: Pair, copy: Pair, look: Pair) -> Finding:
    if not found:
        return Finding("LF-SYNC-OVERWRITES")
    sentence = f"{look.node} has {found[0]} after a copy of its leader, which had no such thing"
    return Finding("LF-SYNC-OVERWRITES", Anomaly(name, sentence, operations(cause, copy, look)))


def equal(trial: Trial) -> Iterator[Finding]:
    """LF-CONVERGE: a follower that runs and has caught up is looked at side by side with its leader."""
    for state in trial.ok("state"):
        tick = trial.awaited(state) if settled(state.value) and trial.is_sure(state, "sync") else None
        if tick is None:
            continue
        server = state.value["server"]
        theirs = _look_after(trial, state, tick.value["server"])
        ours = _look_after(trial, state, server)
        if theirs is None or ours is None or _is_touched(trial, state, server):
            continue
        difference = _difference(theirs.value, ours.value, trial.configuration(state, server))
        yield (
            Finding("LF-CONVERGE")
            if difference is None
            else Finding(
                "LF-CONVERGE",
                Anomaly(
                    "divergence",
                    f"{ours.node} runs and has caught up with {theirs.node}, but {difference}",
                    operations(tick, state, theirs, ours),
                ),
            )
        )


def _look_after(trial: Trial, state: Pair, server: int) -> Pair | None:
    """The first look at a server after a state, if nobody changed anything in between."""
    for look in trial.ok("look"):
        if state.precedes(look) and look.value["server"] == server:
            return look if trial.is_quiet(state, look) else None
    return None


def _is_touched(trial: Trial, moment: Pair, server: int) -> bool:
    """Whether somebody wrote on a follower after the last time that its data were copied."""
    copy = trial.last(moment, server, "follow", "sync")
    change = trial.last(moment, server, "fill", "drop", "remove")
    return copy is None or (change is not None and change.invoke.index > copy.invoke.index)


def _difference(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], configuration: Mapping[str, Any]
) -> str | None:
    """In words; None if there is none in what is to be replicated."""
    for name in sorted({*theirs["names"], *ours["names"]}):
        if takes(name, configuration) and (name in theirs["names"]) != (name in ours["names"]):
            return f"{'has no' if name in theirs['names'] else 'has a'} collection {name}"
    for name, documents in theirs["documents"].items():
        held = ours["documents"].get(name, {})
        if takes(name, configuration) and name in ours["collections"] and documents != held:
            keys = [key for key in sorted({*documents, *held}) if documents.get(key) != held.get(key)]
            return f"its {name} differs in {', '.join(keys[:5])}"
    return None


def leaks(trial: Trial) -> Iterator[Finding]:
    """What a follower may not have, whatever happened to it meanwhile."""
    for look in trial.ok("look"):
        server = look.value["server"]
        configurations = [
            pair.invoke.value["configuration"]
            for pair in trial.acts("follow", "sync", "configure")
            if pair.invoke.index < look.invoke.index and pair.invoke.value["server"] == server
        ]
        if configurations:
            yield from _leaked_documents(trial, look, configurations)
            yield from _leaked_collections(trial, look, configurations)


def _leaked_documents(
    trial: Trial, look: Pair, configurations: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Documents in system collections, which every server has."""
    for fill in trial.acts("fill"):
        value = fill.invoke.value
        if value["server"] == look.value["server"] or fill.invoke.index > look.invoke.index:
            continue
        for name, keys in value["collections"].items():
            clauses = [barrier(name, each) for each in configurations]
            if not name.startswith("_") or None in clauses or name not in look.value["documents"]:
                continue
            found = [key for key in keys if key in look.value["documents"][name]]
            yield _leak(str(clauses[-1]), f"{found[0]} in its {name}" if found else None, fill, look)


def _leaked_collections(
    trial: Trial, look: Pair, configurations: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Collections of other databases, and those that no configuration takes."""
    server = look.value["server"]
    creations: dict[str, list[Pair]] = {}
    for fill in trial.acts("fill"):
        for name in fill.invoke.value["new"]:
            creations.setdefault(name, []).append(fill)
    for name, fills in creations.items():
        last, is_shown = fills[-1], name in look.value["names"]
        if last.invoke.index > look.invoke.index or any(_is_at(fill, server) for fill in fills):
            continue
        what = f"the collection {name}" if is_shown else None
        if all(fill.invoke.value.get("elsewhere") for fill in fills):
            yield _leak("LF-PER-DATABASE", what, last, look)
        elif all(barrier(name, each) is not None for each in configurations):
            yield _leak("LF-CONVERGE", what, last, look)
    for name in look.value["names"]:
        if name not in creations:
            yield _leak("LF-PER-DATABASE", f"the collection {name} of another database", look, look)


def _leak(clause: str, what: str | None, cause: Pair, look: Pair) -> Finding:
    if what is None:
        return Finding(clause)
    sentence = f"{look.node} has {what}, which is not to be replicated to it"
    return Finding(clause, Anomaly("leaked-collection", sentence, operations(cause, look)))


def phantoms(trial: Trial) -> Iterator[Finding]:
    """LF-ORDER: what a follower had, and its leader, looked at later, has not, though nobody removed it."""
    looks = list(trial.ok("look"))
    for fill in trial.acts("fill"):
        source = fill.invoke.value["server"]
        followers = [look for look in looks if _follows(trial, look, source)]
        for name, keys in fill.invoke.value["collections"].items():
            for ours in (look for look in followers if name in look.value["documents"]):
                theirs = next((e for e in looks if ours.precedes(e) and e.value["server"] == source), None)
                if theirs is None or name not in theirs.value["collections"]:
                    continue
                held, there = ours.value["documents"][name], theirs.value["documents"].get(name, {})
                lost = [
                    k for k in keys if k in held and k not in there and not _is_gone(trial, name, k, theirs)
                ]
                yield (
                    Finding("LF-ORDER")
                    if not lost
                    else Finding(
                        "LF-ORDER",
                        Anomaly(
                            "phantom-on-follower",
                            f"{ours.node} had {lost[0]} in {name}, and {theirs.node}, its leader, has not",
                            operations(fill, ours, theirs),
                        ),
                    )
                )


def _follows(trial: Trial, look: Pair, source: int) -> bool:
    """Whether a look was at a server whose data can have come from nobody but `source`."""
    server = look.value["server"]
    leaders = {
        pair.invoke.value["leader"]
        for pair in trial.acts("follow", "sync", "configure")
        if pair.invoke.value["server"] == server
    }
    return server != source and leaders == {source}


def _is_gone(trial: Trial, name: str, key: str, before: Pair) -> bool:
    """Whether somebody may have taken a document away before a look."""
    return any(
        pair.invoke.index < before.invoke.index
        and (pair.f == "close" or pair.invoke.value["collection"] == name)
        and pair.invoke.value.get("key", key) == key
        for pair in trial.acts("drop", "remove", "close")
    )


def _is_taken_away(trial: Trial, name: str, key: str) -> bool:
    return any(
        pair.invoke.value["collection"] == name and pair.invoke.value.get("key", key) == key
        for pair in trial.acts("drop", "remove")
    )


def _fills(trial: Trial, server: int | None) -> list[Pair]:
    """What was certainly written to the trial's database at a server."""
    return [
        fill
        for fill in trial.ok("fill")
        if fill.invoke.value["server"] == server and not fill.invoke.value.get("elsewhere")
    ]


def _created(trial: Trial, server: int | None) -> frozenset[str]:
    """The collections that may have been created at a server."""
    return frozenset(
        name
        for fill in trial.acts("fill")
        if fill.invoke.value["server"] == server
        for name in fill.invoke.value["collections"]
    )


def _is_at(fill: Pair, server: int) -> bool:
    return bool(fill.invoke.value["server"] == server)
