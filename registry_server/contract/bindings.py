"""What the names in a TypeScript file stand for: imports, constants, parameters, scopes.

Enough to follow a name to the text it was given, never more: a name that something writes to, a
parameter or an import is opaque. Following has a budget, since constants may refer to each other
in circles or double with each step.
"""

from collections.abc import Iterator

from msgspec import Struct

from registry_server.contract.typescript import Node, Source, Step, members, static_text, unwrap

LINKS_MAX = 16
"""Steps from a name to its value, and calls in one chain."""

_BUDGET = 20_000
_SAME_NAME_MAX = 200

_FUNCTIONS = frozenset(
    (
        "arrow_function",
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    )
)
_SCOPES = _FUNCTIONS | {
    "catch_clause",
    "class_static_block",
    "for_in_statement",
    "for_statement",
    "internal_module",
    "module",
    "program",
    "statement_block",
    "switch_body",
}
_DECLARATIONS = frozenset(
    (
        "abstract_class_declaration",
        "class_declaration",
        "enum_declaration",
        "function_declaration",
        "generator_function_declaration",
    )
)
_COLLECTED = _DECLARATIONS | {
    "arrow_function",
    "assignment_expression",
    "augmented_assignment_expression",
    "catch_clause",
    "for_in_statement",
    "import_statement",
    "optional_parameter",
    "required_parameter",
    "update_expression",
    "variable_declarator",
}
"""Nodes that declare a name or write to one."""
_PATTERN_NAMES = frozenset(("identifier", "shorthand_property_identifier_pattern"))


class Binding(Struct, frozen=True, kw_only=True):
    """One declaration of a name."""

    start: int
    end: int
    """Bytes between which the name means this."""
    value: Node | None = None
    """What a variable was given; None when there is nothing to follow."""
    key: str = ""
    """For `const { key: name } = value`: the property taken out of the value."""
    imported: str = ""
    """Name in the other module, `*` for all of it, `default`; empty for what is no import."""


_OPAQUE = Binding(start=0, end=0)


def is_function(node: Node) -> bool:
    return node.type in _FUNCTIONS


