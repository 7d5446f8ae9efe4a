"""Everything about one plugin: from the catalogue, the README from the cache once it was read."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from donkeytui.embedded import EmbeddedTransport
from donkeytui.operations.show import README_MAX, choose_release, read_readme, show
from donkeytui.operations.sync import sync
from donkeytui.problems import OfflineMissing, RegistryUnreachable
from donkeytui.session import Session
from donkeytui.settings import RegistryEntry, Settings
from registry_server.contract.problems import InvalidName, PluginNotFound, VersionNotFound
from registry_server.contract.ranges import parse_requirement
from registry_server.contract.wire import PluginDocument
from registry_server.http.app import build_app
from registry_server.registry import Registry
from tests.support.builders import document, release
from tests.support.faults import FaultyTransport, answer

Run = Callable[..., Any]


@pytest.fixture
def counted(registry: Registry) -> FaultyTransport:
    """The real registry, as if across a network, with its requests written down."""
    return FaultyTransport(EmbeddedTransport(build_app(registry, is_local=True)), suffix="/readme")


@pytest.fixture
def remote(in_session: Run) -> Run:
    def remote(
        operation: Callable[[Session], Any], transport: httpx.AsyncBaseTransport, **changed: Any
    ) -> Any:
        entry = RegistryEntry("main", "http://registry.test")
        return in_session(operation, transport=transport, registry=entry, **changed)

    return remote


async def readme(session: Session) -> str:
    found = show(session, "auth")
    return await read_readme(session, "auth", found.versions[0])


def shown(name: str) -> Callable[[Session], Any]:
    async def operation(session: Session) -> PluginDocument:
        return show(session, name)

    return operation


@pytest.fixture
def synced(publish: Run, remote: Run, counted: FaultyTransport) -> FaultyTransport:
    """A registry with three plugins, and a catalogue that knows them."""
    for name in ("auth", "authKit", "rate-limit"):
        publish(name, extra={"README.md": f"# {name}\n\nHow to use it: ä€🚀.\n"})
    remote(sync, counted)
    counted.requests.clear()
    return counted


# The document.


def test_a_plugin_is_shown_from_the_catalogue_without_a_request(synced: FaultyTransport, remote: Run) -> None:
    assert remote(shown("auth"), synced).latest_version == "1.0.0"
    assert synced.requests == []


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("ratelimit", "rate-limit"),
        ("rateLimit", "rate-limit"),
        ("auth-kit", "authKit"),
        ("rate-limt", "rate-limit"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest(
    synced: FaultyTransport, remote: Run, asked: str, near: str
) -> None:
    with pytest.raises(PluginNotFound) as caught:
        remote(shown(asked), synced)

    problem = caught.value.problem
    assert problem.title == f"there is no plugin `{asked}` in the registry `main`"
    assert problem.detail == f"near it: {near}"
    assert problem.hint == f"donkeytui info {near}"


def test_a_name_near_to_nothing_leads_to_the_search(synced: FaultyTransport, remote: Run) -> None:
    with pytest.raises(PluginNotFound) as caught:
        remote(shown("zzz"), synced)

    assert (caught.value.problem.detail, caught.value.problem.hint) == ("", "donkeytui search WORDS")


@pytest.mark.parametrize("name", ["../auth", "", "Auth JWT", "a" * 65, "\x1b[2J"])
def test_what_is_no_name_is_said_to_be_none(synced: FaultyTransport, remote: Run, name: str) -> None:
    with pytest.raises(InvalidName):
        remote(shown(name), synced)


# The README.


def test_a_readme_is_asked_for_once(synced: FaultyTransport, remote: Run) -> None:
    first = remote(readme, synced)
    second = remote(readme, synced)

    assert first == second == "# auth\n\nHow to use it: ä€🚀.\n"
    assert synced.requests == ["/api/plugins/auth/1.0.0/readme"]


def test_a_readme_that_was_read_is_there_offline(synced: FaultyTransport, remote: Run) -> None:
    remote(readme, synced)
    synced.requests.clear()

    assert remote(readme, synced, is_offline=True).startswith("# auth")
    assert synced.requests == []


def test_a_readme_that_was_never_read_is_missing_offline(synced: FaultyTransport, remote: Run) -> None:
    with pytest.raises(OfflineMissing) as caught:
        remote(readme, synced, is_offline=True)

    assert caught.value.problem.title == "the README of `auth` 1.0.0 is not on this machine"


def test_each_release_has_its_own_readme(publish: Run, synced: FaultyTransport, remote: Run) -> None:
    remote(readme, synced)
    publish("auth", "1.1.0", extra={"README.md": "# Rewritten\n"})
    remote(sync, synced)

    assert remote(readme, synced) == "# Rewritten\n"


def test_a_failed_answer_is_not_kept(registry: Registry, synced: FaultyTransport, remote: Run) -> None:
    synced.unused.append(httpx.ReadError("connection reset"))
    with pytest.raises(RegistryUnreachable):
        remote(readme, synced)

    assert remote(readme, synced).startswith("# auth")


def test_a_readme_of_any_bytes_is_text_and_bounded(synced: FaultyTransport, remote: Run) -> None:
    synced.unused.append(answer(200, b"\xff\xfe\x00" + b"a" * (README_MAX + 10)))
    text = remote(readme, synced)

    assert text.startswith("��\0aaa")
    assert len(text) == README_MAX
    assert remote(readme, synced) == text
    assert len(synced.requests) == 1


def test_a_cache_that_cannot_be_written_costs_a_request_and_not_the_answer(
    synced: FaultyTransport, remote: Run, settings: Settings
) -> None:
    (folder,) = (settings.cache_dir / "catalogues").iterdir()
    (folder / "readmes").write_text("a file in the way")

    assert remote(readme, synced).startswith("# auth")
    assert remote(readme, synced).startswith("# auth")
    assert len(synced.requests) == 2


def test_no_half_written_readme_is_left(synced: FaultyTransport, remote: Run, settings: Settings) -> None:
    remote(readme, synced)

    kept = (settings.cache_dir / "catalogues").glob("*/readmes/*")
    assert [path.suffix for path in kept] == [".md"]


# The release to show.

AUTH = document(
    "auth",
    release("1.0.0"),
    release("1.2.0"),
    release("2.0.0-beta.1"),
    release("2.0.0", yanked=True),
    latest_version="1.2.0",
)


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("auth", "1.2.0"),
        ("auth@latest", "1.2.0"),
        ("auth@*", "1.2.0"),
        ("auth@^1.0.0", "1.2.0"),
        ("auth@1.0.0", "1.0.0"),
        ("auth@^2.0.0-beta", "2.0.0"),
        ("auth@2.0.0-beta.1", "2.0.0-beta.1"),
    ],
)
def test_release_to_show(wanted: str, version: str) -> None:
    assert choose_release(AUTH, parse_requirement(wanted)).version == version


def test_a_range_without_a_release_names_the_newest() -> None:
    with pytest.raises(VersionNotFound) as caught:
        choose_release(AUTH, parse_requirement("auth@^9.0.0"))

    assert caught.value.problem.title == "no release of `auth` is in `^9.0.0`"
    assert caught.value.problem.detail == "the newest are 2.0.0, 2.0.0-beta.1, 1.2.0, 1.0.0"


@pytest.mark.parametrize(
    "plugin",
    [document("auth"), document("auth", release("1.0.0"), latest_version="9.9.9\x1b[2J")],
    ids=["none", "contradiction"],
)
def test_a_plugin_without_the_release_it_names_is_a_problem(plugin: PluginDocument) -> None:
    with pytest.raises(VersionNotFound) as caught:
        choose_release(plugin, parse_requirement("auth"))

    assert caught.value.problem.detail.isprintable()
