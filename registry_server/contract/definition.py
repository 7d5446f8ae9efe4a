"""createPlugin(...).define({...}) read from TypeScript text (tree-sitter), never run and never guessed.

Also what a file imports and exports. A definition is found by following the chain of calls back to
`createPlugin`, whatever it is called here; its name and dependencies count only when they are
written down in this file. What has to be computed is a fault with its line. `has_error` of the
tree is not asked: it is set for valid code, and a broken file simply has no definition.
"""

from typing import Literal

from msgspec import Struct

from registry_server.contract.bindings import LINKS_MAX, Bindings, is_function
from registry_server.contract.modules import Import, exported_names, exports, read_imports
from registry_server.contract.typescript import (
    WRAPPERS,
    Node,
    Source,
    Step,
    line_of,
    members,
    parsed_source,
    static_text,
    unwrap,
)

__all__ = [
    "Definition",
    "DefinitionFault",
    "DefinitionReading",
    "Import",
    "exported_names",
    "read_definitions",
    "read_imports",
]

_CLIMB_MAX = 200
_SPREAD_DEPTH_MAX = 8


class Definition(Struct, frozen=True, kw_only=True):
    """One `.define(...)` call of a plugin."""

    name: str
    """Empty when it could not be read; a fault says why."""
    dependencies: tuple[str, ...]
    """Plugin names, as written; empty when unreadable, with a fault."""
    has_service: bool
    is_factory: bool
    """Made with `.withConfig`: registered as `plugin({...})` instead of `plugin`."""
    is_returned: bool
    """A function returns it: what is exported has to be called first."""
    export_name: str
    """The exported identifier, `default` for a default export only, empty when not exported."""
    fields: tuple[str, ...]
    """Top-level fields of the object, those of readable spreads included, in order."""
    line: int
    """Line of the `define` call, from 1."""


class DefinitionFault(Struct, frozen=True, kw_only=True):
    """Something in a definition that cannot be known from the text."""

    about: Literal["definition", "name", "dependencies", "service"]
    """`definition`: the argument of `define` is no readable object, so nothing is known of it."""
    line: int
    text: str


class DefinitionReading(Struct, frozen=True, kw_only=True):
    """All definitions of a file, in order; none and several are for the caller to judge."""

    definitions: tuple[Definition, ...]
    faults: tuple[DefinitionFault, ...]


def read_definitions(source: str | Source) -> DefinitionReading:
    """Raises `InvalidPackage` when `source` is too large or too deeply nested to be read."""
    return _DefinitionReader(parsed_source(source)).read()


class _Fields:
    """The fields of a definition's object as far as they can be known."""

    def __init__(self) -> None:
        self.values: dict[str, Node] = {}
        self.certain: set[str] = set()
        """Fields that no unreadable spread or key after them may replace."""
        self.unreadable_line = 0

    def put(self, name: str, value: Node) -> None:
        self.values[name] = value
        self.certain.add(name)

    def doubt(self, cause: Node) -> None:
        self.certain.clear()
        self.unreadable_line = line_of(cause)


