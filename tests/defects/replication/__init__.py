"""Defects of replication: the log's tail, the initial sync, the applier."""
