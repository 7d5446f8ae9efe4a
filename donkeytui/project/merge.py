"""Three-way merge of a plugin's files: released before, the user's now, released next.

Values in, values out. Line endings and newlines at the end are no edits, and `schema.ts` never is
one: the release's counts when it ships one. What both sides changed in the same place is a
conflict; `side` says what becomes of those. Everything else of the user and of the release stays.
Lines are matched by the bounded matcher of `differences`.

Source: S. Khanna, K. Kunal and B. Pierce, "A Formal Investigation of Diff3" (2007), for the walk
over the lines that all three have.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from donkeytui.project.differences import LineMatcher, why_opaque
from donkeytui.project.tree import GENERATED, normalised

Side = Literal["ask", "keep", "theirs"]
"""Where both changed: markers in the file, the user's lines, or the release's."""
Outcome = Literal["merged", "kept", "taken", "conflict"]

_DECIDED: dict[Side, Outcome] = {"ask": "conflict", "keep": "kept", "theirs": "taken"}
SAME_CHANGE = "the release made the same change"
_NEAR = 3
"""Conflicts with at most so many agreed lines between them are one, as git has it."""
_MARKERS = tuple(re.compile(marker) for marker in (rb"<{7} .+", rb"={7}\r?", rb">{7} .+"))


class MergedFile(Struct, frozen=True, kw_only=True):
    """What became of one file that the user touched."""

    path: str
    outcome: Outcome
    detail: str = ""
    """For a person: how many places were in conflict, or why lines were not merged."""


class Merge(Struct, frozen=True, kw_only=True):
    """A plugin's folder after the merge."""

    files: dict[str, bytes]
    touched: tuple[MergedFile, ...]
    """By path; files that the user left alone are not here."""

    @property
    def conflicts(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.touched if file.outcome == "conflict")


class _Merged(NamedTuple):
    data: bytes | None
    """None when there is no such file afterwards."""
    outcome: Outcome | None = None
    """None when the user did not touch the file."""
    detail: str = ""


class _Piece(NamedTuple):
    """Lines that follow each other and have one fate."""

    kind: Literal["agreed", "one side", "conflict"]
    own: Sequence[bytes]
    new: Sequence[bytes]


def merge_trees(
    before: Mapping[str, bytes],
    mine: Mapping[str, bytes],
    after: Mapping[str, bytes],
    *,
    side: Side,
    labels: tuple[str, str] = ("yours", "1.2.0"),
) -> Merge:
    """The files of a plugin's folder when `after` replaces `before` and the user has `mine`.

    `labels` stand behind the markers. With `keep` and `theirs` no markers are written; files that
    only the user has stay in any case.
    """
    files: dict[str, bytes] = {}
    touched: dict[str, MergedFile] = {}
    for path in sorted(before.keys() | mine.keys() | after.keys()):
        own, new = mine.get(path), after.get(path)
        if path == GENERATED:
            merged = _Merged(own if new is None else new)
        else:
            merged = _merge_file(before.get(path), own, new, side=side, labels=labels)
        if merged.data is not None:
            files[path] = merged.data
        if merged.outcome is not None:
            touched[path] = MergedFile(path=path, outcome=merged.outcome, detail=merged.detail)
    _settle_folders(files, touched, mine.keys(), side=side)
    return Merge(files=files, touched=tuple(touched[path] for path in sorted(touched)))


def has_markers(data: bytes) -> bool:
    """Whether a conflict stands in a file: its three markers, in order and each on its own line.

    A row of `=` alone, as under a heading, is none.
    """
    found = 0
    for line in data.split(b"\n"):
        if _MARKERS[found].fullmatch(line):
            found += 1
            if found == len(_MARKERS):
                return True
    return False


def _merge_file(
    base: bytes | None, own: bytes | None, new: bytes | None, *, side: Side, labels: tuple[str, str]
) -> _Merged:
    if _is_same(own, base):
        # What the release left alone keeps the user's line endings too.
        return _Merged(own if new == base else new)
    if _is_same(new, base):
        return _Merged(own, "kept", _about_own(base, own))
    if _is_same(own, new):
        return _Merged(new, "taken", SAME_CHANGE)
    if own is None:
        return _removed_by_user(new, side)
    if new is None:
        return _removed_by_release(own, side)
    why = why_opaque(own) or why_opaque(new) or why_opaque(base or b"")
    if not why:
        return _merge_text(base or b"", own, new, side=side, labels=labels)
    if side == "theirs":
        return _Merged(new, "taken", f"{why}: the release's was taken")
    return _Merged(own, _DECIDED[side], f"{why}: yours was kept")


