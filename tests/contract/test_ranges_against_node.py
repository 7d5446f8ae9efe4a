"""Ranges against the original: every answer is compared with node's own `semver`.

Runs where node is present and its `semver` package can be found: the folder in DONKEYTUI_NODE_SEMVER,
or else the copy npm carries. One node process answers all questions.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from registry_server.contract.problems import InvalidRange, InvalidVersion
from registry_server.contract.ranges import Range, parse_range
from registry_server.contract.versions import Version, parse_version

Value = TypeVar("Value")

OLDEST = (7, 8, 5)
"""Older ones treat build metadata, and `~` where prereleases count, otherwise."""

VERSIONS = [
    f"{numbers}{tag}"
    for numbers in (
        "0.0.0",
        "0.0.1",
        "0.1.0",
        "0.2.3",
        "1.0.0",
        "1.2.0",
        "1.2.3",
        "1.2.4",
        "1.3.0",
        "2.0.0",
        "10.0.0",
    )
    for tag in ("", "-0", "-a", "-beta.2", "-beta.11")
] + ["1.2.3+build", "1.2.3-a+build.7", "9007199254740991.0.0", "3.0.0-rc.1", "v1.2.3"]

# fmt: off
ODD_VERSIONS = [
    "", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3.4", "=1.2.3", "vv1.2.3", "V1.2.3",
    "1.2.3-a..b", "9007199254740992.0.0", "1.2.3\n4", "١.2.3", "1.2.-3",
    "1.2.3-" + "a" * 250, "1.2.3-" + "a" * 251,
]
# fmt: on

# fmt: off
ODD_RANGES = [
    "", " ", "||", "|", "|||", "1 || ", "*", "x", "X.x.*", "latest", "v", "=", ">", "~", "^", "~>", "-",
    " - ", "1.x.3", "^1.x.3", "x.1", "1.2-beta", "1.2.x-beta", "^1.2.x-beta", "1.2.x-01", "vv1", "v=1.2",
    "v=1.2.3", ">==1.2", ">==1.2.3", "=v1.2.3", "> = 1.2", "> =1.2.3", ">= 1.2.3", "~ > 1.2", "~> >1.2",
    "~> = 1.2", "~>=1.2.3", "^ =1.2", "~ ~ 1", "1.2.3*", "*1.2.3", ">*1.2.3", "1.2.3-*a", "1.2.3+*b", "**",
    "+b", "1.2.3 +b", "> +b 1.2.3", "~ +b 1.2", "1 +b - 2", "1 - +b 2.0.0", "+a +b 1.2.3 - 2",
    "+a +b +c 1.2.3 - 2", "1 - 2 +a", "1 - 2 +a +b", "v 1 - = 2", "v1.2.3 - v2", "=1.2.3 - 2", "1 - =2.0.0",
    "1 - =2.0.0-a", "1.2.x-a - 2", "1.2.3 - 1.2.x", "* - *", "1 - 2 - 3", "1-2", "1 -2", ">1.2.3<2.0.0",
    ">=0.0.0 || 1.2.3-a", ">=v0.0.0 || 1.2.3-a", "* || 1.2.3-a", ">=0.0.0 <=0.0.0-a", "<0.0.0-0 || 1",
    ">x 1.2.3", "<0 || 1.2.3-a", "^0.0.0", "~0.0.0-0", "^0", "^0.0", "^0.0.1-a", "1.2.x <=1.2.0-a",
    "9007199254740991", "^9007199254740991.0.0", ">9007199254740991", "<9007199254740991",
    "9007199254740992.0.0", "^1.x.99999999999999999999", "1\xa0||\ufeff2", "1\x1c2", "1\x852", "1\u20282",
    "\t1\n", "1.2.3-a || >=1.2.3", ">1.2.3-a <1.2.3-b", "１", "1.2.3-é", "1\x00",
    "1.2.3-" + "a" * 250, "v1.2.3-" + "a" * 250, "^v1.2.3-" + "a" * 250,
]
# fmt: on

QUESTIONS = """
const semver = require(process.argv[1])
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const loosely = { includePrerelease: true }
process.stdout.write(JSON.stringify({
  versions: asked.versions.map(version => semver.valid(version) !== null),
  order: asked.versions.filter(version => semver.valid(version)).map((version, at, all) =>
    semver.compare(version, all[(at * 7 + 3) % all.length])),
  ranges: asked.ranges.map(range => semver.validRange(range) !== null),
  matches: asked.pairs.map(([version, range]) =>
    semver.validRange(range) === null ? [false, false]
      : [semver.satisfies(version, range), semver.satisfies(version, range, loosely)]),
}))
"""


def _find_semver() -> Path | str:
    """The folder of the package, or why there is none."""
    if shutil.which("node") is None:
        return "node is not installed"
    candidates = []
    if named := os.environ.get("DONKEYTUI_NODE_SEMVER"):
        candidates.append(Path(named).resolve())
    elif npm := shutil.which("npm"):
        inside = Path(npm).resolve().parents[1]
        beside = Path(npm).parent / "node_modules" / "npm"
        candidates += [
            inside / "node_modules" / "semver",
            inside.parent / "semver",
            beside / "node_modules" / "semver",
        ]
    for folder in candidates:
        if (folder / "package.json").is_file():
            found = json.loads((folder / "package.json").read_text("utf-8"))["version"]
            if tuple(map(int, found.split("-")[0].split("."))) >= OLDEST:
                return folder
            return f"node's semver {found} is older than {'.'.join(map(str, OLDEST))}"
    return "node's semver package was not found (DONKEYTUI_NODE_SEMVER may name its folder)"


def _partial(chance: random.Random) -> str:
    parts = [
        chance.choice(["0", "0", "1", "1", "2", "3", "x", "*", "X", "10"])
        for _ in range(chance.choice([1, 2, 3, 3, 3]))
    ]
    tag = (
        chance.choice(["", "", "", "-0", "-a", "-beta.2", "-beta.x", "+b", "-a+b.1"])
        if len(parts) == 3
        else ""
    )
    return ".".join(parts) + tag


def _comparator(chance: random.Random) -> str:
    operator = chance.choice(
        ["", "", "^", "~", "~>", ">", ">=", "<", "<=", "=", "==", "=>", "~>=", "> =", "~ >"]
    )
    return operator + chance.choice(["", "", "", " ", "v", "=", "  "]) + _partial(chance)


def _sentence(chance: random.Random) -> str:
    """A range as people write it, more or less."""
    parts = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        if chance.random() < 0.2:
            parts.append(f"{_partial(chance)} - {_partial(chance)}")
        else:
            parts.append(" ".join(_comparator(chance) for _ in range(chance.choice([1, 1, 2, 3]))))
    return chance.choice(["||", " || ", "|| "]).join(parts)


def _garbled(chance: random.Random) -> str:
    """A range with some characters dropped, doubled or replaced."""
    text = list(_sentence(chance))
    for _ in range(chance.choice([1, 1, 2])):
        at = chance.randrange(len(text) + 1)
        text[at : at + chance.choice([0, 0, 1])] = chance.choice(
            [" ", "v", "=", "*", "+b", " +b ", "-", ".", "~", ">", "|", "0"]
        )
    return "".join(text)


def _soup(chance: random.Random) -> str:
    return "".join(chance.choice("  ^~<>=v.x*-+||012ab") for _ in range(chance.randrange(9)))


def _or_none(parse: Callable[[str], Value], text: str) -> Value | None:
    try:
        return parse(text)
    except (InvalidRange, InvalidVersion):
        return None


def differences(semver: Path, ranges: list[str], pairs: list[tuple[str, str]]) -> list[object]:
    """Everything node and we do not agree on."""
    versions = VERSIONS + ODD_VERSIONS
    asked = json.dumps({"versions": versions, "ranges": ranges, "pairs": pairs})
    ran = subprocess.run(
        ["node", "-e", QUESTIONS, str(semver)],
        input=asked.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    node = json.loads(ran.stdout)
    read_versions = {text: _or_none(parse_version, text) for text in versions}
    read_ranges = {text: _or_none(parse_range, text) for text in ranges}
    valid = [version for text in versions if (version := read_versions[text]) is not None]
    ours: dict[str, Sequence[object]] = {
        "versions": [read_versions[text] is not None for text in versions],
        "order": [_compare(version, valid[(at * 7 + 3) % len(valid)]) for at, version in enumerate(valid)],
        "ranges": [read_ranges[text] is not None for text in ranges],
        "matches": [_matches(read_versions[version], read_ranges[text]) for version, text in pairs],
    }
    questions: dict[str, Sequence[object]] = {
        "versions": versions,
        "order": valid,
        "ranges": ranges,
        "matches": pairs,
    }
    return [
        (kind, question, {"node": theirs, "ours": own})
        for kind, asked_here in questions.items()
        for question, theirs, own in zip(asked_here, node[kind], ours[kind], strict=True)
        if theirs != own
    ]


def _compare(one: Version, other: Version) -> int:
    return (one > other) - (one < other)


def _matches(version: Version | None, wanted: Range | None) -> list[bool]:
    if version is None or wanted is None:
        return [False, False]
    return [wanted.allows(version), wanted.allows(version, include_prerelease=True)]


def test_every_answer_is_that_of_node() -> None:
    semver = _find_semver()
    if isinstance(semver, str):
        pytest.skip(semver)
    chance = random.Random(20)  # noqa: S311 - a fixed seed is the point
    generated = [make(chance) for make in (_sentence, _garbled, _soup) for _ in range(900)]
    ranges = list(dict.fromkeys([*ODD_RANGES, *generated]))
    pairs = [(version, text) for text in ODD_RANGES for version in VERSIONS]
    pairs += [(version, text) for text in generated for version in chance.sample(VERSIONS, 4)]

    assert differences(semver, ranges, pairs) == []
