"""Member: one server of an active failover. It asks the agency again and again, and does what follows.

1. No leader is named: try to become it, by a write that only the first can make (AF-ELECTION). Only a server
   whose data are whole tries.
2. This server is named: end the applier, note in the agency how much of the predecessor's log is here, and
   serve (AF-FAILOVER). From then on each round renews the lease instead of asking.
3. Another one is named: stop serving if it did, wait for the requests under way, then follow as soon as that
   one has taken over (AF-AUTO-REPLICATION, AF-REJOIN).
4. The agency does not answer: everything stays as it is, and a leader's lease runs out by itself.

Every round also tells the agency that this server lives and how far its copy is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from reference import VERSION
from reference.agency.client import (
    AgencyClient,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyUnavailable,
    value_at,
)
from reference.errors import ArangoError
from reference.failover import keys
from reference.failover.gate import Gate, Role
from reference.failover.lease import Lease, Watch
from reference.failover.queues import Queues
from reference.failover.takeover import Identity, diverged_files, keep, set_aside, stored_identity
from reference.options import Cluster
from reference.replication.configuration import ApplierConfiguration
from reference.replication.global_applier import GlobalApplier
from reference.replication.state import SavedState
from reference.storage.engine import Engine
from reference.world import Response

_ANSWER_S = 2.0
_ENDLESS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Host:
    """What a member needs of the server it is in.

    `complete` creates the system collections that are missing; `renew_accounts` forgets what is held in
    memory of the users; `end_requests` ends what requests have left running; `token` authorizes this server.
    """

    complete: Callable[[], Awaitable[None]]
    renew_accounts: Callable[[], None]
    end_requests: Callable[[], Awaitable[None]]
    token: Callable[[], str]
    log: Callable[[str, str], object]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agency said at one moment."""

    leader: str
    foxxmaster: str
    lease: Any
    takeovers: Mapping[str, Any]
    registered: Mapping[str, Any]

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Seen:
        """From the answer to `read` of the keys."""
        return cls(
            value_at(tree, keys.LEADER, ""),
            value_at(tree, keys.FOXXMASTER, ""),
            value_at(tree, keys.LEASE),
            value_at(tree, keys.TAKEOVERS, {}),
            value_at(tree, keys.REGISTERED, {}),
        )


