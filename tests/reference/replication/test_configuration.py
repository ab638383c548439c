"""What an applier's configuration takes, fills in, hides and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.replication.leader import authorization
from reference.replication.polling import idle_pause_s, retry_pause_s
from reference.replication.scope import EXCLUDED, Scope, Wanted

GIVEN = {"endpoint": "tcp://leader:8529"}


def merged(**given: Any) -> ApplierConfiguration:
    return ApplierConfiguration().merged(GIVEN | given, database="d")


def test_defaults_are_the_documents() -> None:
    assert merged().shown() == {
        "endpoint": "tcp://leader:8529",
        "database": "d",
        "requestTimeout": 600,
        "connectTimeout": 10,
        "ignoreErrors": 0,
        "maxConnectRetries": 100,
        "lockTimeoutRetries": 0,
        "sslProtocol": 0,
        "chunkSize": 0,
        "skipCreateDrop": False,
        "autoStart": False,
        "adaptivePolling": True,
        "autoResync": False,
        "autoResyncRetries": 2,
        "maxPacketSize": 536870912,
        "includeSystem": True,
        "includeFoxxQueues": False,
        "requireFromPresent": True,
        "verbose": False,
        "incremental": False,
        "restrictType": "",
        "restrictCollections": [],
        "connectionRetryWaitTime": 15,
        "initialSyncMaxWaitTime": 300,
        "idleMinWaitTime": 1,
        "idleMaxWaitTime": 2.5,
    }


def test_secrets_are_kept_and_never_shown() -> None:
    configuration = merged(username="u", password="secret", jwt="token")
    assert configuration.password == "secret"
    assert "secret" not in str(configuration.shown())
    assert "token" not in str(configuration.shown())
    assert configuration.shown()["username"] == "u"


def test_a_later_put_changes_only_what_it_names() -> None:
    configuration = merged(idleMinWaitTime=0.5, username="u", password="p")
    changed = configuration.merged({"autoStart": True, "nobodyKnowsThis": 1}, database="d")
    assert changed.idle_min_wait_time == 0.5
    assert changed.password == "p"
    assert changed.auto_start


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": ""},
        {"endpoint": "leader:8529"},
        {"endpoint": "ssl://leader:8529"},
        {"endpoint": 7},
        {"restrictType": "some", "restrictCollections": ["c"]},
        {"restrictType": "include"},
        {"restrictCollections": ["c"]},
        {"restrictCollections": "c"},
        {"idleMinWaitTime": -1},
        {"idleMaxWaitTime": "long"},
        {"autoResync": "yes"},
        {"chunkSize": -5},
    ],
)
def test_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ArangoError) as refused:
        merged(**given)
    assert (refused.value.number, refused.value.status) == (1410, 400)


def test_the_leader_is_told_who_asks_only_if_the_configuration_says_it() -> None:
    assert authorization(merged()) == {}
    assert authorization(merged(username="u", password="p")) == {"authorization": "Basic dTpw"}
    assert authorization(merged(username="u", jwt="t")) == {"authorization": "bearer t"}


def test_polling_pauses_grow_within_their_bounds() -> None:
    configuration = merged(idleMinWaitTime=0.5, idleMaxWaitTime=2.5)
    assert [idle_pause_s(configuration, rounds) for rounds in (1, 15, 16, 31, 61, 900)] == [
        0.5,
        0.5,
        1,
        2.5,
        2.5,
        2.5,
    ]
    assert idle_pause_s(merged(idleMinWaitTime=0.5, adaptivePolling=False), 900) == 0.5
    assert idle_pause_s(merged(idleMinWaitTime=0, idleMaxWaitTime=0), 1) == 0.3
    assert idle_pause_s(merged(idleMinWaitTime=20, idleMaxWaitTime=900), 61) == 60
    assert [retry_pause_s(merged(connectionRetryWaitTime=wait)) for wait in (15, 0, 0.1)] == [15, 30, 0.3]


def test_some_system_collections_never_leave_the_leader() -> None:
    everything = Wanted(include_system=True, include_foxx_queues=True)
    documented = [*EXCLUDED, "_statistics", "_statistics15"]
    assert not [name for name in documented if name in everything]
    assert all(name in everything for name in ("_users", "_graphs", "_aqlfunctions", "_jobs", "_queues", "c"))
    assert not [name for name in ("_jobs", "_queues") if name in Wanted()]
    assert [name for name in ("_users", "c") if name in Wanted(include_system=False)] == ["c"]
    assert [name for name in ("a", "b") if name in Wanted(collection="b")] == ["b"]


def test_a_restriction_includes_or_excludes_by_name() -> None:
    including = Scope.of(merged(restrictType="include", restrictCollections=["a", "_users"]))
    excluding = Scope.of(merged(restrictType="exclude", restrictCollections=["a"]))
    assert [name for name in ("a", "b", "_users") if name in including] == ["a", "_users"]
    assert [name for name in ("a", "b", "_users") if name in excluding] == ["b", "_users"]
