from __future__ import annotations

import base64
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from tests.reference.server_process import Reply, ServerProcess

_numbers = itertools.count(1)
SECRET = "the secret of these tests, of more than 32 bytes"


def _basic(name: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


ROOT = _basic("root")


def _call(server: ServerProcess, method: str, path: str, body: Any = None, user: Any = ROOT) -> Reply:
    return server.call(method, path, body, user)


@pytest.fixture
def user(guarded: ServerProcess) -> str:
    name = f"user{next(_numbers)}"
    body = {"user": name, "passwd": "pw", "extra": {"n": 1}}
    made = _call(guarded, "POST", "/_api/user", body).expect(201)
    assert (made["user"], made["active"], made["extra"]) == (name, True, {"n": 1})
    return name


@pytest.fixture
def database(guarded: ServerProcess) -> str:
    name = f"db{next(_numbers)}"
    _call(guarded, "POST", "/_api/database", {"name": name}).expect(201)
    _call(guarded, "POST", f"/_db/{name}/_api/collection", {"name": "c"}).expect(200)
    return name


def _grant(server: ServerProcess, user: str, where: str, level: str) -> None:
    path = f"/_api/user/{user}/database/{where}"
    assert _call(server, "PUT", path, {"grant": level}).expect(200)[where] == level


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer x"},
        {"Authorization": "Digest x"},
        _basic("root", "wrong"),
        _basic("nobody"),
    ],
)
def test_without_valid_credentials_everything_is_401(guarded: ServerProcess, headers: dict[str, str]) -> None:
    for path in ("/_api/version", "/_api/collection", "/_api/nothing", "/_db/nowhere/_api/version"):
        reply = guarded.call("GET", path, headers=headers)
        reply.refused(401, 11)
        assert "www-authenticate" in reply.headers
    quiet = guarded.call("GET", "/_api/version", headers={**headers, "x-omit-www-authenticate": "1"})
    assert "www-authenticate" not in quiet.headers


def test_availability_needs_no_credentials(guarded: ServerProcess) -> None:
    guarded.call("GET", "/_admin/server/availability").expect(200)


def test_basic_credentials_of_root_open_everything(guarded: ServerProcess) -> None:
    _call(guarded, "GET", "/_api/version").expect(200)
    assert _call(guarded, "GET", "/_api/database").expect(200)["result"][0] == "_system"


def test_a_password_buys_a_token(guarded: ServerProcess, user: str) -> None:
    _grant(guarded, user, "_system", "ro")
    body = {"username": user, "password": "pw"}
    for path in ("/_open/auth", "/_db/_system/_open/auth"):
        token = guarded.call("POST", path, body).expect(200)["jwt"]
        for word in ("bearer", "Bearer", "BEARER"):
            headers = {"Authorization": f"{word} {token}"}
            guarded.call("GET", "/_api/version", headers=headers).expect(200)
            assert guarded.call("POST", "/_open/auth/renew", headers=headers).expect(200)["jwt"]
    assert jwt.decode(token, SECRET, algorithms=["HS256"], issuer="arangodb")["preferred_username"] == user


def test_a_wrong_password_buys_none(guarded: ServerProcess, user: str) -> None:
    wrong = {"username": user, "password": "no"}
    assert guarded.call("POST", "/_open/auth", wrong).refused(401, 401) == "Wrong credentials"
    guarded.call("POST", "/_open/auth", {"username": user}).refused(400, 400)
    guarded.call("POST", "/_open/auth", b"{").refused(400, 600)


def test_a_superusers_token_opens_everything(guarded: ServerProcess) -> None:
    token = jwt.encode({"server_id": "any", "iss": "arangodb"}, SECRET, algorithm="HS256")
    headers = {"Authorization": f"bearer {token}"}
    guarded.call("GET", "/_api/user", headers=headers).expect(200)
    narrow = {"server_id": "any", "iss": "arangodb", "allowed_paths": ["/_api/version"]}
    headers = {"Authorization": f"bearer {jwt.encode(narrow, SECRET, algorithm='HS256')}"}
    guarded.call("GET", "/_api/version", headers=headers).expect(200)
    guarded.call("GET", "/_api/user", headers=headers).refused(401, 11)


