"""CHANGELOG.md: the author's words for one release."""

import re

NOTES_MAX = 2000

_HEADING = re.compile(r"(#{1,4})\s+(.*)")


def release_notes(changelog: str, version: str) -> str:
    """The text under the first heading that names `version`, at most `NOTES_MAX` characters; or ""."""
    names_it = re.compile(rf"(?<![\w.]){re.escape(version)}(?![\w.-])")
    taken: list[str] = []
    level = 0
    for line in changelog.splitlines():
        heading = _HEADING.match(line)
        if heading and level and len(heading[1]) <= level:
            break
        if level:
            taken.append(line)
        elif heading and names_it.search(heading[2]):
            level = len(heading[1])
    return "\n".join(taken).strip()[:NOTES_MAX]
