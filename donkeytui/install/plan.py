"""InstallPlan: what would be done to a project, whole and serialisable.

A plan holds the digests it was made from, so that applying it later can tell that the project has
moved; and every edit as text before and after, so that what is shown is what happens. Installing,
updating, removing, pinning and undoing are ways to make the same plan; there is one way to apply it.
"""

from typing import Literal

from msgspec import Struct

from donkeytui.events import Notice
from donkeytui.install.copies import FileStep
from donkeytui.project.lockfile import Lockfile
from donkeytui.project.merge import MergedFile, Side
from donkeytui.project.snapshot import ProjectText
from registry_server.contract.versions import parse_version
from registry_server.contract.wire import Release

Kind = Literal["install", "update", "downgrade", "remove", "keep"]


class Step(Struct, frozen=True, kw_only=True):
    """What happens to one plugin."""

    kind: Kind
    name: str
    before: str = ""
    """Version now; empty when not installed."""
    after: str = ""
    """Version then; empty when removed."""
    why: tuple[str, ...] = ()
    """Who asks for it: `you`, or plugins."""


class Download(Struct, frozen=True, kw_only=True):
    """One package the plan needs."""

    name: str
    version: str
    integrity: str
    """What the bytes must hash to; from the catalogue, never from the response."""
    size_bytes: int
    """Announced size; reading stops with `package-too-large` beyond it."""
    is_cached: bool


class Edit(Struct, frozen=True, kw_only=True):
    """One changed text file of the project."""

    path: str
    before_integrity: str
    """Empty when the file does not exist yet."""
    before: str
    after: str
    is_removed: bool = False


class PluginMerge(Struct, frozen=True, kw_only=True):
    """The user's edits of a plugin, brought over to another release of it."""

    name: str
    side: Side
    base: Download
    """The package the edits were made on."""
    files: tuple[MergedFile, ...]
    """Those the user touched; paths relative to the project."""
    diffs: dict[str, str] = {}
    """Path -> what becomes of the user's file, as a unified diff; left out where nothing does."""

    @property
    def conflicts(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files if file.outcome == "conflict")


class Basis(Struct, frozen=True, kw_only=True):
    """What the plan was made from; anything else on disk makes it stale."""

    texts: dict[str, str]
    """Path -> integrity of the bytes of the config, package.json, the lockfile and what else is edited;
    "" for a file that must not exist."""
    trees: dict[str, str]
    """Folder -> digest, of the plugins the plan touches; "" for a folder that must not exist."""
    files: dict[str, str] = {}
    """Path -> integrity, of plugins' files elsewhere in the project."""


class InstallPlan(Struct, frozen=True, kw_only=True):
    root: str
    plugins_root: str
    title: str = ""
    """What was asked for, as a command says it."""
    undoes: int = 0
    """The number of the change this plan takes back."""
    basis: Basis
    steps: tuple[Step, ...]
    downloads: tuple[Download, ...]
    edits: tuple[Edit, ...]
    files: tuple[FileStep, ...] = ()
    """Plugins' files outside of their folders."""
    merges: tuple[PluginMerge, ...] = ()
    lockfile: Lockfile
    """Afterwards, but for the digests of new files, which fetching tells."""
    npm: dict[str, str]
    """npm packages whose range in package.json is added or changed."""
    notices: tuple[Notice, ...]

    @property
    def changes(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.kind != "keep")

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.edits and not self.files

    @property
    def download_bytes(self) -> int:
        return sum(download.size_bytes for download in self.downloads if not download.is_cached)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Files that will hold conflict markers, or what else the user has to look at."""
        return tuple(path for merge in self.merges for path in merge.conflicts)


class Wanted(Struct, frozen=True, kw_only=True):
    """One plugin of the state to reach."""

    release: Release
    range: str | None
    """What the user asks for; None for what only other plugins need."""
    why: tuple[str, ...]
    resolved: str
    dependencies: dict[str, str]
    before: Release | None = None
    """The installed release; None also where only the lockfile knows it, and so not what it did."""
    pinned: bool = False


class PlanOptions(Struct, frozen=True, kw_only=True):
    """What else decides how the goal is reached."""

    title: str = ""
    cached: frozenset[str] = frozenset()
    """Integrities of packages that need no download."""
    is_forced: bool = False
    """Also over local edits, and over what the lockfile does not know."""
    afresh: frozenset[str] | None = None
    """Forced, those with local edits that are installed again though they stay where they are; None: all."""
    merges: tuple[PluginMerge, ...] = ()
    entry: Edit | None = None
    """The server entry with plugins registered or taken out."""
    present: dict[str, str] = {}
    """Path -> integrity of what lies where plugins' files elsewhere in the project go."""
    notices: tuple[Notice, ...] = ()
    """What is known from how the goal was found."""


def download_of(name: str, release: Release, cached: frozenset[str]) -> Download:
    return Download(
        name=name,
        version=release.version,
        integrity=release.checksum,
        size_bytes=release.size,
        is_cached=release.checksum in cached,
    )


def edit_of(before: ProjectText, after: str, *, is_removed: bool = False) -> Edit:
    return Edit(
        path=before.path,
        before_integrity=before.integrity,
        before=before.text,
        after=after,
        is_removed=is_removed,
    )


def kind_of_move(before: str, after: str) -> Kind:
    """From one version to another one."""
    return "update" if parse_version(before) < parse_version(after) else "downgrade"
