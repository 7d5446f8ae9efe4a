"""The client of the registry's design, byte for byte over a socket, against `registry-server serve`.

`tests/support/design_client` has what that very class sends, recorded from node 20.20 (undici) and bun 1.4;
`{host}`, `{token}`, `{name}`, `{length}` and `{package}` stand for what differs, and lines end as in a file.
What it gets is compared with the interfaces that the design declares, field by field.
"""

import re
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry_server.contract.integrity import integrity_of
from tests.support.builders import package
from tests.support.killing import PATIENCE_SECONDS, MortalServer
from tests.support.listening import wait_until_listening

pytestmark = pytest.mark.network

RECORDED = Path(__file__).parents[1] / "support" / "design_client"
WHO = {"node": "auth", "bun": "vault"}
"""Who sends, and the plugin that they publish."""
DESCRIPTION = "Log in with “JSON Web Tokens”."
PERSON = {"name": "Ada Lovelace", "email": "ada@example.org", "github": "ada"}
LINK = "https://example.org/plugins"


class Answered(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def archive(name: str) -> bytes:
    """Says less than the form, which fills the rest; and what the interfaces call optional."""
    manifest = {
        "name": name,
        "version": "1.2.0",
        "license": "MIT",
        "author": {"name": PERSON["name"], "email": PERSON["email"], "url": "https://github.com/ada"},
        "repository": LINK,
        "dependencies": {"jose": "^5.0.0"},
        "engines": {"bun": ">=1.1", "node": ">=20"},
        "donkeylabs": {"plugins": {"users": "^2.0.0"}, "displayName": "Somebody"},
    }
    extra = {
        "package.json": msgspec.json.encode(manifest).decode(),
        "CHANGELOG.md": "# Changes\n\n## 1.2.0\n\nKeys rotate.\n",
    }
    return package(name, "1.2.0", needs={"users": "^2.0.0"}, extra=extra)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalServer]:
    started = MortalServer(tmp_path_factory.mktemp("design") / "registry")
    started.start()
    wait_until_listening(started.url)
    try:
        yield started
    finally:
        started.stop()


def say(server: MortalServer, who: str, what: str) -> Answered:
    name = WHO[who]
    text = (RECORDED / f"{who}_{what}.txt").read_bytes().replace(b"\n", b"\r\n")
    host = server.url.removeprefix("http://")
    for key, value in (("host", host), ("token", server.token), ("name", name)):
        text = text.replace(f"{{{key}}}".encode(), value.encode())
    head, _, body = text.partition(b"\r\n\r\n")
    body = body.replace(b"{package}", archive(name))
    head = head.replace(b"{length}", str(len(body)).encode())
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port)), timeout=20) as connection:
        connection.sendall(head + b"\r\n\r\n" + body)
        answer = HTTPResponse(connection)
        answer.begin()
        headers = {key.lower(): value for key, value in answer.getheaders()}
        return Answered(answer.status, headers, answer.read())


@pytest.fixture(scope="module")
def receipts(server: MortalServer) -> dict[str, Answered]:
    return {who: say(server, who, "publish") for who in WHO}


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_rating(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 5


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_date(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_text, [*value, *value.values()]))


