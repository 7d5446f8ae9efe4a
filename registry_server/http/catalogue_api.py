"""Endpoints that read and change plugins and their releases."""

import base64
from urllib.parse import quote

import msgspec
from msgspec import Struct

from registry_server.contract import routes
from registry_server.contract.integrity import hex_digest
from registry_server.contract.wire import (
    CategoryCount,
    CheckReport,
    EntryListing,
    ListQuery,
    PluginDocument,
    PluginPage,
    PluginUpdate,
    PublishReceipt,
    Release,
    Success,
    Wire,
    YankRequest,
)
from registry_server.http.routing import IMMUTABLE, PRIVATE, Call, Lane, Later, Reply, Route
from registry_server.http.tables import CallFunction, reads, writes
from registry_server.operations import browse, lifecycle, publish
from registry_server.store.plugins import StoredRelease

PLUGIN = f"{routes.PLUGINS}/{{name}}"
RELEASE = f"{PLUGIN}/{{version}}"


BRIEF_BYTES = 1 << 18
"""Up to here reading a package and checking its digest takes less than handing it to a thread."""


class PublishQuery(Wire, frozen=True, kw_only=True):
    dry_run: bool = False


def catalogue_routes() -> list[Route]:
    # In the order of how often they are asked: addresses are compared one after the other.
    return [
        reads(PLUGIN, _plugin, "everything about a plugin", PluginDocument),
        _file_route("download", _download, "the package", media_type="application/gzip"),
        Route(
            method="GET",
            path=routes.PLUGINS,
            call=_list,
            summary="list or search plugins",
            response=PluginPage,
            query=ListQuery,
            limit="search",
            limited_by="q",
        ),
        _publish_route(),
        writes("PUT", PLUGIN, _update, "change what needs no release", body=PluginUpdate),
        reads(f"{PLUGIN}/versions", _versions, "its releases, highest first", list[Release]),
        *_release_routes(),
        reads(routes.CATEGORIES, _categories, "categories and their plugins", list[CategoryCount]),
    ]


def _publish_route() -> Route:
    return Route(
        method="POST",
        path=routes.PLUGINS,
        call=_publish,
        summary="publish a release, or check one (dryRun)",
        response=PublishReceipt,
        query=PublishQuery,
        is_upload=True,
        status=201,
        also=(PublishReceipt, CheckReport),
        cache=PRIVATE,
        lane="publishes",
        needs_token=True,
    )


def _release_routes() -> list[Route]:
    return [
        _file_route("readme", _readme, "its README", media_type="text/markdown"),
        reads(f"{RELEASE}/files", _files, "what is in the package", list[EntryListing], cache=IMMUTABLE),
        _file_route(
            "files/{path:path}",
            _file,
            "one file of the package",
            media_type="application/octet-stream",
            lane="work",
        ),
        writes("POST", f"{RELEASE}/yank", _yank, "hide it from new resolutions", body=YankRequest),
        writes("POST", f"{RELEASE}/unyank", _unyank, "show it to new resolutions again"),
    ]


def _file_route(
    path: str, call: CallFunction, summary: str, *, media_type: str, lane: Lane | None = None
) -> Route:
    return Route(
        method="GET",
        path=f"{RELEASE}/{path}",
        call=call,
        summary=summary,
        media_type=media_type,
        lane=lane,
        cache=IMMUTABLE,
    )


def _list(call: Call) -> object:
    if browse.is_brief(call.registry):
        return Reply(body=browse.list_page(call.registry, call.query))
    return Later(lambda: Reply(body=browse.list_page(call.registry, call.query)))


def _plugin(call: Call) -> Reply:
    body, etag = browse.plugin_document(call.registry, call.path["name"])
    return Reply(body=body, etag=etag)


def _publish(call: Call) -> Reply:
    upload = call.body
    if call.query.dry_run:
        report = publish.check(call.registry, call.caller, upload.read_archive(), upload.form)
        return Reply(body=msgspec.json.encode(report), status=200)
    receipt = publish.publish(call.registry, call.caller, upload.read_archive(), upload.form)
    return Reply(body=msgspec.json.encode(receipt), status=201 if receipt.created else 200)


def _update(call: Call) -> Success:
    lifecycle.update_plugin(call.registry, call.caller, call.path["name"], call.body)
    return Success()


def _versions(call: Call) -> Reply:
    body, etag = browse.plugin_document(call.registry, call.path["name"])
    return Reply(body=bytes(msgspec.json.decode(body, type=_VersionsOnly).versions), etag=f"{etag}-v")


class _VersionsOnly(Struct):
    versions: msgspec.Raw


def _download(call: Call) -> object:
    release = browse.obtainable_release(call.registry, call.caller, call.path["name"], call.path["version"])
    if release.size <= BRIEF_BYTES:
        return _package(call, release)
    return Later(lambda: _package(call, release))


def _package(call: Call, release: StoredRelease) -> Reply:
    name, version = call.path["name"], call.path["version"]
    package = browse.read_package(call.registry, release)
    digest = hex_digest(package.integrity)
    return Reply(
        body=package.data,
        media_type="application/gzip",
        etag=digest,
        has_ranges=True,
        on_sent=lambda: browse.count_download(call.registry, package, version),
        headers={
            "Content-Disposition": f'attachment; filename="{quote(name)}-{quote(version)}.tar.gz"',
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:",
            **_not_kept(package.release.quarantine),
        },
    )


def _readme(call: Call) -> Reply:
    text = browse.read_readme(call.registry, call.path["name"], call.path["version"])
    return Reply(body=text.encode(), media_type="text/markdown; charset=utf-8")


def _files(call: Call) -> object:
    return browse.entry_listing(call.registry, call.path["name"], call.path["version"])


def _file(call: Call) -> Reply:
    """As an attachment of no type: a browser must never run what a package contains."""
    name, version = call.path["name"], call.path["version"]
    entry = browse.read_entry(call.registry, call.caller, name, version, call.path["path"])
    return Reply(
        body=entry.data,
        media_type="application/octet-stream",
        headers={"Content-Disposition": "attachment", **_not_kept(entry.quarantine)},
    )


def _not_kept(quarantine: str) -> dict[str, str]:
    """What only an admin may see must not stay in a cache that others use."""
    return {"Cache-Control": PRIVATE} if quarantine else {}


def _yank(call: Call) -> Success:
    name, version = call.path["name"], call.path["version"]
    lifecycle.yank(call.registry, call.caller, name, version, reason=call.body.reason)
    return Success()


def _unyank(call: Call) -> Success:
    lifecycle.unyank(call.registry, call.caller, call.path["name"], call.path["version"])
    return Success()


def _categories(call: Call) -> object:
    return browse.categories(call.registry)
