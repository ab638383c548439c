"""Benchmarks: how fast the reference server is, measured from outside through a socket.

The reference must be fast enough that a test under load tests replication and not Python. One server runs on
one core and the load on another. The load is a closed loop: every connection sends its next request when the
last one was answered, so latency and rate are two sides of one figure.

Beside each figure stands what it cost the server in CPU time, which a busy machine hardly changes, how busy
the load program was (near 100 % it measures itself, and the figure is a lower bound), and, if Debian's
redis-server is installed, the same load against that.

Not here: replication, several servers, other machines.
"""
