"""The `plugins` globs of a project's config: where they begin, and what they find.

Globs come with a clone and are hostile, so matching is a table of segments times segments and of
characters times characters, never a regular expression made from the glob.
"""

import re
from collections.abc import Iterable

from registry_server.contract.paths import check_path
from registry_server.contract.problems import ArchiveUnsafe

GLOB_MAX = 1000
"""Characters of a glob that is looked at."""

_ALTERNATIVES_MAX = 64
_MAGIC = re.compile(r"[*?{}\[\]()!]")
_BRACES = re.compile(r"\{([^{}]*)\}")
_NEVER_BELOW = frozenset((".donkeylabs", "node_modules"))


def fixed_folder(glob: str) -> str | None:
    """The folder below which `glob` looks, relative to the project; None when there is no such one.

    None too for a folder outside of the project, the project itself, or one no plugin belongs in.
    """
    if len(glob) > GLOB_MAX or glob.startswith("/"):
        return None
    segments = glob.split("/")
    fixed: list[str] = []
    for segment in segments:
        if _MAGIC.search(segment):
            break
        fixed.append(segment)
    else:
        # No wildcard: a folder is meant only when the last segment is no file.
        if "." in segments[-1].lstrip("."):
            return None
    folder = "/".join(segment for segment in fixed if segment not in ("", "."))
    return folder if folder and _is_harmless(folder) else None


def glob_matches_root(globs: Iterable[str], root: str, name: str) -> bool:
    """Whether one of `globs` finds `<root>/<name>/index.ts`, and no `!glob` takes it out again."""
    path = _segments(f"{root}/{name}/index.ts")
    is_found = False
    for glob in globs:
        if len(glob) > GLOB_MAX:
            continue
        is_exclusion = glob.startswith("!")
        if any(_match_path(_segments(each), path) for each in _alternatives(glob.removeprefix("!"))):
            if is_exclusion:
                return False
            is_found = True
    return is_found


def _is_harmless(folder: str) -> bool:
    try:
        check_path(folder)
    except ArchiveUnsafe:
        return False
    return _NEVER_BELOW.isdisjoint(folder.split("/"))


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment not in ("", ".")]


def _alternatives(glob: str) -> list[str]:
    """`index.{ts,js}` as two globs; a glob with too many alternatives finds nothing."""
    done: list[str] = []
    waiting = [glob]
    while waiting:
        current = waiting.pop()
        braces = _BRACES.search(current)
        if braces is None:
            done.append(current)
            continue
        choices = braces[1].split(",")
        if len(done) + len(waiting) + len(choices) > _ALTERNATIVES_MAX:
            return []
        waiting += [current[: braces.start()] + choice + current[braces.end() :] for choice in choices]
    return done


def _match_path(glob: list[str], path: list[str]) -> bool:
    """`**` stands for any number of segments. `reached[i]`: the glob so far matches i segments."""
    reached = [True] + [False] * len(path)
    for pattern in glob:
        if pattern == "**":
            first = reached.index(True) if True in reached else len(reached)
            reached = [at >= first for at in range(len(reached))]
        else:
            reached = [False] + [
                before and _match_segment(pattern, segment)
                for before, segment in zip(reached, path, strict=False)
            ]
    return reached[-1]


def _match_segment(pattern: str, segment: str) -> bool:
    reached = [True] + [False] * len(segment)
    for sign in pattern:
        if sign == "*":
            first = reached.index(True) if True in reached else len(reached)
            reached = [at >= first for at in range(len(reached))]
        else:
            reached = [False] + [
                before and sign in ("?", character)
                for before, character in zip(reached, segment, strict=False)
            ]
    return reached[-1]
