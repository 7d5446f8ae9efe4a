"""package.json: text -> text edits that keep order and indentation.

Only npm packages are kept here; plugins never are. Every byte outside of the edited entries stays:
byte order mark, line ends, final newline. What is added and then removed leaves the text as it was,
as long as `dependencies` had an entry before.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from registry_server.contract.problems import InvalidManifest
from registry_server.contract.strict_json import StrictJsonError, load_strict

SIZE_MAX = 4 << 20
"""Bytes of a package.json that is read."""

_FIELD = "dependencies"
_OTHER_FIELDS = ("optionalDependencies", "devDependencies", "peerDependencies")
_FIELDS = (_FIELD, *_OTHER_FIELDS)
_COMES_AFTER = (
    "scripts",
    "bin",
    "exports",
    "main",
    "type",
    "private",
    "license",
    "description",
    "version",
    "name",
)
"""Where a new `dependencies` goes: behind the first of these that is there."""

_LAST_LINE = re.compile(r"[\s\S]*?(\r?\n[^\n]*)\Z")
_TOKEN = re.compile(r'"(?>(?:[^"\\]|\\.)*)"|[{}\[\],:]|[^\s{}\[\],:"]+')


class _Member(Struct, frozen=True, kw_only=True):
    """One `"key": value` of an object, by its place in the text."""

    key: str
    lead: str
    """Line break and indentation before its key, or the blanks when it has no line of its own."""
    start: int
    key_end: int
    value_start: int
    end: int


class _Object(Struct, frozen=True, kw_only=True):
    start: int
    """Of the opening brace."""
    end: int
    """Behind the closing brace."""
    members: tuple[_Member, ...]

    def find(self, key: str) -> _Member | None:
        return next((member for member in self.members if member.key == key), None)


class _Edit(Struct, frozen=True, kw_only=True):
    start: int
    end: int
    text: str


def read_npm_dependencies(text: str) -> dict[str, str]:
    """All npm packages named in `text`, with their ranges; the run-time range where there are several.

    Raises `InvalidManifest` when the text is not one JSON object, has a key twice, or a field of
    dependencies is not an object of texts.
    """
    document = _load(text)
    found: dict[str, str] = {}
    for field in _FIELDS:
        entries = document.get(field, {})
        if not isinstance(entries, dict):
            raise _refusal(f"`{field}` is not an object")
        for name, wanted in entries.items():
            if not isinstance(wanted, str):
                raise _refusal(f"`{name[:80]}` in `{field}` is not a text")
            found.setdefault(name, wanted)
    return found


def add_npm_dependencies(text: str, wanted: Mapping[str, str]) -> str:
    """`text` with what is missing of `wanted` (name -> range) in `dependencies`.

    In alphabetical order where there is one, else at the end. A package that any field names
    already keeps its range: the project knows better than a plugin.

    Raises `InvalidManifest`, as reading does.
    """
    present = read_npm_dependencies(text)
    entries = {name: wanted[name] for name in sorted(wanted) if name not in present}
    if not entries:
        return text
    root = _scan(text, text.index("{"))
    field = root.find(_FIELD)
    if field is None:
        return _apply(text, [_new_field(text, root, entries)])
    target = _scan(text, field.value_start)
    if not target.members:
        filled = _filled(entries, lead=field.lead, unit=_unit(root))
        return _apply(text, [_Edit(start=target.start, end=target.end, text=filled)])
    return _apply(text, _insertions(text, target, entries))


def set_npm_dependencies(text: str, wanted: Mapping[str, str]) -> str:
    """`text` with exactly the ranges of `wanted` (name -> range).

    A range changes in the field that names the package, the first of several as `read_npm_dependencies`
    has it; what is missing is added.

    Raises `InvalidManifest`, as reading does.
    """
    present = read_npm_dependencies(text)
    root = _scan(text, text.index("{"))
    targets = [_scan(text, field.value_start) for name in _FIELDS if (field := root.find(name))]
    edits: list[_Edit] = []
    for name, range_ in wanted.items():
        entry = next((entry for target in targets if (entry := target.find(name))), None)
        if entry is not None and present[name] != range_:
            edits.append(_Edit(start=entry.value_start, end=entry.end, text=json.dumps(range_)))
    return add_npm_dependencies(_apply(text, edits), wanted)


def remove_npm_dependencies(text: str, names: Collection[str]) -> str:
    """`text` without `names` in `dependencies`; the other fields are the user's own.

    Raises `InvalidManifest`, as reading does.
    """
    read_npm_dependencies(text)
    field = _scan(text, text.index("{")).find(_FIELD)
    if field is None:
        return text
    return _apply(text, _removals(_scan(text, field.value_start), frozenset(names)))


def _load(text: str) -> dict[str, object]:
    try:
        document = load_strict(text.removeprefix("\ufeff"), SIZE_MAX)
    except StrictJsonError as error:
        raise _refusal(f"it {error}") from error
    if not isinstance(document, dict):
        raise _refusal("it is not a JSON object")
    return document


def _refusal(why: str) -> InvalidManifest:
    return InvalidManifest(
        "`package.json` of the project cannot be read", detail=why, hint="mend the file, then try again"
    )


def _scan(text: str, start: int) -> _Object:
    """The object whose brace is at `start`, in a text that is known to be JSON."""
    members: list[_Member] = []
    opened: list[re.Match[str]] = []
    """Tokens of the member that is being read: key, colon, first of the value."""
    depth = 0
    end = before = start
    for token in _TOKEN.finditer(text, start):
        sign = token.group()
        if depth == 1 and sign not in (",", "}") and len(opened) < 3:
            opened.append(token)
        depth += (sign in ("{", "[")) - (sign in ("}", "]"))
        if depth == 0 or (depth == 1 and sign == ","):
            if opened:
                members.append(_member(text, opened, before=before, end=end))
            opened, before = [], token.end()
        elif depth == 1 and sign == "{" and token.start() == start:
            before = token.end()
        end = token.end()
        if depth == 0:
            break
    return _Object(start=start, end=end, members=tuple(members))


def _member(text: str, opened: Sequence[re.Match[str]], *, before: int, end: int) -> _Member:
    key, _, value = opened
    return _Member(
        key=json.loads(key.group()),
        lead=_LAST_LINE.sub(r"\1", text[before : key.start()]),
        start=key.start(),
        key_end=key.end(),
        value_start=value.start(),
        end=end,
    )


def _insertions(text: str, target: _Object, entries: Mapping[str, str]) -> list[_Edit]:
    first, last = target.members[0], target.members[-1]
    colon = text[first.key_end : first.value_start]
    order = _order(target)
    edits: list[_Edit] = []
    for name in sorted(entries, key=order):
        entry = f"{json.dumps(name)}{colon}{json.dumps(entries[name])}"
        behind = None
        if order is not None:
            behind = next((member for member in target.members if order(member.key) > order(name)), None)
        if behind is None:
            edits.append(_Edit(start=last.end, end=last.end, text=f",{last.lead}{entry}"))
        else:
            edits.append(_Edit(start=behind.start, end=behind.start, text=f"{entry},{behind.lead}"))
    return edits


def _order(target: _Object) -> Callable[[str], str] | None:
    """What the entries are sorted by: npm goes by the alphabet, hand-made lists often without case."""
    keys = [member.key for member in target.members]
    for order in (str, str.casefold):
        if keys == sorted(keys, key=order):
            return order
    return None


def _removals(target: _Object, names: frozenset[str]) -> list[_Edit]:
    kept = [member for member in target.members if member.key not in names]
    if not kept and target.members:
        return [_Edit(start=target.start, end=target.end, text="{}")]
    edits: list[_Edit] = []
    members = target.members
    for at, member in enumerate(members):
        if member.key not in names:
            continue
        # The same way it came in: in front of its neighbour, or behind the last that stays.
        if any(later.key not in names for later in members[at + 1 :]):
            edits.append(_Edit(start=member.start, end=members[at + 1].start, text=""))
        else:
            edits.append(_Edit(start=kept[-1].end, end=members[-1].end, text=""))
            break
    return edits


def _new_field(text: str, root: _Object, entries: Mapping[str, str]) -> _Edit:
    unit = _unit(root)
    if not root.members:
        lead = f"\n{unit}"
        close = text[root.start + 1 : root.end - 1] or "\n"
        field = f"{json.dumps(_FIELD)}: {_filled(entries, lead=lead, unit=unit)}"
        return _Edit(start=root.start + 1, end=root.end - 1, text=f"{lead}{field}{close}")
    before = next((member for member in root.members if member.key in _OTHER_FIELDS), None)
    after = next((member for key in _COMES_AFTER if (member := root.find(key))), root.members[-1])
    lead = (before or after).lead
    colon = text[(before or after).key_end : (before or after).value_start]
    field = f"{json.dumps(_FIELD)}{colon}{_filled(entries, lead=lead, unit=unit)}"
    if before is not None:
        return _Edit(start=before.start, end=before.start, text=f"{field},{lead}")
    return _Edit(start=after.end, end=after.end, text=f",{lead}{field}")


def _filled(entries: Mapping[str, str], *, lead: str, unit: str) -> str:
    """An object of `entries` as the value of a member that stands behind `lead`."""
    if "\n" not in lead:
        return "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in entries) + "}"
    lines = (f"{lead}{unit}{json.dumps(name)}: {json.dumps(entries[name])}" for name in entries)
    return "{" + ",".join(lines) + lead + "}"


def _unit(root: _Object) -> str:
    """One level of indentation, as the first member shows it."""
    lead = root.members[0].lead if root.members else ""
    return lead.rpartition("\n")[2] if "\n" in lead else "  "


def _apply(text: str, edits: Sequence[_Edit]) -> str:
    """`edits` in the order of the text; several at one place keep theirs."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])
