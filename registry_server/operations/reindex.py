"""Build the search index again from the rows, whatever state it is in."""

import msgspec

from registry_server.contract.problems import RegistryBusy, RegistryDamaged
from registry_server.contract.wire import PluginDocument
from registry_server.registry import Registry
from registry_server.search.document import make_search_document
from registry_server.search.index import IndexDamaged
from registry_server.store import changes

_decoder = msgspec.json.Decoder(PluginDocument)


def reindex(registry: Registry) -> int:
    """Returns how many plugins the new index holds. Searches go on in the old one until it is there.

    Raises `RegistryBusy` when another process is writing the index, or the folder cannot be used, and
    `RegistryDamaged` when a document cannot be read.
    """
    connection = registry.database.read()
    with registry.index_lock:
        with changes.one_moment(connection):
            epoch, serial = changes.read_epoch(connection), changes.current_serial(connection)
            documents = [data for _, data in changes.all_documents(connection)]
        try:
            made = [make_search_document(_decoder.decode(data)) for data in documents]
            is_ours = registry.index.rebuild(made, epoch=epoch, cursor=serial)
        except msgspec.MsgspecError as error:
            raise RegistryDamaged(
                "the document of a plugin cannot be read",
                detail=str(error),
                hint="registry-server check --repair",
            ) from error
        except IndexDamaged as error:
            raise RegistryBusy(
                "the search index cannot be written",
                detail=str(error),
                hint=f"remove {registry.index.root}, which is only an index, and try again",
            ) from error
    if not is_ours:
        raise RegistryBusy("another process is writing the search index", hint="try again in a moment")
    return len(documents)
