"""The endpoints of the API: one line each, and the few that are more than one call."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute
from starlette.types import Message

from registry_server import __version__
from registry_server.contract import routes
from registry_server.contract.integrity import hex_digest
from registry_server.contract.problems import InvalidRequest, PackageTooLarge, ProblemError
from registry_server.contract.wire import (
    CategoryCount,
    ChangePage,
    EntryListing,
    Health,
    ListQuery,
    Owners,
    PluginDocument,
    PluginPage,
    PluginStats,
    PluginUpdate,
    PublishReceipt,
    RatingPage,
    RatingRequest,
    RegistryStats,
    Release,
    Snapshot,
    Success,
    Wire,
    YankRequest,
)
from registry_server.http.auth import caller_of, registry_of
from registry_server.http.openapi import openapi_document
from registry_server.http.routing import (
    IMMUTABLE,
    PRIVATE,
    REVALIDATE,
    Call,
    Reply,
    Route,
    decode_query,
    guarded,
    starlette_route,
)
from registry_server.operations import accounts, browse, feed, lifecycle, publish, ratings
from registry_server.operations.publish import PublishForm

FORM_FIELD_MAX_BYTES = 64 << 10
FORM_FIELDS_MAX = 20


class Paging(Wire, frozen=True, kw_only=True):
    page: int = 1


class ChangesQuery(Wire, frozen=True, kw_only=True):
    since: int = 0
    limit: int = routes.CHANGES_PAGE_MAX


class PublishQuery(Wire, frozen=True, kw_only=True):
    dry_run: bool = False


def api_routes() -> list[BaseRoute]:
    table = _table()
    document = msgspec.json.encode(openapi_document(table, _PUBLISH, __version__))

    def openapi(_: Call) -> Reply:
        return Reply(body=document)

    described = Route(method="GET", path="/api/openapi.json", call=openapi, summary="this description")
    publish_route = StarletteRoute(routes.PLUGINS, guarded(_publish), methods=["POST"])
    return [publish_route, *(starlette_route(route) for route in (*table, described))]


def documented_routes() -> list[Route]:
    """What the documentation page lists."""
    return [_PUBLISH, *_table()]


def _table() -> list[Route]:
    return [*_plugin_routes(), *_release_routes(), *_registry_routes()]


def _plugin_routes() -> list[Route]:
    plugin = f"{routes.PLUGINS}/{{name}}"
    return [
        _get(routes.PLUGINS, _list, "list or search plugins", PluginPage, query=ListQuery, is_blocking=True),
        _get(plugin, _plugin, "everything about a plugin", PluginDocument),
        _write(
            "PUT", plugin, _update, "change what an owner may change without a release", body=PluginUpdate
        ),
        _get(f"{plugin}/versions", _versions, "its releases, highest first", list[Release]),
        _get(f"{plugin}/stats", _plugin_stats, "its downloads a day", PluginStats),
        _get(f"{plugin}/owners", _owners, "who may publish it", Owners),
        _get(f"{plugin}/ratings", _ratings, "ratings and reviews, newest first", RatingPage, query=Paging),
        _write("POST", f"{plugin}/ratings", _rate, "set your rating", body=RatingRequest),
        _write("DELETE", f"{plugin}/ratings", _unrate, "take your rating back"),
    ]


def _release_routes() -> list[Route]:
    release = f"{routes.PLUGINS}/{{name}}/{{version}}"
    return [
        Route(
            method="GET",
            path=f"{release}/download",
            call=_download,
            summary="the package",
            media_type="application/gzip",
            is_blocking=True,
            cache=IMMUTABLE,
        ),
        Route(
            method="GET",
            path=f"{release}/readme",
            call=_readme,
            summary="its README",
            media_type="text/markdown",
            cache=IMMUTABLE,
        ),
        _get(f"{release}/files", _files, "what is in the package", list[EntryListing], cache=IMMUTABLE),
        Route(
            method="GET",
            path=f"{release}/files/{{path:path}}",
            call=_file,
            summary="one file of the package",
            media_type="application/octet-stream",
            is_blocking=True,
            cache=IMMUTABLE,
        ),
        _write("POST", f"{release}/yank", _yank, "hide it from new resolutions", body=YankRequest),
        _write("POST", f"{release}/unyank", _unyank, "show it to new resolutions again"),
    ]


def _registry_routes() -> list[Route]:
    return [
        _get(
            routes.CATEGORIES, _categories, "categories and how many plugins they have", list[CategoryCount]
        ),
        _get(routes.STATS, _stats, "counts of the whole registry", RegistryStats),
        _get(
            routes.CHANGES,
            _changes,
            "the feed after a serial",
            ChangePage,
            query=ChangesQuery,
            is_blocking=True,
        ),
        _get(routes.SNAPSHOT, _snapshot, "the whole catalogue as shards", Snapshot, is_blocking=True),
        Route(
            method="GET",
            path=f"{routes.SHARDS}/{{digest}}",
            call=_shard,
            summary="one shard: documents, one a line, zstd",
            media_type="application/zstd",
            cache=IMMUTABLE,
        ),
        _get(routes.HEALTH, _health, "whether the server answers", Health, cache=PRIVATE),
        _get(
            routes.READY,
            _ready,
            "whether database, packages and index do",
            Health,
            cache=PRIVATE,
            is_blocking=True,
        ),
    ]


def _get(
    path: str,
    call: Callable[[Call], object],
    summary: str,
    response: Any,
    *,
    query: type[Struct] | None = None,
    cache: str = REVALIDATE,
    is_blocking: bool = False,
) -> Route:
    return Route(
        method="GET",
        path=path,
        call=call,
        summary=summary,
        response=response,
        query=query,
        cache=cache,
        is_blocking=is_blocking,
    )


def _write(
    method: str,
    path: str,
    call: Callable[[Call], object],
    summary: str,
    *,
    body: type[Struct] | None = None,
) -> Route:
    """Changes something: never cached, and off the loop."""
    return Route(
        method=method,
        path=path,
        call=call,
        summary=summary,
        response=Success,
        body=body,
        cache=PRIVATE,
        is_blocking=True,
    )


def _list(call: Call) -> Struct:
    return browse.list_plugins(call.registry, call.query)


def _plugin(call: Call) -> Reply:
    body, etag = browse.plugin_document(call.registry, call.path["name"])
    return Reply(body=body, etag=etag)


def _update(call: Call) -> Success:
    lifecycle.update_plugin(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _versions(call: Call) -> Reply:
    body, etag = browse.plugin_document(call.registry, call.path["name"])
    return Reply(body=msgspec.json.encode(msgspec.json.decode(body)["versions"]), etag=f"{etag}-v")


def _plugin_stats(call: Call) -> Struct:
    return browse.plugin_stats(call.registry, call.path["name"])


def _owners(call: Call) -> Owners:
    return Owners(owners=tuple(accounts.owner_names(call.registry, call.path["name"])))


def _ratings(call: Call) -> Struct:
    if not 1 <= call.query.page <= browse.PAGE_MAX:
        raise InvalidRequest(f"`page` is 1 to {browse.PAGE_MAX}, not {call.query.page}")
    return ratings.list_ratings(call.registry, call.path["name"], page=call.query.page)


def _rate(call: Call) -> Success:
    ratings.rate(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _unrate(call: Call) -> Success:
    ratings.unrate(call.registry, call.caller, call.path["name"])
    return Success()


def _download(call: Call) -> Reply:
    name, version = call.path["name"], call.path["version"]
    package = browse.read_package_bytes(call.registry, name, version)
    digest = hex_digest(package.integrity)
    return Reply(
        body=package.data,
        media_type="application/gzip",
        etag=digest,
        has_ranges=True,
        on_sent=lambda: browse.count_download(call.registry, package, version),
        headers={
            "Content-Disposition": f'attachment; filename="{quote(name)}-{quote(version)}.tar.gz"',
            "Repr-Digest": f"sha-256=:{_base64(digest)}:",
        },
    )


def _readme(call: Call) -> Reply:
    release = browse.find_release(call.registry, call.path["name"], call.path["version"])
    return Reply(body=release.readme.encode(), media_type="text/markdown; charset=utf-8")


def _files(call: Call) -> object:
    return browse.entry_listing(call.registry, call.path["name"], call.path["version"])


def _file(call: Call) -> Reply:
    """As an attachment of no type: a browser must never run what a package contains."""
    data = browse.read_entry(call.registry, call.path["name"], call.path["version"], call.path["path"])
    return Reply(
        body=data, media_type="application/octet-stream", headers={"Content-Disposition": "attachment"}
    )


def _yank(call: Call) -> Success:
    lifecycle.yank(
        call.registry, call.caller, call.path["name"], call.path["version"], reason=call.body.reason
    )
    return Success()


def _unyank(call: Call) -> Success:
    lifecycle.unyank(call.registry, call.caller, call.path["name"], call.path["version"])
    return Success()


def _changes(call: Call) -> Struct:
    return feed.read_changes(call.registry, call.query.since, call.query.limit)


def _snapshot(call: Call) -> Struct:
    return feed.read_snapshot(call.registry)


def _shard(call: Call) -> Reply:
    return Reply(
        body=feed.read_shard(call.registry, call.path["digest"]),
        media_type="application/zstd",
        etag=hex_digest(call.path["digest"]),
    )


def _categories(call: Call) -> object:
    return browse.categories(call.registry)


def _stats(call: Call) -> Struct:
    return browse.registry_stats(call.registry)


def _health(_: Call) -> Health:
    return Health(status="ok", version=__version__)


def _ready(call: Call) -> Health:
    browse.check_ready(call.registry)
    return Health(status="ready", version=__version__)


async def _publish(request: Request) -> Response:
    """Multipart with `package` and the form fields of the design; bounded while it streams in."""
    query = decode_query(request, PublishQuery)
    assert isinstance(query, PublishQuery)
    registry = registry_of(request)
    try:
        # A dry run costs as much as a publish, so it needs the same right.
        caller = accounts.require(caller_of(request), "publish")
    except ProblemError:
        await _drain(request)
        raise
    archive, form = await _read_form(request)
    if query.dry_run:
        async with request.app.state.publishing:
            report = await run_in_threadpool(publish.check, registry, archive, form)
        return Response(msgspec.json.encode(report), 200, {"Cache-Control": PRIVATE}, "application/json")
    async with request.app.state.publishing:
        receipt = await run_in_threadpool(publish.publish, registry, caller, archive, form)
    status = 201 if receipt.created else 200
    return Response(msgspec.json.encode(receipt), status, {"Cache-Control": PRIVATE}, "application/json")


def _never(_: Call) -> object:
    raise AssertionError("publishing reads its request itself")


_PUBLISH = Route(
    method="POST",
    path=routes.PLUGINS,
    call=_never,
    summary="publish a release",
    response=PublishReceipt,
    query=PublishQuery,
    status=201,
)


async def _drain(request: Request) -> None:
    """Reads a refused body to its end, within bounds and without keeping it.

    A client that is still sending when the answer comes and the connection closes sees a broken
    connection instead of the answer.
    """
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > routes.PUBLISH_BODY_MAX_BYTES:
            return


async def _read_form(request: Request) -> tuple[bytes, PublishForm]:
    received = 0

    async def bounded_receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > routes.PUBLISH_BODY_MAX_BYTES:
            raise PackageTooLarge(
                f"the request is larger than {routes.PUBLISH_BODY_MAX_BYTES} bytes",
                hint="leave out what the plugin does not need at run time",
            )
        return message

    bounded = Request(request.scope, bounded_receive)
    try:
        form = await bounded.form(max_files=1, max_fields=FORM_FIELDS_MAX, max_part_size=FORM_FIELD_MAX_BYTES)
    except (HTTPException, UnicodeError) as error:
        raise InvalidRequest("the form cannot be read", detail=str(error)[:200]) from error
    try:
        package = form.get("package")
        if not isinstance(package, UploadFile):
            raise InvalidRequest(
                "the form has no file `package`",
                hint="send multipart/form-data with the .tar.gz as `package`",
            )
        return await package.read(), _publish_form(form)
    finally:
        await form.close()


def _publish_form(form: FormData) -> PublishForm:
    return PublishForm(
        name=_field(form, "name"),
        version=_field(form, "version"),
        description=_field(form, "description"),
        categories=_list_field(form, "categories"),
        tags=_list_field(form, "tags"),
    )


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise InvalidRequest(f"the form field `{name}` is a file, not text")
    return _text(value, name)


def _list_field(form: FormData, name: str) -> tuple[str, ...]:
    """A JSON list of texts, as the design's client sends it."""
    text = _field(form, name)
    try:
        items = json.loads(text) if text else []
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the form field `{name}` is not JSON") from error
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise InvalidRequest(f"the form field `{name}` is not a list of texts")
    return tuple(_text(item, name) for item in items)


def _text(value: str, name: str) -> str:
    """`value`, unless it has halves of characters: JSON and odd charsets give them, no store takes them."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequest(f"the form field `{name}` is not text")
    return value


def _base64(hex_text: str) -> str:
    return base64.b64encode(bytes.fromhex(hex_text)).decode()
