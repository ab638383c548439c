"""Environments: where databases run. A module with a function `environment(options)` is one, by its name.

`ssh` is any hosts reachable by SSH; `lab` makes its hosts on this machine and can cut their power.
"""
