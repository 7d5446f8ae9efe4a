"""Every endpoint that reads, over HTTP, and how the API refuses and fails."""

import base64
import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from registry_server.contract.integrity import integrity_of
from registry_server.contract.review_wire import RatingRequest
from registry_server.contract.wire import ChangePage, PluginDocument, Snapshot
from registry_server.http.app import build_app
from registry_server.operations import lifecycle, reviews
from registry_server.operations.accounts import Caller, local_caller
from registry_server.operations.publish import publish as publish_operation
from registry_server.operations.statistics import flush_downloads
from registry_server.operations.tokens import create_token
from registry_server.registry import Registry, open_registry
from registry_server.store import changes, moderation, plugins
from tests.support.asgi_calls import Api, a_caller, problem_code
from tests.support.builders import FixedClock, package

Publish = Callable[..., Any]

REVALIDATE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"
DOWNLOAD = "/api/plugins/auth/1.0.0/download"
SHELVED = package("auth", categories=["security"], extra={"lib/keys.ts": "export {};\n"})

READ_ENDPOINTS = [
    ("/api/plugins", "application/json", REVALIDATE),
    ("/api/plugins?q=auth", "application/json", REVALIDATE),
    ("/api/plugins/auth", "application/json", REVALIDATE),
    ("/api/plugins/auth/versions", "application/json", REVALIDATE),
    ("/api/plugins/auth/stats", "application/json", REVALIDATE),
    ("/api/plugins/auth/owners", "application/json", REVALIDATE),
    ("/api/plugins/auth/ratings", "application/json", REVALIDATE),
    (DOWNLOAD, "application/gzip", IMMUTABLE),
    ("/api/plugins/auth/1.0.0/readme", "text/markdown; charset=utf-8", IMMUTABLE),
    ("/api/plugins/auth/1.0.0/files", "application/json", IMMUTABLE),
    ("/api/plugins/auth/1.0.0/files/index.ts", "application/octet-stream", IMMUTABLE),
    ("/api/categories", "application/json", REVALIDATE),
    ("/api/stats", "application/json", REVALIDATE),
    ("/api/changes", "application/json", REVALIDATE),
    ("/api/snapshot", "application/json", REVALIDATE),
    ("/healthz", "application/json", "no-store"),
    ("/readyz", "application/json", "no-store"),
    ("/api/openapi.json", "application/json", REVALIDATE),
]
PATHS = [path for path, _, _ in READ_ENDPOINTS]