class Bindings:
    """The names of one file. Reads are counted against a budget; beyond it nothing is followed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._by_name: dict[str, list[Binding]] = {}
        self._written: set[Binding] = set()
        self._budget = _BUDGET
        self._collect()

    def find(self, name: str, at: int) -> Binding | None:
        """The innermost declaration of `name` at byte `at`; None when the file has none."""
        candidates = self._by_name.get(name, [])
        if len(candidates) > _SAME_NAME_MAX:
            return _OPAQUE
        around = [binding for binding in candidates if binding.start <= at < binding.end]
        return min(around, key=lambda binding: binding.end - binding.start, default=None)

    def follow(self, node: Node) -> Node | None:
        """The expression `node` stands for, names of unwritten variables replaced by their values."""
        for _ in range(LINKS_MAX):
            if not self.spend():
                return None
            node = unwrap(node)
            if node.type == "member_expression":
                value = self._property(node)
            elif node.type in ("identifier", "shorthand_property_identifier"):
                binding = self.find(self._source.text(node), node.start_byte)
                value = None if binding is None else self.value_of(binding)
            else:
                return node
            if value is None:
                return None
            node = value
        return None

    def value_of(self, binding: Binding) -> Node | None:
        return None if binding in self._written else binding.value

    def spend(self) -> bool:
        """Takes one step of the budget; False when it is used up."""
        self._budget -= 1
        return self._budget >= 0

    def static_text(self, node: Node) -> str | None:
        """The text `node` surely has, through constants; None when it has to be computed."""
        value = self.follow(node)
        return None if value is None else static_text(self._source, value)

    def _property(self, node: Node) -> Node | None:
        """The value of `names.users` for a constant object written out without spreads."""
        owner, key = node.child_by_field_name("object"), node.child_by_field_name("property")
        if owner is None or key is None or owner.type != "identifier":
            return None
        binding = self.find(self._source.text(owner), owner.start_byte)
        value = None if binding is None else self.value_of(binding)
        target = None if value is None else unwrap(value)
        if target is None or target.type != "object":
            return None
        found = None
        for pair in members(target):
            if not self.spend() or pair.type == "spread_element":
                return None
            pair_key = pair.child_by_field_name("key")
            if pair_key is not None and self._source.text(pair_key) == self._source.text(key):
                found = pair.child_by_field_name("value")
        return found

    def _collect(self) -> None:
        writes: list[Node] = []
        for step in self._source.steps:
            if step.type not in _COLLECTED:
                continue
            node = step.node
            match step.type:
                case "variable_declarator":
                    self._bind_variable(step)
                case "import_statement":
                    self._bind_import(node)
                case "required_parameter" | "optional_parameter":
                    self._bind_names(node.child_by_field_name("pattern"), step.above, None)
                case "arrow_function" | "catch_clause":
                    self._bind_names(node.child_by_field_name("parameter"), step, None)
                case "for_in_statement" if node.child_by_field_name("kind") is not None:
                    self._bind_names(node.child_by_field_name("left"), step, None)
                case "assignment_expression" | "augmented_assignment_expression":
                    writes.append(node.child_by_field_name("left") or node)
                case "update_expression":
                    writes.append(node.child_by_field_name("argument") or node)
                case declaration if declaration in _DECLARATIONS:
                    self._bind_names(node.child_by_field_name("name"), step.above, None)
                case _:
                    pass
        for target in writes:
            self._mark_written(target)

    def _bind_variable(self, step: Step) -> None:
        declarator = step.node
        self._bind_names(
            declarator.child_by_field_name("name"), step.above, declarator.child_by_field_name("value")
        )

    def _bind_names(self, pattern: Node | None, scope: Step | None, value: Node | None) -> None:
        if pattern is None:
            return
        while scope is not None and scope.type not in _SCOPES:
            scope = scope.above
        start, end = (0, len(self._source.data) + 1) if scope is None else scope.node.byte_range
        if pattern.type in ("identifier", "type_identifier"):
            self._add(pattern, Binding(start=start, end=end, value=value))
            return
        keys = {name.id: key for name, key in _property_names(self._source, pattern)}
        for name in names_in(pattern):
            self._add(name, Binding(start=start, end=end, key=keys.get(name.id, "") if value else ""))

    def _bind_import(self, statement: Node) -> None:
        end = len(self._source.data) + 1
        for clause in members(statement):
            if clause.type == "import_require_clause":
                self._add(members(clause)[0], Binding(start=0, end=end, imported="*"))
            elif clause.type == "import_clause":
                for name, imported in _imported_names(self._source, clause):
                    self._add(name, Binding(start=0, end=end, imported=imported))

    def _add(self, name: Node, binding: Binding) -> None:
        self._by_name.setdefault(self._source.text(name), []).append(binding)

    def _mark_written(self, target: Node) -> None:
        target = unwrap(target)
        while target.type in ("member_expression", "subscript_expression"):
            owner = target.child_by_field_name("object")
            if owner is None:
                return
            target = unwrap(owner)
        for name in names_in(target):
            binding = self.find(self._source.text(name), name.start_byte)
            if binding is not None:
                self._written.add(binding)


def names_in(pattern: Node) -> Iterator[Node]:
    """The names that `a`, `{ b, c: d = 1 }` or `[e, ...f]` declare."""
    waiting: list[Node | None] = [pattern]
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if node.type in _PATTERN_NAMES:
            yield node
        elif node.type in ("object_pattern", "array_pattern", "rest_pattern"):
            waiting.extend(members(node))
        elif node.type == "pair_pattern":
            waiting.append(node.child_by_field_name("value"))
        elif node.type in ("object_assignment_pattern", "assignment_pattern"):
            waiting.append(node.child_by_field_name("left"))


def _property_names(source: Source, pattern: Node) -> Iterator[tuple[Node, str]]:
    """For `{ key, key: name }`: the names that take one property each, with its key."""
    if pattern.type != "object_pattern":
        return
    for part in members(pattern):
        if part.type == "shorthand_property_identifier_pattern":
            yield part, source.text(part)
        elif part.type == "pair_pattern":
            key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
            if key is not None and value is not None and value.type == "identifier":
                yield value, source.text(key)


def _imported_names(source: Source, clause: Node) -> Iterator[tuple[Node, str]]:
    for part in members(clause):
        if part.type == "identifier":
            yield part, "default"
        elif part.type == "namespace_import":
            yield members(part)[0], "*"
        elif part.type == "named_imports":
            for specifier in members(part):
                name = specifier.child_by_field_name("name")
                if name is not None:
                    yield specifier.child_by_field_name("alias") or name, source.text(name)
