"""A minimal server that speaks ArangoDB's HTTP API and keeps what its documentation promises.

It is the executable reading of those documents: one process, one data directory, the surface that drivers and
replication need, and nothing that would only make it faster. `arangod-ref --help` lists its options.

What is left out, and what an arangod does instead:

* **AQL.** `POST /_api/cursor` and the simple queries that need it answer 501/9; an arangod runs them. Whole
  collections are read by `/_api/simple/all`, `all-keys`, `lookup-by-keys`.
* **Secondary indexes** are recorded, shown and replicated; an arangod builds them and enforces `unique`.
* **`schema` and `computedValues`** are recorded and shown; an arangod enforces and computes them.
* **JavaScript** (`POST /_api/transaction`, tasks, Foxx) is 501/9 or an empty list; an arangod has V8.
* **Graphs, edges by vertex, views, analyzers, bulk import, batch, backup**: 404; an arangod has them.
* **Cluster**: a server is single, a member of an active failover, or an agent; `shards` and the like answer
501.
* **VelocyPack, VelocyStream, HTTP/2, TLS, compression**: JSON over HTTP/1.1 only.
* **Commands to the server-wide applier** (`global=true`): 501; an active failover drives it, otherwise
replication is set up database by database.
* **`_statistics*` stay empty** and `/_admin/statistics` shows only what is measured here; an arangod
samples its scheduler, its caches and its operating system. * **`x-arango-queue-time-seconds` in a request**
is ignored, because nothing queues; an arangod may answer 412. * **Names** of databases and collections are
the traditional ones: ASCII letters, digits, `_`, `-`. * **Documents** are kept in memory; an arangod needs
memory for its caches only. Numbers beyond 64 bits are kept as they came; an arangod turns them into
doubles. A JSON text may be 200 levels deep in both.
"""

# What the server says it is: a release whose documents describe all three replication modes.
VERSION = "3.9.12"
