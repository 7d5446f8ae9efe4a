"""Packages by their digest: from the cache, or from the registry into it."""

import contextlib

from donkeytui.install.fetch import cached_integrities, fetch_one
from donkeytui.install.plan import Download, download_of
from donkeytui.operations.releases import locked_release
from donkeytui.problems import OfflineMissing
from donkeytui.project.lockfile import LockedPlugin
from donkeytui.session import Session


async def package_of(session: Session, download: Download) -> bytes:
    """Verified. Raises what fetching raises; `OfflineMissing` naming it when only the registry has it."""
    client = None
    with contextlib.suppress(OfflineMissing):
        client = await session.client()
    return await fetch_one(download, client, session.package_cache)


def installed_download(session: Session, name: str, locked: LockedPlugin) -> Download:
    """The package an installed plugin came from."""
    cached = cached_integrities(session.package_cache, [locked.integrity])
    return download_of(name, locked_release(session, name, locked), cached)
