"""Exploring: many lives of simulated clusters, what goes wrong in them, and the least that makes it go wrong.

swarm        a seed becomes a frozen record of options, which is printed
conditions   what a world is like all the time: links, disks, clocks
life         one life of a swarm, and what is remembered of it
fingerprint  which violations are the same
campaign     many lives over all cores, until time, count or first failure
pool         the processes they are lived in
kept         the run folder of a failing seed, with its trace and its tape
tape         the choices of a run, given instead of drawn
replay       the same again, or where it went another way
ddmin        delta debugging
shrink       the least tape that still fails
regression   shrunk tapes that are kept for good
planted      defects of the tests' catalogue, planted on purpose
kills        how soon the swarm finds each of them
"""
