"""Evidence in, verdict out.

A checker reads a history and says whether what clients saw can be explained by the promise it checks. It
knows no network and no database, and a clock only for its own time limit: the same checker judges a run on
real machines, a simulated run, and a file recorded years ago by another tool.
"""