def is_checksum(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", value) is not None


AUTHOR = {"name": is_text, "email": is_text, "github?": is_text}
DEPENDENCIES = {"plugins?": is_texts, "packages?": is_map}
ENGINE = {"node?": is_text, "bun?": is_text}
VERSION = {
    "version": is_text,
    "description?": is_text,
    "deprecated?": is_flag,
    "dependencies": DEPENDENCIES,
    "packageUrl": is_text,
    "checksum": is_checksum,
    "size": is_whole,
    "engine": ENGINE,
    "framework": is_text,
    "createdAt": is_date,
}
PLUGIN = {
    "id": is_text,
    "name": is_text,
    "displayName": is_text,
    "description": is_text,
    "author": AUTHOR,
    "repository?": is_text,
    "license": is_text,
    "categories": is_texts,
    "tags": is_texts,
    "downloads": is_whole,
    "rating": is_rating,
    "ratingCount": is_whole,
    "versions": [VERSION],
    "latestVersion": is_text,
    "createdAt": is_date,
    "updatedAt": is_date,
    "verified": is_flag,
}
# What the design's command and its card show of a `PluginSummary`, which it declares nowhere.
SUMMARY = {
    "name": is_text,
    "displayName": is_text,
    "description": is_text,
    "author": is_text,
    "latestVersion": is_text,
    "categories": is_texts,
    "rating": is_rating,
    "downloads": is_whole,
    "verified": is_flag,
}
PAGE = {
    "plugins": [SUMMARY],
    "pagination": {"total": is_whole, "pages": is_whole, "current": is_whole, "hasMore": is_flag},
}


def misfits(value: Any, shape: Any, path: str = "$") -> list[str]:
    """Paths in `value` that the interface does not allow; a `?` marks what may be missing."""
    if isinstance(shape, list):
        return [fault for at, item in enumerate(value) for fault in misfits(item, shape[0], f"{path}[{at}]")]
    if not isinstance(shape, dict):
        return [] if shape(value) else [f"{path}: {value!r}"]
    faults: list[str] = []
    for field, kind in shape.items():
        name = field.rstrip("?")
        if name in value:
            faults += misfits(value[name], kind, f"{path}.{name}")
        elif not field.endswith("?"):
            faults.append(f"{path}.{name} is missing")
    return faults


@pytest.mark.parametrize("who", WHO)
def test_a_publish_is_taken(receipts: dict[str, Answered], who: str) -> None:
    receipt = receipts[who]

    assert receipt.status == 201, receipt.body
    assert receipt.json["success"] is True
    assert misfits(receipt.json["plugin"], SUMMARY) == []
    assert (receipt.json["plugin"]["name"], receipt.json["version"]) == (WHO[who], "1.2.0")


@pytest.mark.parametrize("who", WHO)
def test_the_same_publish_again_is_taken_too(
    server: MortalServer, receipts: dict[str, Answered], who: str
) -> None:
    again = say(server, who, "publish")

    assert (again.status, again.json["success"], again.json["created"]) == (200, True, False)


@pytest.mark.parametrize("who", WHO)
def test_a_plugin_has_every_field_that_the_interface_promises(
    server: MortalServer, receipts: dict[str, Answered], who: str
) -> None:
    plugin = say(server, who, "get_plugin").json

    assert misfits(plugin, PLUGIN) == []
    assert (plugin["name"], plugin["displayName"], plugin["license"]) == (WHO[who], "Somebody", "MIT")
    assert plugin["description"] == DESCRIPTION
    assert (plugin["categories"], plugin["tags"]) == (["security"], ["jwt", "login"])
    assert plugin["author"]["email"] == PERSON["email"]
    assert plugin["repository"] == LINK
    [version] = plugin["versions"]
    assert version["dependencies"] == {"plugins": ["users@^2.0.0"], "packages": {"jose": "^5.0.0"}}
    assert version["engine"] == {"node": ">=20", "bun": ">=1.1"}
    assert version["description"] == "Keys rotate."
    assert version["checksum"] == integrity_of(archive(WHO[who]))


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("what", ["search", "search_everything"])
def test_a_search_finds_it(server: MortalServer, receipts: dict[str, Answered], who: str, what: str) -> None:
    found: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while WHO[who] not in found and time.monotonic() < deadline:  # the index follows in the background
        answer = say(server, who, what)
        assert answer.status == 200, answer.body
        found = [plugin["name"] for plugin in answer.json["plugins"]]

    assert misfits(answer.json, PAGE) == []
    assert WHO[who] in found
    assert answer.json["pagination"]["total"] == len(found)


@pytest.mark.parametrize("who", WHO)
def test_a_download_is_the_package(server: MortalServer, receipts: dict[str, Answered], who: str) -> None:
    answer = say(server, who, "download")

    assert (answer.status, answer.body) == (200, archive(WHO[who]))
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{WHO[who]}-1.2.0.tar.gz"'
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_a_shape_that_does_not_fit_is_noticed() -> None:
    assert misfits({"name": 7}, AUTHOR) == ["$.name: 7", "$.email is missing"]
    assert misfits({"plugins": [{}]}, {"plugins": [{"name": is_text}]}) == ["$.plugins[0].name is missing"]
