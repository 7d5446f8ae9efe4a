"""Registrations of plugins in the server entry: text -> text that keeps every other byte.

New lines look like their neighbours: quotes, semicolons, line ends, indentation, and the extension
of import paths. What was written is read again and compared with what was there before it is given
out. A shape that is not understood is left alone, with the reason.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count, pairwise

from msgspec import Struct

from donkeytui.project.server_entry import (
    ALL_OF_IT,
    Imported,
    NotUnderstoodError,
    Origin,
    Registered,
    Registration,
    ServerEntry,
    code_end,
    read_entry,
    statement_end,
)
from registry_server.contract.typescript import Node, members

_IMPORT = re.compile(
    r"import (?:\{ (?P<named>[\w$]+) \}|(?P<default>[\w$]+)) from "
    r'"(?P<module>\.[^"\\\x00-\x1f\u2028\u2029]*)";'
)
_REGISTER = re.compile(r"server\.registerPlugin\((?P<local>[\w$]+)(?P<rest>[^\x00-\x1f\u2028\u2029]*)\);")
_INDEX = re.compile(r"/index(?:\.[cm]?[jt]s)?\Z")
_COMMENT = rb"/\*(?>(?:[^*\r\n]|\*(?!/))*)\*/"
_REST_OF_LINE = re.compile(rb"[ \t]*+(?>(?:" + _COMMENT + rb"[ \t]*+)*)(?>(?://[^\r\n]*+)?)(?=\r?\n|\Z)")
_BEGINNING_OF_LINE = re.compile(rb"[ \t]*+(?>(?:" + _COMMENT + rb"[ \t]*+)*)")
_BLANKS = re.compile(rb"[ \t]*")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_SEPARATORS = (b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""They end a `//` comment too, but are no line ends to us."""


class EntryEdit(Struct, frozen=True, kw_only=True):
    """What became of a server entry."""

    text: str | None
    """None when its shape is not understood: nothing may be written."""
    added: tuple[str, ...] = ()
    """Plugins something was added for (removed, by `remove_registrations`), as they were given."""
    present: tuple[str, ...] = ()
    """Plugins that were imported and registered before."""
    reason: str = ""
    """Why it is not understood, as a clause for a person."""


class _Plugin(Struct, frozen=True, kw_only=True):
    """A registration, taken apart."""

    name: str
    origin: Origin
    """Its module as it is written in the import."""
    local: str
    """The name it would like to have in the entry."""
    rest: str
    """What follows that name in the call, such as `({ /* config */ })`."""


class _Lines(Struct, frozen=True, kw_only=True):
    """What an entry lacks for one plugin, without semicolons; empty for what it has."""

    imported: str = ""
    registered: str = ""


class _Edit(Struct, frozen=True, kw_only=True):
    start: int
    end: int
    new: bytes = b""


def add_registrations(text: str, registrations: Sequence[Registration]) -> EntryEdit:
    """`text` with what it lacks of the import and the call of each of `registrations`, in their order.

    Imports follow the last one; calls follow the last call before the server starts, or the
    statement that makes the server.
    """
    try:
        return _add(text, [_plugin(wanted) for wanted in registrations])
    except NotUnderstoodError as error:
        return EntryEdit(text=None, reason=str(error))


def remove_registrations(text: str, registrations: Sequence[Registration]) -> EntryEdit:
    """`text` without the imports and the calls of `registrations`, the inverse of adding them.

    A plugin that is used in any other way makes the entry one that is not understood.
    """
    try:
        return _remove(text, [_plugin(unwanted) for unwanted in registrations])
    except NotUnderstoodError as error:
        return EntryEdit(text=None, reason=str(error))


def _plugin(wanted: Registration) -> _Plugin:
    imported = _IMPORT.fullmatch(wanted.import_line)
    registered = _REGISTER.fullmatch(wanted.register_line)
    if (
        imported is None
        or registered is None
        or registered["local"] not in imported.group("named", "default")
    ):
        raise NotUnderstoodError(f"the lines for `{wanted.name}` are unusual")
    return _Plugin(
        name=wanted.name,
        origin=Origin(imported["module"], imported["named"] or "default"),
        local=registered["local"],
        rest=registered["rest"],
    )


