"""A plugin's folder becomes entries: what goes into the package, and what stays out because of which line.

The only module here that reads files. Sizes are asked for before anything is read, so that a folder
that is far too large costs a look and not its contents.
"""

import re
from pathlib import Path

from msgspec import Struct

from donkeytui.authoring.ignoring import (
    IGNORE_FILES,
    IgnoreFile,
    IgnoreRule,
    leaves_out,
    parse_ignore,
)
from donkeytui.authoring.sizes import largest_text
from donkeytui.problems import SourceUnreadable
from registry_server.contract.archive import ENTRIES_MAX, UNPACKED_MAX_BYTES, Entries, Entry
from registry_server.contract.manifest import MANIFEST_PATH
from registry_server.contract.problems import Finding, Severity
from registry_server.contract.validation import ENTRY_POINT

IGNORE_MAX_BYTES = 1 << 20
LOOKED_AT_MAX = 50_000
"""Files and folders after which a folder is too large without a look at the rest."""

_LEFT_OUT = frozenset(("node_modules", "coverage", "Thumbs.db"))
_PACKAGE = re.compile(r"[A-Za-z0-9-]+-[0-9]+\.[0-9]+\.[0-9]+[^/]*\.tar\.gz\Z")
"""What `pack` leaves behind when it is called in the plugin's own folder."""
_NEEDED = (MANIFEST_PATH, ENTRY_POINT)


class LeftOut(Struct, frozen=True, kw_only=True):
    """A file or folder that an ignore file keeps out."""

    path: str
    """With `/` at the end for a folder."""
    rule: str
    """The line, as it is written."""
    place: str
    """`.gitignore:3`; `packages` for what `pack` has left there."""


class SourceReading(Struct, frozen=True, kw_only=True):
    entries: Entries
    """Sorted by path."""
    left_out: tuple[LeftOut, ...]
    findings: tuple[Finding, ...]
    """What ignore files keep out and should not."""

    @property
    def sizes(self) -> tuple[tuple[str, int], ...]:
        return tuple((path, len(entry.data)) for path, entry in self.entries.items())


def read_source(folder: Path, *, looked_at_max: int = LOOKED_AT_MAX) -> SourceReading:
    """The files of a plugin's folder, without hidden ones, node_modules, coverage and what is ignored.

    `package.json` and `index.ts` go in even when a line keeps them out, and that is an error to be
    mended: without them everything else that is said would be about a hole.

    Raises `SourceUnreadable` for a folder that is none, has links in it, or is far too large.
    """
    _check_folder(folder)
    walk = _Walk(folder, looked_at_max)
    entries: dict[str, Entry] = {}
    try:
        walk.run()
        _check_size(folder, walk)
        for path, (file, _) in sorted(walk.found.items()):
            is_executable = bool(file.stat().st_mode & 0o100)
            entries[path] = Entry(data=file.read_bytes(), is_executable=is_executable)
    except OSError as error:
        raise SourceUnreadable(
            f"{folder} cannot be read", detail=f"{error.strerror}: {error.filename}"
        ) from error
    return SourceReading(
        entries=entries, left_out=tuple(sorted(walk.left_out, key=_path)), findings=tuple(walk.findings)
    )


def _path(left_out: LeftOut) -> str:
    return left_out.path


def _check_folder(folder: Path) -> None:
    hint = "name the plugin's folder: donkeytui publish ./plugins/x"
    if not folder.is_dir():
        raise SourceUnreadable(f"{folder} is not a folder", hint=hint)
    if not any((folder / name).is_file() for name in _NEEDED):
        raise SourceUnreadable(
            f"{folder} is not a plugin's folder",
            detail=f"it has neither {ENTRY_POINT} nor package.json",
            hint=f"{hint}; or begin one: donkeytui new NAME",
        )


