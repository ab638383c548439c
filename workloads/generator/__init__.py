"""Generators: immutable values that say when which operation is asked for.

A generator is asked with `op(context)` and answers with an operation and its successor, with PENDING when it
has nothing for the threads that are free now, or with None when it is exhausted. It hears of every event with
`update`. Nothing here waits, sleeps or holds state, so that a schedule can be tested without any database,
clock or thread. After Jepsen's generators (jepsen.generator, Kingsbury).

    leaves      lift: plain Python values as generators
    choice      mix, flip_flop, any_of
    rate        stagger, delay, sleep
    limits      repeat, once, limit, time_limit, process_limit, until, until_ok
    threads     on_threads, on_clients, on_nemesis, reserve, each_thread, each_process
    phases      synchronize, phases, then
    mapping     map_ops, prefixed
    keyed       keyed: rolling independent keys
    validation  validate
    simulate    what a generator would do, without doing it

All randomness comes from the context's source; every operation that several threads could do goes to any one
of them.
"""

from workloads.generator.choice import any_of, flip_flop, mix
from workloads.generator.context import Context, Thread
from workloads.generator.keyed import keyed
from workloads.generator.leaves import Source, lift
from workloads.generator.limits import limit, once, process_limit, repeat, time_limit, until, until_ok
from workloads.generator.mapping import map_ops, prefixed
from workloads.generator.phases import phases, synchronize, then
from workloads.generator.protocol import PENDING, Answer, Generator, Pending
from workloads.generator.rate import delay, sleep, stagger
from workloads.generator.threads import each_process, each_thread, on_clients, on_nemesis, on_threads, reserve
from workloads.generator.validation import IllFormedOp, validate

__all__ = [
    "PENDING",
    "Answer",
    "Context",
    "Generator",
    "IllFormedOp",
    "Pending",
    "Source",
    "Thread",
    "any_of",
    "delay",
    "each_process",
    "each_thread",
    "flip_flop",
    "keyed",
    "lift",
    "limit",
    "map_ops",
    "mix",
    "on_clients",
    "on_nemesis",
    "on_threads",
    "once",
    "phases",
    "prefixed",
    "process_limit",
    "repeat",
    "reserve",
    "sleep",
    "stagger",
    "synchronize",
    "then",
    "time_limit",
    "until",
    "until_ok",
    "validate",
]