class _DefinitionReader:
    """One reading: the file's names, and the faults met so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._bindings = Bindings(source)
        self._faults: list[DefinitionFault] = []
        self._returned: set[tuple[str, int]] = set()
        """Names that `return` hands out, with the function they leave."""
        self._exported: dict[str, list[str]] = {}
        """Names outside by the name inside, aliases of constants followed."""

    def read(self) -> DefinitionReading:
        calls: list[tuple[Step, bool]] = []
        for step in self._source.steps:
            if step.type == "return_statement":
                self._note_return(step)
            elif step.type == "call_expression":
                is_factory = self._define_call(step.node)
                if is_factory is not None:
                    calls.append((step, is_factory))
        self._note_exports()
        definitions = tuple(self._definition(step, is_factory) for step, is_factory in calls)
        return DefinitionReading(definitions=definitions, faults=tuple(self._faults))

    # Finding the calls.

    def _define_call(self, call: Node) -> bool | None:
        """Whether a plugin's `define` call gives a factory; None for any other call."""
        function = call.child_by_field_name("function")
        link = None if function is None else self._member(unwrap(function))
        if link is None or link[1] != "define":
            return None
        node: Node | None = link[0]
        is_factory = False
        for _ in range(LINKS_MAX):
            if node is None or not self._bindings.spend():
                return None
            node = unwrap(node)
            if self._is_create_plugin(node):
                return is_factory
            if node.type == "call_expression":
                function = node.child_by_field_name("function")
                link = None if function is None else self._member(unwrap(function))
                if link is None or link[1] == "define":
                    return None
                is_factory = is_factory or link[1] == "withConfig"
                node = link[0]
            elif node.type == "identifier":
                binding = self._bindings.find(self._source.text(node), node.start_byte)
                node = None if binding is None else self._bindings.value_of(binding)
            else:
                return None
        return None

    def _member(self, node: Node) -> tuple[Node, str] | None:
        if node.type != "member_expression":
            return None
        owner, key = node.child_by_field_name("object"), node.child_by_field_name("property")
        return None if owner is None or key is None else (owner, self._source.text(key))

    def _is_create_plugin(self, node: Node) -> bool:
        if node.type == "identifier":
            name = self._source.text(node)
            binding = self._bindings.find(name, node.start_byte)
            if binding is None:
                return name == "createPlugin"
            return "createPlugin" in (binding.imported, binding.key)
        link = self._member(node)
        if link is None or link[1] != "createPlugin" or link[0].type != "identifier":
            return False
        owner = self._bindings.find(self._source.text(link[0]), link[0].start_byte)
        return owner is not None and owner.imported in ("*", "default")

    # Reading one call.

    def _definition(self, step: Step, is_factory: bool) -> Definition:
        call = step.node
        fields = self._fields_of(call)
        holder = _Holder(self._source, step, self._returned)
        return Definition(
            name="" if fields is None else self._name(call, fields),
            dependencies=() if fields is None else self._dependencies(fields),
            has_service=fields is not None and self._has_service(fields),
            is_factory=is_factory and not holder.is_configured,
            is_returned=holder.is_returned,
            export_name=self._export_name(holder),
            fields=() if fields is None else tuple(fields.values),
            line=_define_line(call),
        )

    def _fields_of(self, call: Node) -> _Fields | None:
        arguments = call.child_by_field_name("arguments")
        given = members(arguments)[:1] if arguments is not None and arguments.type == "arguments" else []
        target = self._bindings.follow(given[0]) if given else None
        if target is None or target.type != "object":
            self._fault("definition", call, "what `define` is given is not an object written in this file")
            return None
        fields = _Fields()
        self._read_object(target, fields, 0)
        return fields

    def _read_object(self, target: Node, fields: _Fields, depth: int) -> None:
        for member in members(target):
            if not self._bindings.spend():
                fields.doubt(member)
                return
            if member.type == "spread_element":
                inner = self._bindings.follow(members(member)[0]) if members(member) else None
                if inner is not None and inner.type == "object" and depth < _SPREAD_DEPTH_MAX:
                    self._read_object(inner, fields, depth + 1)
                else:
                    fields.doubt(member)
            elif member.type == "shorthand_property_identifier":
                fields.put(self._source.text(member), member)
            else:
                self._read_field(member, fields)

    def _read_field(self, member: Node, fields: _Fields) -> None:
        key = member.child_by_field_name("key") or member.child_by_field_name("name")
        if key is None:
            return
        name: str | None
        if key.type == "computed_property_name":
            name = self._bindings.static_text(members(key)[0]) if members(key) else None
        elif key.type == "string":
            name = static_text(self._source, key)
        else:
            name = self._source.text(key)
        if name is None:
            fields.doubt(member)
        else:
            fields.put(name, member.child_by_field_name("value") or member)

    def _name(self, call: Node, fields: _Fields) -> str:
        value = self._field("name", fields)
        if value is None:
            if not fields.unreadable_line:
                self._fault("name", call, "the definition has no `name`")
            return ""
        name = self._bindings.static_text(value)
        if name is None:
            self._fault("name", value, "`name` is computed; write it as a plain string")
        return name or ""

    def _dependencies(self, fields: _Fields) -> tuple[str, ...]:
        value = self._field("dependencies", fields)
        if value is None:
            return ()
        names: list[str] = []
        if not self._read_array(value, names, 0):
            self._fault("dependencies", value, "`dependencies` is computed; write it as an array of strings")
            return ()
        return tuple(names)

    def _has_service(self, fields: _Fields) -> bool:
        if "service" not in fields.values:
            self._field("service", fields)
        return "service" in fields.values

    def _field(self, name: Literal["name", "dependencies", "service"], fields: _Fields) -> Node | None:
        """The field's value; None with a fault when something unreadable may have set it."""
        if name not in fields.certain and fields.unreadable_line:
            line = fields.unreadable_line
            text = f"a spread or key that cannot be read may set `{name}`; write `{name}` after it"
            self._faults.append(DefinitionFault(about=name, line=line, text=text))
            return None
        return fields.values.get(name)

    def _read_array(self, node: Node, names: list[str], depth: int) -> bool:
        array = self._bindings.follow(node)
        if array is None or array.type != "array" or depth > _SPREAD_DEPTH_MAX:
            return False
        for item in members(array):
            if item.type == "spread_element":
                if not members(item) or not self._read_array(members(item)[0], names, depth + 1):
                    return False
                continue
            name = self._bindings.static_text(item)
            if name is None:
                return False
            names.append(name)
        return True

    def _fault(
        self, about: Literal["definition", "name", "dependencies", "service"], node: Node, text: str
    ) -> None:
        self._faults.append(DefinitionFault(about=about, line=line_of(node), text=text))

    # How it leaves the module.

    def _note_return(self, step: Step) -> None:
        given = members(step.node)[:1]
        value = unwrap(given[0]) if given else None
        function = _function_around(step)
        if value is not None and value.type == "identifier" and function is not None:
            self._returned.add((self._source.text(value), function.node.id))

    def _note_exports(self) -> None:
        for outside, inside in exports(self._source):
            node = inside
            for _ in range(LINKS_MAX):
                node = None if node is None else unwrap(node)
                if node is None or node.type not in ("identifier", "type_identifier"):
                    break
                name = self._source.text(node)
                self._exported.setdefault(name, []).append(outside)
                binding = self._bindings.find(name, 0)
                node = None if binding is None else self._bindings.value_of(binding)

    def _export_name(self, holder: "_Holder") -> str:
        names = ["default"] if holder.is_default else self._exported.get(holder.name, [])
        named = [name for name in names if name != "default"]
        plugins = [name for name in named if name.endswith("Plugin")]
        return next(iter(plugins or named or names), "")


