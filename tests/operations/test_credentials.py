"""Where tokens are kept, who may have touched them, and which registry gets to see them."""

import json
import os
import stat
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from donkeytui.credentials import (
    FILE_MAX_BYTES,
    Credentials,
    KeptToken,
    Keyring,
    is_exposed,
    origin_of,
    read_tokens,
    real_keyring,
    write_tokens,
)
from donkeytui.problems import CredentialsUnusable
from donkeytui.settings import EMBEDDED_URL, RegistryEntry
from registry_server.contract.tokens import make_token
from tests.support.threads import together

TOKEN, OTHER = make_token(b"1" * 32), make_token(b"2" * 32)
UNTIL = datetime(2026, 12, 22, tzinfo=UTC)
MAIN = RegistryEntry("main", "https://plugins.example.com/registry")
posix_only = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no such owners here")


class Drawer(Keyring):
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(Drawer):
    """Takes everything and has nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Locked(Drawer):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"locked: {service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"locked: {service} {username}, and so is {password}")


def credentials(
    folder: Path, registry: RegistryEntry = MAIN, variable: str = "", keyring: Keyring | None = None
) -> Credentials:
    return Credentials(folder, registry, variable, find_keyring=lambda: keyring)


def keep(where: Credentials, token: str = TOKEN) -> str:
    return where.keep(token, user="ada", expires_at=UNTIL)


# Order and places.


def test_nothing_is_found_where_nothing_was_kept(tmp_path: Path) -> None:
    assert credentials(tmp_path).find() is None
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_kept_in_a_file_without_a_keyring(tmp_path: Path) -> None:
    assert keep(credentials(tmp_path)) == "file"

    found = credentials(tmp_path).find()
    assert found is not None
    assert (found.token, found.place, found.user, found.expires_at) == (TOKEN, "file", "ada", UNTIL)


def test_the_keyring_goes_before_the_file_and_the_variable_before_both(tmp_path: Path) -> None:
    drawer = Drawer()
    keep(credentials(tmp_path), OTHER)
    assert keep(credentials(tmp_path, keyring=drawer)) == "keyring"

    with_keyring = credentials(tmp_path, keyring=drawer).find()
    with_variable = credentials(tmp_path, variable=OTHER, keyring=drawer).find()
    assert with_keyring is not None
    assert (with_keyring.token, with_keyring.place, with_keyring.user) == (TOKEN, "keyring", "ada")
    assert with_variable is not None
    assert (with_variable.token, with_variable.place) == (OTHER, "variable")


def test_a_token_in_the_keyring_leaves_no_older_one_in_the_file(tmp_path: Path) -> None:
    keep(credentials(tmp_path), OTHER)

    keep(credentials(tmp_path, keyring=Drawer()))

    assert credentials(tmp_path).find() is None


@pytest.mark.parametrize("keyring", [Locked(), Forgetful()])
def test_a_keyring_that_fails_or_forgets_gives_way_to_the_file(tmp_path: Path, keyring: Keyring) -> None:
    where = credentials(tmp_path, keyring=keyring)

    assert keep(where) == "file"
    found = where.find()
    assert found is not None
    assert found.place == "file"


def test_what_a_keyring_has_of_another_form_is_none_of_ours(tmp_path: Path) -> None:
    drawer = Drawer()
    where = credentials(tmp_path, keyring=drawer)
    drawer.set_password("donkeytui", where.origin, "hunter2")

    assert where.find() is None


def test_a_keyring_entry_moved_to_another_origin_is_not_used(tmp_path: Path) -> None:
    drawer = Drawer()
    keep(credentials(tmp_path, keyring=drawer))
    evil = credentials(tmp_path, RegistryEntry("evil", "https://evil.example.com"), keyring=drawer)
    drawer.kept["donkeytui", evil.origin] = next(iter(drawer.kept.values()))

    assert evil.find() is None


def test_forgetting_takes_it_from_keyring_and_file(tmp_path: Path) -> None:
    drawer = Drawer()
    keep(credentials(tmp_path, keyring=drawer))
    keep(credentials(tmp_path), OTHER)

    credentials(tmp_path, keyring=drawer).forget()

    assert credentials(tmp_path, keyring=drawer).find() is None
    assert drawer.kept == {}


def test_forgetting_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    credentials(tmp_path, keyring=Drawer()).forget()

    assert list(tmp_path.iterdir()) == []


def test_the_embedded_registry_has_no_token_at_all(tmp_path: Path) -> None:
    embedded = RegistryEntry("embedded", EMBEDDED_URL)

    assert credentials(tmp_path, embedded, variable=TOKEN).find() is None


# Origins.


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://plugins.example.com", "https://plugins.example.com:443"),
        ("https://Plugins.Example.com.:443/registry", "https://plugins.example.com:443"),
        ("http://plugins.example.com", "http://plugins.example.com:80"),
        ("http://127.0.0.1:4873", "http://127.0.0.1:4873"),
        ("http://[::1]:4873", "http://[::1]:4873"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://plugins.example.com/registry",
        "https://plugins.example.com:8443/registry",
        "https://plugins.example.org/registry",
        "https://plugins.example.com.evil.example/registry",
    ],
)
def test_another_origin_never_gets_the_token(tmp_path: Path, elsewhere: str) -> None:
    keep(credentials(tmp_path))

    assert credentials(tmp_path, RegistryEntry("main", elsewhere)).find() is None


def test_registries_keep_their_tokens_apart(tmp_path: Path) -> None:
    other = RegistryEntry("other", "http://127.0.0.1:4873")
    keep(credentials(tmp_path))
    keep(credentials(tmp_path, other), OTHER)

    credentials(tmp_path).forget()

    found = credentials(tmp_path, other).find()
    assert found is not None
    assert found.token == OTHER


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://plugins.example.com", False),
        ("http://localhost:4873", False),
        ("http://team.localhost", False),
        ("http://127.1.2.3", False),
        ("http://[::1]:1", False),
        ("http://192.168.0.7:4873", True),
        ("http://registry.example.com", True),
        ("http://localhost.example.com", True),
        ("http://127.0.0.1.example.com", True),
    ],
)
def test_plain_http_to_another_machine_is_exposed(url: str, expected: bool) -> None:
    assert is_exposed(url) == expected


# The file.


@posix_only
def test_file_and_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    where = credentials(tmp_path)
    keep(where)

    assert stat.S_IMODE(where.file.parent.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in where.file.parent.iterdir()}
    assert files == {"credentials.json": 0o600, ".lock": 0o600}


@posix_only
def test_a_folder_that_others_can_open_is_closed_before_a_token_is_put_in(tmp_path: Path) -> None:
    where = credentials(tmp_path)
    where.file.parent.mkdir(mode=0o755)

    keep(where)

    assert stat.S_IMODE(where.file.parent.stat().st_mode) == 0o700


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o660])
def test_a_file_that_others_can_get_at_is_refused_with_the_way_to_mend_it(tmp_path: Path, mode: int) -> None:
    where = credentials(tmp_path)
    keep(where)
    where.file.chmod(mode)

    with pytest.raises(CredentialsUnusable) as refused:
        where.find()

    assert refused.value.problem.detail == f"others can get at it (mode {mode:o})"
    assert refused.value.problem.hint == f"chmod 600 '{where.file}'"


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    where = credentials(tmp_path)
    keep(where)
    os.chown(where.file, 12345, -1)

    with pytest.raises(CredentialsUnusable) as refused:
        where.find()

    assert refused.value.problem.detail == "it belongs to another user"


@posix_only
def test_a_link_is_refused_and_what_it_leads_to_stays_unread(tmp_path: Path) -> None:
    where, elsewhere = credentials(tmp_path), tmp_path / "elsewhere.json"
    keep(where)
    where.file.rename(elsewhere)
    where.file.symlink_to(elsewhere)

    with pytest.raises(CredentialsUnusable) as refused:
        where.find()

    assert refused.value.problem.detail == "it is a link"


@posix_only
def test_a_token_is_not_put_into_a_folder_that_is_a_link(tmp_path: Path) -> None:
    where, elsewhere = credentials(tmp_path / "data"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    where.file.parent.parent.mkdir()
    where.file.parent.symlink_to(elsewhere)

    with pytest.raises(CredentialsUnusable):
        keep(where)

    assert list(elsewhere.iterdir()) == []


@posix_only
def test_a_pipe_in_its_place_is_refused_at_once(tmp_path: Path) -> None:
    where = credentials(tmp_path)
    where.file.parent.mkdir()
    os.mkfifo(where.file, 0o600)

    with pytest.raises(CredentialsUnusable) as refused:
        where.find()

    assert refused.value.problem.detail == "it is no file"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "tokens": []}',
        '{"version": 1, "tokens": [], "more": 1}',
        '{"version": 1, "tokens": [{"origin": "https://a:443"}]}',
        '{"version": 1, "tokens": [{"origin": "https://a:443", "token": 7}]}',
        '{"version": 1, "tokens": ' + "[" * 5000,
        "\udcff",
        " " * (FILE_MAX_BYTES + 1),
    ],
)
def test_a_file_of_another_form_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    where = credentials(tmp_path)
    keep(where)
    where.file.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(CredentialsUnusable) as refused:
        where.find()

    assert refused.value.problem.detail in ("its form is wrong", "it is larger than 256 KiB")


def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path) -> None:
    for text in ("geheim\n", "gehéim", "ge heim", "g" * 300):
        with pytest.raises(CredentialsUnusable) as refused:
            credentials(tmp_path, variable=text).find()

        problem = refused.value.problem
        assert text not in f"{problem.title} {problem.detail} {problem.hint}"


def test_tokens_are_not_in_what_is_printed_of_them(tmp_path: Path) -> None:
    where = credentials(tmp_path)
    keep(where)

    assert TOKEN not in repr(where.find()) + repr(read_tokens(where.file)) + repr(where)


def test_the_file_is_canonical(tmp_path: Path) -> None:
    path = tmp_path / "private" / "credentials.json"
    tokens = (KeptToken(origin="https://b:443", token=OTHER), KeptToken(origin="https://a:443", token=TOKEN))

    write_tokens(path, tokens)

    document = json.loads(path.read_text())
    assert document["version"] == 1
    assert [token["origin"] for token in document["tokens"]] == ["https://a:443", "https://b:443"]


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(CredentialsUnusable):
        keep(credentials(tmp_path))


def test_logins_at_the_same_moment_lose_none_of_each_others_tokens(tmp_path: Path) -> None:
    places = [credentials(tmp_path, RegistryEntry("x", f"https://{n}.example.com")) for n in range(12)]
    together([partial(keep, place) for place in places])

    assert {each.origin for each in read_tokens(places[0].file)} == {place.origin for place in places}


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("")

    with pytest.raises(CredentialsUnusable) as refused:
        keep(credentials(tmp_path))

    assert refused.value.problem.detail == "it is no folder of yours"


# The library `keyring`.


class Backend:
    def __init__(self, priority: float) -> None:
        self.priority = priority


class Chain(Backend):
    def __init__(self, *backends: Backend) -> None:
        super().__init__(10)
        self.backends = backends


class PlainFile(Backend):
    pass


PlainFile.__module__ = "keyrings.alt.file"
GUARDED = Backend(5)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands where the optional library would be, so that no keyring of this machine is ever touched."""
    module = ModuleType("keyring")
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (GUARDED, GUARDED),
        (Backend(0), None),
        (Backend(-1), None),
        (Backend(0.5), None),
        (PlainFile(5), None),
        (Chain(PlainFile(9), Backend(0), GUARDED), GUARDED),
        (Chain(Backend(0)), None),
    ],
)
def test_only_a_backend_that_guards_counts(
    library: ModuleType, backend: Backend, expected: Backend | None
) -> None:
    library.get_keyring = lambda: backend  # type: ignore[attr-defined]

    assert real_keyring() is expected


