"""What is installed against what the registry says of it now: quarantined, withdrawn, deprecated, young."""

from msgspec import Struct

from donkeytui.events import Report, silent
from donkeytui.operations.project import open_project
from donkeytui.operations.releases import hours_too_young
from donkeytui.operations.sync import refresh_if_stale
from donkeytui.project.lockfile import LockedPlugin
from donkeytui.session import Session
from registry_server.contract.problems import Severity
from registry_server.contract.wire import Release


class AuditFinding(Struct, frozen=True, kw_only=True):
    plugin: str
    version: str
    severity: Severity
    """`error`: it should not stay as it is; `warning`: to be looked at; `note`: to be known."""
    code: str
    text: str
    hint: str = ""


class AuditReport(Struct, frozen=True, kw_only=True):
    root: str
    checked: int
    findings: tuple[AuditFinding, ...]
    """Worst first."""

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


async def audit(session: Session, report: Report = silent) -> AuditReport:
    """From project and catalogue. Raises what opening the project and reading the registry raise."""
    snapshot = await open_project(session, report)
    # A withdrawal of a minute ago counts: this is what CI asks.
    await refresh_if_stale(session, report, always=True)
    edited, missing = set(snapshot.edited()), set(snapshot.missing())
    findings: list[AuditFinding] = []
    for name, locked in snapshot.lockfile.plugins.items():
        findings += _about_plugin(session, name, locked, is_edited=name in edited, is_missing=name in missing)
    order = ("error", "warning", "note")
    return AuditReport(
        root=str(snapshot.root),
        checked=len(snapshot.lockfile.plugins),
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.severity))),
    )


def _is_usable(release: Release) -> bool:
    return not (release.quarantine or release.yanked or release.deprecated)


def _about_plugin(
    session: Session, name: str, locked: LockedPlugin, *, is_edited: bool, is_missing: bool
) -> list[AuditFinding]:
    document = session.catalogue.get(name)
    releases = document.versions if document else ()
    release = next((each for each in releases if each.version == locked.version), None)
    found: list[AuditFinding] = []

    def add(severity: Severity, code: str, text: str, hint: str = "") -> None:
        found.append(
            AuditFinding(
                plugin=name, version=locked.version, severity=severity, code=code, text=text, hint=hint
            )
        )

    if release is None:
        add("warning", "unknown", "the registry in use does not have this release", "donkeytui registry list")
    else:
        if release.checksum != locked.integrity:
            text = "the registry has other bytes for it than the lockfile"
            add("error", "other-bytes", text, "find out which is right; a release never changes")
        if release.quarantine:
            # With nothing to move to there is only one way out.
            verb = "update" if any(map(_is_usable, releases)) else "uninstall"
            text = f"it is in quarantine, so nobody can install it: {release.quarantine}"
            add("error", "quarantined", text, f"donkeytui {verb} {name}")
        if release.yanked:
            reason = f": {release.yank_reason}" if release.yank_reason else ""
            add("error", "yanked", f"it was withdrawn by its author{reason}", f"donkeytui update {name}")
        if release.deprecated:
            add("warning", "deprecated", f"it is deprecated: {release.deprecation}")
        if (hours := hours_too_young(session, name, release)) > 0:
            add("note", "young", f"it is younger than your cool-down, by {hours:.0f} h")
        if release.contents.postinstall:
            add("note", "hook", f"it has a hook: {release.contents.postinstall}", "donkeytui hooks")
        if release.contents.labels:
            add("note", "capabilities", f"its code uses: {', '.join(release.contents.labels)}")
    if is_edited:
        add("note", "edited", "its files were edited here", f"donkeytui diff {name}")
    if is_missing:
        add("error", "missing", "its files are not there", "donkeytui install")
    return found
