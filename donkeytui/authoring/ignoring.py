"""What `.gitignore` and `.donkeyignore` leave out, decided entry by entry as git would.

Both may lie in any folder of the plugin and speak of what is below them; the last line that fits
decides, a deeper file before one above it. Where a `.donkeyignore` has a say, no `.gitignore` is
asked: it can leave out more, and `!path` takes back in what only git should not see. As with git,
nothing comes back out of a folder that is left out as a whole. Files above the plugin's own folder
are not read: the same source must give the same package wherever it lies.

Source: git's gitignore documentation, section "Pattern format".
"""

from msgspec import Struct
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

GIT = ".gitignore"
OWN = ".donkeyignore"
IGNORE_FILES = (GIT, OWN)
"""In the order in which they are read; the later one decides."""
LINE_MAX = 1000
_FOLDER = "ps_d"


class IgnoreRule(Struct, frozen=True, kw_only=True):
    """One line of an ignore file."""

    file: str
    """Path of the ignore file, below the plugin's folder."""
    line: int
    text: str
    is_kept: bool
    """It begins with `!`: what fits stays in."""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class IgnoreFile(Struct, frozen=True, kw_only=True):
    folder: str
    """What it speaks of: empty for the whole plugin, else with `/` at the end."""
    is_own: bool
    rules: tuple[tuple[IgnoreRule, GitIgnoreSpecPattern], ...]
    """Later lines first, for those decide."""
    faults: tuple[IgnoreRule, ...]
    """Lines that are no pattern; git passes over them too."""


def parse_ignore(path: str, data: bytes) -> IgnoreFile:
    """`path` of the file below the plugin's folder. Never raises: what is unreadable is a fault."""
    folder, _, name = path.rpartition("/")
    rules: list[tuple[IgnoreRule, GitIgnoreSpecPattern]] = []
    faults: list[IgnoreRule] = []
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        rule = IgnoreRule(file=path, line=number, text=line[:LINE_MAX], is_kept=line.startswith("!"))
        try:
            pattern = GitIgnoreSpecPattern(line) if len(line) <= LINE_MAX else None
        except ValueError:
            pattern = None
            faults.append(rule)
        else:
            if len(line) > LINE_MAX:
                faults.append(rule)
        if pattern is not None and pattern.include is not None:
            rules.append((rule, pattern))
    return IgnoreFile(
        folder=f"{folder}/" if folder else "",
        is_own=name == OWN,
        rules=tuple(reversed(rules)),
        faults=tuple(faults),
    )


def leaves_out(files: tuple[IgnoreFile, ...], path: str, *, is_folder: bool) -> IgnoreRule | None:
    """The line that keeps an entry out of the package; None when it goes in.

    `files` are those of the folders above it, in the order of depth. Whoever asks has asked for the
    folders above before, and did not go into one that stays out.
    """
    for is_own in (True, False):
        for file in reversed([file for file in files if file.is_own == is_own]):
            rule = _last_fit(file, path, is_folder=is_folder)
            if rule is not None:
                return None if rule.is_kept else rule
    return None


def _last_fit(file: IgnoreFile, path: str, *, is_folder: bool) -> IgnoreRule | None:
    below = path.removeprefix(file.folder)
    return next((rule for rule, pattern in file.rules if _fits(pattern, below, is_folder=is_folder)), None)


def _fits(pattern: GitIgnoreSpecPattern, path: str, *, is_folder: bool) -> bool:
    """Whether git's meaning of the line is this entry itself.

    The library's patterns fit what lies below a folder too, and note in a group of that name where the
    folder ends; those without the group (`docs/**`) take the folder's own slash for something below.
    """
    regex = pattern.regex
    if regex is None:
        return False
    if _FOLDER not in regex.groupindex:
        return regex.search(path) is not None
    whole = f"{path}/" if is_folder else path
    return any(found.end(_FOLDER) in (-1, len(whole)) for found in regex.finditer(whole))
