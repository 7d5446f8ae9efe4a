"""The author's side: read a plugin's folder, check it, pack it, publish it."""

from pathlib import Path

from msgspec import Struct

from donkeytui.events import Notice, Report, StageFinished, StageStarted, silent
from donkeytui.operations.sync import sync
from donkeytui.problems import SourceUnreadable
from donkeytui.session import Session
from registry_server.contract.archive import ENTRIES_MAX, UNPACKED_MAX_BYTES, Entries, Entry, pack
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import Finding, InvalidPackage, ProblemError
from registry_server.contract.validation import ENTRY_POINT, check_package
from registry_server.contract.wire import CheckReport, PublishReceipt

_LEFT_OUT = frozenset(("node_modules", "coverage", "Thumbs.db"))


class SourceCheck(Struct, frozen=True, kw_only=True):
    """A plugin's folder, judged."""

    folder: str
    name: str
    """Empty when package.json does not say."""
    version: str
    files: tuple[tuple[str, int], ...]
    """What goes into the package: path and size in bytes."""
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


class PreparedPackage(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    archive: bytes
    integrity: str
    check: SourceCheck


def validate(folder: Path) -> SourceCheck:
    """Everything that can be said of a folder without a registry. Raises `SourceUnreadable`."""
    entries = read_source(folder)
    return _judge(folder, entries)


def prepare_package(folder: Path) -> PreparedPackage:
    """The checked package of a folder, ready to publish.

    Raises `InvalidPackage` with all findings, or `SourceUnreadable`.
    """
    entries = read_source(folder)
    check = _judge(folder, entries)
    if check.errors:
        count = len(check.errors)
        raise InvalidPackage(
            f"{folder.name} breaks {count} rule{'s' if count != 1 else ''} for plugins",
            detail=_first_lines(check.errors),
            hint=f"donkeytui validate {folder}",
            findings=check.findings,
        )
    archive = pack(entries, name=check.name, version=check.version)
    return PreparedPackage(
        name=check.name,
        version=check.version,
        archive=archive,
        integrity=integrity_of(archive),
        check=check,
    )


async def publish(session: Session, package: PreparedPackage, report: Report = silent) -> PublishReceipt:
    """Sends the package, then brings the catalogue up to date, so that it is found at once."""
    client = await session.client()
    report(StageStarted(stage="upload", total=len(package.archive), unit="bytes"))
    receipt = await client.publish(package.archive, package.name, package.version)
    report(StageFinished(stage="upload"))
    try:
        await sync(session, report)
    except ProblemError as error:
        text = f"published, but the catalogue here could not follow: {error.problem.title}"
        report(Notice(severity="warning", code=error.code, text=text, hint="donkeytui sync"))
    return receipt


async def check_publish(session: Session, package: PreparedPackage) -> CheckReport:
    """What the registry would say, without publishing."""
    client = await session.client()
    return await client.check_publish(package.archive, package.name, package.version)


def read_source(folder: Path) -> Entries:
    """The files of a plugin's folder. Hidden files, node_modules and coverage are left out.

    Raises `SourceUnreadable` for a folder that is none, has links in it, or is far too large.
    """
    if not folder.is_dir():
        raise SourceUnreadable(
            f"{folder} is not a folder", hint="name the plugin's folder: donkeytui publish ./plugins/x"
        )
    if not (folder / ENTRY_POINT).is_file() and not (folder / "package.json").is_file():
        raise SourceUnreadable(
            f"{folder} is not a plugin's folder",
            detail=f"it has neither {ENTRY_POINT} nor package.json",
            hint="name the plugin's folder: donkeytui publish ./plugins/x",
        )
    entries: dict[str, Entry] = {}
    size = 0
    try:
        for file in _files(folder):
            size += file.stat().st_size
            if size > UNPACKED_MAX_BYTES or len(entries) >= ENTRIES_MAX:
                raise SourceUnreadable(
                    f"{folder} is too large for a plugin",
                    detail=f"more than {UNPACKED_MAX_BYTES >> 20} MiB or {ENTRIES_MAX} files",
                    hint="move out what the plugin does not need at run time",
                )
            is_executable = bool(file.stat().st_mode & 0o100)
            entry = Entry(data=file.read_bytes(), is_executable=is_executable)
            entries[file.relative_to(folder).as_posix()] = entry
    except OSError as error:
        raise SourceUnreadable(
            f"{folder} cannot be read", detail=f"{error.strerror}: {error.filename}"
        ) from error
    return dict(sorted(entries.items()))


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for item in sorted(waiting.pop().iterdir()):
            if item.name.startswith(".") or item.name in _LEFT_OUT:
                continue
            if item.is_symlink():
                raise SourceUnreadable(
                    f"{item} is a link", detail="a package has files only", hint="copy the file"
                )
            if item.is_dir():
                waiting.append(item)
            elif item.is_file():
                found.append(item)
    return found


def _judge(folder: Path, entries: Entries) -> SourceCheck:
    checked = check_package(entries)
    findings = list(checked.findings)
    manifest = checked.manifest
    return SourceCheck(
        folder=str(folder),
        name=manifest.name if manifest else "",
        version=manifest.version if manifest else "",
        files=tuple((path, len(entry.data)) for path, entry in entries.items()),
        findings=tuple(findings),
    )


def _first_lines(errors: tuple[Finding, ...]) -> str:
    lines = [
        f"{finding.path}:{finding.line} {finding.text}" if finding.line else finding.text
        for finding in errors
    ]
    more = [f"and {len(lines) - 5} more"] if len(lines) > 5 else []
    return "\n".join([*lines[:5], *more])
