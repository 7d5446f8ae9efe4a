"""The server entry of a project: the lines a plugin needs there, and what stands there already.

Reading is strict. An entry is understood when it makes exactly one server of the framework, holds
it in a variable, and registers every plugin on it in statements beside the one that makes it.
Anything else (a loop, a condition, a second server) is not, and says why.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from registry_server.contract.bindings import LINKS_MAX, Binding, Bindings, is_function
from registry_server.contract.definition import Definition
from registry_server.contract.names import camel_name
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import (
    WRAPPERS,
    Node,
    Source,
    Step,
    members,
    parse,
    static_text,
    unwrap,
)

FRAMEWORK = "@donkeylabs/server"
ALL_OF_IT = "*"

_REGISTER = "registerPlugin"
_LINKS = frozenset((_REGISTER, "use"))
"""Methods that give the server back, so that another call may follow."""
_STARTS = frozenset(("handleGenerateMode", "listen", "start"))
"""Methods after which a registration comes too late; the first of them may end the process."""
_CHAIN_MAX = 200

ENTRY_MAX = 50_000
"""Characters of an entry that is read; real ones stay far below, and hostile ones cost seconds beyond."""

_NAMES = frozenset(
    (
        "identifier",
        "shorthand_property_identifier",
        "shorthand_property_identifier_pattern",
        "type_identifier",
    )
)
_VARIABLES = frozenset(("lexical_declaration", "variable_declaration"))
_PASSED = WRAPPERS | {"await_expression"}
_LOOPS = frozenset(("do_statement", "for_in_statement", "for_statement", "while_statement"))
_CONDITIONS = frozenset(
    ("binary_expression", "if_statement", "optional_chain", "switch_body", "ternary_expression")
)


class Registration(Struct, frozen=True, kw_only=True):
    """What to add to the server entry for one plugin."""

    name: str
    import_line: str
    register_line: str


class NotUnderstoodError(Exception):
    """The entry has a shape that nobody should edit blindly; says why, as a clause for a person."""


class Origin(NamedTuple):
    """Where a value comes from."""

    module: str
    name: str
    """Name in that module; `default`, or `*` for all of it."""


class Imported(Struct, frozen=True, kw_only=True):
    """One name that an `import` statement gives the file."""

    statement: Node
    origin: Origin
    """Its name is empty for `import "x"`."""
    local: str = ""
    specifier: Node | None = None
    """The part of the statement that is about this name."""
    is_type: bool = False


class Registered(Struct, frozen=True, kw_only=True):
    """One call of `registerPlugin`."""

    statement: Node
    plugin: Node
    """What was registered, without the call of a factory around it."""
    origin: Origin | None
    """None when it is not simply an import."""
    is_whole: bool
    """Whether the statement is nothing but this call."""


def registration(name: str, definition: Definition, *, entry: str, plugins_root: str) -> Registration:
    """`entry` and `plugins_root` are relative to the project, with `/`."""
    folder = posixpath.relpath(f"{plugins_root}/{name}", posixpath.dirname(entry) or ".")
    module = folder if folder.startswith("..") else f"./{folder}"
    exported = definition.export_name
    if exported in ("", "default"):
        local = f"{camel_name(name)}Plugin"
        import_line = f'import {local} from "{module}";'
    else:
        local = exported
        import_line = f'import {{ {exported} }} from "{module}";'
    made = f"{local}()" if definition.is_returned else local
    argument = f"{made}({{ /* config */ }})" if definition.is_factory else made
    return Registration(
        name=name, import_line=import_line, register_line=f"server.registerPlugin({argument});"
    )


def read_entry(text: str) -> "ServerEntry":
    """Raises `NotUnderstoodError`, also for text that is too large or too tangled to be parsed."""
    if len(text) > ENTRY_MAX:
        raise NotUnderstoodError(f"it is longer than {ENTRY_MAX} characters")
    try:
        source = parse(text)
    except InvalidPackage as error:
        raise NotUnderstoodError(error.problem.detail) from error
    return ServerEntry(source)


class ServerEntry:
    """One parsed entry that was understood."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.imports = tuple(_imports(source))
        self.occurrences: dict[str, list[Node]] = defaultdict(list)
        """Every place where a name stands as a name of its own, by name."""
        self._bindings = Bindings(source)
        self.required = dict(_required_names(source))
        """What `const { a: b } = require("x")`, or the same with `await import("x")`, calls `b`."""
        self._modules = {found.local: found.origin.module for found in self.imports if found.local}
        makers: list[Step] = []
        mentions: list[Step] = []
        for step in source.steps:
            self._sort(step, makers, mentions)
        if not makers:
            raise NotUnderstoodError(f"nothing in it makes a server of `{FRAMEWORK}`")
        if len(makers) > 1:
            raise NotUnderstoodError("it makes more than one server")
        self._maker = makers[0].node
        self._hold(makers[0])
        self.registered = tuple(
            self._read_registration(step) for step in mentions if source.text(step.node) == _REGISTER
        )
        starts = [self._started(step) for step in mentions if source.text(step.node) in _STARTS]
        self.start = min((at for at in starts if at > self.made.start_byte), default=len(source.data))
        """Byte before which plugins must be registered."""

    def binding(self, name: str, at: int) -> Binding | None:
        """The declaration `name` means at byte `at`."""
        return self._bindings.find(name, at)

    def origin(self, node: Node | None) -> Origin | None:
        """The import that `node` comes from, through constants, calls and properties of a namespace."""
        path: list[str] = []
        for _ in range(LINKS_MAX):
            if node is None:
                return None
            node = unwrap(node)
            if node.type == "identifier":
                name = self.source.text(node)
                binding = self.binding(name, node.start_byte)
                if binding is None or binding.imported or binding.key:
                    found = None if binding is None else self._imported_as(name, binding)
                    return None if found is None else _property(found, path)
                node = self._bindings.value_of(binding) if self._bindings.spend() else None
            elif node.type == "member_expression":
                path.append(self._method(node))
                node = node.child_by_field_name("object")
            elif node.type == "call_expression":
                module = _required(self.source, node)
                if module is not None:
                    return _property(Origin(module, ALL_OF_IT), path)
                node = node.child_by_field_name("function")
            else:
                node = members(node)[0] if node.type == "await_expression" and members(node) else None
        return None

    def _imported_as(self, name: str, binding: Binding) -> Origin | None:
        if binding.imported:
            return Origin(self._modules.get(name, ""), binding.imported)
        is_outermost = binding is self.binding(name, self.source.root.start_byte)
        return self.required.get(name) if is_outermost else None

    def statements(self) -> list[str]:
        """The text of the statements around the server, without imports and semicolons."""
        inner = [] if self.container == self.source.root else members(self.container)
        outer = [
            node
            for node in members(self.source.root)
            if node.type not in ("empty_statement", "import_statement")
            and not (inner and _holds(node, inner[0]))
        ]
        return [self.code(node) for node in (*outer, *inner) if node.type != "empty_statement"]

    def code(self, statement: Node) -> str:
        """The text of a statement without its semicolon."""
        end = code_end(statement)
        return self.source.data[statement.start_byte : end].decode("utf-8", "replace")

    def _sort(self, step: Step, makers: list[Step], mentions: list[Step]) -> None:
        node = step.node
        if node.type in _NAMES or node.type == "property_identifier":
            name = self.source.text(node)
            if name == _REGISTER or name in _STARTS:
                mentions.append(step)
            if node.type in _NAMES and not _is_foreign(step):
                self.occurrences[name].append(node)
        elif node.type in ("new_expression", "call_expression"):
            if self._makes_server(node):
                makers.append(step)
        elif node.type == "import_statement" and step.above is not None and step.above.node.type == "ERROR":
            raise NotUnderstoodError("it has a syntax error around its imports")

    def _makes_server(self, node: Node) -> bool:
        is_new = node.type == "new_expression"
        found = self.origin(node.child_by_field_name("constructor" if is_new else "function"))
        return (
            found is not None
            and (found.module == FRAMEWORK or found.module.startswith(f"{FRAMEWORK}/"))
            and found.name == ("AppServer" if is_new else "createServer")
        )

    def _hold(self, maker: Step) -> None:
        """Finds the variable that holds the server, the statement of it, and where that stands."""
        declarator = _above(_outermost(self.source, maker, _LINKS))
        name = declarator.node.child_by_field_name("name")
        if declarator.node.type != "variable_declarator" or name is None or name.type != "identifier":
            raise NotUnderstoodError("its server is not held in a variable")
        statement = _above(declarator)
        if _above(statement).node.type == "export_statement":
            statement = _above(statement)
        container = _above(statement)
        _check_container(container)
        self.server = self.source.text(name)
        self.made = statement.node
        self.container = container.node
        binding = self.binding(self.server, name.start_byte)
        if binding is None or self._bindings.value_of(binding) is None:
            raise NotUnderstoodError(f"an assignment changes `{self.server}`")
        self._binding = binding

    def _read_registration(self, mention: Step) -> Registered:
        call = _call_of(mention)
        if call is None or not self._is_on_server(call.node):
            raise NotUnderstoodError(self._why_not(mention))
        top = _outermost(self.source, call, _LINKS | _STARTS)
        statement = _above(top).node
        if statement.type == "variable_declarator" and _holds(self.made, statement):
            statement = self.made
        elif statement.type != "expression_statement" or _above(_above(top)).node != self.container:
            raise NotUnderstoodError(self._why_not(mention))
        given = call.node.child_by_field_name("arguments")
        arguments = [] if given is None else members(given)
        if not arguments or any(argument.type == "spread_element" for argument in arguments):
            raise NotUnderstoodError(f"it calls `{_REGISTER}` without naming a plugin")
        return Registered(
            statement=statement,
            plugin=_registered_value(arguments[0]),
            origin=self.origin(arguments[0]),
            is_whole=statement != self.made
            and _expression(members(statement)[0]) == call.node
            and self._is_named(call.node)
            and len(arguments) == 1,
        )

    def _is_named(self, call: Node) -> bool:
        """Whether the method of `call` is called on the variable itself, not on another call."""
        owner = _owner(call)
        return owner is not None and _expression(owner).type == "identifier"

    def _is_on_server(self, call: Node) -> bool:
        node = _owner(call)
        for _ in range(_CHAIN_MAX):
            if node is None:
                return False
            node = _expression(node)
            if node == self._maker:
                return True
            if node.type == "identifier":
                return self.binding(self.source.text(node), node.start_byte) is self._binding and (
                    self.source.text(node) == self.server
                )
            function = node.child_by_field_name("function")
            if function is None or self._method(function) not in _LINKS:
                return False
            node = _owner(node)
        return False

    def _method(self, function: Node) -> str:
        found = function.child_by_field_name("property")
        return "" if found is None else self.source.text(found)

    def _started(self, mention: Step) -> int:
        """Where the statement beginning the start begins; -1 when that runs at another time."""
        call = _call_of(mention)
        if call is None or not self._is_on_server(call.node):
            return -1
        step = call
        while step.above is not None and step.above.node != self.container and not is_function(step.node):
            step = step.above
        return -1 if step.above is None or is_function(step.node) else step.node.start_byte

    def _why_not(self, mention: Step) -> str:
        around = set()
        step = mention
        while step.above is not None and step.above.node != self.container:
            step = step.above
            around.add("loop" if self._is_repeated(step.node) else step.node.type)
        if "ERROR" in around:
            return f"it has a syntax error around a `{_REGISTER}`"
        if "loop" in around:
            return "it registers plugins in a loop"
        if around & _CONDITIONS or _is_optional(mention):
            return "it registers plugins under a condition"
        call = _call_of(mention)
        if call is not None and self._is_on_server(call.node):
            return f"it calls `{_REGISTER}` elsewhere than beside the statement that makes `{self.server}`"
        return f"it uses `{_REGISTER}` otherwise than as a call on `{self.server}`"

    def _is_repeated(self, node: Node) -> bool:
        if node.type in _LOOPS:
            return True
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        return function is not None and self._method(function) in ("forEach", "map", "reduce")


