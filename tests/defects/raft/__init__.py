"""Defects of the consensus core."""
