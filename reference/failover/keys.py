"""The agency's keys that active failover uses. `Lease` and `Takeovers` are ours, the others ArangoDB's."""

from __future__ import annotations

LEADER = "/arango/Plan/AsyncReplication/Leader"
LEASE = "/arango/Current/AsyncReplication/Lease"
TAKEOVERS = "/arango/Current/AsyncReplication/Takeovers"
"""Below it, by serverId of the predecessor: `{"tick", "by"}`, its last tick that its successor has."""
FOXXMASTER = "/arango/Current/Foxxmaster"
REGISTERED = "/arango/Current/ServersRegistered"
SINGLES = "/arango/Plan/Singles"
CURRENT_SINGLES = "/arango/Current/Singles"
HEALTH = "/arango/Supervision/Health"
FINISHED = "/arango/Target/Finished"
STATES = "/arango/Sync/ServerStates"
"""Transient, below it by server: `{"time", "status"}`."""
POSITIONS = "/arango/AsyncReplication"
"""Transient, below it by server: `{"leader", "lastTick"}`."""
