"""What differs between two states of a plugin's files, and the text that shows it.

Line endings and newlines at the end are no differences, nor is `schema.ts`, as for the digest of a
plugin (`tree`). Lines are matched in bounded time whatever the files hold: a package may be made to
keep `difflib` busy for minutes. Lines that occur once on both sides are the anchors (patience diff);
between them the shortest edit is looked for, up to `_EDITS_MAX` lines of it.

Source: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations"; `git diff` for the headers.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import Match, SequenceMatcher
from itertools import chain, groupby
from typing import Literal

from msgspec import Struct

from donkeytui.project.tree import GENERATED, normalised

TEXT_MAX = 1 << 20
"""Bytes of a file that is looked at line by line."""
LINES_MAX = 50_000

_EDITS_MAX = 200
"""Between two anchors, more lines than this on their own and nothing there is taken for equal."""
_DEPTH_MAX = 12
"""How often anchors are looked for between anchors; honest files need two or three rounds."""

ChangeKind = Literal["changed", "added", "removed"]
_Pair = tuple[int, int]
_Link = tuple[_Pair, "_Link | None"]


class FileChange(Struct, frozen=True, kw_only=True):
    """One file that is not as it was."""

    path: str
    kind: ChangeKind


def changed_paths(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> tuple[FileChange, ...]:
    """What is different in `now`, by path, generated files left out."""
    return tuple(
        FileChange(path=path, kind=kind)
        for path in sorted(before.keys() | now.keys())
        if path != GENERATED and (kind := _kind(before.get(path), now.get(path))) is not None
    )


def unified(path: str, before: bytes | None, after: bytes | None, *, context: int = 3) -> str:
    """The change of one file as `git diff` prints it; None stands for no file, no text for no change.

    Line ends count as LF, a newline at the end only in files that differ otherwise.
    """
    kind = _kind(before, after)
    if kind is None:
        return ""
    old = "/dev/null" if before is None else _quoted(f"a/{path}")
    new = "/dev/null" if after is None else _quoted(f"b/{path}")
    lines = [f"diff --git {_quoted(f'a/{path}')} {_quoted(f'b/{path}')}"]
    if kind == "added":
        lines.append("new file mode 100644")
    elif kind == "removed":
        lines.append("deleted file mode 100644")
    opaque = why_opaque(before or b"") or why_opaque(after or b"")
    if opaque:
        lines.append(f"Binary files {old} and {new} differ{'' if opaque == 'binary' else f' ({opaque})'}")
    elif before or after:
        lines += [f"--- {old}", f"+++ {new}", *_hunks(before or b"", after or b"", context=context)]
    return "\n".join(lines) + "\n"


def why_opaque(data: bytes) -> str:
    """Why `data` is not for looking at line by line; empty when it is."""
    if len(data) > TEXT_MAX or data.count(b"\n") > LINES_MAX:
        return "too large to compare by lines"
    if b"\0" in data:
        return "binary"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "binary"
    return ""


class LineMatcher(SequenceMatcher[bytes]):
    """Python's matcher of sequences with equal lines found in bounded time."""

    def __init__(
        self,
        isjunk: Callable[[bytes], bool] | None = None,
        a: Sequence[bytes] = (),
        b: Sequence[bytes] = (),
        autojunk: bool = True,
    ) -> None:
        super().__init__(isjunk, a, b, autojunk)
        self._a, self._b = a, b

    def get_matching_blocks(self) -> list[Match]:
        pairs = sorted(_equal_lines(self._a, self._b))
        blocks: list[Match] = []
        for _, run in groupby(enumerate(pairs), key=lambda entry: _diagonal(*entry)):
            first, *rest = (pair for _, pair in run)
            blocks.append(Match(*first, 1 + len(rest)))
        return [*blocks, Match(len(self._a), len(self._b), 0)]


def _diagonal(at: int, pair: _Pair) -> _Pair:
    """The same for pairs that follow each other on both sides."""
    return pair[0] - at, pair[1] - at


def _kind(before: bytes | None, now: bytes | None) -> ChangeKind | None:
    if before is None:
        return None if now is None else "added"
    if now is None:
        return "removed"
    return None if normalised(before) == normalised(now) else "changed"


def _quoted(path: str) -> str:
    return path if path.isprintable() and not set(path) & {'"', "\\"} else json.dumps(path)


