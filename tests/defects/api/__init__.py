"""Defects of the HTTP interface."""