@pytest.fixture
def api(registry: Registry) -> Api:
    """As the world sees it: no caller is known without a token."""
    return Api(build_app(registry, is_local=False))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A registry that is only read: `auth` 1.0.0 and nothing else."""
    registry = open_registry(tmp_path_factory.mktemp("shelf"), FixedClock())
    publish_operation(registry, local_caller(registry), SHELVED)
    yield Api(build_app(registry, is_local=False))
    registry.close()


@pytest.fixture
def local(registry: Registry) -> Api:
    """As the embedding program sees it: every caller is the owner."""
    return Api(build_app(registry, is_local=True))


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [plugin["name"] for plugin in response.json()["plugins"]]


def shard_path(api: Api) -> str:
    return f"/api/snapshot/shards/{api.get('/api/snapshot').json()['shards'][0]['digest']}"


# What all endpoints that read have in common.


@pytest.mark.parametrize(("path", "media_type", "cache"), READ_ENDPOINTS, ids=PATHS)
def test_reading_answers_200_and_says_how_long_to_keep_it(
    shelf: Api, path: str, media_type: str, cache: str
) -> None:
    answer = shelf.get(path)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == cache
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_answer_is_a_304_without_a_body(shelf: Api, path: str) -> None:
    etag = shelf.get(path).headers["etag"]

    again = shelf.get(path, if_none_match=etag)
    other = shelf.get(path, if_none_match='"something-else"')

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert other.status_code == 200


def without_id(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(shelf: Api, path: str) -> None:
    whole, head = shelf.get(path), shelf.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert without_id(head) == without_id(whole)


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_parameter_is_refused_everywhere(shelf: Api, path: str) -> None:
    answer = shelf.get(f"{path}{'&' if '?' in path else '?'}colour=red")

    assert answer.status_code == 422
    assert problem_code(answer) == "invalid-request"
    assert "`colour`" in answer.json()["title"]


def test_a_shard_is_immutable_and_known_by_its_digest(shelf: Api) -> None:
    path = shard_path(shelf)

    answer = shelf.get(path)

    digest = path.rpartition(":")[2]
    assert hashlib.sha256(answer.content).hexdigest() == digest
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["content-type"] == "application/zstd"
    assert answer.headers["cache-control"] == IMMUTABLE
    assert shelf.get(path, if_none_match=f'"{digest}"').status_code == 304
    assert shelf.head(path).content == b""


@pytest.mark.parametrize("form", ["W/{}", '"old", {}', "*"])
def test_if_none_match_takes_weak_tags_lists_and_a_star(shelf: Api, form: str) -> None:
    etag = shelf.get("/api/plugins/auth").headers["etag"]

    assert shelf.get("/api/plugins/auth", if_none_match=form.format(etag)).status_code == 304


@pytest.mark.parametrize(
    "path", [*PATHS, "/nowhere", "/api/plugins/nobody", "/", "/plugins/nobody", "/api/docs"]
)
def test_every_answer_forbids_scripts_and_sniffing(shelf: Api, path: str) -> None:
    headers = shelf.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


# Lists and search.


def test_a_list_has_the_summaries_and_the_pagination_of_the_design(api: Api, publish: Publish) -> None:
    publish("auth", "1.2.0", categories=["security"], tags=["jwt"], displayName="Authentication")

    body = api.get("/api/plugins").json()

    assert body["pagination"] == {"total": 1, "pages": 1, "current": 1, "hasMore": False}
    assert body["plugins"] == [
        {
            "name": "auth",
            "displayName": "Authentication",
            "description": "A plugin made for a test.",
            "author": "Ada Lovelace",
            "latestVersion": "1.2.0",
            "categories": ["security"],
            "tags": ["jwt"],
            "license": "MIT",
            "downloads": 0,
            "rating": 0.0,
            "ratingCount": 0,
            "verified": False,
            "featured": False,
            "deprecated": False,
            "quarantined": False,
            "createdAt": "2026-03-14T09:26:53Z",
            "updatedAt": "2026-03-14T09:26:53Z",
            "highlights": None,
        }
    ]


def test_an_empty_registry_lists_nothing(api: Api) -> None:
    assert api.get("/api/plugins").json() == {
        "plugins": [],
        "pagination": {"total": 0, "pages": 0, "current": 1, "hasMore": False},
    }
    assert names(api.get("/api/plugins?q=auth")) == []


def test_pages_hold_every_plugin_once(api: Api, publish: Publish) -> None:
    for name in "abcde":
        publish(name)

    pages = [api.get(f"/api/plugins?sort=name&limit=2&page={page}").json() for page in (1, 2, 3, 4)]

    assert [[plugin["name"] for plugin in page["plugins"]] for page in pages] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
        [],
    ]
    assert [page["pagination"]["hasMore"] for page in pages] == [True, True, False, False]
    assert pages[0]["pagination"] == {"total": 5, "pages": 3, "current": 1, "hasMore": True}


def test_pages_of_a_search_hold_every_hit_once(api: Api, publish: Publish) -> None:
    for name in ("auth-a", "auth-b", "auth-c", "mail"):
        publish(name)

    pages = [names(api.get(f"/api/plugins?q=auth&limit=2&page={page}")) for page in (1, 2, 3)]

    assert [len(page) for page in pages] == [2, 1, 0]
    assert sorted(pages[0] + pages[1]) == ["auth-a", "auth-b", "auth-c"]
    assert api.get("/api/plugins?q=auth&limit=2").json()["pagination"]["total"] == 3


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=10001",
        "page=one",
        "page=99999999999999999999999999",
        "limit=0",
        "limit=51",
        "limit=-5",
        "limit=",
        "sort=size",
        "sort=name;drop",
        "verified=maybe",
        "facets=license",
        "page=1&page=2",
        "q=auth&limit=51",
    ],
)
def test_a_parameter_out_of_bounds_is_refused(shelf: Api, query: str) -> None:
    answer = shelf.get(f"/api/plugins?{query}")

    assert answer.status_code == 422
    assert problem_code(answer) == "invalid-request"


@pytest.mark.parametrize("limit", [1, 50])
def test_the_bounds_themselves_are_allowed(shelf: Api, limit: int) -> None:
    assert names(shelf.get(f"/api/plugins?limit={limit}")) == ["auth"]
    assert names(shelf.get(f"/api/plugins?page=10000&limit={limit}")) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("category=security", ["auth", "vault"]),
        ("tag=jwt", ["auth"]),
        ("author=grace%20HOPPER", ["mail"]),
        ("verified=true", ["vault"]),
        ("verified=false", ["auth", "mail"]),
        ("category=security&tag=keys", ["vault"]),
        ("category=nothing", []),
        ("category=%27%20OR%201%3D1%20--", []),
        ("author=%00", []),
    ],
)
def test_filters_narrow_the_list(
    api: Api, registry: Registry, publish: Publish, query: str, expected: list[str]
) -> None:
    publish("auth", categories=["security"], tags=["jwt"])
    publish("vault", categories=["security"], tags=["keys"])
    mail = {"package.json": '{"name":"mail","version":"1.0.0","author":"Grace Hopper","license":"MIT"}'}
    publish("mail", extra=mail)
    with registry.database.write() as connection:
        vault = plugins.plugin_id(connection, "vault")
        assert vault is not None
        moderation.set_flag(connection, vault, verified=True, featured=None)
        changes.record(connection, vault, registry.clock())

    assert names(api.get(f"/api/plugins?sort=name&{query}")) == expected


def test_filters_narrow_a_search_too(api: Api, publish: Publish) -> None:
    publish("auth-jwt", categories=["security"], tags=["jwt"])
    publish("auth-mail", categories=["email"])

    assert names(api.get("/api/plugins?q=auth&category=email")) == ["auth-mail"]
    assert names(api.get("/api/plugins?q=auth&tag=jwt")) == ["auth-jwt"]
    assert names(api.get("/api/plugins?q=auth&verified=true")) == []
    assert len(names(api.get("/api/plugins?q=auth&author=ada%20lovelace"))) == 2


def test_facets_count_what_the_filters_leave(api: Api, publish: Publish) -> None:
    publish("auth", categories=["security", "web"], tags=["jwt"])
    publish("vault", categories=["security"], tags=["keys"])
    publish("mail", categories=["email"], tags=["keys"])

    every = api.get("/api/plugins?facets=category,tag").json()["facets"]
    narrowed = api.get("/api/plugins?facets=tag&category=security").json()["facets"]

    assert every == {"category": {"security": 2, "email": 1, "web": 1}, "tag": {"keys": 2, "jwt": 1}}
    assert narrowed == {"tag": {"jwt": 1, "keys": 1}}
    assert "facets" not in api.get("/api/plugins").json()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["alpha", "beta", "gamma"]),
        ("recent", ["beta", "gamma", "alpha"]),
        ("downloads", ["gamma", "beta", "alpha"]),
        ("relevance", ["gamma", "beta", "alpha"]),
        ("rating", ["alpha", "gamma", "beta"]),
    ],
)
def test_sorting(
    api: Api, registry: Registry, clock: FixedClock, publish: Publish, sort: str, expected: list[str]
) -> None:
    for name in ("alpha", "gamma", "beta"):
        publish(name)
        clock.now += timedelta(days=1)
    api.get("/api/plugins/gamma/1.0.0/download")
    flush_downloads(registry)
    # One lone 5 does not beat four ratings of 4.75.
    for name, given in (("alpha", (5, 5, 5, 4)), ("gamma", (5,)), ("beta", (1,))):
        for number, rating in enumerate(given):
            reviews.rate(
                registry, a_caller(registry, f"u{number}", "rate"), name, RatingRequest(rating=rating)
            )

    assert names(api.get(f"/api/plugins?sort={sort}")) == expected


def test_highlights_are_html_with_everything_foreign_escaped(api: Api, publish: Publish) -> None:
    publish("auth-jwt", description='Fast <b>auth</b> & "more" <script>', displayName="Auth <i>")

    [hit] = api.get("/api/plugins?q=auth").json()["plugins"]

    assert hit["highlights"] == {
        "name": "<mark>auth</mark>-jwt",
        "displayName": "<mark>Auth</mark> &lt;i&gt;",
        "description": "Fast &lt;b&gt;<mark>auth</mark>&lt;/b&gt; &amp; &quot;more&quot; &lt;script&gt;",
    }


def test_a_release_is_found_as_soon_as_it_is_published(api: Api, publish: Publish) -> None:
    publish("mail", description="Sends letters")
    before = names(api.get("/api/plugins?q=telegrams"))
    publish("mail", "1.1.0", description="Sends telegrams")

    assert before == []
    assert names(api.get("/api/plugins?q=telegrams")) == ["mail"]
    assert names(api.get("/api/plugins?q=letters")) == []


@pytest.mark.parametrize(
    "query", ["%00%22", "x" * 5000, "%22%22%22", "category:", "-", "%F0%9F%98%80", "(a%20OR"]
)
def test_any_text_is_a_query(shelf: Api, query: str) -> None:
    assert shelf.get(f"/api/plugins?q={query}").status_code == 200


# One plugin.


def test_the_document_has_the_fields_of_the_design(api: Api, publish: Publish) -> None:
    published = publish(
        "auth",
        "1.2.0",
        needs={"users": "^2.0.0"},
        npm={"jose": "^5.0.0"},
        categories=["security"],
        tags=["jwt"],
        extra={"CHANGELOG.md": "# Changes\n\n## 1.2.0\n\nKeys rotate.\n"},
    )

    body = api.get("/api/plugins/auth").json()
    [version] = body.pop("versions")

    assert body == {
        "id": body["id"],
        "name": "auth",
        "displayName": "auth",
        "description": "A plugin made for a test.",
        "author": {"name": "Ada Lovelace"},
        "repository": None,
        "license": "MIT",
        "categories": ["security"],
        "tags": ["jwt"],
        "downloads": 0,
        "rating": 0.0,
        "ratingCount": 0,
        "ratingScore": 3.5,
        "ratingStars": [],
        "reviewCount": 0,
        "latestVersion": "1.2.0",
        "createdAt": "2026-03-14T09:26:53Z",
        "updatedAt": "2026-03-14T09:26:53Z",
        "verified": False,
        "featured": False,
        "quarantine": "",
    }
    assert version == {
        "version": "1.2.0",
        "checksum": published.integrity,
        "size": published.size,
        "packageUrl": "/api/plugins/auth/1.2.0/download",
        "framework": ">=2.0.0",
        "engine": {},
        "dependencies": {"plugins": ["users@^2.0.0"], "packages": {"jose": "^5.0.0"}},
        "createdAt": "2026-03-14T09:26:53Z",
        "description": "Keys rotate.",
        "publisher": "local",
    }


def test_the_versions_are_those_of_the_document_highest_first(api: Api, publish: Publish) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "1.10.1"):
        publish("auth", version)

    versions = api.get("/api/plugins/auth/versions").json()
    document = api.get("/api/plugins/auth").json()

    assert [version["version"] for version in versions] == ["2.0.0-rc.1", "1.10.1", "1.10.0", "1.9.0"]
    assert versions == document["versions"]
    assert document["latestVersion"] == "1.10.1"


def test_a_plugins_etag_changes_with_its_document_and_only_then(api: Api, publish: Publish) -> None:
    publish("auth")
    first = api.get("/api/plugins/auth").headers["etag"]
    publish("mail")
    unchanged = api.get("/api/plugins/auth").headers["etag"]
    publish("auth", "1.1.0")
    changed = api.get("/api/plugins/auth").headers["etag"]

    assert first == unchanged
    assert first != changed
    assert changed != api.get("/api/plugins/auth/versions").headers["etag"]


@pytest.mark.parametrize("rest", ["", "/versions", "/stats", "/owners", "/ratings"])
def test_an_unknown_plugin_is_a_404(shelf: Api, rest: str) -> None:
    answer = shelf.get(f"/api/plugins/aut{rest}")

    assert answer.status_code == 404
    assert problem_code(answer) == "plugin-not-found"
    assert "`aut`" in answer.json()["title"]


@pytest.mark.parametrize(
    "rest", ["", "/1.0.0/download", "/1.0.0/readme", "/1.0.0/files", "/1.0.0/files/index.ts"]
)
def test_an_unknown_plugin_names_the_nearest(api: Api, publish: Publish, rest: str) -> None:
    publish("auth-jwt")
    publish("mail")

    body = api.get(f"/api/plugins/auth-jvt{rest}").json()

    assert body["detail"] == "near it: auth-jwt"
    assert body["hint"] == "donkeytui info auth-jwt"


@pytest.mark.parametrize("rest", ["download", "readme", "files", "files/index.ts"])
def test_an_unknown_version_names_the_newest(api: Api, publish: Publish, rest: str) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish("auth", version)

    answer = api.get(f"/api/plugins/auth/9.9.9/{rest}")

    assert answer.status_code == 404
    assert problem_code(answer) == "version-not-found"
    assert answer.json()["detail"] == "the newest are 1.1.0, 1.0.0"


@pytest.mark.parametrize("name", ["%00", "%FF", "%3Cscript%3E", "a" * 3000, "%27", "AUTH", "..", "%2e%2e"])
def test_no_name_is_too_strange_to_be_not_found(shelf: Api, name: str) -> None:
    answer = shelf.get(f"/api/plugins/{name}")

    assert answer.status_code == 404
    assert len(answer.content) < 2000


def test_ratings_are_listed_with_their_mean(api: Api, registry: Registry, publish: Publish) -> None:
    publish("auth")
    for name, rating, review in (("ada", 5, " Works. "), ("bob", 2, "")):
        caller = a_caller(registry, name, "rate")
        reviews.rate(registry, caller, "auth", RatingRequest(rating=rating, review=review))

    body = api.get("/api/plugins/auth/ratings").json()

    assert (body["average"], body["count"]) == (3.5, 2)
    assert [(rating["author"], rating["rating"], rating["review"]) for rating in body["ratings"]] == [
        ("ada", 5, "Works."),
        ("bob", 2, ""),
    ]
    assert api.get("/api/plugins/auth/ratings?page=2").json()["ratings"] == []
    assert api.get("/api/plugins/auth/ratings?page=0").status_code == 422
    assert api.get("/api/plugins/auth/ratings?page=10001").status_code == 422


def test_owners_categories_and_stats(api: Api, registry: Registry, publish: Publish) -> None:
    publish("auth", categories=["security"])
    publish("auth", "1.1.0", categories=["security"])
    publish("mail", categories=["email"])
    api.get(DOWNLOAD)
    api.get(DOWNLOAD)
    flush_downloads(registry)

    assert api.get("/api/plugins/auth/owners").json() == {"owners": ["local"], "invited": []}
    assert api.get("/api/categories").json() == [
        {"name": "email", "plugins": 1},
        {"name": "security", "plugins": 1},
    ]
    assert api.get("/api/stats").json() == {
        "plugins": 2,
        "releases": 3,
        "downloads": 2,
        "ratings": 0,
        "days": [{"day": "2026-03-14", "downloads": 2}],
        "mostDownloaded": [{"name": "auth", "downloads": 2}],
    }
    assert api.get("/api/plugins/auth/stats").json() == {
        "name": "auth",
        "downloads": 2,
        "days": [{"day": "2026-03-14", "downloads": 2}],
        "versions": [],
    }
    assert api.get("/healthz").json()["status"] == "ok"


# Packages and what is in them.


def test_a_download_is_the_package_and_says_how_to_check_it(api: Api, publish: Publish) -> None:
    publish("auth")
    checksum = api.get("/api/plugins/auth").json()["versions"][0]["checksum"]

    answer = api.get(DOWNLOAD)

    digest = hashlib.sha256(answer.content).digest()
    assert answer.content == package("auth")
    assert checksum == f"sha256:{digest.hex()}"
    assert answer.headers["etag"] == f'"{digest.hex()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["content-disposition"] == 'attachment; filename="auth-1.0.0.tar.gz"'
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_version_with_build_metadata_can_be_downloaded(api: Api, publish: Publish) -> None:
    publish("auth", "1.0.0+build.7")
    [release] = api.get("/api/plugins/auth").json()["versions"]

    answer = api.get(release["packageUrl"])

    assert integrity_of(answer.content) == release["checksum"]
    assert answer.headers["content-disposition"] == 'attachment; filename="auth-1.0.0%2Bbuild.7.tar.gz"'


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=5-999999999", slice(5, None)),
        ("bytes=-999999999", slice(0, None)),
    ],
)
def test_a_range_of_a_package(shelf: Api, wanted: str, part: slice) -> None:
    data = SHELVED
    first, last, _ = part.indices(len(data))

    answer = shelf.get(DOWNLOAD, range=wanted)

    assert answer.status_code == 206
    assert answer.content == data[part]
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(data)}"
    assert answer.headers["content-length"] == str(len(data[part]))


def test_two_halves_are_the_whole(shelf: Api) -> None:
    start = shelf.get(DOWNLOAD, range="bytes=0-299")

    rest = shelf.get(DOWNLOAD, range="bytes=300-", if_range=start.headers["etag"])

    assert rest.status_code == 206
    assert start.content + rest.content == SHELVED


@pytest.mark.parametrize("wanted", ["bytes=999999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_a_416(shelf: Api, wanted: str) -> None:
    answer = shelf.get(DOWNLOAD, range=wanted)

    assert answer.status_code == 416
    assert problem_code(answer) == "range-not-satisfiable"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-9", "lines=0-1", "bytes=9-3", "bytes=-", "bytes=a-b", "bytes"]
)
def test_a_range_that_is_not_understood_gives_the_whole(shelf: Api, wanted: str) -> None:
    answer = shelf.get(DOWNLOAD, range=wanted)

    assert (answer.status_code, answer.content) == (200, SHELVED)


def test_a_resumed_download_of_something_else_begins_anew(shelf: Api) -> None:
    answer = shelf.get(DOWNLOAD, range="bytes=10-", if_range='"outdated"')

    assert (answer.status_code, answer.content) == (200, SHELVED)


def test_only_bodies_sent_from_their_start_are_counted(
    api: Api, registry: Registry, publish: Publish
) -> None:
    publish("auth")
    etag = api.head(DOWNLOAD).headers["etag"]
    api.get(DOWNLOAD, if_none_match=etag)
    api.get(DOWNLOAD, range="bytes=10-")
    api.head(DOWNLOAD, range="bytes=0-3")
    uncounted = flush_downloads(registry)
    api.get(DOWNLOAD)
    api.get(DOWNLOAD, range="bytes=0-9")

    assert uncounted == 0
    assert flush_downloads(registry) == 2


def test_a_yanked_release_stays_downloadable(
    api: Api, registry: Registry, owner: Caller, publish: Publish
) -> None:
    publish("auth")
    publish("auth", "1.1.0")
    lifecycle.yank(registry, owner, "auth", "1.1.0", reason="loses sessions")

    document = api.get("/api/plugins/auth").json()

    assert api.get("/api/plugins/auth/1.1.0/download").status_code == 200
    assert document["latestVersion"] == "1.0.0"
    assert document["versions"][0]["yanked"] is True
    assert document["versions"][0]["yankReason"] == "loses sessions"


def test_the_files_of_a_release_are_listed_and_served(api: Api, publish: Publish) -> None:
    publish("auth", extra={"lib/keys.ts": "export const keys = 1;\n"})
    base = "/api/plugins/auth/1.0.0/files"

    listing = api.get(base).json()

    assert {entry["path"] for entry in listing} >= {"index.ts", "package.json", "lib/keys.ts"}
    for entry in listing:
        data = api.get(f"{base}/{entry['path']}").content
        assert (entry["size"], entry["digest"]) == (len(data), integrity_of(data))


def test_a_file_of_a_package_never_runs_in_a_browser(api: Api, publish: Publish) -> None:
    publish("auth", extra={"page.html": "<script>alert(1)</script>"})

    answer = api.get("/api/plugins/auth/1.0.0/files/page.html")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize(
    "path",
    ["missing.ts", "..%2F..%2Fregistry.sqlite", "%2e%2e%2fregistry.sqlite", "/etc/passwd", "lib", "%00"],
)
def test_a_file_that_is_not_in_the_package_is_a_404(shelf: Api, path: str) -> None:
    answer = shelf.get(f"/api/plugins/auth/1.0.0/files/{path}")

    assert answer.status_code == 404
    assert problem_code(answer) == "entry-not-found"


def test_a_readme_is_its_text(api: Api, publish: Publish) -> None:
    publish("auth", extra={"README.md": "# Ünïcode\n\n<b>as written</b>\n"})
    bare = {"README.md": "", "readme.txt": "x"}
    publish("auth", "1.1.0", extra=bare)

    assert api.get("/api/plugins/auth/1.0.0/readme").text == "# Ünïcode\n\n<b>as written</b>\n"
    assert api.get("/api/plugins/auth/1.1.0/readme").text == ""


# The feed.


def test_changes_continue_from_the_cursor(api: Api, publish: Publish) -> None:
    publish("auth")
    publish("mail")
    first = msgspec.json.decode(api.get("/api/changes").content, type=ChangePage)
    publish("auth", "1.1.0")

    rest = msgspec.json.decode(api.get(f"/api/changes?since={first.cursor}").content, type=ChangePage)

    assert [(change.serial, change.name) for change in first.changes] == [(1, "auth"), (2, "mail")]
    assert (first.cursor, first.has_more) == (2, False)
    assert [(change.serial, change.name) for change in rest.changes] == [(3, "auth")]
    [change] = rest.changes
    assert change.document is not None
    assert [release.version for release in change.document.versions] == ["1.1.0", "1.0.0"]
    assert (rest.epoch, rest.cursor) == (first.epoch, 3)


def test_a_page_of_changes_ends_where_the_limit_says(api: Api, publish: Publish) -> None:
    for name in ("a", "b", "c"):
        publish(name)

    page = api.get("/api/changes?since=0&limit=2").json()

    assert [change["name"] for change in page["changes"]] == ["a", "b"]
    assert (page["cursor"], page["hasMore"]) == (2, True)


@pytest.mark.parametrize("query", ["since=-1", "limit=0", "limit=501", "since=x", "since=0&since=0"])
def test_a_cursor_out_of_bounds_is_refused(shelf: Api, query: str) -> None:
    assert problem_code(shelf.get(f"/api/changes?{query}")) == "invalid-request"


@pytest.mark.parametrize("since", [2, 99999999999999999999999])
def test_a_cursor_the_feed_never_reached_is_gone(shelf: Api, since: int) -> None:
    answer = shelf.get(f"/api/changes?since={since}")

    assert answer.status_code == 410
    assert problem_code(answer) == "cursor-gone"


def test_a_snapshot_holds_every_document_in_canonical_lines(api: Api, publish: Publish) -> None:
    wanted = ["auth", "mail", "users", "vault"]
    for name in wanted:
        publish(name)
    publish("auth", "1.1.0")
    snapshot = msgspec.json.decode(api.get("/api/snapshot").content, type=Snapshot)

    lines: list[bytes] = []
    for shard in snapshot.shards:
        data = api.get(f"/api/snapshot/shards/{shard.digest}").content
        assert (shard.digest, shard.size) == (integrity_of(data), len(data))
        text = zstandard.ZstdDecompressor().decompress(data)
        assert shard.plugins == text.count(b"\n")
        lines += text.splitlines()

    documents = {line: msgspec.json.decode(line, type=PluginDocument) for line in lines}
    assert sorted(document.name for document in documents.values()) == wanted
    assert (snapshot.serial, snapshot.plugins, snapshot.releases) == (5, 4, 5)
    for line, document in documents.items():
        assert line == changes.encode_document(document)
        assert line == api.get(f"/api/plugins/{document.name}").content


def test_a_snapshot_of_nothing_has_no_shards(api: Api) -> None:
    body = api.get("/api/snapshot").json()

    assert (body["serial"], body["plugins"], body["releases"], body["shards"]) == (0, 0, 0, [])


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "nonsense", "..%2F..%2Fregistry.sqlite"])
def test_a_shard_nobody_listed_is_a_404(shelf: Api, digest: str) -> None:
    shelf.get("/api/snapshot")

    assert problem_code(shelf.get(f"/api/snapshot/shards/{digest}")) == "route-not-found"


# What owners and users change.


def test_an_owner_changes_the_words_of_a_plugin(local: Api, publish: Publish) -> None:
    publish("auth", categories=["security"])
    change = {
        "displayName": "Auth",
        "description": "New words",
        "tags": ["jwt", "jwt"],
        "repository": "https://a.example/auth",
    }

    answer = local("PUT", "/api/plugins/auth", json=change)

    document = local.get("/api/plugins/auth").json()
    assert answer.json() == {"success": True}
    assert answer.headers["cache-control"] == "no-store"
    assert (document["displayName"], document["description"]) == ("Auth", "New words")
    assert (document["categories"], document["tags"]) == (["security"], ["jwt"])
    assert document["repository"] == "https://a.example/auth"


@pytest.mark.parametrize(
    "body",
    [
        b'{"owner": "me"}',
        b'{"description": 7}',
        b'{"description": "\\ud800"}',
        b'{"tags": ["Not A Label"]}',
        b'{"categories": ["a","b","c","d","e","f"]}',
        b'{"tags": ["' + b"x" * 41 + b'"]}',
        b'{"repository": "javascript:alert(1)"}',
        b'{"deprecation": {"version": "^9"}}',
        b"[]",
        b"not json",
        b"[" * 100_000,
    ],
)
def test_a_change_that_makes_no_sense_is_refused_whole(local: Api, publish: Publish, body: bytes) -> None:
    publish("auth")
    before = local.get("/api/plugins/auth").content

    answer = local("PUT", "/api/plugins/auth", content=body)

    assert answer.status_code == 422
    assert problem_code(answer) == "invalid-request"
    assert local.get("/api/plugins/auth").content == before


def test_a_body_beyond_the_limit_is_a_413(local: Api, publish: Publish) -> None:
    publish("auth")

    answer = local("PUT", "/api/plugins/auth", content=b" " * ((1 << 20) + 1))

    assert answer.status_code == 413
    assert problem_code(answer) == "package-too-large"


def test_a_rating_is_set_changed_and_taken_back(api: Api, registry: Registry, publish: Publish) -> None:
    publish("auth")
    ada = api.with_token(create_token(registry, "ada", scopes=["rate"]))
    path = "/api/plugins/auth/ratings"

    ada("POST", path, json={"rating": 5, "review": "Good."})
    changed = ada("POST", path, json={"rating": 2})
    body = api.get(path).json()
    ada("DELETE", path)

    assert changed.json() == {"success": True}
    assert (body["count"], body["average"]) == (1, 2.0)
    assert api.get(path).json() == {
        "ratings": [],
        "average": 0.0,
        "count": 0,
        "stars": [0, 0, 0, 0, 0],
        "hasMore": False,
    }


@pytest.mark.parametrize("rating", [0, 6, -1, "5", 4.5, None])
def test_a_rating_is_1_to_5(local: Api, publish: Publish, rating: object) -> None:
    publish("auth")

    answer = local("POST", "/api/plugins/auth/ratings", json={"rating": rating})

    assert problem_code(answer) == "invalid-request"


def test_a_yank_is_made_and_taken_back(local: Api, publish: Publish) -> None:
    publish("auth")
    path = "/api/plugins/auth/1.0.0"

    local("POST", f"{path}/yank", json={"reason": "broken"})
    yanked = local.get("/api/plugins/auth/versions").json()[0]
    local("POST", f"{path}/unyank")
    back = local.get("/api/plugins/auth/versions").json()[0]

    assert (yanked["yanked"], yanked["yankReason"]) == (True, "broken")
    assert "yanked" not in back
    assert problem_code(local("POST", "/api/plugins/auth/7.0.0/yank", json={})) == "version-not-found"


WRITES = [
    ("PUT", "/api/plugins/auth"),
    ("POST", "/api/plugins/auth/ratings"),
    ("DELETE", "/api/plugins/auth/ratings"),
    ("POST", "/api/plugins/auth/1.0.0/yank"),
    ("POST", "/api/plugins/auth/1.0.0/unyank"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_writing_needs_a_token_that_allows_it(
    api: Api, registry: Registry, publish: Publish, method: str, path: str
) -> None:
    publish("auth")
    other = api.with_token(create_token(registry, "ada", scopes=["publish-new"]))
    body = {"json": {"rating": 5}} if path.endswith("ratings") and method == "POST" else {}

    anonymous, forbidden = api(method, path, **body), other(method, path, **body)

    assert (anonymous.status_code, problem_code(anonymous)) == (401, "unauthorized")
    assert anonymous.headers["www-authenticate"] == "Bearer"
    assert (forbidden.status_code, problem_code(forbidden)) == (403, "forbidden")
    assert changes.current_serial(registry.database.read()) == 1


def test_a_token_that_does_not_work_is_refused_even_for_reading(shelf: Api) -> None:
    answer = shelf.with_token("dkt_made-up").get("/api/plugins")

    assert answer.status_code == 401
    assert problem_code(answer) == "unauthorized"


# Failures.


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/plugins/a/b/c/d", "/%00"])
def test_an_unknown_address_is_a_problem(shelf: Api, path: str) -> None:
    answer = shelf.get(path)

    assert answer.status_code == 404
    assert problem_code(answer) == "route-not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/plugins", {"GET", "HEAD", "POST"}),
        ("PATCH", "/api/plugins/auth", {"GET", "HEAD", "PUT"}),
        ("PUT", "/api/plugins/auth/ratings", {"GET", "HEAD", "POST", "DELETE"}),
        ("GET", "/api/plugins/auth/1.0.0/yank", {"POST"}),
        ("POST", "/api/stats", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_says_which_ones_work(shelf: Api, method: str, path: str, allowed: set[str]) -> None:
    answer = shelf(method, path)

    assert answer.status_code == 405
    assert problem_code(answer) == "method-not-allowed"
    assert set(answer.headers["allow"].split(", ")) == allowed


ANY_OF_THEM = ["/api/plugins", "/api/plugins?q=a", "/api/plugins/auth", "/api/changes", "/readyz", DOWNLOAD]


def break_database(registry: Registry) -> None:
    """From outside, as a slip of an operator would: no operation expects a table to be missing."""
    with contextlib.closing(sqlite3.connect(registry.database.path)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DROP TABLE plugins")
        connection.execute("DROP TABLE changes")


@pytest.mark.parametrize("path", ANY_OF_THEM)
def test_a_fault_inside_is_a_500_that_tells_nothing_of_itself(
    api: Api, registry: Registry, publish: Publish, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish("auth")
    break_database(registry)

    answer = api.get(path)

    assert answer.status_code == 500
    assert problem_code(answer) == "server-error"
    assert answer.headers["cache-control"] == "no-store"
    assert "no such table" not in answer.text
    assert "no such table" in caplog.text


def test_a_token_in_an_address_is_not_written_to_the_log(
    api: Api, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    token = create_token(registry, "ada", scopes=["rate"])
    break_database(registry)

    api.get(f"/api/plugins/{token}")

    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]
    assert token not in caplog.text
    assert token[:8] in caplog.text


@pytest.mark.parametrize("path", ANY_OF_THEM)
def test_a_closed_registry_says_to_come_back(
    api: Api, registry: Registry, publish: Publish, path: str
) -> None:
    publish("auth")
    registry.close()

    answer = api.get(path)

    assert answer.status_code == 503
    assert problem_code(answer) == "registry-busy"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", [DOWNLOAD, "/api/plugins/auth/1.0.0/files/index.ts"])
def test_a_damaged_package_is_never_served(api: Api, registry: Registry, publish: Publish, path: str) -> None:
    published = publish("auth")
    blob = registry.packages.path(published.integrity)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")

    damaged = api.get(path)
    blob.unlink()
    missing = api.get(path)

    for answer in (damaged, missing):
        assert answer.status_code == 500
        assert problem_code(answer) == "registry-damaged"
    assert flush_downloads(registry) == 0