def test_a_library_that_breaks_is_as_good_as_none(library: ModuleType) -> None:
    def broken() -> object:
        raise RuntimeError("no bus")

    library.get_keyring = broken  # type: ignore[attr-defined]

    assert real_keyring() is None


def test_without_the_library_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert real_keyring() is None


def test_a_round_trip_through_the_library_itself(tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    drawer = Drawer()

    class InMemory(backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 5

        def get_password(self, service: str, username: str) -> str | None:
            return drawer.get_password(service, username)

        def set_password(self, service: str, username: str, password: str) -> None:
            drawer.set_password(service, username, password)

        def delete_password(self, service: str, username: str) -> None:
            drawer.delete_password(service, username)

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        where = Credentials(tmp_path, MAIN)
        place = keep(where)
        found = where.find()
        where.forget()
        left = where.find()
    finally:
        keyring.set_keyring(before)

    assert place == "keyring"
    assert found is not None
    assert (found.token, found.place) == (TOKEN, "keyring")
    assert left is None
    assert list(tmp_path.iterdir()) == []


def test_null_and_fail_of_the_library_itself_do_not_count() -> None:
    keyring = pytest.importorskip("keyring")
    before = keyring.get_keyring()
    try:
        for name in ("null", "fail"):
            module = pytest.importorskip(f"keyring.backends.{name}")
            keyring.set_keyring(module.Keyring())

            assert real_keyring() is None
    finally:
        keyring.set_keyring(before)