def code_end(statement: Node) -> int:
    """The byte after a statement's last token that is no semicolon."""
    parts = _parts(statement)
    while parts and parts[-1].type == ";":
        parts.pop()
    return parts[-1].end_byte if parts else statement.end_byte


def statement_end(data: bytes, statement: Node) -> int:
    """The byte after a statement with its semicolon.

    In a file without semicolons, the one before `;(async () => ...)()` belongs to the statement above
    for the parser, and to that line for everybody else.
    """
    end = code_end(statement)
    parts = _parts(statement)
    is_ended_here = (
        parts and parts[-1].type == ";" and not set(b"\r\n") & set(data[end : parts[-1].start_byte])
    )
    return parts[-1].end_byte if is_ended_here else end


def _parts(statement: Node) -> list[Node]:
    declaration = statement.child_by_field_name("declaration")
    if statement.type == "export_statement" and declaration is not None:
        statement = declaration
    return [child for child in statement.children if not child.is_extra]


def _imports(source: Source) -> Iterator[Imported]:
    for statement in members(source.root):
        if statement.type == "import_statement":
            yield from _imported(source, statement)


def _imported(source: Source, statement: Node) -> Iterator[Imported]:
    written = statement.child_by_field_name("source")
    module = "" if written is None else static_text(source, written) or ""
    clauses = [part for part in members(statement) if part.type == "import_clause"]
    if not clauses:
        yield Imported(statement=statement, origin=Origin(module, ""))
    is_type = _has_type_keyword(statement)
    for part in members(clauses[0]) if clauses else []:
        for specifier in members(part) if part.type == "named_imports" else [part]:
            name, local = _specified(source, specifier)
            yield Imported(
                statement=statement,
                origin=Origin(module, name),
                local=local,
                specifier=specifier,
                is_type=is_type or _has_type_keyword(specifier),
            )


