"""package.json of the host project: text -> text edits that keep order, indentation and every other byte.

JSON is an expression of TypeScript, so the same parser that reads the configuration finds the places.
"""

import json
import re
from collections.abc import Collection, Mapping

from registry_server.contract.problems import InvalidManifest, InvalidPackage
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.typescript import Node, Source, members, parse

SECTIONS = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
_BEFORE = ("dependencies", "devDependencies", "peerDependencies", "scripts", "type", "private", "version", "name")
_PREFIX = "x="


def read_npm_dependencies(text: str) -> dict[str, str]:
    """All sections in one: package -> range. Raises `InvalidManifest` when the file is not what it should be."""
    document = _document(text)
    found: dict[str, str] = {}
    for section in reversed(SECTIONS):
        value = document.get(section, {})
        if not isinstance(value, dict):
            raise _invalid(f"has a `{section}` that is not an object")
        found.update({name: str(range_) for name, range_ in value.items()})
    return found


def add_npm_dependencies(text: str, wanted: Mapping[str, str]) -> str:
    """The text with what is missing of `wanted` in `dependencies`; in order when they are in order."""
    present = read_npm_dependencies(text)
    for name, range_ in sorted(wanted.items()):
        if name not in present:
            text = _add_one(text, name, range_)
    return text


def remove_npm_dependencies(text: str, names: Collection[str]) -> str:
    """The text without `names` in `dependencies`."""
    _document(text)
    for name in names:
        text = _remove_one(text, name)
    return text


def _document(text: str) -> dict[str, object]:
    try:
        document = load_strict(text.removeprefix("\ufeff"), 4 << 20)
    except StrictJsonError as error:
        raise _invalid(str(error)) from error
    if not isinstance(document, dict):
        raise _invalid("is not an object")
    return document


def _invalid(detail: str) -> InvalidManifest:
    return InvalidManifest(f"the project's package.json {detail}", hint="mend it, and try again")


def _parse(text: str) -> tuple[Source, Node]:
    """The tree of the text behind `_PREFIX`, and its outermost object."""
    try:
        source = parse(_PREFIX + text.removeprefix("\ufeff"))
    except InvalidPackage as error:
        raise _invalid(f"cannot be edited: {error.problem.detail}") from error
    assignment = members(members(source.root)[0])[0]
    value = assignment.child_by_field_name("right")
    if value is None or value.type != "object":
        raise _invalid("cannot be edited: its shape is not understood")
    return source, value


def _pairs(source: Source, node: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for pair in members(node):
        key = pair.child_by_field_name("key")
        if key is not None:
            found[json.loads(source.text(key))] = pair
    return found


def _add_one(text: str, name: str, range_: str) -> str:
    source, root = _parse(text)
    pairs = _pairs(source, root)
    item = f"{json.dumps(name)}: {json.dumps(range_)}"
    if "dependencies" not in pairs:
        after = next((pairs[key] for key in _BEFORE if key in pairs), None)
        return _insert(text, source, root, _new_section(text, item), after or _last(pairs))
    section = pairs["dependencies"].child_by_field_name("value")
    assert section is not None
    present = _pairs(source, section)
    names = list(present)
    if names == sorted(names):
        smaller = [present[other] for other in names if other < name]
        return _insert(text, source, section, item, smaller[-1] if smaller else None)
    return _insert(text, source, section, item, _last(present))


def _last(pairs: Mapping[str, Node]) -> Node | None:
    return list(pairs.values())[-1] if pairs else None


def _new_section(text: str, item: str) -> str:
    newline, unit = _newline(text), _indent_unit(text)
    if newline not in text.strip():
        return f'"dependencies": {{ {item} }}'
    return f'"dependencies": {{{newline}{unit * 2}{item}{newline}{unit}}}'


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent_unit(text: str) -> str:
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else "  "


def _insert(text: str, source: Source, holder: Node, item: str, after: Node | None) -> str:
    """`item` behind the pair `after`, or as the first."""
    data = source.data
    pairs = members(holder)
    if not pairs:
        return _fill_empty(text, source, holder, item)
    neighbour = after or pairs[0]
    lead = _lead(data, neighbour)
    if after is None:
        at, addition = neighbour.start_byte, item.encode() + b"," + lead
    else:
        at, addition = after.end_byte, b"," + lead + item.encode()
    return _rebuilt(text, data[:at] + addition + data[at:])


def _lead(data: bytes, pair: Node) -> bytes:
    """What stands between the sign before a pair and the pair: a newline and its indent, or a space."""
    start = pair.start_byte
    while data[start - 1 : start].isspace():
        start -= 1
    lead = data[start : pair.start_byte]
    place = lead.rfind(b"\n")
    if place < 0:
        return b" "
    is_crlf = lead[place - 1 : place] == b"\r"
    return (b"\r\n" if is_crlf else b"\n") + lead[place + 1 :]


def _fill_empty(text: str, source: Source, holder: Node, item: str) -> str:
    data, newline, unit = source.data, _newline(text), _indent_unit(text)
    if newline in text.strip():
        line_start = data.rfind(b"\n", 0, holder.start_byte) + 1
        outer = re.match(rb"[ \t]*", data[line_start:])
        base = outer[0].decode() if outer else ""
        inner = f"{newline}{base}{unit}{item}{newline}{base}"
    else:
        inner = f" {item} "
    changed = data[: holder.start_byte + 1] + inner.encode() + data[holder.end_byte - 1 :]
    return _rebuilt(text, changed)


def _remove_one(text: str, name: str) -> str:
    source, root = _parse(text)
    section = _pairs(source, root).get("dependencies")
    value = section.child_by_field_name("value") if section is not None else None
    if value is None:
        return text
    present = _pairs(source, value)
    pair = present.get(name)
    if pair is None:
        return text
    data, pairs = source.data, members(value)
    place = next(i for i, other in enumerate(pairs) if other.start_byte == pair.start_byte)
    if len(pairs) == 1:
        start, end = value.start_byte + 1, value.end_byte - 1
    elif place == 0:
        start, end = pair.start_byte, pairs[1].start_byte
    else:
        start, end = pairs[place - 1].end_byte, pair.end_byte
    return _rebuilt(text, data[:start] + data[end:])


def _rebuilt(text: str, data: bytes) -> str:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + data[len(_PREFIX) :].decode("utf-8", "surrogatepass")