def test_users_are_made_changed_and_removed(guarded: ServerProcess, user: str) -> None:
    path = f"/_api/user/{user}"
    _call(guarded, "POST", "/_api/user", {"user": user}).refused(409, 1702)
    _call(guarded, "POST", "/_api/user", {"user": ""}).refused(400, 1700)
    assert user in [entry["user"] for entry in _call(guarded, "GET", "/_api/user").expect(200)["result"]]
    patched = _call(guarded, "PATCH", path, {"extra": {"n": 2}}).expect(200)
    assert patched["extra"] == {"n": 2}
    own = _basic(user, "pw")
    assert _call(guarded, "GET", path, user=own).expect(200)["user"] == user
    _call(guarded, "PATCH", path, {"passwd": "new"}, user=own).expect(200)
    _call(guarded, "GET", path, user=own).refused(401, 11)
    _call(guarded, "PATCH", path, {"active": False}).expect(200)
    _call(guarded, "GET", path, user=_basic(user, "new")).refused(401, 11)
    replaced = _call(guarded, "PUT", path, {"passwd": "third"}).expect(200)
    assert (replaced["active"], replaced["extra"]) == (True, {})
    assert _call(guarded, "DELETE", path).expect(202) == {"error": False, "code": 202}
    _call(guarded, "GET", path).refused(404, 1703)
    _call(guarded, "DELETE", path).refused(404, 1703)


def test_nobody_manages_others_without_administration_rights(guarded: ServerProcess, user: str) -> None:
    own = _basic(user, "pw")
    _grant(guarded, user, "_system", "ro")
    _call(guarded, "GET", "/_api/user", user=own).refused(403, 11)
    _call(guarded, "GET", "/_api/user/root", user=own).refused(403, 11)
    _call(guarded, "PATCH", "/_api/user/root", {"passwd": "x"}, user=own).refused(403, 11)
    _call(guarded, "PUT", f"/_api/user/{user}/database/_system", {"grant": "rw"}, user=own).refused(403, 11)
    _call(guarded, "POST", "/_api/database", {"name": "mine"}, user=own).refused(403, 11)
    _call(guarded, "DELETE", "/_admin/shutdown", user=own).refused(403, 11)


def test_rights_on_a_database_come_and_go(guarded: ServerProcess, user: str, database: str) -> None:
    own = _basic(user, "pw")
    base = f"/_db/{database}/_api"
    _call(guarded, "GET", f"{base}/collection", user=own).refused(401, 11)
    _call(guarded, "GET", "/_db/nowhere/_api/collection", user=own).refused(401, 11)
    _call(guarded, "GET", "/_db/nowhere/_api/collection").refused(404, 1228)
    _grant(guarded, user, database, "ro")
    _call(guarded, "GET", f"{base}/collection", user=own).expect(200)
    _call(guarded, "POST", f"{base}/document/c", {}, user=own).refused(403, 11)
    _call(guarded, "POST", f"{base}/collection", {"name": "d"}, user=own).refused(403, 11)
    _grant(guarded, user, database, "rw")
    _call(guarded, "POST", f"{base}/document/c", {}, user=own).expect(202)
    _call(guarded, "POST", f"{base}/collection", {"name": "d"}, user=own).expect(200)
    _call(guarded, "DELETE", f"/_api/user/{user}/database/{database}").expect(202)
    _call(guarded, "GET", f"{base}/collection", user=own).refused(401, 11)


def test_rights_on_a_collection_go_before_those_on_its_database(
    guarded: ServerProcess, user: str, database: str
) -> None:
    own, base = _basic(user, "pw"), f"/_db/{database}/_api"
    _call(guarded, "POST", f"{base}/collection", {"name": "d"}).expect(200)
    _grant(guarded, user, database, "rw")
    _grant(guarded, user, f"{database}/c", "none")
    _call(guarded, "GET", f"{base}/document/c/k", user=own).refused(403, 11)
    visible = _call(guarded, "GET", f"{base}/collection?excludeSystem=1", user=own).expect(200)["result"]
    assert [entry["name"] for entry in visible] == ["d"]
    _grant(guarded, user, f"{database}/*", "ro")
    _call(guarded, "POST", f"{base}/document/d", {}, user=own).refused(403, 11)
    _call(guarded, "GET", f"{base}/document/d/k", user=own).refused(404, 1202)
    levels = f"/_api/user/{user}/database"
    assert _call(guarded, "GET", f"{levels}/{database}").expect(200)["result"] == "rw"
    assert _call(guarded, "GET", f"{levels}/{database}/c").expect(200)["result"] == "none"
    assert _call(guarded, "GET", levels).expect(200)["result"] == {database: "rw"}
    full = _call(guarded, "GET", levels + "?full=true").expect(200)["result"]
    expected = {"permission": "rw", "collections": {"c": "none", "d": "undefined", "*": "ro"}}
    assert full[database] == expected
    _call(guarded, "DELETE", f"{levels}/{database}/c").expect(202)
    assert _call(guarded, "GET", f"{levels}/{database}/c").expect(200)["result"] == "ro"


