"""Trials: short histories of one database each, whose replication was configured, used and looked at.

A trial is the operations of one `key`, by one client after the other, never two at once. Servers are
numbered; 0 is the leader that all other workloads write to. Every value has "server", whom it was asked of.
What may change something:

    open, close  a database of the trial's own, at that server; with "elsewhere" another one beside it
    fill         "collections": {name: [key, ...]} are written, those in "new" are created first; "durable"
                 says that the answer waits for the disk
    drop, remove a "collection", or the document "key" in it
    follow, sync, configure  with "leader", a server or null where nobody listens, and "configuration";
                 `ok` of a sync has "tick"
    start, stop, forget      the applier; a start may have "from", a tick
    flush        begin a new log file

and what only looks:

    tick         `ok` has "tick", the last one of the server's log, and then "uptime_s"
    state        `ok` has "uptime_s", and then "running", "applied", "error", "resyncs", "requests" and
                 "failed_connects"; "target" is the tick that is waited for
    settings     `ok` has "shown", the applier's configuration
    look         `ok` has "names" of all collections but the system's, and "documents" of those in
                 "collections" that there are, {name: {key: revision}}
    pin, dump    a "snapshot", and the "keys" of a "collection" in it
    knock        `ok` has "demands", whether the server wants a password

    evidence  one trial, and what came before what
    scope     which collections an applier's configuration takes
    copies    what followers hold
    conduct   when appliers run, stop and ask
    requests  what single answers show
    checker   all of it as one verdict
"""

from checkers.trials.checker import Trials, findings, moments
from checkers.trials.evidence import LOOKS, settled, undecided

__all__ = ["LOOKS", "Trials", "findings", "moments", "settled", "undecided"]
