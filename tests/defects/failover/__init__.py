"""Defects of an active failover: who leads, what followers answer, what a failover loses."""