class _Holder:
    """Where a `define` call's result goes: a name of the module, or straight out of it."""

    def __init__(self, source: Source, call: Step, returned: set[tuple[str, int]]) -> None:
        self.name = ""
        self.is_default = False
        self.is_returned = False
        self.is_configured = False
        """A factory called in place: `.define({...})({...})`."""
        self._source = source
        self._returned = returned
        step: Step | None = call
        for _ in range(_CLIMB_MAX):
            step = None if step is None else self._climb(step)

    def _climb(self, step: Step) -> Step | None:
        """The next step whose value is the definition; None at the end of the way."""
        above = step.above
        if above is None:
            return None
        match above.type:
            case "variable_declarator":
                return self._at_variable(above)
            case "call_expression" if above.node.child_by_field_name("function") == step.node:
                self.is_configured = not self.is_returned
                return above
            case "return_statement":
                return self._at_function(_function_around(above))
            case "arrow_function":
                return self._at_function(above)
            case "export_statement":
                self.is_default = True
                return None
            case wrapper if wrapper in WRAPPERS or wrapper == "await_expression":
                return above
            case _:
                return None

    def _at_variable(self, declarator: Step) -> Step | None:
        name = declarator.node.child_by_field_name("name")
        if name is None or name.type != "identifier":
            return None
        function = _function_around(declarator)
        text = self._source.text(name)
        if function is None:
            self.name = text
            return None
        return self._at_function(function) if (text, function.node.id) in self._returned else None

    def _at_function(self, function: Step | None) -> Step | None:
        if function is None:
            return None
        self.is_returned = True
        name = function.node.child_by_field_name("name")
        if function.node.type != "function_declaration" or name is None:
            return function
        if _function_around(function) is None:
            self.name = self._source.text(name)
        return None


def _function_around(step: Step) -> Step | None:
    above = step.above
    for _ in range(_CLIMB_MAX):
        if above is None or is_function(above.node):
            return above
        above = above.above
    return None


def _define_line(call: Node) -> int:
    """Line of the word `define`: a chain often begins lines above."""
    function = call.child_by_field_name("function")
    key = None if function is None else unwrap(function).child_by_field_name("property")
    return line_of(call if key is None else key)
