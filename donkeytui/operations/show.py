"""Everything about one plugin: its document from the catalogue, its README from the registry or the cache."""

import contextlib
from pathlib import Path

from donkeytui.problems import OfflineMissing
from donkeytui.session import Session
from donkeytui.whole_file import write_whole
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import hex_digest
from registry_server.contract.names import check_name, nearest_names
from registry_server.contract.problems import PluginNotFound, VersionNotFound
from registry_server.contract.ranges import Requirement, max_satisfying
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import PluginDocument, Release

README_MAX = 256_000


def show(session: Session, name: str) -> PluginDocument:
    """Raises `PluginNotFound` with the nearest names, or `InvalidName`."""
    check_name(name)
    document = session.catalogue.get(name)
    if document is None:
        raise unknown_plugin(session, name)
    return document


def unknown_plugin(session: Session, name: str) -> PluginNotFound:
    registry = session.settings.registry.name
    same = session.catalogue.name_like(name)
    near = [same] if same else nearest_names(name, session.catalogue.names())
    return PluginNotFound(
        f"there is no plugin `{name}` in the registry `{registry}`",
        detail=f"near it: {', '.join(near)}" if near else "",
        hint=f"donkeytui info {near[0]}" if near else "donkeytui search WORDS",
    )


def choose_release(document: PluginDocument, wanted: Requirement) -> Release:
    """The release to show: the latest, or the highest in the range asked for.

    One in quarantine only where no other is in the range. Raises `VersionNotFound` when none fits.
    """
    if wanted.range.is_any:
        version = document.latest_version
    else:
        obtainable = [parse_version(each.version) for each in document.versions if not each.quarantine]
        everything = [parse_version(each.version) for each in document.versions]
        best = max_satisfying(obtainable, wanted.range) or max_satisfying(everything, wanted.range)
        if best is None:
            newest = ", ".join(release.version for release in document.versions[:5])
            raise VersionNotFound(
                f"no release of `{document.name}` is in `{wanted.range.text}`",
                detail=f"the newest are {newest}",
                hint=f"donkeytui info {document.name}",
            )
        version = best.text
    for release in document.versions:
        if release.version == version:
            return release
    raise VersionNotFound(
        f"`{document.name}` has no release",
        detail=f"the catalogue calls `{clean(version, 80)}` its latest" if version else "",
        hint="donkeytui sync",
    )


async def read_readme(session: Session, name: str, release: Release) -> str:
    """The README of a release; kept on disk under the package's digest, so asked for once.

    Raises `OfflineMissing` when it is neither kept nor to be had.
    """
    kept = session.readme_cache / f"{hex_digest(release.checksum)}.md"
    text = await session.in_thread(_read_kept, kept)
    if text is not None:
        return text
    try:
        client = await session.client()
    except OfflineMissing as error:
        raise OfflineMissing(
            f"the README of `{name}` {release.version} is not on this machine",
            detail="it is kept once it was shown while online",
        ) from error
    text = (await client.readme(name, release.version))[:README_MAX]
    await session.in_thread(_keep, kept, text)
    return text


def _read_kept(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def _keep(path: Path, text: str) -> None:
    """Best effort: a cache that cannot be written costs a request, not the answer."""
    with contextlib.suppress(OSError, UnicodeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode("utf-8", "surrogatepass"))