def _specified(source: Source, specifier: Node) -> tuple[str, str]:
    """The name outside and the name here."""
    if specifier.type == "identifier":
        return "default", source.text(specifier)
    if specifier.type == "namespace_import":
        return ALL_OF_IT, "".join(source.text(name) for name in members(specifier)[:1])
    name = specifier.child_by_field_name("name")
    local = specifier.child_by_field_name("alias") or name
    return ("", "") if name is None or local is None else (source.text(name), source.text(local))


def _is_foreign(name: Step) -> bool:
    """Whether `name` is the `a` of `import { a as b }`, which is no name in this file."""
    if name.above is None or name.above.node.type != "import_specifier":
        return False
    return name.above.node.child_by_field_name("alias") not in (None, name.node)


def _has_type_keyword(node: Node) -> bool:
    return any(child.type == "type" for child in node.children)


def _property(owner: Origin, path: list[str]) -> Origin | None:
    if not path:
        return owner
    return Origin(owner.module, path[0]) if owner.name == ALL_OF_IT and len(path) == 1 else None


def _required(source: Source, call: Node) -> str | None:
    """The module of `require("x")` and `import("x")`."""
    function, given = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or given is None or source.text(function) not in ("require", "import"):
        return None
    arguments = members(given)
    return static_text(source, arguments[0]) if arguments else None


