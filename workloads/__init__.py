"""What clients do to a database, and which promises that tests.

A module of this package is one workload, found by its file name; a package here is grammar: `generator` says
when which operation is asked for, `protocol` how a client asks a database, `replicas` how copies are watched,
`guarantees` lists the clauses.
"""
