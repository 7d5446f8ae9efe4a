"""Bring catalogue and index up to date with the registry in use."""

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from donkeytui.events import Notice, Report, StageAdvanced, StageFinished, StageStarted, silent
from donkeytui.parallel import run_all
from donkeytui.problems import CatalogueDamaged, OfflineMissing, RegistryUnreachable, UnexpectedResponse
from donkeytui.session import Session
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import check_integrity_text, verify_integrity
from registry_server.contract.names import is_name
from registry_server.contract.problems import (
    CursorGone,
    ProblemError,
    RegistryBusy,
    RegistryDamaged,
    RouteNotFound,
    ServerError,
)
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import ChangePage, PluginDocument, Shard
from registry_server.search.document import make_search_document

if TYPE_CHECKING:
    from donkeytui.remote import RegistryClient

SHARD_UNPACKED_MAX_BYTES = 256 << 20
PARALLEL_SHARDS = 8
REBUILD_SHARE = 0.2


class SyncReport(Struct, frozen=True, kw_only=True):
    registry: str
    plugins: int
    changed: int
    """Plugins whose document is not what it was before."""
    cursor: int
    synced_at: datetime


class CatalogueState(Struct, frozen=True, kw_only=True):
    """What faces show of the catalogue: where from, how much, how old."""

    registry: str
    url: str
    plugins: int
    synced_at: datetime | None
    is_offline: bool
    is_stale: bool


async def sync(session: Session, report: Report = silent, *, with_index: bool = True) -> SyncReport:
    """Fetches what changed since the last time; a damaged catalogue is made anew.

    Without `with_index` the search index stays behind: the next search lets it catch up.
    Raises `RegistryUnreachable`, `OfflineMissing`, `UnexpectedResponse`, `IntegrityMismatch` or
    `CacheUnusable`; the catalogue then stays as it was.
    """
    async with session.sync_lock:
        await _publish_starter(session, report)
        client = await session.client()
        try:
            return await _sync_once(session, client, report, with_index=with_index)
        except CatalogueDamaged:
            report(
                Notice(
                    severity="warning",
                    code="catalogue-damaged",
                    text="the catalogue was damaged, syncing anew",
                )
            )
            session.catalogue.discard()
            return await _sync_once(session, client, report, with_index=with_index)


async def refresh_if_stale(
    session: Session, report: Report = silent, *, with_index: bool = False, always: bool = False
) -> None:
    """What reading verbs do first: sync when the catalogue is old, and go on with it when that fails.

    `always` syncs however young it is, unless told to stay offline. `with_index` lets the search index
    catch up also when there is nothing to fetch: a verb that does not search may have left it behind.
    Raises only when there is no catalogue at all to go on with.
    """
    state = catalogue_state(session)
    is_due = state.is_stale or (always and not session.settings.is_offline)
    if is_due and not state.is_offline:
        await _refresh(session, report, state, with_index=with_index)
    elif state.synced_at is None:
        raise OfflineMissing(
            "there is no catalogue of this registry yet, and the session is offline",
            hint="run `donkeytui sync` once while the registry can be reached",
        )
    if with_index:
        await session.in_thread(ensure_index, session, report)


async def _refresh(session: Session, report: Report, state: CatalogueState, *, with_index: bool) -> None:
    try:
        await sync(session, report, with_index=with_index)
    except (RegistryUnreachable, UnexpectedResponse, RegistryBusy, ServerError, RegistryDamaged) as error:
        if state.synced_at is None:
            raise
        age = age_text(state.synced_at, session.clock())
        text = f"{error.problem.title}; this is the catalogue from {age} ago"
        report(Notice(severity="warning", code=error.code, text=text))


