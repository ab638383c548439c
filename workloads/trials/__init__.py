"""Trials: each makes databases of its own, configures their replication, uses it, and looks what came of it.

    script         one trial's operations, one after the other
    configuration  of appliers
    short, long    what is tried
    standing       appliers that have nothing to do, and are looked at in the end
    choice         which trial is next
    client         operations as requests

What a trial records, and how it is judged, stands in `checkers.trials`.
"""

from workloads.trials.choice import trials
from workloads.trials.client import TrialClient
from workloads.trials.standing import set_up_standing, watch_standing

__all__ = ["TrialClient", "set_up_standing", "trials", "watch_standing"]
