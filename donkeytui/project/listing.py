"""One more item in an array or object of a TypeScript file, in the style of what is there.

Commas, comments, line ends and indentation of the list stay as they are, and the new item looks
like its neighbour.
"""

import re

from registry_server.contract.typescript import Node, members

_BLANKS = re.compile(rb"[ \t]*")
_FIRST_INDENT = re.compile(rb"\n([ \t]+)[^\s*]")


def append_item(data: bytes, listing: Node, item: bytes, *, padding: bytes) -> bytes | None:
    """`data` with `item` as the last of `listing`; None for a list with holes.

    `padding` stands inside the brackets of an empty list on one line: `{ a }`, but `["a"]`.
    """
    items = members(listing)
    commas = [child for child in listing.children if child.type == ","]
    if not items:
        return None if commas else _fill(data, listing, item, padding=padding)
    if len(commas) not in (len(items) - 1, len(items)):
        return None
    last = items[-1]
    has_comma = len(commas) == len(items)
    comment = _comment_behind(data, listing, commas[-1].end_byte if has_comma else last.end_byte)
    anchor = comment.end_byte if comment else commas[-1].end_byte if has_comma else last.end_byte
    is_line_needed = _is_first_on_line(data, last) or _is_line_comment(data, comment)
    before = _newline(data, last.end_byte) + _indent(data, last.start_byte) if is_line_needed else b" "
    comma = b"," if has_comma else b""
    data = data[:anchor] + before + item + comma + data[anchor:]
    return data if has_comma else data[: last.end_byte] + b"," + data[last.end_byte :]


def _fill(data: bytes, listing: Node, item: bytes, *, padding: bytes) -> bytes:
    """An empty list gets its first item, behind the comments it may have."""
    start, end = listing.start_byte + 1, listing.end_byte - 1
    comments = [child for child in listing.children if child.is_extra]
    anchor = comments[-1].end_byte if comments else start
    if b"\n" in data[start:end]:
        indent = _indent(data, end) + _indent_unit(data)
        added = _newline(data, start) + indent + item + b","
    elif comments:
        added = b" " + item
    else:
        added = padding + item + (padding if start == end else b"")
    return data[:anchor] + added + data[anchor:]


def _comment_behind(data: bytes, listing: Node, end: int) -> Node | None:
    """The last comment that follows byte `end` on its line."""
    found = None
    for child in listing.children:
        if child.is_extra and child.start_byte >= end and b"\n" not in data[end : child.start_byte]:
            found = child
    return found


def _is_line_comment(data: bytes, comment: Node | None) -> bool:
    return comment is not None and data.startswith(b"//", comment.start_byte)


def _is_first_on_line(data: bytes, node: Node) -> bool:
    line = _line_start(data, node.start_byte)
    return line > 0 and not data[line : node.start_byte].strip()


def _line_start(data: bytes, at: int) -> int:
    return data.rfind(b"\n", 0, at) + 1


def _indent(data: bytes, at: int) -> bytes:
    """The blanks at the beginning of the line of byte `at`."""
    blanks = _BLANKS.match(data, _line_start(data, at))
    return b"" if blanks is None else blanks.group()


def _indent_unit(data: bytes) -> bytes:
    found = _FIRST_INDENT.search(data)
    if found is None:
        return b"  "
    return b"\t" if found[1].startswith(b"\t") else found[1][:8]


def _newline(data: bytes, at: int) -> bytes:
    """The line end that is in use around byte `at`."""
    feed = data.find(b"\n", at)
    if feed < 0:
        feed = data.find(b"\n")
    return b"\r\n" if feed > 0 and data[feed - 1 : feed] == b"\r" else b"\n"