def catalogue_state(session: Session) -> CatalogueState:
    settings = session.settings
    discard_if_damaged(session)
    synced_at, count = session.catalogue.synced_at(), session.catalogue.count()
    oldest = session.clock() - timedelta(seconds=settings.stale_after_seconds)
    return CatalogueState(
        registry=settings.registry.name,
        url=settings.registry.url,
        plugins=count,
        synced_at=synced_at,
        is_offline=settings.is_offline and not settings.registry.is_embedded,
        is_stale=synced_at is None or synced_at < oldest,
    )


def discard_if_damaged(session: Session) -> None:
    """A damaged catalogue is as good as none: what reads it goes on, and the next sync makes it anew."""
    try:
        session.catalogue.count()
    except CatalogueDamaged:
        session.catalogue.discard()


def age_text(then: datetime, now: datetime) -> str:
    """`3 h`, `9 days`: the coarsest unit that says something."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, one, many in ((86400, "day", "days"), (3600, "h", "h"), (60, "min", "min")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {one if number == 1 else many}"
    return "less than a minute"


def ensure_index(session: Session, report: Report = silent) -> None:
    """Blocking. Lets the index catch up with the catalogue; cheap when there is nothing to do.

    A damaged catalogue is thrown away, and the next sync makes it anew.
    """
    try:
        _follow_index(session, report)
    except CatalogueDamaged:
        session.catalogue.discard()


async def _publish_starter(session: Session, report: Report) -> None:
    embedded = await session.embedded()
    if embedded is None or not await session.in_thread(embedded.needs_starter):
        return
    loop = asyncio.get_running_loop()
    report(StageStarted(stage="starter", unit="releases"))

    def on_published(name: str, done: int, total: int) -> None:
        event = StageAdvanced(stage="starter", done=done, total=total, subject=name)
        loop.call_soon_threadsafe(report, event)

    await session.in_thread(embedded.publish_starter, on_published)
    report(StageFinished(stage="starter"))


async def _sync_once(
    session: Session, client: "RegistryClient", report: Report, *, with_index: bool
) -> SyncReport:
    report(StageStarted(stage="feed", unit="plugins"))
    changed = await _follow(session, client, report)
    now = session.clock()
    session.catalogue.confirm(now)
    report(StageFinished(stage="feed"))
    if with_index:
        await session.in_thread(_follow_index, session, report)
    return SyncReport(
        registry=session.settings.registry.name,
        plugins=session.catalogue.count(),
        changed=changed,
        cursor=session.catalogue.cursor(),
        synced_at=now,
    )


async def _follow(session: Session, client: "RegistryClient", report: Report) -> int:
    catalogue = session.catalogue
    changed = 0
    has_snapshot = not catalogue.epoch()
    if has_snapshot:
        changed = await _load_snapshot(session, client, report)
    while True:
        # Read once a round: another process may be moving the same catalogue on.
        since, epoch = catalogue.cursor(), catalogue.epoch()
        page = await _next_page(client, since, epoch)
        if page is None:
            if has_snapshot:
                raise _malformed("its changes do not continue from its own snapshot")
            has_snapshot = True
            changed = await _load_snapshot(session, client, report)
            continue
        _check_page(page, since=since)
        if page.changes or page.cursor != since:
            changed += catalogue.apply(page.changes, epoch=page.epoch, cursor=page.cursor)
        if not page.has_more:
            return changed
        report(StageAdvanced(stage="feed", done=changed))


async def _next_page(client: "RegistryClient", since: int, epoch: str) -> ChangePage | None:
    """None when the registry's history is not the one the catalogue follows."""
    try:
        page = await client.changes(since)
    except CursorGone:
        return None
    return page if page.epoch == epoch else None


async def _load_snapshot(session: Session, client: "RegistryClient", report: Report) -> int:
    try:
        return await _load_once(session, client, report)
    except RouteNotFound:
        # A newer snapshot was written meanwhile, and parts of the one we read are gone.
        return await _load_once(session, client, report)


