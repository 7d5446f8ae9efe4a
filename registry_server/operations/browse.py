"""Everything that only reads: lists, search, documents, packages and their entries, counts."""

import math

from msgspec import Struct, structs

from registry_server.contract import routes
from registry_server.contract.archive import read_package
from registry_server.contract.names import nearest_names
from registry_server.contract.problems import (
    EntryNotFound,
    InvalidRequest,
    PluginNotFound,
    RegistryBusy,
    VersionNotFound,
)
from registry_server.contract.wire import (
    CategoryCount,
    EntryListing,
    ListQuery,
    Pagination,
    PluginPage,
    PluginStats,
    PluginSummary,
    RegistryStats,
    Sort,
)
from registry_server.operations.index import follow_feed
from registry_server.registry import Registry
from registry_server.search.highlight import highlight, marked_html
from registry_server.search.index import IndexDamaged, SearchResult
from registry_server.search.query import Filter as SearchFilter
from registry_server.search.query import SearchQuery, parse_query
from registry_server.search.words import fold
from registry_server.store import downloads, plugins
from registry_server.store.downloads import DownloadKey
from registry_server.store.plugins import Filter, StoredRelease

PAGE_MAX = 10_000
STATS_DAYS = 365


class Package(Struct, frozen=True, kw_only=True):
    data: bytes
    integrity: str
    release: StoredRelease


def list_plugins(registry: Registry, query: ListQuery) -> PluginPage:
    """One page; ranked by the search index when `q` is given, by the database otherwise."""
    if not 1 <= query.limit <= routes.PAGE_LIMIT_MAX:
        raise InvalidRequest(f"`limit` is 1 to {routes.PAGE_LIMIT_MAX}, not {query.limit}")
    if not 1 <= query.page <= PAGE_MAX:
        raise InvalidRequest(f"`page` is 1 to {PAGE_MAX}, not {query.page}")
    if query.q.strip():
        found, total = _search(registry, query)
    else:
        sort: Sort = query.sort or "downloads"
        offset = (query.page - 1) * query.limit
        found, total = plugins.list_summaries(
            registry.database.read(), _filter(query), sort=sort, offset=offset, limit=query.limit
        )
    pages = math.ceil(total / query.limit)
    return PluginPage(
        plugins=tuple(found),
        pagination=Pagination(total=total, pages=pages, current=query.page, has_more=query.page < pages),
        facets=_facets(registry, query),
    )


def plugin_document(registry: Registry, name: str) -> tuple[bytes, str]:
    """The detail document as ready JSON, and its ETag.

    Raises `PluginNotFound` with the nearest names.
    """
    connection = registry.database.read()
    found = plugins.document_bytes(connection, name)
    if found is None:
        raise unknown_plugin(registry, name)
    return found


def unknown_plugin(registry: Registry, name: str) -> PluginNotFound:
    near = nearest_names(name[:100], plugins.plugin_names(registry.database.read()))
    return PluginNotFound(
        f"there is no plugin `{name[:100]}`",
        detail=f"near it: {', '.join(near)}" if near else "",
        hint=f"donkeytui info {near[0]}" if near else "donkeytui search WORDS",
    )


def find_release(registry: Registry, name: str, version: str) -> StoredRelease:
    """Raises `PluginNotFound`, or `VersionNotFound` naming what there is."""
    connection = registry.database.read()
    release = plugins.find_release(connection, name, version)
    if release is not None:
        return release
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise unknown_plugin(registry, name)
    newest = plugins.release_versions(connection, plugin)[:5]
    raise VersionNotFound(
        f"`{name}` has no release {version[:100]}",
        detail=f"the newest are {', '.join(newest)}",
        hint=f"donkeytui info {name}",
    )


def read_package_bytes(registry: Registry, name: str, version: str) -> Package:
    """The package of a release, verified against its digest."""
    release = find_release(registry, name, version)
    return Package(
        data=registry.packages.get(release.integrity), integrity=release.integrity, release=release
    )


def count_download(registry: Registry, package: Package, version: str) -> None:
    """Counted in memory; `flush_downloads` writes it down."""
    day = f"{registry.clock():%Y-%m-%d}"
    registry.downloads.add(DownloadKey(package.release.plugin_id, version, day))


def entry_listing(registry: Registry, name: str, version: str) -> tuple[EntryListing, ...]:
    return find_release(registry, name, version).files


def read_entry(registry: Registry, name: str, version: str, path: str) -> bytes:
    """One file of a package.

    Raises `EntryNotFound` when it has no such file.
    """
    release = find_release(registry, name, version)
    if not any(entry.path == path for entry in release.files):
        raise EntryNotFound(f"`{name}` {version} has no file `{path[:200]}`")
    return read_package(registry.packages.get(release.integrity))[path].data


def categories(registry: Registry) -> list[CategoryCount]:
    counts = plugins.label_counts(registry.database.read(), "category")
    return [CategoryCount(name=name, plugins=count) for name, count in counts.items()]


def registry_stats(registry: Registry) -> RegistryStats:
    plugin_count, releases, downloaded, rated = plugins.counts(registry.database.read())
    return RegistryStats(plugins=plugin_count, releases=releases, downloads=downloaded, ratings=rated)


def plugin_stats(registry: Registry, name: str) -> PluginStats:
    connection = registry.database.read()
    plugin = plugins.plugin_id(connection, name)
    if plugin is None:
        raise unknown_plugin(registry, name)
    return PluginStats(
        name=name,
        downloads=plugins.make_document(connection, plugin).downloads,
        days=tuple(downloads.daily_counts(connection, plugin, STATS_DAYS)),
    )


def check_ready(registry: Registry) -> None:
    """Asks database, package store and index; raises what keeps them from answering."""
    connection = registry.database.read()
    newest = plugins.newest_integrity(connection)
    if newest is not None:
        registry.packages.get(newest)
    follow_feed(registry)


def _search(registry: Registry, query: ListQuery) -> tuple[list[PluginSummary], int]:
    parsed = _with_filters(parse_query(query.q), query)
    follow_feed(registry)
    offset = (query.page - 1) * query.limit
    try:
        result = registry.index.search(parsed, limit=query.limit, offset=offset)
    except IndexDamaged:
        result = _search_mended(registry, parsed, limit=query.limit, offset=offset)
    rows = plugins.summaries_by_name(registry.database.read(), list(result.names))
    found = [_highlighted(rows[name], parsed) for name in result.names if name in rows]
    return found, result.total


def _search_mended(registry: Registry, parsed: SearchQuery, *, limit: int, offset: int) -> SearchResult:
    """Once more on a rebuilt index."""
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
    texts = {
        "name": summary.name,
        "displayName": summary.display_name,
        "description": summary.description,
    }
    marked = {
        field: marked_html(text, spans) for field, text in texts.items() if (spans := highlight(text, parsed))
    }
    return structs.replace(summary, highlights=marked)


def _filter(query: ListQuery) -> Filter:
    return Filter(category=query.category, tag=query.tag, author=query.author, verified=query.verified)


def _facets(registry: Registry, query: ListQuery) -> dict[str, dict[str, int]] | None:
    wanted = [kind for kind in query.facets.split(",") if kind]
    if unknown := set(wanted) - {"category", "tag"}:
        raise InvalidRequest(f"`{min(unknown)[:40]}` is not a facet", hint="facets are category and tag")
    if not wanted:
        return None
    connection = registry.database.read()
    return {kind: plugins.label_counts(connection, kind, _filter(query)) for kind in wanted}
