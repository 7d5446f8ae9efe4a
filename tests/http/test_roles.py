"""Who may do what: every endpoint, asked by everybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from registry_server.contract.problems import Problem
from registry_server.http.api import documented_routes
from registry_server.registry import Registry
from registry_server.store import changes
from tests.support.asgi_calls import Api
from tests.support.builders import package
from tests.support.roles import PASSWORD, Cast, make_cast, on_stage

# `scope`: what a token must allow; with `*` it must be for the plugin's name too. `stranger` has all scopes
# but `admin` and owns nothing, `reader` is the owner with a token without scopes, `publisher` somebody who
# may only `publish`.
TABLE = """
method  path                                        scope     nobody stranger reader publisher owner admin
GET     /api/plugins                                -            200      200    200       200   200   200
POST    /api/plugins                                publish*     401      403    403       403   201   201
GET     /api/plugins/{name}                         -            200      200    200       200   200   200
PUT     /api/plugins/{name}                         publish*     401      403    403       403   200   200
GET     /api/plugins/{name}/versions                -            200      200    200       200   200   200
GET     /api/plugins/{name}/{version}/download      -            200      200    200       200   200   200
GET     /api/plugins/{name}/{version}/readme        -            200      200    200       200   200   200
GET     /api/plugins/{name}/{version}/files         -            200      200    200       200   200   200
GET     /api/plugins/{name}/{version}/files/{path}  -            200      200    200       200   200   200
POST    /api/plugins/{name}/{version}/yank          yank*        401      403    403       403   200   200
POST    /api/plugins/{name}/{version}/unyank        yank*        401      403    403       403   200   200
GET     /api/categories                             -            200      200    200       200   200   200
GET     /api/session/methods                        -            200      200    200       200   200   200
POST    /api/session                                -            200      200    200       200   200   200
POST    /api/session/device                         -            422      422    422       422   422   422
POST    /api/session/device/poll                    -            422      422    422       422   422   422
GET     /api/session                                -            401      200    200       200   200   200
DELETE  /api/session                                -            401      200    200       200   200   200
PUT     /api/session/password                       account      401      200    403       403   200   200
POST    /api/session/invitations/{name}             account*     401      200    403       403   422   422
DELETE  /api/session/invitations/{name}             account*     401      200    403       403   422   422
GET     /api/tokens                                 account      401      200    403       403   200   200
POST    /api/tokens                                 account      401      201    403       403   201   201
DELETE  /api/tokens/{number}                        account      401      404    403       403   200   200
POST    /api/tokens/leaked                          -            200      200    200       200   200   200
GET     /api/plugins/{name}/owners                  -            200      200    200       200   200   200
POST    /api/plugins/{name}/owners                  account*     401      403    403       403   200   200
DELETE  /api/plugins/{name}/owners/{user}           account*     401      403    403       403   200   200
GET     /api/plugins/{name}/ratings                 -            200      200    200       200   200   200
POST    /api/plugins/{name}/ratings                 rate*        401      200    403       403   422   200
DELETE  /api/plugins/{name}/ratings                 rate*        401      200    403       403   404   404
POST    /api/plugins/{name}/ratings/{author}/helpful rate*       401      200    403       403   200   200
DELETE  /api/plugins/{name}/ratings/{author}/helpful rate*       401      200    403       403   200   200
POST    /api/plugins/{name}/ratings/{author}/report rate*        401      200    403       403   200   200
PUT     /api/plugins/{name}/ratings/{author}/reply  publish*     401      403    403       403   200   200
PUT     /api/plugins/{name}/ratings/{author}/hidden admin        401      403    403       403   403   200
PUT     /api/plugins/{name}/flags                   admin        401      403    403       403   403   200
PUT     /api/plugins/{name}/quarantine              admin        401      403    403       403   403   200
DELETE  /api/plugins/{name}/quarantine              admin        401      403    403       403   403   200
GET     /api/quarantine                             admin        401      403    403       403   403   200
GET     /api/reports                                admin        401      403    403       403   403   200
GET     /api/audit                                  admin        401      403    403       403   403   200
GET     /api/stats                                  -            200      200    200       200   200   200
GET     /api/plugins/{name}/stats                   -            200      200    200       200   200   200
GET     /api/users/{user}/stats                     -            200      200    200       200   200   200
GET     /api/changes                                -            200      200    200       200   200   200
GET     /api/snapshot                               -            200      200    200       200   200   200
GET     /api/snapshot/shards/{digest}               -            200      200    200       200   200   200
GET     /metrics                                    -            200      200    200       200   200   200
GET     /healthz                                    -            200      200    200       200   200   200
GET     /readyz                                     -            200      200    200       200   200   200
"""

BODIES: dict[str, dict[str, Any]] = {
    "PUT /api/plugins/{name}": {"description": "Other words"},
    "POST /api/plugins/{name}/{version}/yank": {"reason": "broken"},
    "POST /api/session": {"user": "ada", "password": PASSWORD},
    "POST /api/session/device/poll": {"handle": "made up"},
    "PUT /api/session/password": {"current": PASSWORD, "new": "an entirely different one"},
    "POST /api/tokens": {"label": "for the build", "scopes": ["rate"]},
    "POST /api/plugins/{name}/owners": {"user": "bob"},
    "POST /api/plugins/{name}/ratings": {"rating": 5, "review": "Better than it was."},
    "POST /api/plugins/{name}/ratings/{author}/report": {"reason": "an advertisement"},
    "PUT /api/plugins/{name}/ratings/{author}/reply": {"reply": "Thank you."},
    "PUT /api/plugins/{name}/ratings/{author}/hidden": {"reason": "an advertisement"},
    "PUT /api/plugins/{name}/flags": {"verified": True},
    "PUT /api/plugins/{name}/quarantine": {"reason": "it sends keys away", "version": "1.0.0"},
}

OPEN = {
    *("GET /api/session/methods", "POST /api/session", "POST /api/session/device"),
    *("POST /api/session/device/poll", "POST /api/tokens/leaked", "GET /metrics", "GET /healthz"),
    "GET /readyz",
}
"""Also where reading needs a token, and where nothing may change."""


DECLARED = {f"{route.method} {route.shown_path}": route for route in documented_routes()}


class Row(msgspec.Struct, frozen=True):
    method: str
    path: str
    scope: str
    expected: dict[str, int]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> list[Row]:
    heads, *lines = (line.split() for line in TABLE.strip().splitlines())
    return [
        Row(method, path, scope, dict(zip(heads[3:], map(int, cells), strict=True)))
        for method, path, scope, *cells in lines
    ]


def refused_roles(row: Row) -> dict[str, int]:
    """Those that are refused by their token alone, whatever the endpoint."""
    scope, is_named = row.scope.rstrip("*"), row.scope.endswith("*")
    found = {"expired": 401, "revoked": 401, "disabled": 401}
    found |= {f"all but {scope}": 403} if scope not in ("-", "admin") else {}
    return found | ({"other names": 403} if is_named else {})


CELLS = [
    (row, role, status) for row in rows() for role, status in {**row.expected, **refused_roles(row)}.items()
]


def cell_name(value: object) -> str:
    return value.key if isinstance(value, Row) else str(value)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return make_cast(tmp_path_factory.mktemp("cast") / "registry")


@pytest.fixture(scope="module")
def shared(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Api]]:
    """For requests that change nothing."""
    with on_stage(cast, tmp_path_factory.mktemp("shared") / "registry") as stage:
        yield stage


def ask(stage: tuple[Registry, Api], cast: Cast, row: Row, role: str) -> httpx.Response:
    api = stage[1]
    names = {"name": "auth", "version": "1.0.0", "path": "index.ts", "author": "bob", "number": cast.spare}
    names["user"] = "carl" if row.method == "DELETE" else "ada"
    if "{digest}" in row.path:
        names["digest"] = as_role(api, cast, "reader").get("/api/snapshot").json()["shards"][0]["digest"]
    path = row.path.format(**names)
    options: dict[str, Any] = {"json": BODIES[row.key]} if row.key in BODIES else {}
    if row.key == "POST /api/plugins":
        form = {"name": (None, "auth"), "package": ("package.tar.gz", package("auth", "1.2.0"))}
        options = {"files": form}
    if row.key == "POST /api/tokens/leaked":
        options = {"json": {"token": cast.tokens["spare"]}}
    if row.key == "DELETE /api/plugins/{name}/quarantine":
        path += "?version=1.1.0"
    return as_role(api, cast, role)(row.method, path, **options)


def as_role(api: Api, cast: Cast, role: str) -> Api:
    return api if role == "nobody" else api.with_token(cast.tokens[role])


def moment_of(registry: Registry) -> int:
    """Another number as soon as anything was written, by whichever connection."""
    version: int = registry.database.read().execute("PRAGMA data_version").fetchone()[0]
    return version


def assert_is_declared(row: Row, answer: httpx.Response) -> None:
    """A success is what the route declares, and has no field besides; else it is a problem."""
    if answer.status_code >= 400:
        assert msgspec.json.decode(answer.content, type=Problem).status == answer.status_code
        return
    declared = DECLARED[row.key]
    assert answer.headers["content-type"].partition(";")[0] == declared.media_type
    if declared.response is not None:
        said = msgspec.json.decode(answer.content, type=declared.response)
        assert msgspec.json.decode(msgspec.json.encode(said)) == answer.json()


def test_the_table_has_every_endpoint() -> None:
    assert sorted(row.key for row in rows()) == sorted(
        f"{route.method} {route.shown_path}" for route in documented_routes()
    )


@pytest.mark.parametrize(("row", "role", "status"), CELLS, ids=cell_name)
def test_everybody_may_do_what_the_table_says(
    cast: Cast, shared: tuple[Registry, Api], tmp_path: Path, row: Row, role: str, status: int
) -> None:
    if row.method != "GET" and status < 300:
        with on_stage(cast, tmp_path / "registry") as stage:
            before = moment_of(stage[0])

            answer = ask(stage, cast, row, role)

            assert answer.status_code == status, answer.text
            assert moment_of(stage[0]) != before
        assert_is_declared(row, answer)
        return
    if "{digest}" in row.path:
        shared[1].get("/api/snapshot")
    before = moment_of(shared[0])

    answer = ask(shared, cast, row, role)

    assert answer.status_code == status, answer.text
    assert row.method == "GET" or moment_of(shared[0]) == before
    assert_is_declared(row, answer)
    assert status != 401 or answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("row", rows(), ids=cell_name)
def test_where_reading_needs_a_token_nobody_reads_without_one(
    cast: Cast, closed: tuple[Registry, Api], row: Row
) -> None:
    nobody = ask(closed, cast, row, "nobody")
    reader = ask(closed, cast, row, "reader") if row.method == "GET" else None

    assert nobody.status_code == (row.expected["nobody"] if row.key in OPEN else 401), nobody.text
    assert reader is None or reader.status_code == row.expected["reader"]


@pytest.fixture(scope="module")
def closed(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Api]]:
    with on_stage(cast, tmp_path_factory.mktemp("closed") / "registry", reading="token") as stage:
        yield stage


ENDINGS = frozenset(("DELETE /api/session", "DELETE /api/tokens/{number}"))
"""What ends a token works also where nothing else may change."""


@pytest.fixture(scope="module")
def resting(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Api]]:
    with on_stage(cast, tmp_path_factory.mktemp("resting") / "registry", read_only=True) as stage:
        yield stage


@pytest.mark.parametrize("row", rows(), ids=cell_name)
def test_a_registry_that_takes_no_changes_answers_readers_and_tells_writers(
    cast: Cast, resting: tuple[Registry, Api], row: Row
) -> None:
    serial = changes.current_serial(resting[0].database.read())

    if row.key in ENDINGS:  # asked by who has none, so that the others keep theirs
        assert ask(resting, cast, row, "nobody").status_code == 401
        return
    answer = ask(resting, cast, row, "admin")

    is_refused = row.method != "GET" and row.key not in OPEN
    assert answer.status_code == (503 if is_refused else row.expected["admin"]), answer.text
    assert not is_refused or int(answer.headers["retry-after"]) > 0
    assert changes.current_serial(resting[0].database.read()) == serial
