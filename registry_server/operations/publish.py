"""Take a package in: check everything, keep the blob, then one transaction with row, document, feed."""

from collections.abc import Mapping

from msgspec import Struct

from registry_server.contract import routes
from registry_server.contract.archive import Entries, read_package
from registry_server.contract.changelog import release_notes
from registry_server.contract.contents import contents_of
from registry_server.contract.integrity import integrity_of
from registry_server.contract.manifest import CATEGORIES_MAX, LABEL_HINT, TAGS_MAX, Manifest, label_fault
from registry_server.contract.problems import (
    Finding,
    InvalidPackage,
    NameTaken,
    VersionExists,
)
from registry_server.contract.validation import PackageCheck, check_migrations_kept, check_package
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import (
    Author,
    CheckReport,
    Engine,
    EntryListing,
    PublishReceipt,
    ReleaseDependencies,
)
from registry_server.operations.accounts import Caller, require, require_owner
from registry_server.registry import Registry
from registry_server.store import accounts, changes, plugins
from registry_server.store.database import Connection
from registry_server.store.plugins import NewRelease, PluginFields

README_MAX = 256_000


class PublishForm(Struct, frozen=True, kw_only=True):
    """What comes beside the package. The package's own manifest decides; the form only fills gaps."""

    name: str = ""
    version: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


EMPTY_FORM = PublishForm()


def check(registry: Registry, archive: bytes, form: PublishForm = EMPTY_FORM) -> CheckReport:
    """What a publish of these bytes would say, without doing it."""
    examined = _examine(registry, archive, form)
    manifest = examined.check.manifest
    return CheckReport(
        success=not examined.errors,
        name=manifest.name if manifest else form.name,
        version=manifest.version if manifest else form.version,
        integrity=examined.integrity,
        size=len(archive),
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
    examined = _examine(registry, archive, form)
    manifest = examined.check.manifest
    if examined.errors or manifest is None:
        raise _invalid(examined.findings)
    _check_rights(registry, caller, manifest)
    registry.packages.put(archive)
    with registry.database.write() as connection:
        # Again, for another publish may have come in between; from here on none can.
        _check_rights(registry, caller, manifest)
        if faults := _check_history(registry.database.read(), manifest, examined.entries):
            raise _invalid(tuple(faults))
        created = _insert(connection, registry, caller, manifest, examined)
        document = plugins.make_document(connection, _require_id(connection, manifest.name))
    return PublishReceipt(
        success=True,
        plugin=plugins.summary_of(document),
        version=manifest.version,
        integrity=examined.integrity,
        size=len(archive),
        url=routes.plugin(manifest.name),
        created=created,
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


class _Examined(Struct, frozen=True, kw_only=True):
    integrity: str
    size: int
    entries: Entries
    check: PackageCheck
    form: PublishForm
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


def _examine(registry: Registry, archive: bytes, form: PublishForm) -> _Examined:
    entries = read_package(archive)
    result = check_package(entries)
    findings = list(result.findings)
    if result.manifest:
        findings += _check_form(result.manifest, form)
        findings += _check_history(registry.database.read(), result.manifest, entries)
    return _Examined(
        integrity=integrity_of(archive),
        size=len(archive),
        entries=entries,
        check=result,
        form=form,
        findings=tuple(findings),
    )


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


def _check_history(connection: Connection, manifest: Manifest, entries: Entries) -> list[Finding]:
    """Migrations of the newest earlier release must still be there, unchanged."""
    plugin = plugins.plugin_id(connection, manifest.name)
    if plugin is None:
        return []
    place = parse_version(manifest.version).key
    earlier = [v for v in plugins.release_versions(connection, plugin) if parse_version(v).key < place]
    if not earlier:
        return []
    previous = plugins.find_release(connection, manifest.name, earlier[0])
    assert previous is not None
    before = {entry.path: entry.digest for entry in previous.files}
    now = {
        path: integrity_of(entry.data) for path, entry in entries.items() if path.startswith("migrations/")
    }
    return check_migrations_kept(before, now, earlier[0])


def _check_rights(registry: Registry, caller: Caller, manifest: Manifest) -> None:
    connection = registry.database.read()
    require(caller, "publish", manifest.name)
    if plugins.plugin_id(connection, manifest.name) is not None:
        require_owner(registry, caller, manifest.name)
        return
    require(caller, "publish-new", manifest.name)
    _check_name_free(connection, manifest.name)


def _check_name_free(connection: Connection, name: str) -> None:
    taken = plugins.name_of_lookalike(connection, name)
    if taken not in (None, name):  # `name` itself: somebody published it a moment ago
        raise NameTaken(
            f"`{name}` is too close to `{taken}`",
            detail="names that differ only in case and dashes are one name, and the first published keeps it",
            hint="choose another name",
        )


def _insert(
    connection: Connection, registry: Registry, caller: Caller, manifest: Manifest, examined: _Examined
) -> bool:
    """False when the very same release is there already."""
    now = registry.clock()
    plugin = plugins.plugin_id(connection, manifest.name)
    if plugin is None:
        plugin = plugins.add_plugin(connection, manifest.name, _fields(manifest, examined.form), now)
        accounts.add_owner(connection, plugin, caller.user)
    present = plugins.published_integrity(connection, plugin, manifest.version)
    if present == examined.integrity:
        return False
    if present is not None:
        raise VersionExists(
            f"`{manifest.name}` {manifest.version} is already published, with other contents",
            detail=f"published {present}, sent {examined.integrity}",
            hint="raise the version in package.json and publish again",
        )
    plugins.add_release(connection, plugin, _release(manifest, examined, caller), now)
    if plugins.release_versions(connection, plugin)[0] == manifest.version:
        plugins.set_fields(connection, plugin, _fields(manifest, examined.form))
    changes.record(connection, plugin, now)
    return True


def _require_id(connection: Connection, name: str) -> int:
    plugin = plugins.plugin_id(connection, name)
    assert plugin is not None
    return plugin


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


def _release(manifest: Manifest, examined: _Examined, caller: Caller) -> NewRelease:
    entries = examined.entries
    npm = {**examined.check.framework_manifest.npm, **manifest.npm}
    return NewRelease(
        version=manifest.version,
        description=release_notes(_text(entries, "CHANGELOG.md"), manifest.version),
        dependencies=ReleaseDependencies(
            plugins=tuple(f"{name}@{range_}" for name, range_ in sorted(manifest.plugins.items())),
            packages=dict(sorted(npm.items())),
        ),
        engine=Engine(node=manifest.node or None, bun=manifest.bun or None),
        framework=manifest.framework,
        contents=contents_of(entries, examined.check),
        integrity=examined.integrity,
        size=examined.size,
        files=tuple(
            EntryListing(path=path, size=len(entry.data), digest=integrity_of(entry.data))
            for path, entry in entries.items()
        ),
        readme=_text(entries, "README.md")[:README_MAX],
        publisher_id=caller.user.id,
    )


def _text(entries: Entries, path: str) -> str:
    """An entry as text whatever the case of its name; empty when missing."""
    by_folded: Mapping[str, str] = {name.casefold(): name for name in entries}
    name = by_folded.get(path.casefold())
    return entries[name].data.decode("utf-8", "replace") if name else ""
