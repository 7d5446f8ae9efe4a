"""Regular expressions mean the same in every Python that is supported.

Python 3.11.0 to 3.11.4, 3.11.2 of Debian 12 among them, match wrongly where a group is repeated
possessively (CPython issue 106052): `(?:a|b)*+` has to be written as `(?>(?:a|b)*)`. A single
character or set may be repeated so.
"""

import re
from pathlib import Path

import pytest

import donkeytui
import registry_server

_REPEATED_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+(?!\+)")
_PATTERN = re.compile(r"""\b(?:rb?|br)(?:"{3}[\s\S]*?"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')""")


@pytest.mark.parametrize("package", [donkeytui, registry_server], ids=["donkeytui", "registry_server"])
def test_no_group_is_repeated_possessively(package: object) -> None:
    folder = Path(str(getattr(package, "__file__", ""))).parent

    found = [
        f"{path.relative_to(folder)}: {pattern}"
        for path in sorted(folder.rglob("*.py"))
        for pattern in _PATTERN.findall(path.read_text(encoding="utf-8"))
        if _REPEATED_GROUP.search(pattern)
    ]

    assert found == []


@pytest.mark.parametrize("pattern", [r'r"(?:a|b)*+"', r'rb"x(?:a)++"', r"r'(a){2,}+'", 'r"""\n (?:a)?+ """'])
def test_such_a_pattern_would_be_found(pattern: str) -> None:
    (found,) = _PATTERN.findall(f"_A = re.compile({pattern})")

    assert _REPEATED_GROUP.search(found)
