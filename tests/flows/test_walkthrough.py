"""The README's walk-through, on a fresh home folder: once in process, once against a server on a port."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from donkeytui.project.lockfile import parse_lockfile
from registry_server.contract.integrity import integrity_of
from tests.support.builders import tree, write_plugin
from tests.support.server import running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.network)])
def walk(request: pytest.FixtureRequest, cli: Callable[..., Any]) -> Callable[..., Any]:
    """`cli`, with the environment that names the registry."""
    if request.param == "embedded":
        return cli
    running = request.getfixturevalue("server")

    def with_server(line: str, **options: Any) -> Any:
        return cli(line, DONKEYTUI_REGISTRY=running.url, DONKEYTUI_TOKEN=running.token, **options)

    return with_server


@pytest.mark.fresh_home
def test_a_newcomer_finds_installs_is_protected_and_publishes(
    walk: Callable[..., Any], project: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = walk("search auth --json").json["data"]["plugins"]
    assert {plugin["name"] for plugin in found[:3]} == {"auth-jwt", "auth-oauth", "auth-magic-link"}

    shown = walk("info auth-jwt")
    assert shown.status == 0
    assert "users@^2.0.0" in shown.out

    dry = walk("install auth-jwt --dry-run")
    assert (dry.status, "users" in dry.out) == (0, True)
    assert not (project / "donkeylabs-lock.json").exists()

    installed = walk("install auth-jwt --yes")
    assert installed.status == 0, installed.err
    assert 'import { usersPlugin } from "./plugins/users";' in installed.err
    assert "server.registerPlugin(authJwtPlugin({ /* config */ }));" in installed.err
    lockfile = parse_lockfile((project / "donkeylabs-lock.json").read_text())
    assert set(lockfile.plugins) == {"auth-jwt", "users"}
    for plugin in lockfile.plugins.values():
        digest = plugin.integrity.removeprefix("sha256:")
        assert (
            integrity_of((tmp_path / "cache/packages" / digest[:2] / digest).read_bytes()) == plugin.integrity
        )
    assert '"jose": "^6.0.0"' in (project / "package.json").read_text()

    before = tree(project)
    refused = walk("uninstall users --yes")
    assert refused.status == 1
    assert "`auth-jwt` 2.0.0 needs it" in refused.err
    assert tree(project) == before

    name = f"greeter{request.node.callspec.id}"
    folder = write_plugin(
        tmp_path / "plugins" / name, name, "0.1.0", description="Says hello in many tongues."
    )
    published = walk(f"publish {folder}")
    assert published.status == 0, published.err
    assert walk("search tongues --json").json["data"]["plugins"][0]["name"] == name

    assert walk(f"install {name} --yes").status == 0
    assert walk(f"uninstall {name} auth-jwt --prune --yes").status == 0
    assert not any("plugins/" in path for path in tree(project))


def test_the_same_lockfile_gives_the_same_files_elsewhere(
    walk: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    assert walk("install auth-jwt@^1.0.0 stripe --yes").status == 0
    first = tree(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in ("donkeylabs.config.ts", "package.json", "donkeylabs-lock.json"):
        (elsewhere / path).write_bytes(first[path])

    assert walk("install --yes", folder=elsewhere).status == 0

    second = tree(elsewhere)
    assert {path: second[path] for path in first if path != "src/server/index.ts"} == {
        path: data for path, data in first.items() if path != "src/server/index.ts"
    }
