"""Take a package in: check everything, keep the blob, then one transaction with row, document, feed."""

from collections.abc import Iterator

from msgspec import Struct, structs

from registry_server.contract import routes
from registry_server.contract.examination import Examination
from registry_server.contract.manifest import CATEGORIES_MAX, LABEL_HINT, TAGS_MAX, Manifest, label_fault
from registry_server.contract.problems import Finding, InvalidPackage, PackageTooLarge, VersionExists
from registry_server.contract.ranges import parse_range
from registry_server.contract.validation import check_migrations_kept
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import (
    Author,
    CheckReport,
    Engine,
    PublishReceipt,
    ReleaseDependencies,
)
from registry_server.operations.accounts import Caller, require, require_owner
from registry_server.operations.audit import log
from registry_server.operations.naming import check_new_name
from registry_server.registry import Registry
from registry_server.store import changes, moderation, owners, plugins
from registry_server.store.database import Connection
from registry_server.store.plugins import NewRelease, PluginFields


class PublishForm(Struct, frozen=True, kw_only=True):
    """What comes beside the package. The package's own manifest decides; the form only fills gaps."""

    name: str = ""
    version: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


EMPTY_FORM = PublishForm()


def check(
    registry: Registry, caller: Caller | None, archive: bytes, form: PublishForm = EMPTY_FORM
) -> CheckReport:
    """What a publish of these bytes would say, without doing it.

    A dry run costs as much as a publish, so it needs the same right.
    """
    caller = require(caller, "publish", form.name)
    registry.limits.spend("release", f"user {caller.user.id}")
    examined = _examine(registry, archive, form)
    held = ""
    if examined.manifest is not None and not examined.errors:
        held = _check_rights(registry.database.read(), caller, examined.manifest)
    return CheckReport(
        success=not examined.errors,
        name=examined.name or form.name,
        version=examined.version or form.version,
        integrity=examined.integrity,
        size=examined.size,
        held=held,
        findings=examined.findings,
    )


def publish(
    registry: Registry, caller: Caller | None, archive: bytes, form: PublishForm = EMPTY_FORM
) -> PublishReceipt:
    """One new release, durable when this returns. The same bytes again succeed and change nothing.

    Raises `InvalidPackage` with all findings, `ArchiveUnsafe`, `PackageTooLarge`, `VersionExists`,
    `NameTaken`, `Unauthorized` or `Forbidden`.
    """
    caller = require(caller, "publish", form.name)
    registry.limits.spend("release", f"user {caller.user.id}")
    examined = _examine(registry, archive, form)
    manifest = examined.manifest
    if examined.errors or manifest is None:
        raise _invalid(examined.findings)
    connection = registry.database.read()
    _check_rights(connection, caller, manifest)
    plugin = plugins.plugin_id(connection, manifest.name)
    if plugin is None:
        registry.limits.spend("new-plugin", f"user {caller.user.id}")
    else:
        _check_version_free(connection, plugin, examined)
    registry.packages.put(archive)
    with registry.database.write() as connection:
        # Again, for another publish may have come in between; from here on none can.
        held = _check_rights(connection, caller, manifest)
        if not registry.packages.has(examined.integrity, examined.size):
            registry.packages.put(archive)  # a sweep took what no row named yet
        if faults := _check_history(connection, examined):
            raise _invalid(tuple(faults))
        publishing = _Publishing(
            registry=registry, caller=caller, manifest=manifest, examined=examined, form=form
        )
        plugin, created = _insert(connection, publishing, held)
        document = plugins.make_document(connection, plugin)
        held = moderation.held_reason(connection, plugin)
    return PublishReceipt(
        success=True,
        plugin=plugins.summary_of(document),
        version=manifest.version,
        integrity=examined.integrity,
        size=examined.size,
        url=routes.plugin(manifest.name),
        created=created,
        held=held,
        findings=examined.findings,
    )


def _invalid(findings: tuple[Finding, ...]) -> InvalidPackage:
    errors = [finding for finding in findings if finding.severity == "error"]
    return InvalidPackage(
        f"the package breaks {len(errors)} rule{'s' if len(errors) != 1 else ''}",
        detail=errors[0].text,
        hint="donkeytui validate lists them all",
        findings=findings,
    )


class _Publishing(Struct, frozen=True, kw_only=True):
    registry: Registry
    caller: Caller
    manifest: Manifest
    examined: Examination
    form: PublishForm


def _examine(registry: Registry, archive: bytes, form: PublishForm) -> Examination:
    """What the package says, and what this registry has to say to it besides."""
    limit = registry.settings.package_max_bytes
    if len(archive) > limit:
        raise PackageTooLarge(
            f"the package has {len(archive)} bytes",
            detail=f"this registry takes up to {limit}",
            hint="leave out what the plugin does not need at run time (.donkeyignore)",
        )
    examined = registry.examiner.examine(archive)
    if examined.manifest is None:
        return examined
    connection = registry.database.read()
    more = [
        *_check_form(examined.manifest, form),
        *_check_history(connection, examined),
        *_check_neighbours(connection, examined.manifest),
    ]
    return structs.replace(examined, findings=(*examined.findings, *more))


