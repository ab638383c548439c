"""How workloads watch copies of their data: the state of each follower, and what each server holds.

Two operations, shared by workloads that replicate:

    state     value {"follower": i}, or {"follower": i, "ask_leader": true} if the leader's tick is wanted;
              `ok` value {"follower": i, "running": bool, "applied": tick | None, "leader_tick": tick | None,
              "leader": endpoint | None, "error": text | None, "syncing": bool, "resyncs": count | None,
              "started": text | None}
    snapshot  value {"server": i}; `ok` value {"node": name, "documents": {key: revision}}

Followers are counted from 0 in inventory order; server 0 is the leader, server i the follower i - 1. The node
that answered is in `Op.node`.
"""

from workloads.replicas.exposure import exposures
from workloads.replicas.phase import converge, final
from workloads.replicas.requests import observe_state, take_snapshot, take_snapshots

__all__ = ["converge", "exposures", "final", "observe_state", "take_snapshot", "take_snapshots"]