async def _load_once(session: Session, client: "RegistryClient", report: Report) -> int:
    snapshot = await client.snapshot()
    gate = asyncio.Semaphore(PARALLEL_SHARDS)
    documents: list[PluginDocument] = []

    async def load(shard: Shard) -> None:
        async with gate:
            data = await client.shard(shard.digest)
        verify_integrity(data, shard.digest, what="a part of the catalogue")
        found = await session.in_thread(_read_shard, data)
        if len(found) != shard.plugins:
            raise _malformed(f"a part of it has {len(found)} plugins, {shard.plugins} were announced")
        documents.extend(found)
        report(StageAdvanced(stage="feed", done=len(documents), total=snapshot.plugins))

    await run_all(load(shard) for shard in snapshot.shards if shard.plugins)
    documents.sort(key=lambda document: document.name)
    return session.catalogue.replace(documents, epoch=snapshot.epoch, cursor=snapshot.serial)


def _read_shard(data: bytes) -> list[PluginDocument]:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=8 << 20).stream_reader(data)
        text = reader.read(SHARD_UNPACKED_MAX_BYTES + 1)
        if len(text) > SHARD_UNPACKED_MAX_BYTES:
            raise ValueError("it unpacks to too much")
        documents = msgspec.json.Decoder(PluginDocument).decode_lines(text)
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed(str(error)[:200]) from error
    for document in documents:
        _check_document(document)
    return documents


def _check_page(page: ChangePage, *, since: int) -> None:
    if page.cursor < since or (page.has_more and page.cursor == since):
        raise _malformed(f"its changes after {since} end at {page.cursor}")
    for change in page.changes:
        _check_name(change.name)
        if change.document is None:
            continue
        _check_document(change.document)
        if change.document.name != change.name:
            raise _malformed(f"a change of `{clean(change.name, 80)}` carries another plugin")


def _check_document(document: PluginDocument) -> None:
    """What everything that reads the catalogue relies on."""
    _check_name(document.name)
    versions = [release.version for release in document.versions]
    try:
        for release in document.versions:
            parse_version(release.version)
            check_integrity_text(release.checksum)
    except ProblemError as error:
        raise _malformed(f"`{document.name}`: {clean(error.problem.title, 200)}") from error
    if len(set(versions)) != len(versions) or (versions and document.latest_version not in versions):
        raise _malformed(f"`{document.name}` has a wrong list of releases")


def _check_name(name: str) -> None:
    """Names become folder names: what is not a name never enters the catalogue."""
    if not is_name(name):
        raise _malformed(f"`{clean(name, 80)}` is not a plugin name")


def _malformed(detail: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        "the registry sent a catalogue that cannot be read",
        detail=detail,
        hint="nothing was changed; try again later",
    )


def _follow_index(session: Session, report: Report) -> None:
    from registry_server.search.index import IndexDamaged

    catalogue, index = session.catalogue, session.index
    epoch, cursor = catalogue.epoch(), catalogue.cursor()
    if not epoch:
        return
    try:
        manifest = index.manifest()
        if manifest is not None and manifest.epoch == epoch:
            if manifest.cursor == cursor:
                return
            names = catalogue.changed_names(manifest.cursor)
            is_ahead = manifest.cursor > cursor
            if not is_ahead and len(names) <= max(10, manifest.documents * REBUILD_SHARE):
                found = catalogue.get_many(names)
                upserts = [make_search_document(document) for document in found.values()]
                index.apply(upserts, set(names) - set(found), epoch=epoch, cursor=cursor)
                return
    except IndexDamaged:
        report(
            Notice(severity="note", code="index-damaged", text="the search index was damaged and is rebuilt")
        )
    report(StageStarted(stage="index"))
    every = (make_search_document(document) for document in catalogue.all_documents())
    try:
        index.rebuild(every, epoch=epoch, cursor=cursor)
    except IndexDamaged as error:
        text = f"the search index cannot be written: {error}"
        hint = "free some space, or choose another folder with DONKEYTUI_CACHE_DIR"
        report(Notice(severity="warning", code="index-unwritable", text=text, hint=hint))
    report(StageFinished(stage="index"))