def _add(text: str, plugins: Sequence[_Plugin]) -> EntryEdit:
    entry = read_entry(text)
    taken = set(entry.occurrences)
    missing: dict[str, _Lines] = {}
    for plugin in plugins:
        if plugin.name not in missing:
            missing[plugin.name] = _missing(entry, plugin, taken)
    imports = [lines.imported for lines in missing.values() if lines.imported]
    calls = [lines.registered for lines in missing.values() if lines.registered]
    edits = []
    if imports:
        edits.append(_with_imports(entry, imports))
    if calls:
        edits.append(_behind(entry.source.data, _last_call(entry), calls))
    edited = _applied(entry.source.data, edits)
    added = tuple(name for name, lines in missing.items() if lines != _Lines())
    if edits:
        result = read_entry(edited)
        _check_difference(result, entry, imports=len(imports), calls=calls)
        _check_no_error(entry, result)
        if not all(_calls_of(result, plugin) for plugin in plugins):
            raise NotUnderstoodError("an edit would not register what it adds")
    return EntryEdit(text=edited, added=added, present=tuple(name for name in missing if name not in added))


def _missing(entry: ServerEntry, plugin: _Plugin, taken: set[str]) -> _Lines:
    """Adds to `taken` the name it gives the plugin."""
    if _calls_of(entry, plugin):
        return _Lines()
    place = statement_end(entry.source.data, _last_call(entry))
    known = _known_as(entry, plugin, place)
    if known is not None:
        return _Lines(registered=f"{entry.server}.registerPlugin({known}{plugin.rest})")
    _check_similar(entry, plugin)
    is_registered = _is_only_import_missing(entry, plugin)
    names = (plugin.local if n == 1 else f"{plugin.local}{n}" for n in count(1))
    local = plugin.local if is_registered else next(name for name in names if name not in taken)
    taken.add(local)
    call = "" if is_registered else f"{entry.server}.registerPlugin({local}{plugin.rest})"
    return _Lines(imported=_import_code(entry, plugin, local), registered=call)


def _calls_of(entry: ServerEntry, plugin: _Plugin) -> list[Registered]:
    return [call for call in entry.registered if call.origin is not None and _is_same(call.origin, plugin)]


def _is_same(origin: Origin, plugin: _Plugin) -> bool:
    return origin.name == plugin.origin.name and _folder(origin.module) == _folder(plugin.origin.module)


def _folder(module: str) -> str:
    """The folder a relative path names, however it is written; other modules as they are."""
    if not module.startswith("."):
        return module
    return "./" + posixpath.normpath(_INDEX.sub("", module.rstrip("/")))


def _imports_of(entry: ServerEntry, plugin: _Plugin) -> list[Imported]:
    """Those of the plugin itself and of all of its module, without types."""
    whole = Origin(plugin.origin.module, ALL_OF_IT)
    return [
        found
        for found in entry.imports
        if not found.is_type
        and (
            _is_same(found.origin, plugin)
            or (found.origin.name == ALL_OF_IT and _folder(found.origin.module) == _folder(whole.module))
        )
    ]


def _known_as(entry: ServerEntry, plugin: _Plugin, place: int) -> str | None:
    """What the plugin, imported but not registered, is called at byte `place`."""
    for found in _imports_of(entry, plugin):
        binding = entry.binding(found.local, place)
        if binding is None or binding.imported != found.origin.name:
            continue
        if found.origin.name == ALL_OF_IT:
            return f"{found.local}.{plugin.origin.name}"
        if _uses(entry, found, ()):
            raise NotUnderstoodError(f"it uses `{found.local}` in another way than by registering it")
        return found.local
    for local, origin in entry.required.items():
        if _is_same(origin, plugin) and len(entry.occurrences[local]) == 1:
            return local
    return None


def _uses(entry: ServerEntry, found: Imported, ranges: Iterable[Node]) -> list[Node]:
    """Where an imported name is used outside of its import and of `ranges`."""
    excluded = [found.statement, *ranges]
    return [
        node
        for node in entry.occurrences[found.local]
        if not any(outer.start_byte <= node.start_byte < outer.end_byte for outer in excluded)
        and (binding := entry.binding(found.local, node.start_byte)) is not None
        and binding.imported
    ]


