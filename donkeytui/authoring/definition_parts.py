"""What stands in the sources of a package: exports, and the parts of the plugin's definition.

Names are followed through constants, calls and imports of the package, at a bounded cost, and only
as far as the text is plain; what has to be computed is None.
"""

import posixpath
from collections.abc import Iterator

from registry_server.contract.archive import Entries
from registry_server.contract.bindings import LINKS_MAX, Bindings, is_function
from registry_server.contract.copies import is_installed_path
from registry_server.contract.definition import Definition, exported_names
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import (
    Node,
    Source,
    line_of,
    members,
    parse,
    static_text,
    unwrap,
    walk,
)
from registry_server.contract.validation import ENTRY_POINT

_ENDINGS = ("", ".ts", ".tsx", ".js", "/index.ts")
_FILES_MAX = 200
"""Sources that are parsed for one package."""
_STEPS_MAX = 5000
"""Functions and values that are gone into: each may lead to several others."""

Names = frozenset[str] | None
"""None when it cannot be told."""


class PackageSources:
    """The sources of a package, each parsed when it is asked for."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._sources: dict[str, Source | None] = {}
        self._bindings: dict[str, Bindings] = {}
        self._steps = 0

    def spend(self) -> bool:
        """Takes one step; False when there have been too many."""
        self._steps += 1
        return self._steps <= _STEPS_MAX

    def source(self, path: str) -> Source | None:
        if path not in self._sources and len(self._sources) < _FILES_MAX:
            try:
                self._sources[path] = parse(self._entries[path].data.decode("utf-8", "replace"))
            except (InvalidPackage, KeyError):
                self._sources[path] = None
        return self._sources.get(path)

    def bindings(self, path: str, source: Source) -> Bindings:
        if path not in self._bindings:
            self._bindings[path] = Bindings(source)
        return self._bindings[path]

    def sources(self) -> Iterator[Source]:
        """Of all TypeScript that is installed, the entry point first."""
        paths = (path for path in self._entries if path.endswith((".ts", ".tsx")) and is_installed_path(path))
        for path in (ENTRY_POINT, *paths):
            if (source := self.source(path)) is not None:
                yield source

    def target(self, path: str, module: str) -> str | None:
        """The file of the package that `module` means in the file `path`."""
        if not module.startswith(("./", "../")):
            return None
        base = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
        stems = (base, base.removesuffix(".js"))
        found = (f"{stem}{ending}" for stem in stems for ending in _ENDINGS)
        return next((name for name in found if name in self._entries), None)

    def exports(self, path: str) -> Names:
        """With what `export * from` brings; None when that is not to be found in the package."""
        names: set[str] = set()
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            path = waiting.pop()
            source = self.source(path)
            if source is None:
                return None
            if path in seen:
                continue
            found = exported_names(source)
            names |= found - {"*", *(["default"] if seen else [])}
            seen.add(path)
            targets = [self.target(path, module) for module in (_starred(source) if "*" in found else ())]
            if None in targets:
                return None
            waiting += [target for target in targets if target is not None]
        return frozenset(names)


def _starred(source: Source) -> Iterator[str]:
    for statement in members(source.root):
        words = {child.type for child in statement.children if not child.is_named}
        module = statement.child_by_field_name("source")
        if statement.type == "export_statement" and "*" in words and module is not None:
            yield static_text(source, module) or ""


class DefinitionParts:
    """The object a plugin is defined with."""

    def __init__(self, package: PackageSources, definition: Definition | None) -> None:
        self._package = package
        self._source = package.source(ENTRY_POINT)
        self._object: Node | None = None
        if self._source is not None and definition is not None:
            self._bindings = package.bindings(ENTRY_POINT, self._source)
            self._object = self._defined(self._source, definition.line)

    def keys(self, field: str) -> Names:
        """Keys of the object that `field` is given; none when there is no such field."""
        found = self._value(field)
        if found is None:
            return None if self._object is None else frozenset()
        value = self._bindings.follow(found)
        return None if value is None else self._object_keys(value)

    def methods(self) -> Names:
        service = self._value("service")
        if service is None:
            return None
        return _Returned(self._package).of_function(ENTRY_POINT, service, 0)

    def required_config(self) -> Names:
        """Fields without `?` of what `withConfig<...>` is given."""
        if self._source is None:
            return None
        for node in walk(self._source.root):
            given = _type_arguments(self._source, node, "withConfig")
            if given is not None:
                return self._required(self._source, given)
        return None

    def _defined(self, source: Source, line: int) -> Node | None:
        for node in walk(source.root):
            if _called(source, node) != "define":
                continue
            key = unwrap(node.children_by_field_name("function")[0]).child_by_field_name("property")
            arguments = node.child_by_field_name("arguments")
            given = members(arguments)[:1] if arguments is not None else []
            if key is not None and line_of(key) == line and given:
                found = self._bindings.follow(given[0])
                return found if found is not None and found.type == "object" else None
        return None

    def _value(self, field: str) -> Node | None:
        if self._source is None or self._object is None:
            return None
        for member in members(self._object):
            if _key(self._source, member) == field:
                return member.child_by_field_name("value") or member
        return None

    def _object_keys(self, node: Node) -> Names:
        return None if self._source is None else _keys(self._source, node)

    def _required(self, source: Source, given: Node) -> Names:
        if given.type == "object_type":
            return _required_fields(source, given)
        if given.type != "type_identifier":
            return None
        name = source.text(given)
        for other in self._package.sources():
            for node in walk(other.root):
                if node.type not in ("interface_declaration", "type_alias_declaration"):
                    continue
                label = node.child_by_field_name("name")
                if label is None or other.text(label) != name:
                    continue
                body = node.child_by_field_name("body") or node.child_by_field_name("value")
                is_plain = body is not None and body.type in ("object_type", "interface_body")
                return _required_fields(other, body) if body is not None and is_plain else None
        return None


class _Returned:
    """The names of what a function gives, through calls of other functions of the package."""

    def __init__(self, package: PackageSources) -> None:
        self._package = package

    def of_function(self, path: str, node: Node, depth: int) -> Names:
        source = self._package.source(path)
        if source is None or depth > LINKS_MAX or not self._package.spend():
            return None
        function = node if is_function(node) else self._package.bindings(path, source).follow(node)
        if function is None or not is_function(function):
            name = source.text(node) if node.type in ("identifier", "shorthand_property_identifier") else ""
            return self._of_named(path, name, depth + 1) if name else None
        given = list(_results(function))
        found = [self._of_value(path, source, value, depth=depth + 1) for value in given]
        first = found[0] if found else None
        return first if all(names == first for names in found) else None

    def _of_value(self, path: str, source: Source, node: Node, *, depth: int) -> Names:
        if depth > LINKS_MAX or not self._package.spend():
            return None
        node = unwrap(node)
        match node.type:
            case "object":
                return _keys(source, node)
            case "await_expression":
                return self._of_value(path, source, members(node)[0], depth=depth + 1)
            case "call_expression":
                called = unwrap(node.children_by_field_name("function")[0])
                return self.of_function(path, called, depth + 1) if called.type == "identifier" else None
            case "new_expression":
                return self._of_class(path, source, node, depth=depth + 1)
            case "identifier":
                binding = self._package.bindings(path, source).find(source.text(node), node.start_byte)
                value = None if binding is None else self._package.bindings(path, source).value_of(binding)
                return None if value is None else self._of_value(path, source, value, depth=depth + 1)
            case _:
                return None

    def _of_class(self, path: str, source: Source, node: Node, *, depth: int) -> Names:
        called = node.child_by_field_name("constructor")
        name = source.text(called) if called is not None and called.type == "identifier" else ""
        return self._of_named(path, name, depth) if name else None

    def _of_named(self, path: str, name: str, depth: int) -> Names:
        """Of a function or class that the file declares, or imports from the package."""
        source = self._package.source(path)
        if source is None or depth > LINKS_MAX or not self._package.spend():
            return None
        for node in _declarations(source):
            label = node.child_by_field_name("alias") or node.child_by_field_name("name")
            if label is None or source.text(label) != name:
                continue
            if node.type == "import_specifier":
                target = self._imported_from(path, source, node)
                inner = node.child_by_field_name("name") or label
                return self._of_named(target, source.text(inner), depth + 1) if target else None
            if node.type.endswith("class_declaration"):
                return _public_methods(source, node)
            return self.of_function(path, node.child_by_field_name("value") or node, depth + 1)
        return None

    def _imported_from(self, path: str, source: Source, specifier: Node) -> str | None:
        statement: Node | None = specifier
        while statement is not None and statement.type != "import_statement":
            statement = statement.parent
        module = None if statement is None else statement.child_by_field_name("source")
        return None if module is None else self._package.target(path, static_text(source, module) or "")


def _declarations(source: Source) -> Iterator[Node]:
    """Functions, classes and variables of the module, and the names it imports."""
    for statement in members(source.root):
        declared = statement.child_by_field_name("declaration") or statement
        if declared.type in ("lexical_declaration", "variable_declaration"):
            yield from members(declared)
        elif declared.type in ("function_declaration", "class_declaration", "abstract_class_declaration"):
            yield declared
        elif declared.type == "import_statement":
            yield from (node for node in walk(declared) if node.type == "import_specifier")


def _called(source: Source, node: Node) -> str:
    """The last name of what a call calls: `define` of `a.b().define(...)`."""
    if node.type != "call_expression":
        return ""
    function = unwrap(node.children_by_field_name("function")[0])
    key = function.child_by_field_name("property") if function.type == "member_expression" else None
    return "" if key is None else source.text(key)


def _type_arguments(source: Source, node: Node, name: str) -> Node | None:
    arguments = node.child_by_field_name("type_arguments") if _called(source, node) == name else None
    given = [] if arguments is None else members(arguments)
    return given[0] if given else None


def _results(function: Node) -> Iterator[Node]:
    """What a function returns: its body when that is an expression, else each `return` of its own."""
    body = function.child_by_field_name("body")
    if body is None:
        return
    if body.type != "statement_block":
        yield body
        return
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if node.type == "return_statement":
            yield from members(node)[:1]
        elif node == body or not is_function(node):
            waiting.extend(node.named_children)


def _keys(source: Source, node: Node) -> Names:
    """Of an object that is written out; None for one with a spread or a computed key."""
    if node.type != "object":
        return None
    names = [_key(source, member) for member in members(node)]
    return frozenset(names) if all(names) else None


def _key(source: Source, member: Node) -> str:
    """Empty when it has to be computed."""
    if member.type == "shorthand_property_identifier":
        return source.text(member)
    key = member.child_by_field_name("key") or member.child_by_field_name("name")
    if key is None or key.type == "computed_property_name":
        return ""
    return (static_text(source, key) or "") if key.type == "string" else source.text(key)


def _required_fields(source: Source, body: Node) -> frozenset[str]:
    return frozenset(
        source.text(name)
        for field in members(body)
        if field.type in ("property_signature", "method_signature")
        and not any(child.type == "?" for child in field.children)
        and (name := field.child_by_field_name("name")) is not None
    )


def _public_methods(source: Source, declaration: Node) -> Names:
    body = declaration.child_by_field_name("body")
    if body is None or any(child.type == "class_heritage" for child in members(declaration)):
        return None
    names = [
        source.text(name)
        for member in members(body)
        if member.type == "method_definition"
        and (name := member.child_by_field_name("name")) is not None
        and name.type == "property_identifier"
        and not any(
            child.type == "accessibility_modifier" and source.text(child) != "public"
            for child in member.children
        )
    ]
    return frozenset(names) - {"constructor"}
