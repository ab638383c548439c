"""How workloads look at a group of servers of which one leads.

    observe  no value; `ok` value as in `checkers.failover_reigns`
    probe    value {"server": i, "kind": .., "dirty": bool, "number": n}; `ok` value as in
             `checkers.failover_probes`; server i is the i-th of the session's nodes

and how they write to whoever leads: `at_leader` follows refusals, and says what it then knows.
"""

from workloads.members.following import at_leader
from workloads.members.looking import observe, probe
from workloads.members.settling import settle
from workloads.members.spreading import spread

__all__ = ["at_leader", "observe", "probe", "settle", "spread"]
