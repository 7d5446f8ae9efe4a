"""package.json: one value changed in its text, every other byte as it was.

JSON is an expression of TypeScript, so the contract's parser gives each value its place. What is
added looks like its neighbours: their line ends, indentation and space behind the colon.
"""

import json
from collections.abc import Mapping

from registry_server.contract.problems import InvalidManifest, InvalidPackage
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.typescript import Node, Source, members, parse, static_text

Value = str | Mapping[str, "Value"]

_ORDER = ("name", "version", "description", "license", "author")
"""Where a new member of the outermost object goes: behind the last of those before it here."""


def set_value(text: str, keys: tuple[str, ...], value: Value) -> str:
    """`text` with `value` at the place `keys` name, which is made when it is not there.

    Raises `InvalidManifest` when `text` is not one JSON object, or something on the way is no object.
    """
    source = _parsed(text)
    node = _root(source)
    for depth, key in enumerate(keys):
        if node.type != "object":
            raise _refusal(f"`{'.'.join(keys[:depth])}` is not an object")
        pair = _find(source, node, key)
        if pair is None:
            return _Insertion(source, node).text(key, _nested(keys[depth + 1 :], value))
        node = pair.children_by_field_name("value")[0]
    return _spliced(source, node.start_byte, node.end_byte, json.dumps(value, ensure_ascii=False))


def remove_value(text: str, keys: tuple[str, ...]) -> str:
    """`text` without the member `keys` name. Raises `InvalidManifest`, as setting does."""
    source = _parsed(text)
    node = _root(source)
    pair = None
    for key in keys:
        pair = _find(source, node, key) if node.type == "object" else None
        if pair is None:
            return text
        owner, node = node, pair.children_by_field_name("value")[0]
    if pair is None:
        return text
    pairs = members(owner)
    at = next(index for index, other in enumerate(pairs) if other.start_byte == pair.start_byte)
    if len(pairs) == 1:
        return _spliced(source, owner.start_byte, owner.end_byte, "{}")
    if at + 1 < len(pairs):
        return _spliced(source, pair.start_byte, pairs[at + 1].start_byte, "")
    return _spliced(source, pairs[at - 1].end_byte, pair.end_byte, "")


class _Insertion:
    """A new member of an object, in the style of those that are there."""

    def __init__(self, source: Source, owner: Node) -> None:
        self._source = source
        self._owner = owner
        self._pairs = members(owner)
        data = source.data
        self._newline = "\r\n" if b"\r\n" in data else "\n"
        self._is_tall = b"\n" in data[owner.start_byte : owner.end_byte] or not self._pairs
        self._unit = _unit(source)

    def text(self, key: str, value: Value) -> str:
        lead = self._lead()
        member = f"{json.dumps(key, ensure_ascii=False)}{self._colon()}{self._rendered(value, lead)}"
        if not self._pairs:
            end = self._newline + _indent(self._source.data, self._owner.start_byte)
            whole = f"{{{lead}{member}{end}}}"
            return _spliced(self._source, self._owner.start_byte, self._owner.end_byte, whole)
        at = self._place(key)
        if at == len(self._pairs):
            end_byte = self._pairs[-1].end_byte
            return _spliced(self._source, end_byte, end_byte, f",{lead}{member}")
        start = self._pairs[at].start_byte
        return _spliced(self._source, start, start, f"{member},{lead}")

    def _place(self, key: str) -> int:
        """Index of the member it comes in front of."""
        keys = [_key(self._source, pair) for pair in self._pairs]
        if self._owner == _root(self._source):
            before = _ORDER[: _ORDER.index(key)] if key in _ORDER else keys
            return max((keys.index(other) + 1 for other in before if other in keys), default=0)
        if keys == sorted(keys):
            return next((index for index, other in enumerate(keys) if other > key), len(keys))
        return len(keys)

    def _lead(self) -> str:
        """What stands between a member and the comma or brace in front of it."""
        data = self._source.data
        if not self._pairs:
            return self._newline + _indent(data, self._owner.start_byte) + self._unit
        if len(self._pairs) > 1:
            comma = data.index(b",", self._pairs[0].end_byte)
            return data[comma + 1 : self._pairs[1].start_byte].decode()
        lead = data[self._owner.start_byte + 1 : self._pairs[0].start_byte].decode()
        return lead if "\n" in lead else " "

    def _colon(self) -> str:
        if not self._pairs:
            return ": "
        key = self._pairs[0].children_by_field_name("key")[0]
        value = self._pairs[0].children_by_field_name("value")[0]
        return self._source.data[key.end_byte : value.start_byte].decode()

    def _rendered(self, value: Value, lead: str) -> str:
        if isinstance(value, str) or not self._is_tall:
            return json.dumps(value, ensure_ascii=False)
        indent = lead.rpartition("\n")[2]
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit or "  ").split("\n")
        return f"{self._newline}{indent}".join(lines)


def _parsed(text: str) -> Source:
    """The text in parentheses: a brace at the beginning of a statement would be a block."""
    try:
        document = load_strict(text.removeprefix("\ufeff"))
        if isinstance(document, dict):
            return parse(
                f"({text.removeprefix(_BOM)})" if not text.startswith(_BOM) else f"{_BOM}({text[1:]})"
            )
    except StrictJsonError as error:
        raise _refusal(f"it {error}") from error
    except InvalidPackage as error:
        raise _refusal(error.problem.detail) from error
    raise _refusal("it is not a JSON object")


_BOM = "\ufeff"


def _root(source: Source) -> Node:
    statement = members(source.root)[0]
    return members(members(statement)[0])[0]


def _find(source: Source, owner: Node, key: str) -> Node | None:
    return next((pair for pair in members(owner) if _key(source, pair) == key), None)


def _key(source: Source, pair: Node) -> str:
    return static_text(source, pair.children_by_field_name("key")[0]) or ""


def _spliced(source: Source, start: int, end: int, text: str) -> str:
    data = source.data[:start] + text.encode("utf-8", "surrogatepass") + source.data[end:]
    whole = data.decode("utf-8", "surrogatepass")
    bom = _BOM if whole.startswith(_BOM) else ""
    return bom + whole[len(bom) + 1 : -1]


def _nested(keys: tuple[str, ...], value: Value) -> Value:
    for key in reversed(keys):
        value = {key: value}
    return value


def _indent(data: bytes, at: int) -> str:
    """The blanks at the beginning of the line of byte `at`."""
    line = data[data.rfind(b"\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(b" \t"))].decode()


def _unit(source: Source) -> str:
    """One level of indentation, as the first member of the file shows it."""
    pairs = members(_root(source))
    return (_indent(source.data, pairs[0].start_byte) if pairs else "") or "  "


def _refusal(why: str) -> InvalidManifest:
    return InvalidManifest(
        "`package.json` of the plugin cannot be edited", detail=why, hint="mend the file, then try again"
    )
