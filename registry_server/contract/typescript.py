"""TypeScript text as a syntax tree, at a bounded cost; the only importer of tree_sitter.

Sources are hostile. tree-sitter itself has no bound: its error recovery is quadratic (12 KB of
`+|` took 20 s), and `a<b,` repeated 5,000 times takes 700 MB, since each `<` may open type
arguments or compare. So a source is refused when it is too large, when brackets or `<` nest too
deeply (counted before parsing), or when the parser stops making headway.

Text of a node is cut out of `Source.data`: after a parse with a callback, which the bound needs,
`Node.text` calls back for each text (slow, and it crashed with a memoryview).
`root.has_error` is no syntax check: valid code such as ``sql<{ n: number }>`...` `` sets it.
"""

import re
from collections.abc import Iterator
from functools import cache, cached_property

import tree_sitter_typescript
from msgspec import Struct
from tree_sitter import Language, Node, Parser, Point

from registry_server.contract.problems import InvalidPackage

__all__ = [
    "NESTING_MAX",
    "SOURCE_MAX",
    "WRAPPERS",
    "Node",
    "Source",
    "Step",
    "line_of",
    "members",
    "parse",
    "parse_bytes",
    "parsed_source",
    "static_text",
    "unwrap",
    "walk",
]

SOURCE_MAX = 1024 * 1024
"""Bytes of one source; generated schemas of large databases stay below a quarter of it."""

NESTING_MAX = 500
"""Brackets open at once."""

ANGLES_MAX = 100
"""`<` open at once: the parser's time and memory grow with their square."""

_CHUNK = 64 * 1024
_WINDOW = 500
"""Progress calls (one per 100 parser steps) after which the parser must have come further ..."""
_HEADWAY = _WINDOW * 8
"""... by this many bytes. Real files give 55 bytes a call, the densest valid text 14."""
WRAPPERS = frozenset(
    (
        "as_expression",
        "non_null_expression",
        "parenthesized_expression",
        "satisfies_expression",
        "type_assertion",
    )
)
"""Nodes whose value is that of the expression inside."""


class Step(Struct, frozen=True):
    """A node and the way up to the root; unlike `Node.parent` a step up costs nothing."""

    node: Node
    above: "Step | None"
    type: str
    """The node's own, which makes a new text each time it is asked."""


class Source(Struct, frozen=True, kw_only=True, dict=True):
    """A parsed text. Offsets of nodes count bytes of `data`."""

    data: bytes
    root: Node

    @cached_property
    def steps(self) -> list[Step]:
        """Every named node in the order of the text. Laid out once: a file is searched for many things."""
        steps: list[Step] = []
        waiting = [Step(self.root, None, _type_of(self.root))]
        while waiting:
            step = waiting.pop()
            steps.append(step)
            if step.node.named_child_count:
                below = [Step(node, step, _type_of(node)) for node in step.node.named_children]
                below.reverse()
                waiting += below
        return steps

    def text(self, node: Node) -> str:
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")


