"""Storage of one server: a write-ahead log, tables in memory with several versions per document, checkpoints.

Read `engine` first, then `transaction`, `log`, `table`. Durability is what the log says (`log`),
atomicity is one unit of the log (`transaction`), isolation is the versions of a table (`table`,
`snapshot`).

Not here: secondary indexes (ArangoDB keeps and enforces them; here their definitions are recorded only),
documents larger than memory (RocksDB has them), column families, compaction.
"""
