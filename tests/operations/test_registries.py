"""The registries a machine knows, in a configuration file that stays the user's own."""

import tomllib
from pathlib import Path

import pytest

from donkeytui.operations.registries import (
    RegistryListing,
    add_registry,
    list_registries,
    remove_registry,
    use_registry,
)
from donkeytui.problems import ConfigInvalid
from donkeytui.settings import Flags, Settings, read_settings

FILE = """# my registries
offline = false  # at home

[registries.main]
# behind the firewall
url = "https://plugins.example.com"  # ask Grace

[colours]
accent = "teal"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def now(path: Path, **flags: str) -> Settings:
    """Settings as the next call of the program reads them."""
    return read_settings(Flags(config=str(path), **flags), {}, path.parent.parent)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_the_embedded_registry_is_there_without_a_file(path: Path) -> None:
    assert list_registries(now(path)) == (
        RegistryListing(name="embedded", url="embedded:", is_used=True, source="default"),
    )
    assert not path.exists()


def test_the_one_in_use_says_where_the_choice_comes_from(path: Path) -> None:
    put(path, 'registry = "main"\n' + FILE)

    found = {entry.name: (entry.is_used, entry.source) for entry in list_registries(now(path))}
    assert found == {"embedded": (False, ""), "main": (True, "file")}
    flagged = list_registries(now(path, registry="https://other.example.com"))
    assert [(entry.url, entry.source) for entry in flagged if entry.is_used] == [
        ("https://other.example.com", "flag")
    ]
    assert len(flagged) == 3


def test_an_added_registry_is_known_and_used_only_on_demand(path: Path) -> None:
    add_registry(now(path), "main", "https://plugins.example.com/")
    assert (now(path).registries[1].url, now(path).registry.name) == (
        "https://plugins.example.com",
        "embedded",
    )

    add_registry(now(path), "other", "http://127.0.0.1:4873", is_used=True)
    assert (now(path).registry.name, now(path).registry_source) == ("other", "file")

    use_registry(now(path), "embedded")
    assert now(path).registry.name == "embedded"


def test_adding_using_and_removing_keeps_every_word_of_the_user(path: Path) -> None:
    put(path, FILE)

    add_registry(now(path), "other", "https://other.example.com", is_used=True)
    text = path.read_text()
    for line in FILE.splitlines():
        assert line in text.splitlines()
    assert {entry.name for entry in now(path).registries} == {"embedded", "main", "other"}
    assert tomllib.loads(text)["colours"] == {"accent": "teal"}

    use_registry(now(path), "main")
    remove_registry(now(path), "other")
    left = path.read_text()
    for line in FILE.splitlines():
        assert line in left.splitlines()
    assert (now(path).registry.name, len(now(path).registries)) == ("main", 2)


def test_removing_the_one_in_use_falls_back_to_the_embedded_one(path: Path) -> None:
    put(path, 'registry = "main"\n' + FILE)

    remove_registry(now(path), "main")

    assert now(path).registry.name == "embedded"
    assert now(path).registry_source == "default"


@pytest.mark.parametrize(
    "text",
    [
        'registries = { main = { url = "https://plugins.example.com" } }\n',
        'registries.main.url = "https://plugins.example.com"\n',
        '[registries]\nmain = { url = "https://plugins.example.com" }\n',
        '[registries.main]\nurl = "https://plugins.example.com"\n[colours]\na = 1\n[registries.last]\n'
        'url = "https://last.example.com"\n',
        '[colours]\na = 1\n\n[registries.main]\nurl = "https://plugins.example.com"',
    ],
)
def test_every_way_to_write_the_table_can_be_added_to_and_taken_from(path: Path, text: str) -> None:
    put(path, text)
    before = now(path).registries

    add_registry(now(path), "other", "https://other.example.com", is_used=True)
    assert {entry.name for entry in now(path).registries} == {"other", *(entry.name for entry in before)}
    assert now(path).registry.name == "other"

    remove_registry(now(path), "other")
    assert now(path).registries == before
    remove_registry(now(path), "main")
    assert "main" not in {entry.name for entry in now(path).registries}


def test_a_name_is_given_once(path: Path) -> None:
    put(path, FILE)

    for name in ("main", "embedded"):
        with pytest.raises(ConfigInvalid, match=f"there is a registry `{name}` already"):
            add_registry(now(path), name, "https://new.example.com")
    assert path.read_text() == FILE


@pytest.mark.parametrize("name", ["", "Main", "a b", "-x", "a" * 40, "a.b", "../x", "a\n"])
def test_a_name_that_does_not_do_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ConfigInvalid, match="cannot name a registry"):
        add_registry(now(path), name, "https://new.example.com")
    assert not path.exists()


def test_an_address_that_does_not_do_is_refused(path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="is not the address of a registry"):
        add_registry(now(path), "main", "ftp://example.com")
    assert not path.exists()


def test_what_is_not_known_can_neither_be_used_nor_removed(path: Path) -> None:
    put(path, FILE)

    for change in (use_registry, remove_registry):
        with pytest.raises(ConfigInvalid, match="there is no registry `other`") as caught:
            change(now(path), "other")
        assert caught.value.problem.detail == "known: embedded, main"
    assert path.read_text() == FILE


def test_the_embedded_registry_stays(path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be removed"):
        remove_registry(now(path), "embedded")


def test_a_file_that_was_broken_meanwhile_is_left_alone(path: Path) -> None:
    put(path, FILE)
    settings = now(path)
    put(path, "[broken")

    with pytest.raises(ConfigInvalid, match="cannot be read"):
        use_registry(settings, "main")
    assert path.read_text() == "[broken"


def test_a_folder_that_cannot_be_made_is_a_problem(path: Path) -> None:
    settings = now(path)
    path.parent.write_text("a file where the folder should be")

    with pytest.raises(ConfigInvalid, match=r"cannot be (read|written)"):
        add_registry(settings, "main", "https://plugins.example.com")


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    add_registry(now(path), "main", "https://plugins.example.com")

    assert [item.name for item in path.parent.iterdir()] == ["config.toml"]
