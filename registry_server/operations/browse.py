"""Everything that only reads: lists, search, documents, packages and their entries."""

import math

import msgspec
from msgspec import Struct, structs

from registry_server.contract import routes
from registry_server.contract.archive import read_package as read_entries
from registry_server.contract.names import nearest_names
from registry_server.contract.problems import (
    EntryNotFound,
    InvalidRequest,
    PluginHeld,
    PluginNotFound,
    Quarantined,
    RegistryBusy,
    VersionNotFound,
)
from registry_server.contract.wire import (
    CategoryCount,
    EntryListing,
    ListQuery,
    Pagination,
    PluginPage,
    PluginSummary,
    Sort,
)
from registry_server.operations.accounts import Caller
from registry_server.operations.index import follow_feed
from registry_server.registry import Registry
from registry_server.search.highlight import highlight, marked_html
from registry_server.search.index import RESULT_MAX, IndexDamaged, SearchResult
from registry_server.search.query import Filter as SearchFilter
from registry_server.search.query import SearchQuery, parse_query
from registry_server.search.words import fold
from registry_server.store import changes, listing, moderation, plugins
from registry_server.store.downloads import DownloadKey
from registry_server.store.listing import Filter
from registry_server.store.plugins import StoredRelease

BRIEF_PLUGINS = 5_000
FACETS = frozenset(("category", "tag"))

_encode = msgspec.msgpack.Encoder().encode


class Package(Struct, frozen=True, kw_only=True):
    data: bytes
    integrity: str
    release: StoredRelease


class PackageEntry(Struct, frozen=True, kw_only=True):
    data: bytes
    quarantine: str
    """Why only admins get it; empty for most."""


def list_page(registry: Registry, query: ListQuery) -> bytes:
    """The page as ready JSON; made once, until the feed or the index moves."""
    if not registry.is_followed:
        return msgspec.json.encode(list_plugins(registry, query))
    moment, key = (changes.current_serial(registry.database.read()), registry.index.stamp()), _encode(query)
    page = registry.pages.get(moment, key)
    if page is None:
        page = msgspec.json.encode(list_plugins(registry, query))
        registry.pages.put(moment, key, page)
    return page


def list_plugins(registry: Registry, query: ListQuery) -> PluginPage:
    """One page; ranked by the search index when `q` is given, by the database otherwise."""
    if not 1 <= query.limit <= routes.PAGE_LIMIT_MAX:
        raise InvalidRequest(f"`limit` is 1 to {routes.PAGE_LIMIT_MAX}, not {query.limit}")
    if not 1 <= query.page <= routes.PAGE_MAX:
        raise InvalidRequest(f"`page` is 1 to {routes.PAGE_MAX}, not {query.page}")
    wanted_facets = _wanted_facets(query)
    if query.q.strip():
        found, total, matching = _search(registry, query, with_all=bool(wanted_facets))
    else:
        matching = None
        sort: Sort = query.sort or "downloads"
        offset = (query.page - 1) * query.limit
        found, total = listing.list_summaries(
            registry.database.read(), _filter(query), sort=sort, offset=offset, limit=query.limit
        )
    pages = math.ceil(total / query.limit)
    return PluginPage(
        plugins=tuple(found),
        pagination=Pagination(total=total, pages=pages, current=query.page, has_more=query.page < pages),
        facets=_facets(registry, query, wanted_facets, matching),
    )


def is_brief(registry: Registry) -> bool:
    """Whether listing and searching take so short that a thread would cost more."""
    return registry.is_followed and registry.index.size() <= BRIEF_PLUGINS


def plugin_document(registry: Registry, name: str) -> tuple[bytes, str]:
    """The detail document as ready JSON, and its ETag.

    Raises `PluginNotFound` with the nearest names, or `PluginHeld`.
    """
    found = plugins.document_bytes(registry.database.read(), name)
    if found is None:
        visible_plugin(registry, name)
        raise unknown_plugin(registry, name)
    return found


def unknown_plugin(registry: Registry, name: str) -> PluginNotFound:
    near = nearest_names(name[:100], plugins.plugin_names(registry.database.read()))
    return PluginNotFound(
        f"there is no plugin `{name[:100]}`",
        detail=f"near it: {', '.join(near)}" if near else "",
        hint=f"donkeytui info {near[0]}" if near else "donkeytui search WORDS",
    )


def visible_plugin(registry: Registry, name: str) -> int:
    """The id of a plugin that everybody may see.

    Raises `PluginNotFound`, or `PluginHeld` for one that waits for an admin.
    """
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise unknown_plugin(registry, name)
    _check_not_held(name, moderation.held_reason(connection, plugin))
    return plugin


def find_release(registry: Registry, name: str, version: str) -> StoredRelease:
    """Raises `PluginNotFound`, `PluginHeld`, or `VersionNotFound` naming what there is."""
    connection = registry.database.read()
    release = plugins.find_release(connection, name, version)
    if release is not None:
        _check_not_held(name, release.held)
        return release
    plugin = visible_plugin(registry, name)
    newest = plugins.release_versions(connection, plugin)[:5]
    raise VersionNotFound(
        f"`{name}` has no release {version[:100]}",
        detail=f"the newest are {', '.join(newest)}",
        hint=f"donkeytui info {name}",
    )


def obtainable_release(registry: Registry, caller: Caller | None, name: str, version: str) -> StoredRelease:
    """A release that the caller may have the code of.

    Raises `Quarantined` for one in quarantine, unless an admin looks into it, and as `find_release`.
    """
    release = find_release(registry, name, version)
    if release.quarantine and not (caller is not None and caller.is_admin):
        raise Quarantined(
            f"`{name}` {version} is in quarantine",
            detail=release.quarantine,
            hint=f"see what else there is: donkeytui info {name}",
        )
    return release