def parse(text: str) -> Source:
    """Raises `InvalidPackage` when `text` is too large, too deeply nested or too tangled."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > SOURCE_MAX:
        raise _too_large(len(data))
    _check_nesting(text)
    headway = _Headway(len(data))
    parser = Parser(_language())
    try:
        tree = parser.parse(_Reader(data), progress_callback=headway.is_lost)
    except ValueError as error:
        raise _refusal(f"the parser is stuck near byte {headway.furthest}") from error
    return Source(data=data, root=tree.root_node)


_types: dict[int, str] = {}
"""Names of the kinds of nodes met so far; a grammar has a few hundred."""


def _type_of(node: Node) -> str:
    kind = node.kind_id
    name = _types.get(kind)
    if name is None:
        name = _types[kind] = node.type
    return name


def parse_bytes(data: bytes) -> Source:
    """As `parse`, of the bytes of a file; one that is too large is not even decoded."""
    if len(data) > SOURCE_MAX:
        raise _too_large(len(data))
    return parse(data.decode("utf-8", "replace"))


def parsed_source(source: str | Source) -> Source:
    """`source` itself when it was parsed before; a file is often read for several reasons."""
    return parse(source) if isinstance(source, str) else source


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def members(node: Node) -> list[Node]:
    """The named children without comments."""
    return [child for child in node.named_children if not child.is_extra]


def unwrap(node: Node) -> Node:
    """The expression inside parentheses, `as T`, `<T>`, `satisfies T` and `!`."""
    while node.type in WRAPPERS:
        inner = members(node)
        if not inner:
            break
        node = inner[-1] if node.type == "type_assertion" else inner[0]
    return node


def line_of(node: Node) -> int:
    return node.start_point.row + 1


def static_text(source: Source, node: Node) -> str | None:
    """What a string or a template without substitution says, escapes read; None for other nodes."""
    if node.type not in ("string", "template_string"):
        return None
    parts: list[str] = []
    for child in node.named_children:
        if child.type == "string_fragment":
            parts.append(source.text(child))
        elif child.type == "escape_sequence":
            parts.append(_unescape(source.text(child)))
        else:
            return None
    # Two `\uD83D\uDE00` are one character; a half alone could not be encoded later.
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def _language() -> Language:
    return Language(tree_sitter_typescript.language_typescript())


def _refusal(why: str) -> InvalidPackage:
    return InvalidPackage(
        "the TypeScript source cannot be read",
        detail=why,
        hint="split the file, and keep generated or minified code out of the plugin",
    )


def _too_large(size_bytes: int) -> InvalidPackage:
    return _refusal(f"it has {size_bytes} bytes, {SOURCE_MAX} are the limit")


class _Headway:
    """Watches how far the parser came; deterministic, unlike a clock."""

    def __init__(self, size_bytes: int) -> None:
        self.furthest = 0
        self._size_bytes = size_bytes
        self._calls = 0
        self._mark = 0

    def is_lost(self, offset: int, _has_error: bool, /) -> bool:
        self.furthest = max(self.furthest, offset)
        self._calls += 1
        if self._calls % _WINDOW:
            return False
        advanced, self._mark = self.furthest - self._mark, self.furthest
        # Having seen the end, the parser goes on to balance its tree.
        is_balancing = self.furthest >= self._size_bytes - 1 and self._calls < _WINDOW + self._size_bytes // 8
        return advanced < _HEADWAY and not is_balancing


class _Reader:
    """Hands the source out in pieces, and keeps the last one alive while the parser reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._piece = b""

    def __call__(self, offset: int, _point: Point, /) -> bytes:
        self._piece = self._data[offset : offset + _CHUNK]
        return self._piece


# A token that matters for nesting. Each literal runs to its end or, unfinished, as far as it could:
# no alternative looks ahead and then fails, so the whole is linear in the text. A group is repeated in
# an atomic group, not by `*+`: Python 3.11.0 to 3.11.4 lose what comes after one (CPython issue 106052).
_TOKEN = re.compile(
    r"""
      (?P<literal> //[^\n]*+ | "(?>(?:[^"\\\n]|\\[\s\S])*)"? | '(?>(?:[^'\\\n]|\\[\s\S])*)'? )
    | (?P<comment> /\*(?>(?:[^*]|\*(?!/))*) (?P<comment_end>\*/)? )
    | (?P<slash> / )
    | (?P<sign> => | <<=? | [<>]= | [`<>()\[\]{};] )
    | (?P<statement> \n[^\S\n]*+(?:break|case|const|export|for|if|let|return|switch|throw|try|var|while)\b )
    """,
    re.VERBOSE,
)
_REGEX = re.compile(r"/(?>(?:[^/\\\[\n]|\\[^\n]|\[(?>(?:[^\]\\\n]|\\[^\n])*)\]?)*)(?P<end>/)?")
_TEMPLATE_TEXT = re.compile(r"(?>(?:[^`\\$]|\\[\s\S]|\$(?!\{))*)(?P<end>`|\$\{)?")
_LAST_WORD = re.compile(r"(?<![\w$.])[a-z]+\Z")
_POSTFIX = re.compile(r"(?:\+\+|--|[\w$)\]]!)\Z")
_DIVISION_MAX = 200
_CONDITIONS = ("for", "if", "while")
_BEFORE_REGEX = frozenset(
    ("await", "case", "delete", "do", "else", "in", "new", "of", "return", "throw", "typeof", "void", "yield")
)


