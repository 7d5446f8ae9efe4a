"""Write down what was counted in memory."""

from registry_server.registry import Registry
from registry_server.store import changes, downloads


def flush_downloads(registry: Registry) -> int:
    """Stores counted downloads; returns how many there were. A kill loses at most those since the last."""
    counted = registry.downloads.take()
    if not counted:
        return 0
    try:
        with registry.database.write() as connection:
            downloads.add_counts(connection, counted)
            for plugin in downloads.plugins_outdated(connection):
                changes.record(connection, plugin, registry.clock())
    except BaseException:
        registry.downloads.give_back(counted)
        raise
    return sum(counted.values())