def _is_same(one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None:
        return one is other
    return normalised(one) == normalised(other)


def _about_own(base: bytes | None, own: bytes | None) -> str:
    if own is None:
        return "you removed it"
    return "yours, not of the release" if base is None else ""


def _removed_by_user(new: bytes | None, side: Side) -> _Merged:
    if side == "keep":
        return _Merged(None, "kept", "you removed it, the release changed it: it stays away")
    return _Merged(new, _DECIDED[side], "you removed it, the release changed it: it is back")


def _removed_by_release(own: bytes, side: Side) -> _Merged:
    if side == "theirs":
        return _Merged(None, "taken", "the release removed it, and your edits with it")
    return _Merged(own, _DECIDED[side], "the release removed it, your edited file stays")


def _merge_text(base: bytes, own: bytes, new: bytes, *, side: Side, labels: tuple[str, str]) -> _Merged:
    pieces = _pieces(_lines(base), _lines(own), _lines(new))
    lines: list[bytes] = []
    for piece in pieces:
        if piece.kind != "conflict" or side == "keep":
            lines += piece.own
        elif side == "theirs":
            lines += piece.new
        else:
            opening, closing = (label.encode() for label in labels)
            lines += [b"<<<<<<< " + opening, *piece.own, b"=======", *piece.new, b">>>>>>> " + closing]
    places = sum(piece.kind == "conflict" for piece in pieces)
    data = _in_the_form_of(own, lines, line_end=_line_end(own if b"\n" in own else new))
    if not places:
        return _Merged(data, "merged")
    return _Merged(data, _DECIDED[side], f"{places} place{'s' if places > 1 else ''}")


def _lines(data: bytes) -> list[bytes]:
    text = normalised(data)
    return text.split(b"\n") if text else []


def _line_end(data: bytes) -> bytes:
    """The more frequent one."""
    return b"\r\n" if 2 * data.count(b"\r\n") > data.count(b"\n") else b"\n"


def _in_the_form_of(own: bytes, lines: Sequence[bytes], *, line_end: bytes) -> bytes:
    """`lines` as a file that ends in as many newlines as `own`."""
    text = own.replace(b"\r\n", b"\n")
    return line_end.join(lines) + line_end * (len(text) - len(text.rstrip(b"\n")))


class _Synced(NamedTuple):
    """Lines that all three have, by where they begin in each."""

    base: int
    own: int
    new: int
    size: int


def _pieces(base: Sequence[bytes], own: Sequence[bytes], new: Sequence[bytes]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for piece in _walk(base, own, new):
        if piece.kind == "conflict" and _are_near(pieces[-2:]):
            agreed, earlier = pieces.pop(), pieces.pop()
            joined_own = [*earlier.own, *agreed.own, *piece.own]
            joined_new = [*earlier.new, *agreed.new, *piece.new]
            pieces.append(_Piece("conflict", joined_own, joined_new))
        else:
            pieces.append(piece)
    return pieces


def _walk(base: Sequence[bytes], own: Sequence[bytes], new: Sequence[bytes]) -> Iterator[_Piece]:
    """What stands between the lines that all three have, and those, in order."""
    at_base = at_own = at_new = 0
    for synced in _synced(base, own, new):
        old, mine, theirs = base[at_base : synced.base], own[at_own : synced.own], new[at_new : synced.new]
        if mine == theirs:
            yield from _agreed(mine)
        elif mine == old:
            yield _Piece("one side", theirs, ())
        elif theirs == old:
            yield _Piece("one side", mine, ())
        else:
            yield from _contested(mine, theirs)
        at_base, at_own, at_new = (place + synced.size for place in synced[:3])
        yield from _agreed(base[synced.base : at_base])


def _agreed(lines: Sequence[bytes]) -> Iterator[_Piece]:
    if lines:
        yield _Piece("agreed", lines, lines)


def _synced(base: Sequence[bytes], own: Sequence[bytes], new: Sequence[bytes]) -> Iterator[_Synced]:
    """In order; an empty one at the ends closes them."""
    ours = LineMatcher(None, base, own).get_matching_blocks()
    theirs = LineMatcher(None, base, new).get_matching_blocks()
    at_ours = at_theirs = 0
    while at_ours < len(ours) and at_theirs < len(theirs):
        one, other = ours[at_ours], theirs[at_theirs]
        start, end = max(one.a, other.a), min(one.a + one.size, other.a + other.size)
        if start < end:
            yield _Synced(start, one.b + start - one.a, other.b + start - other.a, end - start)
        if one.a + one.size < other.a + other.size:
            at_ours += 1
        else:
            at_theirs += 1
    yield _Synced(len(base), len(own), len(new), 0)


def _contested(own: Sequence[bytes], new: Sequence[bytes]) -> Iterator[_Piece]:
    """Both changed; lines that both wrote are agreed all the same."""
    at_own = at_new = 0
    for match in LineMatcher(None, own, new).get_matching_blocks():
        mine, theirs = own[at_own : match.a], new[at_new : match.b]
        if mine or theirs:
            yield _Piece("conflict", mine, theirs)
        at_own, at_new = match.a + match.size, match.b + match.size
        yield from _agreed(own[match.a : at_own])


def _are_near(pieces: Sequence[_Piece]) -> bool:
    """Whether a conflict that follows `pieces` belongs to the one they begin with."""
    return [piece.kind for piece in pieces] == ["conflict", "agreed"] and len(pieces[1].own) <= _NEAR


def _settle_folders(
    files: dict[str, bytes], touched: dict[str, MergedFile], mine: Iterable[str], *, side: Side
) -> None:
    """One of the user and the release has a file where the other has a folder: only one can be."""
    of_user = frozenset(mine)
    for path in sorted(files):
        parts = path.split("/")
        folders = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        file = next((folder for folder in folders if folder in files), None)
        if file is None:
            continue
        own, new = (file, path) if file in of_user else (path, file)
        lost = own if side == "theirs" else new
        files.pop(lost, None)
        touched.pop(lost, None)
        touched[own] = MergedFile(path=own, outcome=_DECIDED[side], detail=f"the release has `{new}` instead")
