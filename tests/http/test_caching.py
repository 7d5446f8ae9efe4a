"""What may be kept of an answer, by whom, and what asks again for nothing: every endpoint that reads."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry_server.http.api import documented_routes
from registry_server.http.app import build_app
from registry_server.limits import DEFAULT_LIMITS, RateLimits
from registry_server.operations.accounts import local_caller
from registry_server.operations.publish import publish
from registry_server.registry import Registry, open_registry
from tests.support.asgi_calls import Api, problem_code
from tests.support.builders import FixedClock, package
from tests.support.killing import MortalServer
from tests.support.listening import wait_until_listening
from tests.support.roles import Cast, make_cast, on_stage

ALWAYS = "public, max-age=31536000, immutable"
ASK = "no-cache"
NEVER = "no-store"

# Who keeps it how long; `who asks` marks what differs by the token, `own` what only its holder sees,
# `open` what needs no token even where reading does.
TABLE = {
    "/api/plugins": (ASK, ""),
    "/api/plugins/{name}": (ASK, ""),
    "/api/plugins/{name}/versions": (ASK, ""),
    "/api/plugins/{name}/{version}/download": (ALWAYS, ""),
    "/api/plugins/{name}/{version}/readme": (ALWAYS, ""),
    "/api/plugins/{name}/{version}/files": (ALWAYS, ""),
    "/api/plugins/{name}/{version}/files/{path}": (ALWAYS, ""),
    "/api/plugins/{name}/owners": (ASK, ""),
    "/api/plugins/{name}/ratings": (ASK, ""),
    "/api/plugins/{name}/stats": (ASK, "who asks"),
    "/api/users/{user}/stats": (ASK, "who asks"),
    "/api/categories": (ASK, ""),
    "/api/stats": (ASK, ""),
    "/api/changes": (ASK, ""),
    "/api/snapshot": (ASK, ""),
    "/api/snapshot/shards/{digest}": (ALWAYS, ""),
    "/api/session": (NEVER, "own"),
    "/api/tokens": (NEVER, "own"),
    "/api/quarantine": (NEVER, "own"),
    "/api/reports": (NEVER, "own"),
    "/api/audit": (NEVER, "own"),
    "/api/session/methods": (NEVER, "open"),
    "/metrics": (NEVER, "open"),
    "/healthz": (NEVER, "open"),
    "/readyz": (NEVER, "open"),
    "/api/openapi.json": (ASK, "open"),
}
DOWNLOAD = "/api/plugins/auth/1.0.0/download"
ARCHIVE = package("auth", "1.0.0", categories=["security"])

Stage = tuple[Registry, Api]


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return make_cast(tmp_path_factory.mktemp("cast") / "registry")


@pytest.fixture(scope="module")
def stage(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with on_stage(cast, tmp_path_factory.mktemp("open") / "registry") as opened:
        yield opened


@pytest.fixture(scope="module")
def closed(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with on_stage(cast, tmp_path_factory.mktemp("closed") / "registry", reading="token") as opened:
        yield opened


def filled(api: Api, path: str) -> str:
    names = {"name": "auth", "version": "1.0.0", "path": "index.ts", "user": "ada"}
    if "{digest}" in path:
        names["digest"] = api.get("/api/snapshot").json()["shards"][0]["digest"]
    return path.format(**names)


def kept(answer: httpx.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("cache-control"), answer.headers.get("vary")


def stable(answer: httpx.Response, path: str) -> dict[str, str]:
    """Headers that two requests in a row have in common."""
    changing = {"x-request-id"} | ({"etag", "content-length"} if path == "/metrics" else set())
    return {name: value for name, value in answer.headers.items() if name not in changing}


def test_the_table_has_every_endpoint_that_reads() -> None:
    reading = {route.shown_path for route in documented_routes() if route.method == "GET"}

    assert set(TABLE) == reading | {"/api/openapi.json"}


@pytest.mark.parametrize("path", TABLE)
def test_an_answer_says_who_may_keep_it(cast: Cast, stage: Stage, path: str) -> None:
    cache, kind = TABLE[path]
    api = stage[1].with_token(cast.tokens["admin"]) if kind == "own" else stage[1]

    answer = api.get(filled(api, path))

    assert answer.status_code == 200, answer.text
    assert kept(answer) == (cache, "Authorization" if kind in ("own", "who asks") else None)


@pytest.mark.parametrize("path", TABLE)
def test_where_reading_needs_a_token_no_cache_of_many_keeps_it(cast: Cast, closed: Stage, path: str) -> None:
    cache, kind = TABLE[path]
    api = closed[1].with_token(cast.tokens["admin"])

    answer = api.get(filled(api, path))

    assert kept(answer) == (
        cache if kind == "open" else cache.replace("public", "private"),
        "Authorization",
    )


@pytest.mark.parametrize("path", [path for path in TABLE if path != "/metrics"])
def test_what_did_not_change_is_not_sent_again(cast: Cast, stage: Stage, path: str) -> None:
    api = stage[1].with_token(cast.tokens["admin"])
    address = filled(api, path)
    first = api.get(address)
    etag = first.headers["etag"]

    again = api.get(address, if_none_match=etag)
    head = api.head(address, if_none_match=etag)

    assert etag.startswith('"')
    for answer in (again, head):
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert kept(answer) == kept(first)
    assert api.get(address, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("path", TABLE)
def test_head_says_what_get_would(cast: Cast, stage: Stage, path: str) -> None:
    api = stage[1].with_token(cast.tokens["admin"])
    address = filled(api, path)

    whole, head = api.get(address), api.head(address)

    assert (head.status_code, head.content) == (200, b"")
    assert stable(head, path) == stable(whole, path)


@pytest.mark.parametrize(
    "path", ["/api/plugins/nothing", "/api/session", "/api/plugins?limit=0", "/nowhere", DOWNLOAD + "s"]
)
def test_a_refusal_is_kept_by_nobody(stage: Stage, path: str) -> None:
    answer = stage[1].get(path)

    assert answer.status_code >= 400
    assert kept(answer) == (NEVER, None)
    assert "etag" not in answer.headers


# Parts of a package.


def test_a_part_says_which_and_of_what(stage: Stage) -> None:
    whole = stage[1].get(DOWNLOAD)

    part = stage[1].get(DOWNLOAD, range="bytes=10-19")

    assert (part.status_code, part.content) == (206, ARCHIVE[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(ARCHIVE)}"
    assert part.headers["content-length"] == "10"
    for name in ("etag", "cache-control", "accept-ranges", "content-type", "repr-digest"):
        assert part.headers[name] == whole.headers[name]


def test_a_part_beyond_the_end_says_how_long_it_is(stage: Stage) -> None:
    answer = stage[1].get(DOWNLOAD, range=f"bytes={len(ARCHIVE)}-")

    assert (answer.status_code, problem_code(answer)) == (416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(ARCHIVE)}"
    assert answer.headers["cache-control"] == NEVER


@pytest.mark.parametrize("condition", ['W/"{}"', '"other"', "Sat, 14 Mar 2026 09:26:53 GMT", "{}", ""])
def test_only_the_very_tag_continues_a_download(stage: Stage, condition: str) -> None:
    etag = stage[1].get(DOWNLOAD).headers["etag"].strip('"')

    same = stage[1].get(DOWNLOAD, range="bytes=10-", if_range=f'"{etag}"')
    other = stage[1].get(DOWNLOAD, range="bytes=10-", if_range=condition.format(etag))

    assert (same.status_code, same.content) == (206, ARCHIVE[10:])
    assert (other.status_code, other.content) == (200, ARCHIVE)


def test_what_is_known_already_is_not_sent_in_parts_either(stage: Stage) -> None:
    etag = stage[1].get(DOWNLOAD).headers["etag"]

    answer = stage[1].get(DOWNLOAD, range="bytes=10-", if_none_match=etag)

    assert (answer.status_code, answer.content) == (304, b"")


def test_head_knows_no_parts(stage: Stage) -> None:
    answer = stage[1].head(DOWNLOAD, range="bytes=10-19")

    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(ARCHIVE)))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("path", [path for path in TABLE if not path.endswith(("/download", "/metrics"))])
def test_all_else_is_sent_whole(cast: Cast, stage: Stage, path: str) -> None:
    api = stage[1].with_token(cast.tokens["admin"])
    address = filled(api, path)

    answer = api.get(address, range="bytes=1-2")

    assert (answer.status_code, answer.content) == (200, api.get(address).content)
    assert "accept-ranges" not in answer.headers


# What a repeated question costs, and what is on the wire.


def test_a_search_whose_answer_is_known_costs_nothing(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "limited", FixedClock(), limits=RateLimits(clock=lambda: 0))
    publish(registry, local_caller(registry), package("auth"))
    api = Api(build_app(registry, is_local=False))
    first = api.get("/api/plugins?q=auth")
    burst = DEFAULT_LIMITS["search"].burst

    repeated = {api.get("/api/plugins?q=auth", if_none_match=first.headers["etag"]).status_code}
    left = api.get("/api/plugins?q=auth").headers["ratelimit"]
    unlimited = api.get("/api/plugins").headers
    registry.close()

    assert repeated == {304}
    assert left.startswith(f'"search";r={burst - 2};')
    assert "ratelimit" not in unlimited


@pytest.mark.network
def test_over_a_socket_no_answer_to_head_has_a_body(tmp_path: Path) -> None:
    server = MortalServer(tmp_path / "registry")
    server.start()
    wait_until_listening(server.url)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    statuses = []
    try:
        # A body that nobody expects would be read as the beginning of the next answer.
        for path in ("/api/plugins", "/api/plugins/nothing", "/nowhere", "/api/session", "/", "/plugins/x"):
            connection.request("HEAD", path)
            answer = connection.getresponse()
            statuses.append(answer.status)
            assert answer.read() == b""
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
    finally:
        connection.close()
        server.stop()

    assert statuses == [200, 404, 404, 401, 200, 404]
