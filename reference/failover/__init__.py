"""Active failover: two or more single servers, of which one leads and the others copy it as a whole.

    member        one server's loop: heartbeat, and what follows from what the agency says
    lease gate    until when this server may answer as leader, and what each request gets
    takeover      the predecessor's last tick, the diverged tail set aside
    job           the supervision's part: name another leader when one has failed
    queues        the leader runs queued jobs

Why there are never two leaders (AF-ONE-LEADER)

The agency holds two keys: the *leader's name* and a *lease record*. Who is named renews the record again and
again, each time with a value never used before, by a write that demands that the name is still its own. If
the renewal that was sent at time t (its own monotonic clock, read before sending) is acknowledged, it may
answer as leader until t + L. An answer that takes longer, or never comes, gives nothing.

The supervision remembers since when, by its own monotonic clock, it has seen the same record. Only if that is
at least G, it names another leader, by a write that demands that the record still has that value. L is in the
record; G is the greater of the agency's grace period and L (1 + r) / (1 - r).

1. The agency's writes have one order (CL-AGENCY-RAFT). Take the last renewal before the new name. Later ones
   fail, for the name has changed; so the old leader's right ends at t + L.
2. The supervision saw that very record, for its write demanded it, and it saw it after t. It waited for G
   after that. So the new name is in the agency after t + G, in whatever true time that is.
3. The assumption: **while the old leader's clock counts L, that of the supervision counts no more than
   L (1 + r) / (1 - r)**, true if no clock's rate is wrong by more than r = `DRIFT`. Then the old leader's
   right has ended before there is a new name. Clocks may show what they like, and requests may be as late as
   they like.

The right is checked when a request comes and again before its answer goes out (`gate`). A write that was
carried out and whose check then fails is not acknowledged; it is in the diverged tail. A request that was
under way when leadership ended is waited for before the server begins to follow.

A name that somebody wrote by hand comes without the supervision's waiting. The server so named therefore
waits for L (1 + r) / (1 - r) itself if the record is another's. A leader that is shut down marks the record
as released, after its last answer; then nobody needs to wait.

If the assumption is broken (the leader's clock stands still or runs much too slow, as that of a virtual
machine may), two servers answer as leaders until the slow one hears from the agency: what it acknowledges in
between is lost, though kept in its diverged tail. A test does so.

An arangod of that era has no such lease: its leader goes on without an agency for 120 s (since 3.9.12) or for
ever, while another is elected after 10 to 15 s.

What a failover loses (AF-ASYNC-LOSS): what the old leader had acknowledged and the new one had not applied.
The new leader notes in the agency up to which tick of its predecessor's log it came. The old leader, when it
comes back, writes what it has beyond that tick to a file in `diverged/`, tells so in its log and in
`applier-state?global=true`, and only then lets itself be overwritten (AF-REJOIN).

Not here: Foxx services; tasks of the queue other than writing a document; server modes by the agency's
`Readonly`; removing a member for good.
"""
