"""Runs a workload against a database while things break, and judges what was recorded."""
