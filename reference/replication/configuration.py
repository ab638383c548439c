"""ApplierConfiguration: every property of a replication applier, with the documents' defaults.

One flat JSON object, as `applier-config` shows it. `password` and `jwt` are taken and stored, never shown.
A PUT merges into what is there, except for make-follower, which begins from the defaults. Properties nobody
knows are ignored, as arangod does: drivers and shells send more than one server version knows.

Taken and shown, but without effect here: `connectTimeout` (`requestTimeout` bounds a request as a whole),
`initialSyncMaxWaitTime` likewise, `maxPacketSize` (`chunkSize` bounds the answers), `lockTimeoutRetries` (a
lock is waited for three seconds), `sslProtocol` (there is no TLS, and `ssl://` is refused).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec

from reference.errors import ArangoError

SECRET = ("password", "jwt")
_SCHEMES = ("tcp://", "http://")


Size = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class ApplierConfiguration(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What an applier does. Names are the wire's, in snake case; times in seconds, sizes in bytes.

    `adaptive_polling`, `idle_min_wait_time` and `idle_max_wait_time` bound the pause between two requests
    that brought nothing (LF-POLLING); `require_from_present`, `auto_resync` and `auto_resync_retries` say
    what happens when the leader has pruned the start tick (LF-REQUIRE-PRESENT, LF-AUTO-RESYNC,
    LF-RESYNC-RETRIES).
    """

    endpoint: str = ""
    database: str = ""
    username: str = ""
    password: str = ""
    jwt: str = ""
    request_timeout: Seconds = 600
    connect_timeout: Seconds = 10
    ignore_errors: Size = 0
    max_connect_retries: Size = 100
    lock_timeout_retries: int = 0
    ssl_protocol: int = 0
    chunk_size: Size = 0
    skip_create_drop: bool = False
    auto_start: bool = False
    adaptive_polling: bool = True
    auto_resync: bool = False
    auto_resync_retries: Size = 2
    max_packet_size: int = 536870912
    include_system: bool = True
    include_foxx_queues: bool = False
    require_from_present: bool = True
    verbose: bool = False
    incremental: bool = False
    restrict_type: str = ""
    restrict_collections: list[str] = []
    connection_retry_wait_time: Seconds = 15
    initial_sync_max_wait_time: Seconds = 300
    idle_min_wait_time: Seconds = 1
    idle_max_wait_time: Seconds = 2.5

    def merged(self, given: Mapping[str, Any], *, database: str) -> Self:
        """This configuration with `given` over it; raises 400/1410 if the result makes no sense.

        `database` is where the applier lives: its default partner on the leader has the same name.
        """
        known = {name: given[name] for name in _WIRE_NAMES if name in given}
        try:
            merged = msgspec.convert({**msgspec.to_builtins(self), **known}, type(self))
        except msgspec.ValidationError as error:
            raise ArangoError(1410, f"invalid replication applier configuration: {error}") from None
        merged = msgspec.structs.replace(merged, database=merged.database or database)
        merged._check()
        return merged

    def _check(self) -> None:
        if not self.endpoint:
            raise ArangoError(1410, "invalid replication applier configuration: no endpoint configured")
        if not self.endpoint.startswith(_SCHEMES):
            raise ArangoError(
                1410,
                f"invalid replication applier configuration: endpoint '{self.endpoint}' is not "
                "tcp://host:port (this server speaks no TLS)",
            )
        if self.restrict_type not in ("", "include", "exclude"):
            raise ArangoError(
                1410, "invalid replication applier configuration: invalid value for <restrictType>"
            )
        if bool(self.restrict_type) != bool(self.restrict_collections):
            raise ArangoError(
                1410,
                "invalid replication applier configuration: restrictType and restrictCollections go together",
            )

    def shown(self) -> dict[str, Any]:
        """The object of `GET applier-config`: without secrets, and without what was never set."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        hidden = {name for name in ("endpoint", "database", "username") if not values[name]} | {*SECRET}
        return {name: value for name, value in values.items() if name not in hidden}

    @property
    def connect_endpoint(self) -> str:
        """The leader as `tcp://host:port`, whatever spelling was configured."""
        return "tcp://" + self.endpoint.split("://", 1)[1].rstrip("/")


_WIRE_NAMES = tuple(field.encode_name for field in msgspec.structs.fields(ApplierConfiguration))