def _check_size(folder: Path, walk: "_Walk") -> None:
    sizes = [(path, size) for path, (_, size) in walk.found.items()]
    total = sum(size for _, size in sizes)
    if total > UNPACKED_MAX_BYTES:
        what = f"{total / (1 << 20):.1f} MiB, {UNPACKED_MAX_BYTES >> 20} MiB are allowed"
    elif len(sizes) > ENTRIES_MAX or walk.is_cut_short:
        more = "more than " if walk.is_cut_short else ""
        what = f"{more}{len(sizes)} files, {ENTRIES_MAX} are allowed"
    else:
        return
    raise SourceUnreadable(
        f"{folder} is too large for a plugin",
        detail=f"{what}\n{largest_text(sizes)}",
        hint="move out what the plugin does not need at run time, or name it in .donkeyignore",
    )


class _Walk:
    """One walk through a folder, from the top down."""

    def __init__(self, root: Path, looked_at_max: int) -> None:
        self.root = root
        self.found: dict[str, tuple[Path, int]] = {}
        self.left_out: list[LeftOut] = []
        self.findings: list[Finding] = []
        self.is_cut_short = False
        self._looked_at_max = looked_at_max
        self._looked_at = 0

    def run(self) -> None:
        waiting: list[tuple[Path, tuple[IgnoreFile, ...]]] = [(self.root, ())]
        while waiting and not self.is_cut_short:
            folder, files = waiting.pop()
            files += self._ignore_files(folder)
            for item in sorted(folder.iterdir()):
                self._looked_at += 1
                self.is_cut_short = self._looked_at > self._looked_at_max
                if item.name.startswith(".") or item.name in _LEFT_OUT or self.is_cut_short:
                    continue
                if self._take(item, files):
                    waiting.append((item, files))

    def _take(self, item: Path, files: tuple[IgnoreFile, ...]) -> bool:
        """Whether `item` is a folder to go into; a file is noted."""
        path = item.relative_to(self.root).as_posix()
        is_link = item.is_symlink()
        is_folder = item.is_dir() and not is_link
        rule = leaves_out(files, path, is_folder=is_folder)
        if rule is not None:
            self._note(path + "/" * is_folder, rule)
            if path not in _NEEDED:
                return False
        if is_link:
            raise SourceUnreadable(
                f"{item} is a link", detail="a package has files only", hint="copy the file"
            )
        if not is_folder and _PACKAGE.match(path):
            self.left_out.append(LeftOut(path=path, rule="NAME-VERSION.tar.gz", place="packages"))
        elif item.is_file():
            self.found[path] = (item, item.stat().st_size)
        return is_folder

    def _note(self, path: str, rule: IgnoreRule) -> None:
        if path in _NEEDED:
            text = f"`{path}` is left out by `{rule.text}`, and no plugin is one without it"
            self._find("error", "file-ignored", text, rule=rule, hint=f"add `!{path}` to .donkeyignore")
            return
        self.left_out.append(LeftOut(path=path, rule=rule.text, place=rule.place))
        if path.startswith("migrations/") and path.endswith((".ts", "/")):
            text = f"`{path}` is left out by `{rule.text}`, so it never runs for those who install this"
            self._find("warning", "file-ignored", text, rule=rule, hint=f"add `!{path}` to .donkeyignore")

    def _ignore_files(self, folder: Path) -> tuple[IgnoreFile, ...]:
        files: list[IgnoreFile] = []
        for name in IGNORE_FILES:
            place = folder / name
            if not place.is_file() or place.is_symlink():
                continue
            with place.open("rb") as opened:
                data = opened.read(IGNORE_MAX_BYTES)
            file = parse_ignore(place.relative_to(self.root).as_posix(), data)
            for rule in file.faults:
                self._find(
                    "warning",
                    "ignore-line",
                    f"`{rule.text[:60]}` is no pattern; it is passed over",
                    rule=rule,
                )
            files.append(file)
        return tuple(files)

    def _find(self, severity: Severity, code: str, text: str, *, rule: IgnoreRule, hint: str = "") -> None:
        self.findings.append(
            Finding(severity=severity, code=code, text=text, path=rule.file, line=rule.line, hint=hint)
        )