def test_a_wrong_grant_is_refused(guarded: ServerProcess, user: str, database: str) -> None:
    base = f"/_api/user/{user}/database"
    _call(guarded, "PUT", f"{base}/{database}", {"grant": "all"}).refused(400, 10)
    _call(guarded, "PUT", f"{base}/nowhere", {"grant": "rw"}).refused(404, 1228)
    _call(guarded, "PUT", f"{base}/{database}/nothing", {"grant": "rw"}).refused(404, 1203)
    _call(guarded, "PUT", f"/_api/user/nobody/database/{database}", {"grant": "rw"}).refused(404, 1703)


def test_users_of_a_new_database_are_made_with_it(guarded: ServerProcess) -> None:
    users = [{"username": "maker", "passwd": "m", "active": True, "extra": {}}]
    _call(guarded, "POST", "/_api/database", {"name": "made", "users": users}).expect(201)
    own = _basic("maker", "m")
    _call(guarded, "POST", "/_db/made/_api/collection", {"name": "c"}, user=own).expect(200)
    assert _call(guarded, "GET", "/_api/database/user", user=own).expect(200)["result"] == ["made"]
    _call(guarded, "DELETE", "/_api/database/made").expect(200)
    assert _call(guarded, "GET", "/_api/user/maker/database").expect(200)["result"] == {}


def test_passwords_are_not_readable_as_documents(guarded: ServerProcess) -> None:
    _call(guarded, "GET", "/_api/document/_users/1").refused(403, 11)
    _call(guarded, "PUT", "/_api/simple/all", {"collection": "_users"}).refused(403, 11)


def test_a_user_is_made_once_however_many_ask(guarded: ServerProcess) -> None:
    with ThreadPoolExecutor(8) as threads:
        body = {"user": "wanted", "passwd": "pw"}
        replies = list(threads.map(lambda _: _call(guarded, "POST", "/_api/user", body), range(8)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 7
    with ThreadPoolExecutor(8) as threads:
        names = [f"many{number}" for number in range(8)]
        for name in names:
            _call(guarded, "POST", "/_api/database", {"name": name}).expect(201)
        list(threads.map(lambda name: _grant(guarded, "wanted", name, "ro"), names))
    assert set(_call(guarded, "GET", "/_api/user/wanted/database").expect(200)["result"]) == set(names)


def test_a_change_of_the_stored_account_counts_at_once(guarded: ServerProcess, user: str) -> None:
    """As when an account comes from a leader: the document changes, nobody calls /_api/user."""
    token = jwt.encode({"server_id": "any", "iss": "arangodb"}, SECRET, algorithm="HS256")
    superuser = {"Authorization": f"bearer {token}"}
    _call(guarded, "GET", f"/_api/user/{user}", user=_basic(user, "pw")).expect(200)
    accounts = _call(guarded, "PUT", "/_api/simple/all", {"collection": "_users"}, superuser).expect(201)[
        "result"
    ]
    stored = next(account for account in accounts if account["user"] == user)
    assert "pw" not in str(stored["authData"])
    path = f"/_api/document/_users/{stored['_key']}"
    _call(guarded, "PATCH", path, {"authData": {"active": False}}, superuser).expect(202)
    _call(guarded, "GET", f"/_api/user/{user}", user=_basic(user, "pw")).refused(401, 11)
    _call(guarded, "PATCH", path, {"authData": {"active": True}}, superuser).expect(202)
    _call(guarded, "GET", f"/_api/user/{user}", user=_basic(user, "pw")).expect(200)
