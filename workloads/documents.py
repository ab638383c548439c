"""The contract of documents: revisions, batches, snapshots, transactions, truncation, on the leader.

Every write names the revisions that it replaces, and is done in one of three ways: one document with
`If-Match`; an array whose elements carry `_rev`, each refused or done by itself; or a stream transaction over
two collections, which reads the documents in its snapshot, gives up if they have other revisions, replaces
them, and is committed: it must fail if somebody replaced one meanwhile. Some transactions are aborted after
their writes. Reads show many documents at once, some in a transaction, twice. A third collection does not ask
for `waitForSync`: what it holds may be lost with the power, but a revision of it may never come again. A
fourth one is filled and truncated.

Everything happens on a few documents at a time, so that operations meet. With followers, all copies must be
equal in the end.

Not here: blind writes to durable documents (`register`), removals one by one (`leader_follower`).
"""

from __future__ import annotations

from collections.abc import Mapping

from checkers.availability import Availability
from checkers.convergence import Convergence
from checkers.history import History
from checkers.truncation import Truncation
from checkers.verdict import Checker
from checkers.versions import Versions
from workloads.contract import accesses
from workloads.contract.accesses import ALL, COLLECTIONS, ELEMENTS, LOOSE, Accesses, document
from workloads.contract.client import DocumentsClient
from workloads.generator import phases, stagger
from workloads.protocol.capabilities import Session
from workloads.protocol.judgement import Exposure, Judgement, Only
from workloads.protocol.workload import Options, Workload
from workloads.replicas import converge, final


def workload(options: Options) -> Workload:
    """The workload. Copies are judged if there are followers."""
    followers, durable = options.followers, options.wait_for_sync
    checkers: dict[str, Checker] = {
        "versions": Only(frozenset({"read", "write", "upsert", "abort"}), Versions(durable=durable)),
        "truncation": Only(frozenset({"add", "truncate", "elements"}), Truncation(durable=durable)),
        "availability": Availability(),
    }
    everything = {"by": "transaction", "documents": list(ALL)}
    last: list[dict[str, object]] = [{"f": "read", "value": everything}, {"f": "elements"}]
    return Workload(
        generator=stagger(1 / options.rate, Accesses()),
        final_generator=phases(final(last), *([converge(followers)] if followers else [])),
        client=DocumentsClient,
        setup=lambda session: create(session, options),
        checker=Judgement(
            checkers | ({"convergence": Convergence()} if followers else {}),
            exposures=_exposures,
            blame={"lost-write": "LF-WAL", "divergence": "LF-CONVERGE"},
        ),
        clauses=("LF-WAL", *(["LF-CONVERGE"] if followers else [])),
        minimum={"read": 40, "write": 30, "elements": 2} | ({"snapshot": followers + 1} if followers else {}),
    )


async def create(session: Session, options: Options) -> None:
    """Make the collections, and the documents that are replaced later."""
    leader = session.on(session.leader)
    for collection in (*COLLECTIONS, ELEMENTS):
        await leader.create_collection(collection, wait_for_sync=options.wait_for_sync)
    await leader.create_collection(LOOSE, wait_for_sync=False)
    for collection in (LOOSE, *COLLECTIONS):  # what is synced later takes with it what was before
        for key in range(accesses.KEYS):
            await leader.insert(collection, {"number": None}, key=document(collection, key).partition("/")[2])


def _exposures(history: History) -> Mapping[str, Exposure]:
    """LF-WAL: acknowledged writes that a later read looked at. LF-CONVERGE: snapshots of followers."""
    done = [pair for pair in history.pairs if pair.type == "ok"]
    written = [pair for pair in done if pair.f in ("write", "add", "truncate")]
    last = max((pair.invoke.index for pair in done if pair.f == "read"), default=-1)
    looked_at = sum(1 for pair in written if pair.completion is not None and pair.completion.index < last)
    snapshots = [pair for pair in done if pair.f == "snapshot" and pair.invoke.value["server"] > 0]
    return {
        "LF-WAL": Exposure(len(written), looked_at),
        "LF-CONVERGE": Exposure(len(written), len(snapshots)),
    }
