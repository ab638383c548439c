"""The inventory file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.environment import HostError
from harness.environments.inventory import Host, Inventory, read_inventory, write_inventory

names = st.text("abcdefghij-0123456789", min_size=1, max_size=12)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
paths = st.none() | st.builds(lambda name: Path("/keys") / name, names)
hosts = st.builds(
    Host,
    name=names,
    address=names,
    port=st.integers(1, 65535),
    user=texts,
    key=paths,
    known_hosts=paths,
    sudo=st.booleans(),
    data=texts.map(lambda text: f"/{text}"),
)
inventories = st.builds(
    Inventory,
    st.lists(hosts, min_size=1, max_size=4, unique_by=lambda host: host.name).map(tuple),
    st.none() | names,
)


@given(inventories)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, inventory: Inventory
) -> None:
    path = tmp_path_factory.getbasetemp() / "inventory.toml"
    write_inventory(path, inventory)
    assert read_inventory(path) == inventory


def read(tmp_path: Path, text: str) -> Inventory:
    path = tmp_path / "inventory.toml"
    path.write_text(text)
    return read_inventory(path)


def test_a_host_needs_nothing_but_its_name(tmp_path: Path) -> None:
    assert read(tmp_path, "[hosts.db1]\n").hosts == (Host("db1", "db1"),)


def test_defaults_apply_to_all_hosts_and_each_may_differ(tmp_path: Path) -> None:
    found = read(tmp_path, '[defaults]\nuser = "ops"\nsudo = true\n[hosts.a]\n[hosts.b]\nuser = "root"\n')
    assert [(host.user, host.sudo) for host in found.hosts] == [("ops", True), ("root", True)]


def test_keys_are_found_beside_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, '[hosts.a]\nkey = "id"\n').hosts[0].key == tmp_path / "id"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hosts.a", "not TOML"),
        ("", "names no hosts"),
        ("hosts = 3", "names no hosts"),
        ("[host.a]\n", "unknown entry 'host'"),
        ('[hosts.a]\npasword = "x"\n', "host a: unknown entry 'pasword'"),
        ('[hosts.a]\nport = "22"\n', "host a: port must be of type int"),
        ("[hosts.a]\nport = true\n", "host a: port must be of type int"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(HostError, match=sentence) as caught:
        read(tmp_path, text)
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"nowhere\.toml cannot be read"):
        read_inventory(tmp_path / "nowhere.toml")
