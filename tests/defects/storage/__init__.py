"""Defects of the storage: log, recovery, transactions, revisions."""
