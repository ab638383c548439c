"""Systematic crash points: a server dies at every boundary of its writing, and must come back with a past.

A boundary is a moment before or after a write, an fsync, a rename or a removal has taken effect on the disk
(`HostDisk.boundary`). A script of requests is run once to count them; then, for each of them, once more in an
equal world until exactly there the process is killed, or the power cut. What is there after the restart is
compared with the states that the script went through.
"""