def _check_nesting(text: str) -> None:
    """Refuses `text` when too many brackets, or too many `<`, are open at once.

    Literals and comments are passed over, which a regular expression can confuse: whether `/`
    begins one is told from what stands before it. So brackets in a literal are bounded too, and a
    literal that never ends is refused: the parser would read code where this sees none.
    """
    nesting = _Nesting()
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        kind = token.lastgroup
        if kind == "comment":
            _check_literal(token.group(), is_finished=token["comment_end"] is not None)
        elif kind == "literal":
            _check_literal(token.group(), is_finished=True)
        elif kind == "slash":
            regex = _REGEX.match(text, token.start()) if nesting.is_regex_next(text, token.start()) else None
            # A short one without an end is a division after something unusual, `a /* b */ / c`.
            if regex is not None and (regex["end"] or len(regex.group()) > _DIVISION_MAX):
                at = _end_of_literal(regex)
        elif nesting.read(token.group(), text, token.start()):
            chunk = _TEMPLATE_TEXT.match(text, at)
            at = _end_of_literal(chunk)
            if chunk is not None and chunk["end"] == "${":
                nesting.read("${", text, at)


class _Nesting:
    """What is open at a place in the text, outermost first."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._angles = 0
        self._closed = ""

    def read(self, sign: str, text: str, at: int) -> bool:
        """Takes the token at this place; True when text of a template follows it."""
        self._closed = ""
        if sign == "`":
            return True
        if sign == "(":
            before = text[max(0, at - 20) : at].rstrip()
            word = _LAST_WORD.search(before) if before.endswith(_CONDITIONS) else None
            self._push("if(" if word is not None and word.group() in _CONDITIONS else sign)
        elif sign in ("[", "{", "${", "<"):
            self._push(sign)
        elif sign in (")", "]", "}"):
            self._close_angles()
            self._closed = self._open.pop() if self._open else ""
        elif sign == ">" and self._open and self._open[-1] == "<":
            self._open.pop()
            self._angles -= 1
        elif sign == ";" or sign.startswith("\n"):
            self._close_angles()
        return self._closed == "${" and sign == "}"

    def is_regex_next(self, text: str, slash: int) -> bool:
        before = text[max(0, slash - 100) : slash].rstrip()
        if before.endswith(")"):
            return self._closed == "if("
        if _POSTFIX.search(before):
            return False
        word = _LAST_WORD.search(before)
        if word is not None:
            return word.group() in _BEFORE_REGEX
        return not before or not (before[-1].isalnum() or before[-1] in "_$]}\"'`")

    def _push(self, sign: str) -> None:
        self._open.append(sign)
        self._angles += sign == "<"
        if self._angles > ANGLES_MAX:
            raise _refusal(f"more than {ANGLES_MAX} `<` are open at once")
        if len(self._open) - self._angles > NESTING_MAX:
            raise _refusal(f"more than {NESTING_MAX} brackets are open at once")

    def _close_angles(self) -> None:
        while self._open and self._open[-1] == "<":
            self._open.pop()
            self._angles -= 1


def _end_of_literal(literal: re.Match[str] | None) -> int:
    if literal is None:
        raise _refusal("a literal never ends")
    _check_literal(literal.group(), is_finished=literal["end"] is not None)
    return literal.end()


def _check_literal(text: str, *, is_finished: bool) -> None:
    if not is_finished:
        raise _refusal(f"a literal or comment never ends: `{text[:20]}`")
    for opener, closer in ("<>", "()", "[]", "{}") if len(text) > NESTING_MAX else ():
        if text.count(opener) - text.count(closer) > NESTING_MAX:
            raise _refusal(f"a literal or comment has over {NESTING_MAX} `{opener}` without their `{closer}`")


_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def _unescape(escape: str) -> str:
    """The character an escape sequence of a string stands for."""
    body = escape[1:]
    if body[:1] in ("u", "x"):
        digits = body[1:].strip("{}")
        code = int(digits, 16) if re.fullmatch("[0-9a-fA-F]{1,6}", digits) else 0x110000
        return chr(code) if code <= 0x10FFFF else "\ufffd"
    if body[:1] in ("\n", "\r", "\u2028", "\u2029"):
        return ""
    return _ESCAPED.get(body, body)
