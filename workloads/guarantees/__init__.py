"""The catalogue of guarantees: what documents promise, one clause a table, in files beside this one.

A clause has an id, the document and section it is read from, what that says in our words, what a run must
find (`expect`), and who tests it. Workloads cite clauses by id, reports print them.
"""

from workloads.guarantees.catalogue import Catalogue, CatalogueError, Clause, Document, load

__all__ = ["Catalogue", "CatalogueError", "Clause", "Document", "load"]
