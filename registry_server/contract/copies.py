"""Files of a package that belong elsewhere in the project: `copy` of manifest.json, file by file.

A plugin's own folder is not elsewhere: authors list it too, since the framework's `add` command
copies nothing by itself, and such items are left out. Everything else has to stay inside of the
project and out of what steers it: hidden files, `node_modules`, package manifests, lock files, the
configuration of the framework and the compiler, and orders to coding agents.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from msgspec import Struct

from registry_server.contract.archive import Entries
from registry_server.contract.manifest import FRAMEWORK_MANIFEST_PATH, MANIFEST_PATH, CopyRule
from registry_server.contract.paths import PathClaims, check_path, fold, shown
from registry_server.contract.problems import ArchiveUnsafe, Finding
from registry_server.contract.wire import FileCopy

COPIES_MAX = 200
COPIES_MAX_CHARACTERS = 32_000
"""Of all paths together: they stand in the catalogue, which everybody holds."""

_NOT_INSTALLED = frozenset((MANIFEST_PATH, FRAMEWORK_MANIFEST_PATH))
_TEST_FOLDERS = frozenset(("__tests__", "test", "tests"))
_AGENTS = "tells coding agents what to do with the project"
_REFUSED_ANYWHERE = {
    "node_modules": "belongs to the package manager",
    "package.json": "decides how the code around it is loaded",
    "agents.md": _AGENTS,
    "claude.md": _AGENTS,
    "gemini.md": _AGENTS,
}
_REFUSED_AT_ROOT = re.compile(
    r"donkeylabs\.config\..+|donkeylabs-lock\.json|[jt]sconfig.*\.json|bunfig\.toml"
    r"|bun\.lockb?|npm-shrinkwrap\.json|package-lock\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock"
)


class CopyReading(Struct, frozen=True, kw_only=True):
    copies: tuple[FileCopy, ...]
    """Sorted by target."""
    findings: tuple[Finding, ...]


def is_installed_path(path: str) -> bool:
    """Whether an entry of a package goes into the plugin's folder of a project."""
    folder, slash, _ = path.partition("/")
    return path not in _NOT_INSTALLED and not (slash and folder in _TEST_FOLDERS)


def read_copies(entries: Entries, rules: Iterable[CopyRule], *, plugin: str) -> CopyReading:
    """What `rules` copy outside of the folder of `plugin`; faults are findings, and left out."""
    reader = _Reader(entries, plugin)
    for rule in rules:
        reader.read(rule)
        if reader.is_full:
            break
    copies = tuple(FileCopy(source=reader.taken[target], target=target) for target in sorted(reader.taken))
    return CopyReading(copies=copies, findings=tuple(reader.findings))


class _Reader:
    def __init__(self, entries: Entries, plugin: str) -> None:
        self._entries = entries
        self._plugin = plugin
        self._claims = PathClaims()
        self._characters = 0
        self.taken: dict[str, str] = {}
        """Target -> source."""
        self.findings: list[Finding] = []
        self.is_full = False

    def read(self, rule: CopyRule) -> None:
        source, target = _plain(rule.source), _plain(rule.target)
        is_file = source in self._entries
        if is_file and rule.target.endswith("/"):
            # The folder to put it in, as `cp` reads it; a file of the folder's name would surprise.
            target = _below(target, source.rpartition("/")[2])
        pairs = [(source, target)] if is_file else list(self._files_below(source, target))
        fault = _target_fault(target) if target or is_file else ""
        if not pairs:
            self._add("copy-source", f"`copy` wants `{shown(source)}`, which is not in the package")
        elif fault:
            self._add("copy-target", f"`copy` to `{shown(rule.target)}`: {fault}")
        elif is_file or not self._is_own(f"{target}/*"):
            for entry, place in pairs:
                self._take(entry, place)

    def _files_below(self, source: str, target: str) -> Iterator[tuple[str, str]]:
        prefix = f"{source}/" if source else ""
        for path in self._entries:
            if path.startswith(prefix) and (source or is_installed_path(path)):
                yield path, _below(target, path.removeprefix(prefix))

    def _take(self, source: str, target: str) -> None:
        if self.is_full or self._is_own(target) or self.taken.get(target) == source:
            return
        if fault := _target_fault(target):
            self._add("copy-target", f"`copy` to `{shown(target)}`: {fault}")
            return
        try:
            self._claims.claim(target, is_folder=False)
        except ArchiveUnsafe as error:
            self._add("copy-twice", f"`copy` has one place for two files: {error.problem.title}")
            return
        self._characters += len(source) + len(target)
        if len(self.taken) == COPIES_MAX or self._characters > COPIES_MAX_CHARACTERS:
            limits = f"{COPIES_MAX} files and {COPIES_MAX_CHARACTERS} characters of paths"
            self._add("copy-many", f"`copy` copies more than {limits} outside of the plugin's folder")
            return
        self.taken[target] = source

    def _is_own(self, target: str) -> bool:
        """Whether this is in the plugin's own folder, as its author lays projects out."""
        folders = target.split("/")[:-1]
        return any(pair == ("plugins", self._plugin) for pair in pairwise(folders))

    def _add(self, code: str, text: str) -> None:
        self.findings.append(
            Finding(
                severity="error",
                code=code,
                path=FRAMEWORK_MANIFEST_PATH,
                text=text,
                hint="correct `copy` in manifest.json",
            )
        )
        # One wrong folder can hold thousands of files.
        self.is_full = code == "copy-many" or len(self.findings) >= COPIES_MAX


def _plain(path: str) -> str:
    """Without `./` before and one `/` behind; empty for the whole."""
    while path.startswith("./"):
        path = path[2:]
    path = path.removesuffix("/")
    return "" if path == "." else path


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _target_fault(target: str) -> str:
    """Why nothing may be copied to this path; empty when something may."""
    try:
        check_path(target)
    except ArchiveUnsafe as error:
        return error.problem.title.removeprefix(f"`{shown(target)}` ")
    names = [fold(name) for name in target.split("/")]
    for name in names:
        if name.startswith("."):
            return "hidden files and folders are not a plugin's business"
        if name in _REFUSED_ANYWHERE:
            return f"`{name}` {_REFUSED_ANYWHERE[name]}"
    if len(names) == 1 and _REFUSED_AT_ROOT.fullmatch(names[0]):
        return "it is the project's own configuration or lock file"
    return ""
