"""The grammar between workloads and databases: outcomes, capabilities, clients, workloads."""
