"""Releases as catalogue and lockfile know them together: what is locked stays known for its lockfile.

A locked release that the registry no longer has, and one in quarantine, stay in the project they are
in, and each command says so: a plan for something else does not stumble over them. They differ in
what can be put in place. What is gone may still be in the cache, and its bytes are good; what is in
quarantine is not put anywhere, though every byte be at hand.
"""

from datetime import timedelta

from msgspec import structs

from donkeytui.project.lockfile import LockedPlugin, Lockfile
from donkeytui.session import Session
from registry_server.contract import routes
from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.problems import IntegrityMismatch
from registry_server.contract.wire import (
    Author,
    Contents,
    FileCopy,
    PluginDocument,
    Release,
    ReleaseDependencies,
)

_NOBODY = Author(name="")


def document_of(session: Session, lockfile: Lockfile, name: str) -> PluginDocument | None:
    """The catalogue's document; a locked release it no longer has stays choosable, for its lockfile only."""
    document = session.catalogue.get(name)
    locked = lockfile.plugins.get(name)
    if locked is None or (document and any(r.version == locked.version for r in document.versions)):
        return document
    now = session.clock()
    known = document or PluginDocument(
        id="", name=name, display_name=name, description="", author=_NOBODY, created_at=now, updated_at=now
    )
    return structs.replace(known, versions=(*known.versions, _release_of(session, name, locked)))


def catalogued(session: Session, name: str, version: str) -> Release | None:
    document = session.catalogue.get(name)
    releases = document.versions if document else ()
    return next((release for release in releases if release.version == version), None)


def quarantined(session: Session, lockfile: Lockfile) -> dict[str, str]:
    """Plugin -> the operator's reason, of locked releases that the catalogue knows to be in quarantine."""
    found: dict[str, str] = {}
    for name, locked in lockfile.plugins.items():
        release = catalogued(session, name, locked.version)
        if release is not None and release.quarantine:
            found[name] = release.quarantine
    return found


def check_obtainable(session: Session, name: str, version: str) -> None:
    """Raises `Quarantined` for what nobody may put in place, wherever its bytes are."""
    from donkeytui.install.planning import check_not_quarantined

    release = catalogued(session, name, version)
    if release is not None:
        check_not_quarantined(name, release)


def hours_too_young(session: Session, name: str, release: Release) -> float:
    """How long the cool-down still holds it back; 0 or less when it does not."""
    rule = session.settings.cool_down
    if not rule.hours or name in rule.exempt:
        return 0
    left = release.created_at + timedelta(hours=rule.hours) - session.clock()
    return left / timedelta(hours=1)


def locked_release(session: Session, name: str, locked: LockedPlugin) -> Release:
    """The installed release, from the catalogue or, failing that, from the lockfile alone.

    Raises `IntegrityMismatch` when the two name different bytes.
    """
    release = catalogued(session, name, locked.version) or _release_of(session, name, locked)
    check_same_bytes(name, locked, release)
    return release


def check_same_bytes(name: str, locked: LockedPlugin, release: Release) -> None:
    if release.checksum != locked.integrity:
        raise IntegrityMismatch(
            f"the registry has other bytes for `{name}` {locked.version} than the lockfile",
            detail=f"the lockfile says {locked.integrity}, the registry {release.checksum}",
            hint="find out which is right; a release never changes",
        )


def address_of(session: Session, name: str, release: Release) -> str:
    registry = session.settings.registry
    path = routes.download(name, release.version)
    return f"embedded:{path}" if registry.is_embedded else registry.url + path


def _release_of(session: Session, name: str, locked: LockedPlugin) -> Release:
    """What the lockfile alone knows of a release. Its size is unknown, so bounded by the format's cap.

    Counts as yanked when the registry is known not to have it: kept for its lockfile, never chosen anew.
    """
    is_gone = session.catalogue.synced_at() is not None
    requirements = tuple(f"{needed}@{range_}" for needed, range_ in locked.dependencies.items())
    return Release(
        version=locked.version,
        checksum=locked.integrity,
        size=PACKAGE_MAX_BYTES,
        package_url=routes.download(name, locked.version),
        dependencies=ReleaseDependencies(plugins=requirements, packages=locked.packages),
        # The lockfile knows where files go, and not from where: that is the package's to say.
        contents=Contents(copies=tuple(FileCopy(source="", target=path) for path in locked.copies)),
        created_at=session.clock(),
        yanked=is_gone,
        yank_reason="the registry in use does not have it" if is_gone else "",
    )
