"""What the workload of documents asks for, and the requests behind it."""