def _check_similar(entry: ServerEntry, plugin: _Plugin) -> None:
    """A path alias or a file that gathers plugins may well lead to the same plugin."""
    origins = [found.origin for found in entry.imports if not found.is_type]
    origins += [call.origin for call in entry.registered if call.origin is not None]
    wanted = _folder(plugin.origin.module)
    for origin in origins:
        folder = _folder(origin.module)
        is_near = not folder.startswith(".") or _is_below(folder, wanted) or _is_below(wanted, folder)
        if origin.name == plugin.origin.name != "default" and is_near:
            text = f"it takes `{origin.name}` from `{origin.module}`, which may be the same plugin"
            raise NotUnderstoodError(text)


def _is_below(inner: str, outer: str) -> bool:
    return inner.startswith(f"{outer}/")


def _is_only_import_missing(entry: ServerEntry, plugin: _Plugin) -> bool:
    """Whether the only uses of the name are registrations, and nothing declares it."""
    called = [call.plugin for call in entry.registered if entry.source.text(call.plugin) == plugin.local]
    return (
        bool(called)
        and entry.occurrences[plugin.local] == called
        and all(entry.binding(plugin.local, node.start_byte) is None for node in called)
    )


def _import_code(entry: ServerEntry, plugin: _Plugin, local: str) -> str:
    module = plugin.origin.module + _extension(entry)
    quote = '"' if "'" in module else _quote(entry)
    if plugin.origin.name == "default":
        clause = local
    else:
        clause = (
            f"{{ {plugin.origin.name} }}"
            if local == plugin.origin.name
            else f"{{ {plugin.origin.name} as {local} }}"
        )
    return f"import {clause} from {quote}{module}{quote}"


def _extension(entry: ServerEntry) -> str:
    """What every relative import of the file ends with."""
    relative = [found.origin.module for found in entry.imports if found.origin.module.startswith(".")]
    for extension in (".js", ".ts"):
        if relative and all(module.endswith(extension) for module in relative):
            return f"/index{extension}"
    return ""


def _quote(entry: ServerEntry) -> str:
    """The quote sign of the last import; `"` when there is none."""
    last = entry.imports[-1].statement.child_by_field_name("source") if entry.imports else None
    return '"' if last is None else entry.source.text(last)[0]


def _last_call(entry: ServerEntry) -> Node:
    """The statement that new registrations follow."""
    calls = [call.statement for call in entry.registered if call.statement.end_byte <= entry.start]
    last = max(calls, key=lambda statement: statement.start_byte, default=entry.made)
    if last.has_error:
        raise NotUnderstoodError("it has a syntax error in the statement before the place for a registration")
    return last if last.start_byte > entry.made.start_byte else entry.made


def _with_imports(entry: ServerEntry, lines: Sequence[str]) -> _Edit:
    data = entry.source.data
    if entry.imports:
        last = entry.imports[-1].statement
        if last.has_error:
            raise NotUnderstoodError("it has a syntax error in its last import")
        return _behind(data, last, lines)
    end = b";" if _ends_with_semicolon(data, entry.made) else b""
    at = _end_of_head(entry)
    written = [line.encode("utf-8", "surrogatepass") + end for line in lines]
    if at is not None:
        newline = _newline(data, at)
        return _Edit(start=at, end=at, new=b"".join(newline + line for line in written))
    start = _start_of(data)
    newline = _newline(data, start)
    return _Edit(start=start, end=start, new=b"".join(line + newline for line in written))


def _end_of_head(entry: ServerEntry) -> int | None:
    """The end of the line of the last hashbang, directive or comment that stands before all code."""
    found = None
    for node in entry.source.root.named_children:
        is_directive = node.type == "expression_statement" and [part.type for part in members(node)] == [
            "string"
        ]
        if not (is_directive or node.is_extra or node.type == "hash_bang_line"):
            break
        rest = _rest_of_line(entry.source.data, statement_end(entry.source.data, node))
        found = found if rest is None else rest
    return found


