"""What goes wrong for users: each a sentence with a hint, the right exit status, the project untouched."""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_server.registry import open_registry
from registry_server.store import changes, plugins
from tests.support.builders import tree, write_plugin, write_project
from tests.support.server import free_port, running_server
from tests.support.tampering import tampering_proxy


@pytest.fixture
def untouched(project: Path) -> Iterator[None]:
    before = tree(project)
    yield
    assert tree(project) == before


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def refused(result: Any, status: int, *words: str) -> None:
    """A refusal has the exit status, says what happened and what to do, and shows no trace."""
    assert result.status == status, result.err
    assert "error: " in result.err
    assert "hint: " in result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


@pytest.mark.usefixtures("untouched")
def test_unknown_plugin_names_the_nearest(cli: Callable[..., Any]) -> None:
    refused(cli("install auht-jwt --yes"), 1, "there is no plugin `auht-jwt`", "auth-jwt")


@pytest.mark.usefixtures("untouched")
def test_impossible_range_names_the_newest_release(cli: Callable[..., Any]) -> None:
    refused(cli("install users@^9.0.0 --yes"), 1, "`users ^9.0.0`", "the newest is 2.0.0")


@pytest.mark.usefixtures("untouched")
def test_a_range_that_is_none_is_named(cli: Callable[..., Any]) -> None:
    refused(cli("install users@banana --yes"), 1, "banana")


@pytest.mark.usefixtures("untouched")
def test_conflict_names_the_chain(cli: Callable[..., Any]) -> None:
    result = cli("install auth-jwt@^1.0.0 users@^2.0.0 --yes")

    refused(result, 1, "do not fit together", "you asked for `users ^2.0.0`")
    assert "`auth-jwt` 1.0.0 needs `users ^1.0.0`" in result.err or "needs `users ^1" in result.err


@pytest.mark.network
@pytest.mark.usefixtures("untouched")
def test_unreachable_registry_says_so(cli: Callable[..., Any]) -> None:
    result = cli("install users --yes", DONKEYTUI_REGISTRY=f"http://127.0.0.1:{free_port()}")

    refused(result, 3, "cannot be reached")


@pytest.mark.network
@pytest.mark.usefixtures("untouched")
def test_package_with_other_bytes_is_stopped(cli: Callable[..., Any], server: Any) -> None:
    def flip(path: str, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1]) if path.endswith("/download") else body

    with tampering_proxy(server.url, flip) as url:
        refused(cli("install users --yes", DONKEYTUI_REGISTRY=url), 4, "does not have the digest it should")


@pytest.mark.network
@pytest.mark.usefixtures("untouched")
def test_package_that_is_longer_than_announced_is_stopped(cli: Callable[..., Any], server: Any) -> None:
    def grow(path: str, body: bytes) -> bytes:
        return body + gzip.compress(b"more") if path.endswith("/download") else body

    with tampering_proxy(server.url, grow) as url:
        refused(cli("install users --yes", DONKEYTUI_REGISTRY=url), 4, "larger than announced")


@pytest.mark.usefixtures("untouched")
def test_package_that_is_no_archive_is_stopped_though_its_digest_fits(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    registry = open_registry(tmp_path / "data" / "registry")
    integrity = registry.packages.put(b"this is no archive at all")
    with registry.database.write() as connection:
        users = plugins.plugin_id(connection, "users")
        assert users is not None
        connection.execute(
            "UPDATE releases SET integrity = ?, size = 25 WHERE plugin_id = ?", (integrity, users)
        )
        changes.record(connection, users, registry.clock())
    registry.close()

    refused(cli("install users --yes"), 4, "the package of `users` 2.0.0 is refused")


@pytest.mark.network
@pytest.mark.usefixtures("untouched")
def test_something_that_is_no_registry_is_recognised(cli: Callable[..., Any], server: Any) -> None:
    with tampering_proxy(server.url, lambda _path, _body: b"<html>welcome</html>") as url:
        refused(cli("search auth", DONKEYTUI_REGISTRY=url), 3, "did not answer as a registry does")


@pytest.mark.network
@pytest.mark.usefixtures("untouched")
def test_publish_without_a_token_is_refused(cli: Callable[..., Any], server: Any, tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "newcomer", "newcomer")

    refused(cli(f"publish {folder}", DONKEYTUI_REGISTRY=server.url), 3, "needs a token", "DONKEYTUI_TOKEN")


def test_folder_that_is_no_project_is_left_alone(cli: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    refused(cli("install users --yes", folder=folder), 1, "no DonkeyLabs project here", "--project")
    assert list(folder.iterdir()) == []


def test_project_that_cannot_be_written_is_left_alone(cli: Callable[..., Any], project: Path) -> None:
    (project / ".donkeylabs").write_text("a file where our folder should be")
    before = tree(project)

    refused(cli("install users --yes"), 1, "the project cannot be written", "nothing was changed")
    assert tree(project) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_read_only_project_is_left_alone(cli: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_project(tmp_path / "readonly")
    before = tree(folder)
    for place in (folder, folder / "src", folder / "src" / "server"):
        place.chmod(0o555)
    try:
        refused(cli("install users --yes", folder=folder), 1, "the project cannot be written")
        assert tree(folder) == before
    finally:
        for place in (folder, folder / "src", folder / "src" / "server"):
            place.chmod(0o755)


@pytest.mark.usefixtures("untouched")
def test_hand_edited_lockfile_is_named_with_its_line(cli: Callable[..., Any], project: Path) -> None:
    lockfile = project / "donkeylabs-lock.json"
    lockfile.write_text('{\n  "lockfileVersion": 1,\n  "plugins": {\n    "../x": {}\n  }\n}\n')
    try:
        refused(cli("install users --yes"), 1, "donkeylabs-lock.json", "line 4")
    finally:
        lockfile.unlink()


@pytest.mark.usefixtures("untouched")
def test_nobody_to_ask_is_not_taken_for_yes(cli: Callable[..., Any]) -> None:
    refused(cli("install users"), 1, "nobody could be asked", "--yes")


@pytest.mark.usefixtures("untouched")
def test_no_is_respected(cli: Callable[..., Any]) -> None:
    result = cli("install users", is_terminal=True, answer="n\n")

    assert (result.status, "nothing was changed" in result.err) == (1, True)


def test_yes_at_the_prompt_installs(cli: Callable[..., Any], project: Path) -> None:
    assert cli("install users", is_terminal=True, answer="y\n").status == 0
    assert (project / "src/server/plugins/users/index.ts").exists()


def test_typing_mistakes_are_met_with_the_nearest_verb(cli: Callable[..., Any]) -> None:
    result = cli("instal users")

    assert (result.status, "Did you mean `install`?" in result.err) == (2, True)


def test_problems_are_one_json_object_when_asked(cli: Callable[..., Any]) -> None:
    result = cli("info nothing-like-it --json")

    assert (result.status, result.json["ok"], result.json["problem"]["code"]) == (
        1,
        False,
        "plugin-not-found",
    )
