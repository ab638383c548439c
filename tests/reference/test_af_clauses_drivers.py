"""AF-DRIVERS: what strangers' clients make of a follower's refusal."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from arango.client import ArangoClient
from arango.exceptions import DocumentGetError, DocumentInsertError
from requests.exceptions import RetryError

from tests.reference.failover.group import Group, create, insert, keys_of
from tests.reference.server_process import ServerProcess

_NPM_S = 120.0
_SCRIPT = """
const { Database } = require("arangojs");
(async () => {
  const [follower] = process.argv.slice(2);
  const db = new Database({ url: follower });
  const saved = await db.collection("c").save({ _key: "from-javascript" });
  const read = await db.collection("c").document("one");
  const dirty = await db.collection("c").document("one", { allowDirtyRead: true });
  await db.acquireHostList();
  console.log(JSON.stringify([saved._key, read._key, dirty._key]));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    with Group(tmp_path_factory.mktemp("drivers")) as group:
        leader, follower = group.start().servers
        create(leader, "c")
        insert(leader, "c", "one")
        group.caught_up(follower, leader)
        yield group


def test_af_drivers_python_arango_does_not_follow_and_its_user_sees_1496(group: Group) -> None:
    """AF-DRIVERS: python-arango never reads the header. A write ends as error 1496, the address unused."""
    leader, follower = group.servers
    collection = ArangoClient(hosts=follower.url).db("_system", username="root", password="").collection("c")
    with pytest.raises(DocumentInsertError) as refused:
        collection.insert({"_key": "from-python"})
    assert (refused.value.http_code, refused.value.error_code) == (503, 1496)
    assert refused.value.http_headers["x-arango-endpoint"] == leader.url
    assert keys_of(leader, "c") & {"from-python"} == set()


def test_af_drivers_python_arango_repeats_a_read_and_gives_up(group: Group) -> None:
    """AF-DRIVERS: a GET that is answered by 503 is sent again by urllib3; then it is no error of ArangoDB."""
    _, follower = group.servers
    client = ArangoClient(hosts=follower.url)
    with pytest.raises((RetryError, DocumentGetError)):
        client.db("_system", username="root", password="").collection("c").get("one")


def test_af_drivers_python_arango_with_several_hosts_stays_where_it_is(group: Group) -> None:
    """AF-DRIVERS: only a lost connection or 503/503 makes it try the next host, not 503/1496."""
    leader, follower = group.servers
    client = ArangoClient(hosts=[follower.url, leader.url], host_resolver="fallback")
    with pytest.raises(DocumentInsertError) as refused:
        client.db("_system", username="root", password="").collection("c").insert({"_key": "several"})
    assert refused.value.error_code == 1496
    assert keys_of(leader, "c") & {"several"} == set()


def test_af_drivers_a_client_that_follows_the_503_finds_the_leader(group: Group) -> None:
    leader, follower = group.servers
    reply = follower.call("POST", "/_api/document/c", {"_key": "by-hand"})
    assert reply.status == 503
    port = int(reply.headers["x-arango-endpoint"].rpartition(":")[2])
    (named,) = [server for server in (leader, follower) if server.port == port]
    named.call("POST", "/_api/document/c", {"_key": "by-hand"}).expect(201, 202)
    assert "by-hand" in keys_of(leader, "c")


@pytest.fixture(scope="module")
def arangojs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which arangojs is installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not on this machine")
    folder = tmp_path_factory.mktemp("arangojs")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "arangojs@8"]
    try:
        installed = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_NPM_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install arangojs in time: no registry?")
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install arangojs: {installed.stderr.strip()[-300:]}")
    return folder


def run(arangojs: Path, server: ServerProcess) -> subprocess.CompletedProcess[str]:
    script = arangojs / "follow.js"
    script.write_text(_SCRIPT)
    return subprocess.run(
        ["node", str(script), server.url],
        cwd=arangojs,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_af_drivers_arangojs_follows_the_header_to_the_leader(group: Group, arangojs: Path) -> None:
    leader, follower = group.servers
    done = run(arangojs, follower)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '["from-javascript","one","one"]'
    assert "from-javascript" in keys_of(leader, "c")
