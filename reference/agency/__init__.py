"""Agency: a small tree of JSON that a few agents keep through Raft, for everything that servers must agree
on.

    tree operation precondition transaction   what may be said about the tree
    store                                     the tree with its times to live, observers and client ids
    log agent peers callbacks                 one agent: the consensus core between disk, network and clock
    client                                    what servers use
    supervision                               the leader's look after the servers; it is given its jobs

Guarantees: CL-AGENCY-RAFT (linearizable, survives a minority), CL-AGENCY-TRX, CL-AGENCY-CALLBACK.

Not here, and what a real agency does: agents that find each other by gossip (all endpoints are given at
the start), spare agents (pool size above size), locks on keys, `poll` (long polling, since 3.7),
`X-ArangoDB-Agency-Mode` (every write waits until it is committed).
"""