def _required_names(source: Source) -> Iterator[tuple[str, Origin]]:
    for statement in members(source.root):
        declarators = members(statement) if statement.type in _VARIABLES else []
        for declarator in declarators:
            pattern, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if pattern is None or pattern.type != "object_pattern" or value is None:
                continue
            call = _expression(value)
            module = _required(source, call) if call.type == "call_expression" else None
            for name in members(pattern) if module is not None else []:
                key, local = (
                    name.child_by_field_name("key") or name,
                    name.child_by_field_name("value") or name,
                )
                yield source.text(local), Origin(module or "", source.text(key))


def _above(step: Step) -> Step:
    if step.above is None:
        raise NotUnderstoodError("it has a syntax error")
    return step.above


def _check_container(container: Step) -> None:
    kind = container.node.type
    if kind == "ERROR":
        raise NotUnderstoodError("it has a syntax error around the statement that makes the server")
    is_block = kind == "statement_block" and _above(container).node.type not in _LOOPS
    if kind != "program" and not is_block:
        raise NotUnderstoodError("its server is made in a loop or a `switch`")


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte


def _expression(node: Node) -> Node:
    node = unwrap(node)
    while node.type == "await_expression" and members(node):
        node = unwrap(members(node)[0])
    return node


def _registered_value(argument: Node) -> Node:
    """`a` of `a`, `a()` and `a()({ ... })`."""
    node = unwrap(argument)
    while node.type == "call_expression":
        function = node.child_by_field_name("function")
        if function is None:
            break
        node = unwrap(function)
    return node


def _owner(call: Node) -> Node | None:
    """`a` of `a.b(...)`; None for `a?.b(...)`."""
    function = call.child_by_field_name("function")
    if function is None or function.type != "member_expression":
        return None
    is_optional = any(child.type == "optional_chain" for child in function.children)
    return None if is_optional else function.child_by_field_name("object")


def _call_of(mention: Step) -> Step | None:
    """The call of the method that `mention` is the name of."""
    member = mention.above
    call = None if member is None else member.above
    if member is None or call is None or call.node.type != "call_expression":
        return None
    is_method = member.node.child_by_field_name("property") == mention.node
    return call if is_method and call.node.child_by_field_name("function") == member.node else None


def _is_optional(mention: Step) -> bool:
    return mention.above is not None and any(
        child.type == "optional_chain" for child in mention.above.node.children
    )


def _outermost(source: Source, step: Step, links: frozenset[str]) -> Step:
    """The whole chain of calls that begins with `step`, with what is written around it."""
    for _ in range(_CHAIN_MAX):
        above = step.above
        if above is not None and above.node.type in _PASSED:
            step = above
            continue
        call = _link_above(source, step, links)
        if call is None:
            break
        step = call
    return step


def _link_above(source: Source, step: Step, links: frozenset[str]) -> Step | None:
    member = step.above
    call = None if member is None else member.above
    if member is None or call is None or _owner(call.node) != step.node:
        return None
    method = member.node.child_by_field_name("property")
    return call if method is not None and source.text(method) in links else None
