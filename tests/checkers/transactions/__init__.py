"""Tests of the checkers of transactions."""
