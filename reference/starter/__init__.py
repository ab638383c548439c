"""The starter: a whole deployment on one machine, as processes of `arangod-ref`.

    plan     which processes, with which options, ports and folders
    command  `arangodb-ref`: starts them, and ends them together

Ports are those of ArangoDB's starter: from a base, 8528 by default, servers take base + 1, agents base + 3;
the second and third of a kind follow ten apart. Not here: starters on several machines that join each other
(`--starter.join`), TLS, a starter's own HTTP interface, restarts of what ended; the real starter has these.
"""