def read_package_bytes(registry: Registry, caller: Caller | None, name: str, version: str) -> Package:
    """The package of a release, verified against its digest."""
    return read_package(registry, obtainable_release(registry, caller, name, version))


def read_package(registry: Registry, release: StoredRelease) -> Package:
    """The same of a release that was looked up."""
    return Package(
        data=registry.packages.get(release.integrity), integrity=release.integrity, release=release
    )


def count_download(registry: Registry, package: Package, version: str) -> None:
    """Counted in memory; `flush_downloads` writes it down."""
    day = f"{registry.clock():%Y-%m-%d}"
    registry.downloads.add(DownloadKey(package.release.plugin_id, version, day))


def entry_listing(registry: Registry, name: str, version: str) -> tuple[EntryListing, ...]:
    return plugins.files_of(registry.database.read(), find_release(registry, name, version))


def read_readme(registry: Registry, name: str, version: str) -> str:
    return plugins.readme_of(registry.database.read(), find_release(registry, name, version))


def read_entry(registry: Registry, caller: Caller | None, name: str, version: str, path: str) -> PackageEntry:
    """One file of a package.

    Raises `EntryNotFound` when it has no such file.
    """
    release = obtainable_release(registry, caller, name, version)
    if not any(entry.path == path for entry in plugins.files_of(registry.database.read(), release)):
        raise EntryNotFound(f"`{name}` {version} has no file `{path[:200]}`")
    data = read_entries(registry.packages.get(release.integrity))[path].data
    return PackageEntry(data=data, quarantine=release.quarantine)


def categories(registry: Registry) -> list[CategoryCount]:
    counts = listing.label_counts(registry.database.read(), "category")
    return [CategoryCount(name=name, plugins=count) for name, count in counts.items()]


def check_ready(registry: Registry) -> None:
    """Asks database, package store and index; raises what keeps them from answering."""
    connection = registry.database.read()
    newest = plugins.newest_integrity(connection)
    if newest is not None:
        registry.packages.get(newest)
    follow_feed(registry)


def _check_not_held(name: str, reason: str) -> None:
    if reason:
        raise PluginHeld(
            f"`{name}` waits for an admin of the registry",
            detail=reason,
            hint="donkeytui whoami, if it is yours",
        )


def _search(
    registry: Registry, query: ListQuery, *, with_all: bool
) -> tuple[list[PluginSummary], int, tuple[str, ...] | None]:
    """One page, the number of all, and `with_all` the names of all that facets are counted over."""
    parsed = _with_filters(parse_query(query.q), query)
    offset = (query.page - 1) * query.limit
    result = _run(registry, parsed, limit=query.limit, offset=offset)
    rows = listing.summaries_by_name(registry.database.read(), list(result.names))
    found = [_highlighted(rows[name], parsed) for name in result.names if name in rows]
    matching = _run(registry, parsed, limit=RESULT_MAX, offset=0).names if with_all else None
    return found, result.total, matching


def _run(registry: Registry, parsed: SearchQuery, *, limit: int, offset: int) -> SearchResult:
    """On the index as it is when somebody keeps it up to date, else on one that is brought there now.

    A damaged one is rebuilt, and asked once more.
    """
    if not registry.is_followed:
        follow_feed(registry)
    try:
        return registry.index.search(parsed, limit=limit, offset=offset)
    except IndexDamaged:
        follow_feed(registry)
    try:
        return registry.index.search(parsed, limit=limit, offset=offset)
    except IndexDamaged as error:
        raise RegistryBusy(
            "the search index is being rebuilt", detail=str(error), hint="try again in a moment"
        ) from error


def _with_filters(parsed: SearchQuery, query: ListQuery) -> SearchQuery:
    pairs = (("category", query.category), ("tag", query.tag), ("author", query.author))
    filters = [SearchFilter(field, fold(value)) for field, value in pairs if value]
    if query.verified is not None:
        filters.append(SearchFilter("is", "verified", is_negated=not query.verified))
    sort = parsed.sort if query.sort in (None, "relevance") else query.sort
    return structs.replace(parsed, filters=(*parsed.filters, *filters), sort=sort, is_open=True)


def _highlighted(summary: PluginSummary, parsed: SearchQuery) -> PluginSummary:
    marked: dict[str, str] = {}
    for field, text in (
        ("name", summary.name),
        ("displayName", summary.display_name),
        ("description", summary.description),
    ):
        if spans := highlight(text, parsed):
            marked[field] = marked_html(text, spans)
    return structs.replace(summary, highlights=marked)


def _filter(query: ListQuery) -> Filter:
    return Filter(category=query.category, tag=query.tag, author=query.author, verified=query.verified)


def _wanted_facets(query: ListQuery) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(kind for kind in query.facets.split(",") if kind))
    if unknown := set(wanted) - FACETS:
        raise InvalidRequest(f"`{min(unknown)[:40]}` is not a facet", hint="facets are category and tag")
    return wanted


def _facets(
    registry: Registry, query: ListQuery, wanted: tuple[str, ...], matching: tuple[str, ...] | None
) -> dict[str, dict[str, int]] | None:
    """Counts over all that match: the best `RESULT_MAX` of a search."""
    if not wanted:
        return None
    connection = registry.database.read()
    if matching is not None:
        return {kind: listing.label_counts_of(connection, kind, matching) for kind in wanted}
    return {kind: listing.label_counts(connection, kind, _filter(query)) for kind in wanted}
