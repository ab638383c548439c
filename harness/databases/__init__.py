"""One module is one database, found by its file name: its function `database(options)` makes it.

A package in here is no database but what several share: `arango_http`, how ArangoDB's HTTP dialect is spoken.
"""