def _check_form(manifest: Manifest, form: PublishForm) -> list[Finding]:
    pairs = (("name", form.name, manifest.name), ("version", form.version, manifest.version))
    labels = (("categories", form.categories, CATEGORIES_MAX), ("tags", form.tags, TAGS_MAX))
    differing = [
        Finding(
            severity="error",
            code=f"{field}-differs",
            path="package.json",
            text=f"the request says {field} `{sent[:80]}`, package.json says `{written}`",
        )
        for field, sent, written in pairs
        if sent and sent != written
    ]
    faults = [label_fault(sent, f"{field} of the request", limit) for field, sent, limit in labels]
    return differing + [
        Finding(severity="error", code="form-label", text=fault, hint=LABEL_HINT) for fault in faults if fault
    ]


def _check_history(connection: Connection, examined: Examination) -> list[Finding]:
    """Migrations of the newest earlier release must still be there, unchanged."""
    plugin = plugins.plugin_id(connection, examined.name)
    if plugin is None:
        return []
    place = parse_version(examined.version).key
    earlier = [v for v in plugins.release_versions(connection, plugin) if parse_version(v).key < place]
    if not earlier:
        return []
    previous = plugins.find_release(connection, examined.name, earlier[0])
    assert previous is not None
    before = {entry.path: entry.digest for entry in plugins.files_of(connection, previous)}
    now = {entry.path: entry.digest for entry in examined.files}
    return check_migrations_kept(before, now, earlier[0])


def _check_neighbours(connection: Connection, manifest: Manifest) -> Iterator[Finding]:
    """What the plugin meets in this registry: warnings, for it may change."""
    known = plugins.plugin_id(connection, manifest.name)
    if known is not None and (reason := moderation.quarantine_reason(connection, known)):
        yield Finding(
            severity="warning",
            code="plugin-quarantined",
            text=f"the plugin is in quarantine, and its releases can be had by nobody: {reason}",
            hint="ask an admin of the registry",
        )
    for name, wanted in sorted(manifest.plugins.items()):
        plugin = plugins.plugin_id(connection, name)
        versions = plugins.release_versions(connection, plugin) if plugin is not None else []
        range_ = parse_range(wanted)
        if any(range_.allows(parse_version(version)) for version in versions):
            continue
        what = f"no release of `{name}` is in `{wanted}`" if versions else f"there is no plugin `{name}`"
        yield Finding(
            severity="warning",
            code="dependency-unknown",
            path="package.json",
            text=f"{what} in this registry",
            hint="publish it first, or nobody can install this one",
        )


def _check_rights(connection: Connection, caller: Caller, manifest: Manifest) -> str:
    """Why a new name is held; empty for one that is not, or not new."""
    require(caller, "publish", manifest.name)
    if plugins.plugin_id(connection, manifest.name) is not None:
        require_owner(connection, caller, manifest.name)
        return ""
    require(caller, "publish-new", manifest.name)
    return check_new_name(connection, caller, manifest.name)


def _insert(connection: Connection, publishing: _Publishing, held: str) -> tuple[int, bool]:
    """The plugin's id, and False when the very same release is there already."""
    registry, caller, examined = publishing.registry, publishing.caller, publishing.examined
    manifest, now = publishing.manifest, registry.clock()
    plugin = plugins.plugin_id(connection, manifest.name)
    if plugin is None:
        plugin = plugins.add_plugin(
            connection, manifest.name, _fields(manifest, publishing.form), held=held, now=now
        )
        owners.add_owner(connection, plugin, caller.user)
    if _check_version_free(connection, plugin, examined):
        return plugin, False
    plugins.add_release(connection, plugin, _release(manifest, examined, caller), now)
    if plugins.release_versions(connection, plugin)[0] == manifest.version:
        plugins.set_fields(connection, plugin, _fields(manifest, publishing.form))
    changes.record(connection, plugin, now)
    log(
        connection,
        registry,
        caller,
        "publish",
        f"{manifest.name} {manifest.version}",
        detail=f"{examined.integrity}{'; held: ' + held if held else ''}",
    )
    return plugin, True


def _check_version_free(connection: Connection, plugin: int, examined: Examination) -> bool:
    """Whether these very bytes are published already.

    Raises `VersionExists` when others are.
    """
    present = plugins.published_integrity(connection, plugin, examined.version)
    if present not in (None, examined.integrity):
        raise VersionExists(
            f"`{examined.name}` {examined.version} is already published, with other contents",
            detail=f"published {present}, sent {examined.integrity}",
            hint="raise the version in package.json and publish again",
        )
    return present is not None


def _fields(manifest: Manifest, form: PublishForm) -> PluginFields:
    return PluginFields(
        display_name=manifest.display_name,
        description=manifest.description or form.description[:300],
        author=Author(
            name=manifest.author,
            email=manifest.author_email or None,
            github=manifest.author_github or None,
        ),
        repository=manifest.repository,
        license=manifest.license,
        categories=manifest.categories or tuple(dict.fromkeys(form.categories)),
        tags=manifest.tags or tuple(dict.fromkeys(form.tags)),
    )


def _release(manifest: Manifest, examined: Examination, caller: Caller) -> NewRelease:
    return NewRelease(
        version=manifest.version,
        description=examined.release_notes,
        dependencies=ReleaseDependencies(
            plugins=tuple(f"{name}@{range_}" for name, range_ in sorted(manifest.plugins.items())),
            packages=examined.npm,
        ),
        engine=Engine(node=manifest.node or None, bun=manifest.bun or None),
        framework=manifest.framework,
        contents=examined.contents,
        integrity=examined.integrity,
        size=examined.size,
        files=examined.files,
        readme=examined.readme,
        publisher_id=caller.user.id,
    )