class Member:
    """The active failover's part of one server."""

    def __init__(
        self,
        engine: Engine,
        agency: AgencyClient,
        identity: Identity,
        gate: Gate,
        *,
        lease: Lease,
        host: Host,
        address: str,
        interval_s: float,
    ) -> None:
        """`address` is where the others reach this server; `interval_s` is between two rounds."""
        self.agency = agency
        self.gate = gate
        self.applier = GlobalApplier(
            engine, host.log, before_sync=self._before_sync, while_syncing=self._after_database
        )
        self._engine = engine
        self._clock = engine.world.clock
        self._identity = identity
        self._lease = lease
        self._host = host
        self._address = address
        self._interval_s = interval_s
        self._answer_s = max(_ANSWER_S * min(1.0, interval_s), lease.length_s / 2)
        self._queues = Queues(engine, lambda: lease.is_valid, host.log, interval_s)
        self._watch = Watch(self._clock)
        self._life = f"{engine.world.random.getrandbits(64):016x}"
        self._renewals = 0
        self._is_registered = False
        self._leads = False
        self._heard = True
        self._leader = ""
        self._leader_server_id = ""
        self._takeover_tick: int | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def create(
        cls,
        engine: Engine,
        cluster: Cluster,
        lease_s: float,
        host: Host,
        refusal: Callable[[ArangoError], Response],
    ) -> Member:
        """A member as the options say; raises CorruptStorage if it has forgotten who it is."""
        lease = Lease(engine.world.clock, lease_s)
        agency = AgencyClient(
            engine.world,
            cluster.agency_endpoint,
            headers=lambda: {"authorization": f"bearer {host.token()}"},
            attempt_s=max(_ANSWER_S * min(1.0, cluster.heartbeat_interval_s), lease_s / 4),
        )
        return cls(
            engine,
            agency,
            await stored_identity(engine.world),
            Gate(lease, refusal),
            lease=lease,
            host=host,
            address=cluster.my_address,
            interval_s=cluster.heartbeat_interval_s,
        )

    @property
    def id(self) -> str:
        """`SNGL-...`, the same for the life of the data directory."""
        return self._identity.id

    def start(self) -> None:
        """Begin the rounds."""
        self._task = asyncio.create_task(self._rounds())

    async def close(self) -> None:
        """Stop serving and following; a leader gives its lease back, after its last answer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._leads:
            await self._end_work()
            await self._step_down()
            await self._release()
        await self.applier.stop()

    def shown(self) -> dict[str, Any]:
        """The server-wide applier, and the tails that were set aside."""
        return {**self.applier.shown(), "divergedTails": diverged_files(self._engine.world.disk)}

    async def _rounds(self) -> None:
        while True:
            began_ns = self._clock.monotonic_ns()
            try:
                await self._round()
                self._heard = True
            except (AgencyUnavailable, AgencyOutcomeUnknown, AgencyRefused) as error:
                if self._heard:
                    self._host.log("warning", f"active failover: {error}")
                self._heard = False
            except (ArangoError, OSError) as error:
                self._host.log("error", f"active failover: {error}; trying again")
            spent_s = (self._clock.monotonic_ns() - began_ns) / 1e9
            await self._clock.sleep(max(self._interval_s - spent_s, self._interval_s / 10))

    async def _round(self) -> None:
        if not self._is_registered:
            await self._register()
        if not (self._leads and await self._renew()):
            seen = await self._look()
            if not seen.leader and await self._campaign():
                seen = await self._look()
            await self._obey(seen)
        await self._beat()

    async def _obey(self, seen: Seen) -> None:
        self._watch.saw(seen.lease)
        if seen.leader == self.id:
            if not self._leads:
                await self._lead(seen)
            return
        if self._leads:
            await self._step_down()
        await self._follow(seen)

    async def _look(self) -> Seen:
        names = (keys.LEADER, keys.FOXXMASTER, keys.LEASE, keys.TAKEOVERS, keys.REGISTERED)
        return Seen.of(await self.agency.read(*names, timeout_s=self._answer_s))

    async def _register(self) -> None:
        described = {
            "endpoint": self._address,
            "host": "",
            "version": _number(VERSION),
            "versionString": VERSION,
            "engine": "rocksdb",
            "serverId": self._engine.server_id,
            "timestamp": self._now(),
        }
        operations = {
            f"{keys.REGISTERED}/{self.id}": {"op": "set", "new": described},
            f"{keys.SINGLES}/{self.id}": {"op": "set", "new": "none"},
            f"{keys.CURRENT_SINGLES}/{self.id}": {"op": "set", "new": "none"},
        }
        await self.agency.write(operations, timeout_s=self._answer_s)
        self._is_registered = True

    async def _beat(self) -> None:
        """Tell that this server lives, and of whose log it has how much."""
        position = {"leader": "", "lastTick": 0}
        reached = self.applier.reached
        if self._leads:
            position = {"leader": self.id, "lastTick": self._engine.log.last_tick}
        elif reached is not None and reached.leader_id == self._leader_server_id:
            position = {"leader": self._leader, "lastTick": reached.resume_tick}
        state = {"time": self._now(), "status": "SERVING"}
        operations = {
            f"{keys.STATES}/{self.id}": {"op": "set", "new": state},
            f"{keys.POSITIONS}/{self.id}": {"op": "set", "new": position, "ttl": 5 * self._interval_s + 1},
        }
        await self.agency.transient([[operations]], timeout_s=self._answer_s)

    async def _renew(self) -> bool:
        """Go on leading; False if this server is not named any more."""
        sent_ns = self._clock.monotonic_ns()
        if await self._write({keys.LEASE: self._record()}, {keys.LEADER: {"old": self.id}}):
            self._lease.renewed(sent_ns)
            return True
        return False

    async def _campaign(self) -> bool:
        """Become leader if nobody is."""
        self.gate.become(Role.UNKNOWN)
        if self._is_incomplete(await self.applier.saved()):
            return False
        wanted = {keys.LEADER: {"op": "set", "new": self.id}, keys.LEASE: self._record()}
        return await self._write(wanted, {keys.LEADER: {"oldEmpty": True}})

    async def _lead(self, seen: Seen) -> None:
        """Take over from whoever led before."""
        self.gate.become(Role.UNKNOWN)
        holder = seen.lease.get("holder") if isinstance(seen.lease, dict) else None
        if holder != self.id and not self._watch.is_over():
            return  # somebody named this server by hand: the predecessor may still answer
        copied = await self.applier.stop() or await self.applier.saved()
        if self._is_incomplete(copied):
            self._host.log("error", "active failover: named as leader, but the data here are not whole")
            await self._release()
            return
        if self._identity.led_from is None or self._identity.is_copy:
            await self._keep(Identity(self.id, await self._engine.log.sync(), is_copy=False))
        operations: dict[str, Any] = {
            keys.LEASE: self._record(),
            keys.FOXXMASTER: {"op": "set", "new": self.id},
        }
        if copied is not None:
            note = {"tick": copied.resume_tick, "by": self.id}
            operations[f"{keys.TAKEOVERS}/{copied.leader_id}"] = {"op": "set", "new": note}
        sent_ns = self._clock.monotonic_ns()
        if not await self._write(operations, {keys.LEADER: {"old": self.id}}):
            return
        await self.applier.forget()
        await self._host.complete()
        self._host.renew_accounts()
        self._lease.renewed(sent_ns)
        self._leads = True
        self.gate.become(Role.LEADER)
        self._queues.start()
        tick = "" if copied is None else f", with its predecessor's log up to tick {copied.resume_tick}"
        self._host.log("info", f"active failover: {self.id} is the leader now{tick}")

    async def _step_down(self) -> None:
        """Be no leader any more, and let nothing of it go on."""
        self.gate.become(Role.UNKNOWN)
        self._lease.give_up()
        self._leads = False
        await self._end_work()
        self._host.log("info", f"active failover: {self.id} does not lead any more")

    async def _end_work(self) -> None:
        """End what a leader does by itself, and wait for the answers that are being made."""
        await self._queues.stop()
        self._engine.transactions.abort_all()
        await self._host.end_requests()
        await self.gate.emptied()

    async def _follow(self, seen: Seen) -> None:
        leader = seen.registered.get(seen.leader)
        if leader is None or seen.foxxmaster != seen.leader:
            self.gate.become(Role.UNKNOWN)
            return
        self._leader, self._leader_server_id = seen.leader, str(leader["serverId"])
        self._takeover_tick = seen.takeovers.get(self._engine.server_id, {}).get("tick")
        await self.applier.follow(self._configuration(leader["endpoint"]))
        self.gate.become(Role.FOLLOWER, leader["endpoint"])

    def _configuration(self, endpoint: str) -> ApplierConfiguration:
        current = self.applier.configuration
        return ApplierConfiguration(
            endpoint=endpoint,
            database="_system",
            # A token may say when it was made: a new one is no reason to begin anew.
            jwt=current.jwt if current.endpoint == endpoint else self._host.token(),
            request_timeout=max(10.0, 20 * self._interval_s),
            max_connect_retries=_ENDLESS,
            connection_retry_wait_time=self._interval_s,
            include_foxx_queues=True,
            incremental=True,
            adaptive_polling=False,
            idle_min_wait_time=0.25,
            idle_max_wait_time=3.0,
        )

    async def _before_sync(self) -> None:
        """What is written here and nowhere else goes to a file before it is overwritten (AF-REJOIN)."""
        led_from = self._identity.led_from
        if led_from is not None:
            found = await set_aside(self._engine, max(led_from, self._takeover_tick or 0))
            self._host.log("warning" if found.file else "info", f"active failover: {found.sentence()}")
        if led_from is not None or not self._identity.is_copy:
            await self._keep(Identity(self.id, None, is_copy=True))

    async def _after_database(self) -> None:
        self._host.renew_accounts()

    def _is_incomplete(self, copied: SavedState | None) -> bool:
        """Whether a sync that overwrote this server's data has not come to its end."""
        return self._identity.is_copy and copied is None

    async def _release(self) -> None:
        """Tell that nobody needs to wait for this server's lease."""
        record = msgspec.structs.replace(self._record_fields(), released=True)
        try:
            await self._write(
                {keys.LEASE: {"op": "set", "new": msgspec.to_builtins(record)}},
                {keys.LEADER: {"old": self.id}},
            )
        except (AgencyUnavailable, AgencyOutcomeUnknown, AgencyRefused) as error:
            self._host.log("info", f"active failover: the lease is left to run out: {error}")

    async def _write(self, operations: Mapping[str, Any], preconditions: Mapping[str, Any]) -> bool:
        written = await self.agency.write(operations, preconditions, timeout_s=self._answer_s)
        return written is not None

    async def _keep(self, identity: Identity) -> None:
        await keep(self._engine.world.disk, identity)
        self._identity = identity

    def _record(self) -> dict[str, Any]:
        return {"op": "set", "new": msgspec.to_builtins(self._record_fields())}

    def _record_fields(self) -> LeaseRecord:
        """A record that has never been written before."""
        self._renewals += 1
        return LeaseRecord(self.id, self._life, self._renewals, self._lease.length_s)

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LeaseRecord(msgspec.Struct, frozen=True):
    """The agency's key `Lease`. `life` and `renewal` make it unique; `seconds` is its length."""

    holder: str
    life: str
    renewal: int
    seconds: float
    released: bool = False


def _number(version: str) -> int:
    major, minor, patch = (int(part) for part in version.split("."))
    return major * 10_000 + minor * 100 + patch