def _hunks(before: bytes, after: bytes, *, context: int) -> Iterator[str]:
    old, new = _ended_lines(before), _ended_lines(after)
    for group in LineMatcher(None, old, new).get_grouped_opcodes(context):
        (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        yield f"@@ -{_extent(old_start, old_end)} +{_extent(new_start, new_end)} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from _marked(" ", old[old_from:old_to])
            else:
                yield from _marked("-", old[old_from:old_to])
                yield from _marked("+", new[new_from:new_to])


def _ended_lines(data: bytes) -> list[bytes]:
    """Lines with their LF, the last one perhaps without."""
    *lines, last = data.replace(b"\r\n", b"\n").split(b"\n")
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def _extent(start: int, end: int) -> str:
    """First line and number of lines; an empty extent is named by the line in front of it."""
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + 1 if count else start},{count}"


def _marked(sign: str, lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        yield sign + line.removesuffix(b"\n").decode()
        if not line.endswith(b"\n"):
            yield "\\ No newline at end of file"


def _equal_lines(a: Sequence[bytes], b: Sequence[bytes]) -> Iterator[_Pair]:
    """Places of equal lines that rise on both sides, not in order."""
    waiting = [(0, len(a), 0, len(b), 0)]
    while waiting:
        a_low, a_high, b_low, b_high, depth = waiting.pop()
        while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
            yield a_low, b_low
            a_low, b_low = a_low + 1, b_low + 1
        while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
            a_high, b_high = a_high - 1, b_high - 1
            yield a_high, b_high
        if a_low == a_high or b_low == b_high:
            continue
        inner_a, inner_b = a[a_low:a_high], b[b_low:b_high]
        anchors = _anchors(inner_a, inner_b) if depth < _DEPTH_MAX else []
        if not anchors:
            yield from ((a_low + i, b_low + j) for i, j in _shortest_edit(inner_a, inner_b))
            continue
        at = (a_low, b_low)
        for i, j in chain(anchors, [(a_high - a_low, b_high - b_low)]):
            # An anchor opens the part behind it, where it is found as the equal first line.
            waiting.append((at[0], a_low + i, at[1], b_low + j, depth + 1))
            at = (a_low + i, b_low + j)


def _anchors(a: Sequence[bytes], b: Sequence[bytes]) -> list[_Pair]:
    """The longest rising list of lines that occur once on each side."""
    counts_a, counts_b = Counter(a), Counter(b)
    place = {line: j for j, line in enumerate(b) if counts_b[line] == 1 and counts_a[line] == 1}
    ends: list[int] = []
    """Per length the smallest place in `b` at which such a list may end."""
    lists: list[_Link] = []
    for i, line in enumerate(a):
        j = place.get(line)
        if j is None:
            continue
        length = bisect_left(ends, j)
        link = ((i, j), lists[length - 1] if length else None)
        if length == len(ends):
            ends.append(j)
            lists.append(link)
        else:
            ends[length], lists[length] = j, link
    return _unlinked(lists[-1] if lists else None)


def _unlinked(link: _Link | None) -> list[_Pair]:
    pairs: list[_Pair] = []
    while link is not None:
        pair, link = link
        pairs.append(pair)
    return pairs[::-1]


def _shortest_edit(a: Sequence[bytes], b: Sequence[bytes]) -> list[_Pair]:
    """The equal lines of a shortest edit; none when it has more than `_EDITS_MAX` lines."""
    # Per diagonal (place in `a` less place in `b`) the furthest place in `a`, before each round.
    furthest = {1: 0}
    rounds: list[dict[int, int]] = []
    for edits in range(_EDITS_MAX + 1):
        rounds.append(furthest.copy())
        for diagonal in range(-edits, edits + 1, 2):
            at, _ = _entry(furthest, diagonal, edits)
            while at < len(a) and 0 <= at - diagonal < len(b) and a[at] == b[at - diagonal]:
                at += 1
            furthest[diagonal] = at
            if diagonal == len(a) - len(b) and at >= len(a):
                return _walked_back(rounds, len(a), diagonal)
    return []


def _entry(furthest: Mapping[int, int], diagonal: int, edits: int) -> _Pair:
    """Where `diagonal` is entered, and from which one: above it lies a line of `b`, below one of `a`."""
    if diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1]):
        return furthest[diagonal + 1], diagonal + 1
    return furthest[diagonal - 1] + 1, diagonal - 1


def _walked_back(rounds: Sequence[Mapping[int, int]], at: int, diagonal: int) -> list[_Pair]:
    pairs: list[_Pair] = []
    for edits in reversed(range(len(rounds))):
        entered, origin = _entry(rounds[edits], diagonal, edits)
        pairs += ((place, place - diagonal) for place in range(entered, at))
        at = entered - (origin < diagonal)
        diagonal = origin
    return pairs
