"""Packages by their digest: from the cache, or from the registry into it."""

import contextlib

from donkeytui.install.fetch import cached_integrities, fetch_one
from donkeytui.install.plan import Download, download_of
from donkeytui.operations.releases import locked_release
from donkeytui.problems import OfflineMissing
from donkeytui.project.lockfile import LockedPlugin
from donkeytui.session import Session
from registry_server.contract.wire import Release


async def package_of(session: Session, download: Download) -> bytes:
    """Verified. Raises what fetching raises; `OfflineMissing` naming it when only the registry has it."""
    client = None
    with contextlib.suppress(OfflineMissing):
        client = await session.client()
    return await fetch_one(download, client, session.package_cache)


def installed_download(session: Session, name: str, locked: LockedPlugin) -> Download:
    """The package an installed plugin came from."""
    return release_download(session, name, locked_release(session, name, locked))


def release_download(session: Session, name: str, release: Release) -> Download:
    """The package of any release."""
    return download_of(name, release, cached_integrities(session.package_cache, [release.checksum]))
