"""examine(archive) -> Examination: all that a registry needs to know of a package, told from its bytes.

A server takes packages from strangers, so it unpacks none of them in its own process: `examiner` has
this done elsewhere. What comes back is therefore bounded, whatever the package holds, and has
everything, so that nobody has to look into the archive a second time.
"""

from msgspec import Struct

from registry_server.contract.archive import Entries, read_package
from registry_server.contract.changelog import release_notes
from registry_server.contract.contents import contents_of
from registry_server.contract.integrity import integrity_of
from registry_server.contract.manifest import Manifest
from registry_server.contract.problems import Finding
from registry_server.contract.validation import check_package
from registry_server.contract.wire import Contents, EntryListing

README_MAX = 256_000
"""Characters of the README that are kept."""

CHANGELOG_MAX_BYTES = 1 << 20
"""How far CHANGELOG.md is read."""

FINDINGS_MAX = 1000
"""A file can hold a hundred thousand mistakes; nobody reads so far, and they would all be stored."""


class Examination(Struct, frozen=True, kw_only=True):
    """What a package says and holds, and what is wrong with it."""

    integrity: str
    size: int
    """Bytes of the package."""
    name: str
    """Of the manifest; empty with its version when the manifest cannot tell both."""
    version: str
    manifest: Manifest | None
    npm: dict[str, str]
    """npm dependencies of manifest.json and package.json, sorted; the latter decides."""
    contents: Contents
    files: tuple[EntryListing, ...]
    """Sorted by path."""
    readme: str
    release_notes: str
    findings: tuple[Finding, ...]
    """Errors first."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


def examine(archive: bytes) -> Examination:
    """Reads the package and checks it by every rule.

    Raises `ArchiveUnsafe` or `PackageTooLarge` when it cannot even be read; all else is findings.
    """
    entries = read_package(archive)
    checked = check_package(entries)
    manifest = checked.manifest
    version = manifest.version if manifest is not None else ""
    changelog = _text(entries, "changelog.md", CHANGELOG_MAX_BYTES) if version else ""
    npm = {**checked.framework_manifest.npm, **(manifest.npm if manifest is not None else {})}
    return Examination(
        integrity=integrity_of(archive),
        size=len(archive),
        name=manifest.name if manifest is not None else "",
        version=version,
        manifest=manifest,
        npm=dict(sorted(npm.items())),
        contents=contents_of(entries, checked),
        files=tuple(
            EntryListing(path=path, size=len(entry.data), digest=integrity_of(entry.data))
            for path, entry in entries.items()
        ),
        # No character takes more than four bytes.
        readme=_text(entries, "readme.md", README_MAX * 4)[:README_MAX],
        release_notes=release_notes(changelog, version) if changelog else "",
        findings=_bounded(checked.findings),
    )


def _text(entries: Entries, folded: str, limit_bytes: int) -> str:
    """The beginning of an entry whatever the case of its name; empty when there is none."""
    path = next((path for path in entries if path.casefold() == folded), None)
    return "" if path is None else entries[path].data[:limit_bytes].decode("utf-8", "replace")


def _bounded(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    if len(findings) <= FINDINGS_MAX:
        return findings
    rest = Finding(
        severity="note",
        code="findings-many",
        text=f"{len(findings) - FINDINGS_MAX} more findings are left out",
        hint="correct these, and check again",
    )
    return (*findings[:FINDINGS_MAX], rest)
