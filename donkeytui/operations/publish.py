"""Publish a prepared package, or ask what the registry would say of it."""

import contextlib
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from donkeytui.authoring.suggestion import Suggestion
from donkeytui.events import Notice, Report, StageAdvanced, StageFinished, StageStarted, silent
from donkeytui.operations.plugin_source import (
    PluginSource,
    PreparedPackage,
    open_source,
    prepare_package,
    with_version,
)
from donkeytui.operations.suggest import bumped_version, published_integrity, suggest
from donkeytui.operations.sync import sync
from donkeytui.operations.tool_checks import ToolRun
from donkeytui.problems import SourceUnreadable
from donkeytui.session import Session
from donkeytui.whole_file import write_whole
from registry_server.contract.foreign import clean
from registry_server.contract.manifest import MANIFEST_PATH
from registry_server.contract.problems import Finding, ProblemError, VersionExists
from registry_server.contract.routes import NOTE_MAX
from registry_server.contract.wire import PublishReceipt

Bump = Literal["major", "minor", "patch", "auto"]


class PublishReport(Struct, frozen=True, kw_only=True):
    """A release, made or only tried."""

    state: Literal["published", "present", "would-publish", "would-be-refused"]
    """`present`: these very bytes were published before."""
    name: str
    version: str
    integrity: str
    size_bytes: int
    """Of the package."""
    url: str
    """Of the plugin in the registry; empty for a try."""
    files: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]
    """The registry's, and those of the author's side that it does not make."""
    suggestion: Suggestion | None = None
    receipt: PublishReceipt | None = None
    held: str = ""
    """Why an admin looks at the name before anybody else sees the plugin; empty for most."""
    tools: tuple[ToolRun, ...] = ()


async def prepare_release(
    session: Session, folder: Path, bump: Bump | None = None, report: Report = silent
) -> PreparedPackage:
    """The package of a folder, its version raised in memory as `bump` asks for.

    Raises what reading and preparing raise.
    """
    source = await session.in_thread(open_source, folder)
    if bump is None or source.errors:
        return await session.in_thread(prepare_package, source)
    level = None if bump == "auto" else bump
    if level is None:
        with contextlib.suppress(ProblemError):
            await sync(session, report)
        unchanged = await session.in_thread(prepare_package, source)
        if unchanged.integrity == published_integrity(session, source.name, source.version):
            return unchanged
    version = await bumped_version(session, source, level)
    package = await session.in_thread(prepare_package, with_version(source, version))
    return structs.replace(package, raised_from=source.version if version != source.version else "")


async def publish(session: Session, package: PreparedPackage, report: Report = silent) -> PublishReport:
    """Sends the package, then brings the catalogue up to date, so that it is found at once.

    Raises what the registry refuses it with; `VersionExists` says which version would be next, and why.
    """
    client = await session.client()
    if package.raised_from:
        await session.in_thread(_write_version, package.source)
        text = f"package.json: version {package.raised_from} is {package.version} now"
        report(Notice(severity="note", code="version-raised", text=text))
    report(StageStarted(stage="upload", total=len(package.archive), unit="bytes"))
    try:
        receipt = await client.publish(
            package.archive,
            package.name,
            package.version,
            lambda sent: report(StageAdvanced(stage="upload", done=sent, total=len(package.archive))),
        )
    except VersionExists as error:
        raise await _with_suggestion(session, package.source, error) from error
    finally:
        report(StageFinished(stage="upload"))
    try:
        await sync(session, report)
    except ProblemError as error:
        text = f"published, but the catalogue here could not follow: {error.problem.title}"
        report(Notice(severity="warning", code=error.code, text=text, hint="donkeytui sync"))
    return PublishReport(
        state="published" if receipt.created else "present",
        name=package.name,
        version=receipt.version,
        integrity=receipt.integrity,
        size_bytes=receipt.size,
        url=_address(session, receipt.url),
        files=package.source.files,
        findings=_all_findings(package, receipt.findings),
        receipt=receipt,
        held=clean(receipt.held, NOTE_MAX),
    )


async def check_publish(session: Session, package: PreparedPackage, *, is_suggesting: bool) -> PublishReport:
    """What the registry would say, without publishing."""
    client = await session.client()
    answer = await client.check_publish(package.archive, package.name, package.version)
    known = published_integrity(session, package.name, package.version)
    findings = _all_findings(package, answer.findings)
    suggestion = await suggest(session, package.source) if is_suggesting or known else None
    if known and known != package.integrity:
        findings = (_exists(package, suggestion), *findings)
    is_fine = answer.success and known in ("", package.integrity)
    state: Literal["present", "would-publish"] = "present" if known else "would-publish"
    return PublishReport(
        state=state if is_fine else "would-be-refused",
        name=package.name,
        version=package.version,
        integrity=package.integrity,
        size_bytes=len(package.archive),
        url="",
        files=package.source.files,
        findings=findings,
        suggestion=suggestion,
        held=clean(answer.held, NOTE_MAX),
    )


def _all_findings(package: PreparedPackage, told: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The registry's, then our own it does not have: of ignore files, which it never sees."""
    return (*told, *(finding for finding in package.source.findings if finding not in told))


def _write_version(source: PluginSource) -> None:
    """Puts the package.json of `source` into its folder. Raises `SourceUnreadable`."""
    place: Path = source.folder / MANIFEST_PATH
    try:
        write_whole(place, source.entries[MANIFEST_PATH].data)
    except OSError as error:
        raise SourceUnreadable(f"{place} cannot be written", detail=str(error.strerror)) from error


def _exists(package: PreparedPackage, suggestion: Suggestion | None) -> Finding:
    following = f"; {suggestion.version} would be next" if suggestion else ""
    return Finding(
        severity="error",
        code="version-exists",
        path=MANIFEST_PATH,
        text=f"{package.version} is published with other contents{following}",
        hint="donkeytui publish --bump auto raises it",
    )


async def _with_suggestion(session: Session, source: PluginSource, error: VersionExists) -> VersionExists:
    """The problem with the version that would be next; as it is when that cannot be told."""
    with contextlib.suppress(ProblemError):
        await sync(session, silent)
    suggestion = await suggest(session, source)
    if suggestion is None:
        return error
    because = f"next is {suggestion.version}: {'; '.join(suggestion.reasons[:3])}"
    return VersionExists(
        error.problem.title,
        detail=f"{error.problem.detail}\n{because}",
        hint="donkeytui publish --bump auto",
        extra={"version": suggestion.version, "level": suggestion.level, "reasons": list(suggestion.reasons)},
    )


def _address(session: Session, path: str) -> str:
    registry = session.settings.registry
    return f"embedded:{path}" if registry.is_embedded else registry.url + path
