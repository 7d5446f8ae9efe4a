"""A plugin's folder, read and judged: what every verb of the author begins with."""

import contextlib
from pathlib import Path

from msgspec import Struct, structs

from donkeytui.authoring.judging import judge
from donkeytui.authoring.manifest_text import set_value
from donkeytui.authoring.sizes import largest_text
from donkeytui.authoring.source import LeftOut, read_source
from registry_server.contract.archive import Entries, pack
from registry_server.contract.integrity import integrity_of
from registry_server.contract.manifest import MANIFEST_PATH
from registry_server.contract.problems import (
    ArchiveUnsafe,
    Finding,
    InvalidPackage,
    PackageTooLarge,
    ProblemError,
)
from registry_server.contract.validation import PackageCheck
from registry_server.examiner import Examiner

_WEIGHTS = ("error", "warning", "note")


class PluginSource(Struct, frozen=True, kw_only=True):
    folder: Path
    entries: Entries
    left_out: tuple[LeftOut, ...]
    check: PackageCheck
    findings: tuple[Finding, ...]
    """Of the rules and of the ignore files, errors first."""

    @property
    def name(self) -> str:
        """Empty when package.json does not say."""
        return self.check.manifest.name if self.check.manifest else ""

    @property
    def version(self) -> str:
        return self.check.manifest.version if self.check.manifest else ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def files(self) -> tuple[tuple[str, int], ...]:
        return tuple((path, len(entry.data)) for path, entry in self.entries.items())


class PreparedPackage(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    archive: bytes
    integrity: str
    source: PluginSource
    raised_from: str = ""
    """The version that package.json has on disk, when the package was made for another."""


def open_source(folder: Path) -> PluginSource:
    """Raises `SourceUnreadable`, or `InvalidPackage` when the sources would cost a registry too much."""
    reading = read_source(folder)
    _examine_within_limits(reading.entries)
    check = judge(reading.entries)
    return PluginSource(
        folder=folder,
        entries=reading.entries,
        left_out=reading.left_out,
        check=check,
        findings=by_weight((*check.findings, *reading.findings)),
    )


def _examine_within_limits(entries: Entries) -> None:
    """As a registry would, in a child process: what takes it too long must not hang the author's program.

    What cannot be packed is told later, with its reason.
    """
    with contextlib.suppress(ArchiveUnsafe, PackageTooLarge):
        archive = pack(entries, name="source", version="0.0.0")
        examiner = Examiner(children=1)
        try:
            examiner.examine(archive)
        finally:
            examiner.close()


def with_version(source: PluginSource, version: str) -> PluginSource:
    """The source as if its package.json said `version`; nothing is written."""
    entry = source.entries[MANIFEST_PATH]
    text = set_value(entry.data.decode(), ("version",), version)
    entries = {**source.entries, MANIFEST_PATH: structs.replace(entry, data=text.encode())}
    check = judge(entries)
    own = tuple(finding for finding in source.findings if finding not in source.check.findings)
    return structs.replace(source, entries=entries, check=check, findings=by_weight((*check.findings, *own)))


def prepare_package(source: PluginSource) -> PreparedPackage:
    """The checked package of a folder, ready to be published or kept.

    Raises `InvalidPackage` with all findings, `ArchiveUnsafe` for a path that means different files on
    different systems, `PackageTooLarge` with the five largest files.
    """
    if source.errors:
        count = len(source.errors)
        raise InvalidPackage(
            f"{source.folder.name} breaks {count} rule{'s' if count != 1 else ''} for plugins",
            detail=_first_lines(source.errors),
            hint=f"donkeytui validate {source.folder}",
            findings=source.findings,
        )
    try:
        archive = pack(source.entries, name=source.name, version=source.version)
    except PackageTooLarge as error:
        raise PackageTooLarge(
            error.problem.title,
            detail=f"{error.problem.detail}\n{largest_text(source.files)}",
            hint="name what the plugin does not need at run time in .donkeyignore",
        ) from error
    return PreparedPackage(
        name=source.name,
        version=source.version,
        archive=archive,
        integrity=integrity_of(archive),
        source=source,
    )


def packing_fault(source: PluginSource) -> Finding | None:
    """Why the source cannot become an archive; None when it can, or has no name to be packed by."""
    if not source.name:
        return None
    try:
        prepare_package(structs.replace(source, findings=()))
    except (ArchiveUnsafe, PackageTooLarge) as error:
        return _finding_of(error)
    return None


def by_weight(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=_weight))


def _weight(finding: Finding) -> tuple[int, str, int]:
    return _WEIGHTS.index(finding.severity), finding.path, finding.line


def _finding_of(error: ProblemError) -> Finding:
    detail = error.problem.detail.replace("\n", "; ")
    text = f"{error.problem.title}: {detail}" if detail else error.problem.title
    return Finding(severity="error", code=error.code, text=text, hint=error.problem.hint)


def _first_lines(errors: tuple[Finding, ...]) -> str:
    lines = [
        f"{finding.path}:{finding.line} {finding.text}" if finding.line else finding.text
        for finding in errors
    ]
    more = [f"and {len(lines) - 5} more"] if len(lines) > 5 else []
    return "\n".join([*lines[:5], *more])
