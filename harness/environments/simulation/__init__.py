"""Many servers in this process, in virtual time: every run from a seed, the same again to the byte.

The servers are the reference's own code; only their doors (clock, network, disk) are simulated:

    loop       time, the order of things, and whose callbacks run
    clock      what each host believes about time
    network    messages between hosts, over connections
    disk       what was written, what was fsynced, and what a power loss leaves
    host       one host: its disk and clock, and the lives of its servers
    transport  clients' connections
    world      all of it, as the harness's `Environment`
    trace      everything that happened, as one hash

Not here: any other database than one that can run in this process, and any kind of fault below whole
messages.
"""

from __future__ import annotations

from harness.environment import EnvironmentOptions
from harness.environments.simulation.world import SimulatedEnvironment, SimulatedWorld

__all__ = ["SimulatedEnvironment", "SimulatedWorld", "environment"]


def environment(options: EnvironmentOptions) -> SimulatedEnvironment:
    """A new world of `options.node_count` hosts, drawn from `options.seed`."""
    return SimulatedEnvironment(options.node_count, options.seed, keep_trace=options.keep_trace)
