"""Everything that can be said of a plugin's folder before it is published."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from donkeytui.authoring.mending import Mend
from donkeytui.authoring.source import LeftOut
from donkeytui.authoring.suggestion import Suggestion
from donkeytui.operations.plugin_source import PluginSource, by_weight, open_source, packing_fault
from donkeytui.operations.suggest import published_integrity, suggest
from donkeytui.operations.tool_checks import ToolChecks, ToolRun, left_out_tools, nobody_listens, run_tools
from donkeytui.session import Session
from registry_server.contract.archive import pack
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import Finding


class SourceCheck(Struct, frozen=True, kw_only=True):
    """A plugin's folder, judged."""

    folder: str
    name: str
    """Empty when package.json does not say."""
    version: str
    files: tuple[tuple[str, int], ...]
    """What goes into the package: path and size in bytes."""
    size_bytes: int
    """Of these files together."""
    left_out: tuple[LeftOut, ...]
    """By .gitignore and .donkeyignore."""
    findings: tuple[Finding, ...]
    tools: tuple[ToolRun, ...] = ()
    suggestion: Suggestion | None = None
    """None for a plugin without a release."""
    mended: tuple[Mend, ...] = ()
    """What --fix changed before."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


async def validate(
    session: Session,
    folder: Path,
    *,
    has_tools: bool = True,
    on_tool: Callable[[str], None] = nobody_listens,
) -> SourceCheck:
    """By the rules, the author's tools, and the last release if there is one.

    Raises `SourceUnreadable`.
    """
    source = await session.in_thread(open_source, folder)
    fault = await session.in_thread(packing_fault, source)
    tools = left_out_tools()
    if has_tools:
        tools = await run_tools(folder, session.settings.environment, on_tool=on_tool)
    suggestion = await suggest(session, source)
    more = [] if fault is None else [fault]
    if suggestion is not None and fault is None:
        more += await session.in_thread(_version_findings, session, source, suggestion)
    return checked(source, tools, suggestion, more=tuple(more))


def checked(
    source: PluginSource,
    tools: ToolChecks,
    suggestion: Suggestion | None = None,
    *,
    more: tuple[Finding, ...] = (),
) -> SourceCheck:
    return SourceCheck(
        folder=str(source.folder),
        name=source.name,
        version=source.version,
        files=source.files,
        size_bytes=sum(size for _, size in source.files),
        left_out=source.left_out,
        findings=by_weight((*source.findings, *tools.findings, *more)),
        tools=tools.runs,
        suggestion=suggestion,
    )


def _version_findings(session: Session, source: PluginSource, suggestion: Suggestion) -> list[Finding]:
    """A version that is taken by other contents, or that promises more than the changes keep."""
    known = published_integrity(session, source.name, source.version)
    if known:
        if source.errors or known == _integrity(source):
            return []
        text = f"{source.version} is published with other contents; {suggestion.version} would be next"
    elif not suggestion.is_met:
        text = f"{source.version} is too low: {suggestion.version} or higher, because {suggestion.reasons[0]}"
    else:
        return []
    hint = "donkeytui publish --bump auto raises it"
    code = "version-exists" if known else "version-low"
    return [Finding(severity="warning", code=code, text=text, path="package.json", hint=hint)]


def _integrity(source: PluginSource) -> str:
    return integrity_of(pack(source.entries, name=source.name, version=source.version))