def _behind(data: bytes, anchor: Node, lines: Sequence[str]) -> _Edit:
    """`lines` below the statement `anchor`, or behind it when something else follows on its line."""
    at = statement_end(data, anchor)
    has_semicolon = _ends_with_semicolon(data, anchor)
    written = [line.encode("utf-8", "surrogatepass") + (b";" if has_semicolon else b"") for line in lines]
    rest = _rest_of_line(data, at)
    if rest is not None:
        before = _newline(data, rest) + _indent(data, anchor.start_byte)
        return _Edit(start=rest, end=rest, new=b"".join(before + line for line in written))
    if not has_semicolon:
        raise NotUnderstoodError("statements share a line without a semicolon between them")
    return _Edit(start=at, end=at, new=b"".join(b" " + line for line in written))


def _ends_with_semicolon(data: bytes, statement: Node) -> bool:
    return statement_end(data, statement) > code_end(statement)


def _start_of(data: bytes) -> int:
    return len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0


def _line_start(data: bytes, at: int) -> int:
    return max(data.rfind(b"\n", 0, at) + 1, _start_of(data))


def _rest_of_line(data: bytes, at: int) -> int | None:
    """The end of the line of byte `at`, when only blanks and comments follow there."""
    rest = _REST_OF_LINE.match(data, at)
    if rest is None or any(separator in rest.group() for separator in _LINE_SEPARATORS):
        return None
    return rest.end()


def _indent(data: bytes, at: int) -> bytes:
    blanks = _BLANKS.match(data, _line_start(data, at))
    return b"" if blanks is None else blanks.group()


def _newline(data: bytes, at: int) -> bytes:
    """The line end after byte `at`, else the one before."""
    feed = data.find(b"\n", at)
    if feed < 0:
        feed = data.rfind(b"\n", 0, at)
    return b"\r\n" if feed > 0 and data[feed - 1 : feed] == b"\r" else b"\n"


def _applied(data: bytes, edits: Iterable[_Edit]) -> str:
    ordered = sorted(edits, key=lambda edit: edit.start)
    if any(first.end > second.start for first, second in pairwise(ordered)):
        raise NotUnderstoodError("what is to be removed overlaps")
    for edit in reversed(ordered):
        data = data[: edit.start] + edit.new + data[edit.end :]
    return data.decode("utf-8", "surrogatepass")


def _remove(text: str, plugins: Sequence[_Plugin]) -> EntryEdit:
    entry = read_entry(text)
    calls: list[Registered] = []
    imports: list[Imported] = []
    removed: list[str] = []
    for plugin in {plugin.name: plugin for plugin in plugins}.values():
        own = [*_calls_of(entry, plugin)]
        found = _imports_of(entry, plugin)
        _check_removable(entry, own, found)
        calls += own
        imports += found
        if own or found:
            removed.append(plugin.name)
    data = entry.source.data
    nodes = [*(call.statement for call in calls), *_whole_imports(entry, imports)]
    edits = _statements_gone(data, nodes) + _specifiers_gone(entry, imports)
    edited = _applied(data, edits)
    if edits:
        codes = [entry.code(call.statement) for call in calls]
        result = read_entry(edited)
        _check_difference(entry, result, imports=len(imports), calls=codes)
        _check_no_error(entry, result)
    return EntryEdit(text=edited, added=tuple(removed))


def _check_removable(entry: ServerEntry, calls: Sequence[Registered], imports: Sequence[Imported]) -> None:
    for call in calls:
        if not call.is_whole:
            raise NotUnderstoodError(f"`{entry.source.text(call.plugin)}` is registered among other calls")
        if call.statement.has_error:
            raise NotUnderstoodError("it has a syntax error in the registration to be removed")
    for found in imports:
        if _uses(entry, found, [call.statement for call in calls]):
            raise NotUnderstoodError(f"it uses `{found.local}` elsewhere too")
    known = {found.local for found in imports}
    for call in calls:
        name = entry.source.text(call.plugin).split(".")[0]
        if name not in known:
            raise NotUnderstoodError(f"`{name}` does not come from an `import` statement")


def _whole_imports(entry: ServerEntry, removed: Sequence[Imported]) -> list[Node]:
    """The import statements of which nothing stays."""
    kept = [found.statement for found in entry.imports if found not in removed]
    whole: list[Node] = []
    for found in removed:
        if found.statement not in kept and found.statement not in whole:
            whole.append(found.statement)
    return whole


