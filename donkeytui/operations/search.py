"""Find plugins in the catalogue, with no request: ranked pages, and the sections of an empty query."""

from collections.abc import Collection

from msgspec import Struct

from donkeytui.catalogue import Catalogue
from donkeytui.operations.sync import ensure_index
from donkeytui.problems import CatalogueDamaged
from donkeytui.session import Session
from registry_server.contract.wire import PluginDocument, Sort
from registry_server.search.index import IndexDamaged, SearchResult
from registry_server.search.query import Filter, SearchQuery, parse_query
from registry_server.search.words import fold

SECTION_SIZE = 8
LISTING_MAX = 500


class Hit(Struct, frozen=True, kw_only=True):
    """One row of results; everything a list shows of a plugin."""

    name: str
    display_name: str
    description: str
    author: str
    version: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    downloads: int
    rating: float
    rating_count: int
    is_verified: bool
    is_deprecated: bool
    is_quarantined: bool = False
    """The whole plugin is out of circulation."""
    updated: str
    """UTC date."""


class SearchPage(Struct, frozen=True, kw_only=True):
    query: SearchQuery
    hits: tuple[Hit, ...]
    total: int
    elapsed_ms: float
    is_corrected: bool
    """True when nothing fitted as typed and the hits are for a near spelling or fewer words."""


class Section(Struct, frozen=True, kw_only=True):
    title: str
    hits: tuple[Hit, ...]


class Home(Struct, frozen=True, kw_only=True):
    """What Browse shows without a query; sections that have nothing to say are left out."""

    sections: tuple[Section, ...]
    categories: tuple[tuple[str, int], ...]
    total: int


class SearchFilters(Struct, frozen=True, kw_only=True):
    """Filters from flags; they join those written inside the query."""

    category: str = ""
    tag: str = ""
    author: str = ""
    is_verified: bool | None = None
    sort: Sort | None = None


NO_FILTERS = SearchFilters()


def _search_mended(
    session: Session, query: SearchQuery, *, limit: int, offset: int, installed: Collection[str]
) -> SearchResult:
    """Once more on a rebuilt index; nothing found when it cannot be rebuilt now."""
    ensure_index(session)
    try:
        return session.index.search(query, limit=limit, offset=offset, installed=installed)
    except IndexDamaged:
        return SearchResult(names=(), total=0, stage=0)


def search(
    session: Session,
    text: str,
    *,
    filters: SearchFilters = NO_FILTERS,
    limit: int = 20,
    offset: int = 0,
    installed: Collection[str] = (),
) -> SearchPage:
    """Blocking and quick (below a few ms).

    A damaged index is rebuilt on the way; a damaged catalogue is thrown away for the next sync to make anew.
    """
    started = session.ticks()
    query = _with_filters(parse_query(text), filters)
    try:
        try:
            result = session.index.search(query, limit=limit, offset=offset, installed=installed)
        except IndexDamaged:
            result = _search_mended(session, query, limit=limit, offset=offset, installed=installed)
        hits = _hits(session, result)
    except CatalogueDamaged:
        session.catalogue.discard()
        result, hits = SearchResult(names=(), total=0, stage=0), ()
    return SearchPage(
        query=query,
        hits=hits,
        total=result.total,
        elapsed_ms=(session.ticks() - started) * 1000,
        is_corrected=result.stage > 0,
    )


def home(session: Session) -> Home:
    """Featured, popular and recently updated plugins, and all categories with their counts.

    Empty when the catalogue is damaged; it is then thrown away, and the next sync makes it anew.
    """
    try:
        return _home(session.catalogue)
    except CatalogueDamaged:
        session.catalogue.discard()
        return Home(sections=(), categories=(), total=0)


def _home(catalogue: Catalogue) -> Home:
    recent = catalogue.recently_updated(LISTING_MAX)
    sections = (
        Section(title="Featured", hits=_recommended(catalogue.featured(SECTION_SIZE))),
        Section(title="Popular", hits=_recommended(catalogue.most_downloaded(SECTION_SIZE))),
        Section(title="Recently updated", hits=_of(recent)),
    )
    return Home(
        sections=tuple(section for section in sections if section.hits),
        categories=_category_counts(recent),
        total=catalogue.count(),
    )


def make_hit(document: PluginDocument) -> Hit:
    return Hit(
        name=document.name,
        display_name=document.display_name,
        description=document.description,
        author=document.author.name,
        version=document.latest_version,
        categories=document.categories,
        tags=document.tags,
        downloads=document.downloads,
        rating=document.rating,
        rating_count=document.rating_count,
        is_verified=document.verified,
        is_deprecated=document.is_deprecated and not document.quarantine,
        is_quarantined=bool(document.quarantine),
        updated=f"{document.updated_at:%Y-%m-%d}",
    )


def _recommended(documents: list[PluginDocument]) -> tuple[Hit, ...]:
    """Nobody is led to what is in quarantine; whoever looks for it finds it."""
    return _of([document for document in documents if not document.quarantine])


def _of(documents: list[PluginDocument]) -> tuple[Hit, ...]:
    return tuple(make_hit(document) for document in documents)


def _hits(session: Session, result: SearchResult) -> tuple[Hit, ...]:
    if not result.names:
        return ()
    found = session.catalogue.get_many(result.names)
    return tuple(make_hit(found[name]) for name in result.names if name in found)


def _category_counts(documents: list[PluginDocument]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for document in documents:
        for category in document.categories:
            counts[category] = counts.get(category, 0) + 1
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _with_filters(query: SearchQuery, filters: SearchFilters) -> SearchQuery:
    from msgspec import structs

    pairs = (("category", filters.category), ("tag", filters.tag), ("author", filters.author))
    added = [Filter(field, fold(value)) for field, value in pairs if value]
    if filters.is_verified is not None:
        added.append(Filter("is", "verified", is_negated=not filters.is_verified))
    return structs.replace(query, filters=(*query.filters, *added), sort=filters.sort or query.sort)
