"""ignoreRevs=false is ignored for arrays: the `_rev` of their elements is not compared."""

from __future__ import annotations

from typing import Any

from tests.defects.defect import Defect


def _revision_in(element: Any) -> str | None:
    return None


DEFECT = Defect(
    id="batch-ignores-if-match",
    clause="S-LINEARIZABLE",
    anomaly="lost-update",
    replaces="reference.api.documents:_revision_in",
    replacement=_revision_in,
    oracle="http",
    topology="single",
    needs=("arrays of documents with _rev, and ignoreRevs=false",),
)