def _statements_gone(data: bytes, statements: Iterable[Node]) -> list[_Edit]:
    """Without their lines, where they share them with nothing else."""
    places = sorted((node.start_byte, statement_end(data, node)) for node in statements)
    groups = _joined(data, [_Edit(start=start, end=end) for start, end in places], between=b" \t")
    lines = _joined(data, [_line_gone(data, group) for group in groups], between=b"")
    return [_last_line_gone(data, edit) for edit in lines]


def _joined(data: bytes, edits: Iterable[_Edit], *, between: bytes) -> list[_Edit]:
    """Neighbours as one; only bytes of `between` may separate them."""
    joined: list[_Edit] = []
    for edit in edits:
        if joined and not data[joined[-1].end : edit.start].strip(between):
            edit = _Edit(start=joined.pop().start, end=edit.end)
        joined.append(edit)
    return joined


def _line_gone(data: bytes, edit: _Edit) -> _Edit:
    """With the whole line, or with the blanks that separate it from the rest of the line."""
    start = _line_start(data, edit.start)
    rest = _rest_of_line(data, edit.end)
    if rest is not None and _BEGINNING_OF_LINE.fullmatch(data, start, edit.start):
        return _Edit(start=start, end=rest + len(_newline(data, rest)) if rest < len(data) else rest)
    before = data[start : edit.start]
    if before.strip(b" \t"):
        return _Edit(start=start + len(before.rstrip(b" \t")), end=edit.end)
    blanks = _BLANKS.match(data, edit.end)
    return _Edit(start=edit.start, end=edit.end if blanks is None else blanks.end())


def _last_line_gone(data: bytes, edit: _Edit) -> _Edit:
    """The last line of a file that does not end with one takes the line end before it along."""
    if edit.end < len(data) or data.endswith(b"\n") or data[edit.start - 1 : edit.start] != b"\n":
        return edit
    return _Edit(start=edit.start - len(_newline(data, edit.start - 1)), end=edit.end)


def _specifiers_gone(entry: ServerEntry, removed: Sequence[Imported]) -> list[_Edit]:
    whole = _whole_imports(entry, removed)
    return [
        _specifier_gone(entry.source.data, found.specifier)
        for found in removed
        if found.specifier is not None and found.statement not in whole
    ]


def _specifier_gone(data: bytes, specifier: Node) -> _Edit:
    """One name less in an import that keeps others."""
    owner = specifier.parent
    if owner is not None and owner.type == "named_imports" and len(members(owner)) == 1:
        specifier, owner = owner, owner.parent
    siblings = [child for child in owner.children if not child.is_extra] if owner is not None else []
    at = siblings.index(specifier) if specifier in siblings else len(siblings)
    if siblings[at + 1 : at + 2] and siblings[at + 1].type == ",":
        return _line_gone(data, _Edit(start=specifier.start_byte, end=siblings[at + 1].end_byte))
    if 0 < at < len(siblings) and siblings[at - 1].type == ",":
        return _Edit(start=siblings[at - 1].start_byte, end=specifier.end_byte)
    raise NotUnderstoodError("it has a syntax error in an import")


def _check_difference(
    larger: ServerEntry, smaller: ServerEntry, *, imports: int, calls: Sequence[str]
) -> None:
    """The one entry is the other with so many names imported, and these statements, and nothing else."""
    more = Counter(_rows(larger)) - Counter(_rows(smaller))
    called = Counter(larger.statements()) - Counter(smaller.statements())
    is_expected = (
        more.total() == imports
        and called == Counter(calls)
        and [row for row in _rows(larger) if row not in more]
        == [row for row in _rows(smaller) if row not in more]
        and [code for code in larger.statements() if code not in called]
        == [code for code in smaller.statements() if code not in called]
    )
    if not is_expected:
        raise NotUnderstoodError("an edit would change the meaning of other lines")


def _rows(entry: ServerEntry) -> list[tuple[Origin, str, bool]]:
    return [(found.origin, found.local, found.is_type) for found in entry.imports]


def _check_no_error(before: ServerEntry, after: ServerEntry) -> None:
    if after.source.root.has_error and not before.source.root.has_error:
        raise NotUnderstoodError("an edit would break its syntax")
