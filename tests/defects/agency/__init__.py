"""Defects of the agency around the core: its tree, transactions and callbacks."""
