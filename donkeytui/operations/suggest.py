"""The next version of a plugin, from what changed since its last release."""

import contextlib

from msgspec import structs

from donkeytui.authoring.judging import judge
from donkeytui.authoring.suggestion import Level, Suggestion, raised, suggest_version
from donkeytui.authoring.surface import Surface, surface_of, surface_of_release
from donkeytui.install.fetch import Patience, fetch_one
from donkeytui.operations.packages import release_download
from donkeytui.operations.plugin_source import PluginSource
from donkeytui.problems import OfflineMissing
from donkeytui.session import Session
from registry_server.contract.archive import read_package
from registry_server.contract.problems import ProblemError
from registry_server.contract.versions import Version, parse_version
from registry_server.contract.wire import PluginDocument, Release

_ONE_TRY = Patience(pauses=(), grace_seconds=10.0)
"""A suggestion is worth no more waiting."""


async def suggest(session: Session, source: PluginSource) -> Suggestion | None:
    """None for a plugin the catalogue does not know, or whose package.json cannot be read.

    The last release's package comes from the cache or, in one try, from the registry; without it what
    the catalogue says is compared, which is less.
    """
    releases = _releases(session, source.name) if source.name else ()
    if not releases:
        return None
    after = surface_of(source.entries, source.check)
    base = _base(releases, parse_version(source.version))
    suggestion = await _compare(session, source.name, base, after)
    if any(release.version == suggestion.version for release in releases) and base != releases[0]:
        # Behind an old release there is no number left: go on behind the newest.
        suggestion = await _compare(session, source.name, releases[0], after)
    return suggestion


def published_integrity(session: Session, name: str, version: str) -> str:
    """What the catalogue knows the version to be; empty when it knows of none."""
    found = (release.checksum for release in _releases(session, name) if release.version == version)
    return next(found, "")


async def bumped_version(session: Session, source: PluginSource, level: Level | None) -> str:
    """The version to publish next: one number raised, or for None what the changes ask for.

    With nothing released yet, or a version that is high enough and free, None keeps it.
    """
    if level is not None:
        return raised(parse_version(source.version), level)
    suggestion = await suggest(session, source)
    return source.version if suggestion is None or suggestion.is_met else suggestion.version


def known_document(session: Session, name: str) -> PluginDocument | None:
    """What the catalogue knows of a plugin, under this name or one that looks like it.

    None also where the catalogue cannot be used: an author's folder is no worse for it.
    """
    try:
        known = session.catalogue.name_like(name)
        return None if known is None else session.catalogue.get(known)
    except ProblemError:
        return None


def usual_range(session: Session, name: str) -> str:
    """For a plugin that is needed without a range: from its latest release on, if one is known."""
    document = known_document(session, name)
    is_known = document is not None and document.name == name and document.latest_version
    return f"^{document.latest_version}" if document is not None and is_known else "*"


def _releases(session: Session, name: str) -> tuple[Release, ...]:
    document = known_document(session, name)
    if document is not None and document.name != name:
        return ()
    return document.versions if document else ()


def _base(releases: tuple[Release, ...], now: Version) -> Release:
    """The release that somebody would update from: the highest up to `now`, a stable one if there is one."""
    keyed = [(parse_version(release.version), release) for release in releases]
    earlier = [pair for pair in keyed if pair[0] <= now] or keyed
    stable = [pair for pair in earlier if not pair[0].is_prerelease]
    return (stable or earlier)[0][1]


async def _compare(session: Session, name: str, base: Release, after: Surface) -> Suggestion:
    try:
        entries = read_package(await _package(session, name, base))
        check = judge(entries)
    except ProblemError:
        check = None
    if check is None or check.manifest is None:
        return structs.replace(suggest_version(surface_of_release(base), after), is_partial=True)
    return suggest_version(surface_of(entries, check), after)


async def _package(session: Session, name: str, release: Release) -> bytes:
    client = None
    with contextlib.suppress(OfflineMissing):
        client = await session.client()
    download = release_download(session, name, release)
    return await fetch_one(download, client, session.package_cache, patience=_ONE_TRY)
