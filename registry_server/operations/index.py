"""Keep the search index where the feed is; it is only ever a follower."""

import msgspec

from registry_server.contract.wire import PluginDocument
from registry_server.registry import Registry
from registry_server.search.document import SearchDocument, make_search_document
from registry_server.search.index import IndexDamaged
from registry_server.store import changes, plugins
from registry_server.store.database import Connection

REBUILD_SHARE = 0.2
"""Above this share of changed documents a rebuild is cheaper and leaves one tidy segment."""

_decoder = msgspec.json.Decoder(PluginDocument)


def follow_feed(registry: Registry) -> None:
    """Applies what the index lacks. Cheap when it lacks nothing: two row reads."""
    connection = registry.database.read()
    serial, epoch = changes.current_serial(connection), changes.read_epoch(connection)
    if _is_current(registry, epoch, serial):
        return
    with registry.index_lock:
        if not _is_current(registry, epoch, serial):
            _catch_up(registry, connection, epoch, serial)


def _is_current(registry: Registry, epoch: str, serial: int) -> bool:
    try:
        manifest = registry.index.manifest()
    except IndexDamaged:
        return False
    return manifest is not None and manifest.epoch == epoch and manifest.cursor >= serial


def _catch_up(registry: Registry, connection: Connection, epoch: str, serial: int) -> None:
    try:
        manifest = registry.index.manifest()
        names = changes.names_changed(connection, manifest.cursor) if manifest else set()
        is_delta = manifest is not None and manifest.epoch == epoch
        if is_delta and manifest and len(names) <= max(10, manifest.documents * REBUILD_SHARE):
            documents = [_search_document(connection, name) for name in sorted(names)]
            upserts = [document for document in documents if document is not None]
            gone = names - {document.name for document in upserts}
            registry.index.apply(upserts, gone, epoch=epoch, cursor=serial)
            return
    except IndexDamaged:
        pass
    every = (make_search_document(_decoder.decode(data)) for _, data in changes.all_documents(connection))
    registry.index.rebuild(every, epoch=epoch, cursor=serial)


def _search_document(connection: Connection, name: str) -> SearchDocument | None:
    found = plugins.document_bytes(connection, name)
    return make_search_document(_decoder.decode(found[0])) if found else None
