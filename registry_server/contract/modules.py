"""What a TypeScript file imports and exports, as far as the text says it."""

from collections.abc import Iterator

from msgspec import Struct

from registry_server.contract.bindings import names_in
from registry_server.contract.typescript import (
    Node,
    Source,
    line_of,
    members,
    parsed_source,
    static_text,
    unwrap,
)

_TYPES = frozenset(("type_alias_declaration", "type_annotation", "type_arguments", "type_query"))
_VALUE_DECLARATIONS = frozenset(
    (
        "abstract_class_declaration",
        "class_declaration",
        "enum_declaration",
        "function_declaration",
        "generator_function_declaration",
        "internal_module",
    )
)


class Import(Struct, frozen=True, kw_only=True):
    """One place where a file names another module."""

    module: str
    """Empty when it is computed."""
    line: int
    is_type_only: bool
    """Gone at run time: `import type`, `export type`, or only `type` names between the braces."""
    is_dynamic: bool
    """`import(...)` or `require(...)`: happens when the line runs."""
    is_literal: bool


def read_imports(source: str | Source) -> tuple[Import, ...]:
    """`import`, `export ... from`, `require()` and `import()`, in the order of the text.

    Raises `InvalidPackage` when `source` is too large or too deeply nested to be read.
    """
    parsed = parsed_source(source)
    found: list[Import] = []
    types_end = 0
    for step in parsed.steps:
        node = step.node
        if step.type in _TYPES:
            types_end = max(types_end, node.end_byte)
        elif step.type in ("import_statement", "export_statement"):
            found.extend(_static_import(parsed, node))
        elif step.type == "call_expression":
            found.extend(_called_import(parsed, node, node.start_byte < types_end))
    return tuple(found)


def exported_names(source: str | Source) -> frozenset[str]:
    """Names of values this module exports, `default` among them; `*` for `export * from`.

    Raises `InvalidPackage` when `source` is too large or too deeply nested to be read.
    """
    parsed = parsed_source(source)
    return frozenset(name for name, _ in exports(parsed))


def _static_import(source: Source, statement: Node) -> Iterator[Import]:
    module = statement.child_by_field_name("source")
    for clause in members(statement):
        if clause.type == "import_require_clause":
            module = clause.child_by_field_name("source")
    text = None if module is None else static_text(source, module)
    if text is not None:
        yield Import(
            module=text,
            line=line_of(statement),
            is_type_only=_is_type_only(statement),
            is_dynamic=False,
            is_literal=True,
        )


def _is_type_only(statement: Node) -> bool:
    if _has_type_keyword(statement):
        return True
    clauses = [part for part in members(statement) if part.type in ("import_clause", "export_clause")]
    if clauses and clauses[0].type == "import_clause":
        clauses = members(clauses[0])
    if len(clauses) != 1 or clauses[0].type not in ("named_imports", "export_clause"):
        return False
    specifiers = members(clauses[0])
    return bool(specifiers) and all(_has_type_keyword(specifier) for specifier in specifiers)


def _has_type_keyword(node: Node) -> bool:
    return any(child.type == "type" for child in node.children)


def _called_import(source: Source, call: Node, is_in_type: bool) -> Iterator[Import]:
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or arguments is None:
        return
    is_require = function.type == "identifier" and source.text(function) == "require"
    if function.type != "import" and not is_require:
        return
    given = members(arguments)[:1] if arguments.type == "arguments" else []
    text = static_text(source, unwrap(given[0])) if given else None
    yield Import(
        module=text or "",
        line=line_of(call),
        is_type_only=is_in_type and text is not None,
        is_dynamic=True,
        is_literal=text is not None,
    )


def exports(source: Source) -> Iterator[tuple[str, Node | None]]:
    """Exported values: the name outside, and the node of the name inside when there is one."""
    for top in members(source.root):
        # A file with a syntax the grammar does not know has its statements inside an ERROR node.
        for statement in members(top) if top.type == "ERROR" else [top]:
            if statement.type == "export_statement":
                yield from _exports_of(source, statement)


def _exports_of(source: Source, statement: Node) -> Iterator[tuple[str, Node | None]]:
    words = {child.type for child in statement.children if not child.is_named}
    declaration = statement.child_by_field_name("declaration")
    is_elsewhere = statement.child_by_field_name("source") is not None
    if "type" in words:
        return
    if "default" in words:
        value = statement.child_by_field_name("value")
        yield "default", (value if declaration is None else declaration.child_by_field_name("name"))
    elif declaration is not None:
        for name in _declared_names(declaration):
            yield source.text(name), name
    elif "*" in words:
        yield "*", None
    for part in members(statement):
        if part.type == "namespace_export":
            yield source.text(members(part)[-1]), None
        elif part.type == "export_clause":
            for outside, inside in _specified(source, part):
                yield outside, (None if is_elsewhere else inside)


def _specified(source: Source, clause: Node) -> Iterator[tuple[str, Node]]:
    for specifier in members(clause):
        name = specifier.child_by_field_name("name")
        if name is not None and not _has_type_keyword(specifier):
            outside = specifier.child_by_field_name("alias") or name
            yield source.text(outside).strip("\"'"), name


def _declared_names(declaration: Node) -> Iterator[Node]:
    if declaration.type in _VALUE_DECLARATIONS:
        name = declaration.child_by_field_name("name")
        if name is not None:
            yield name
    elif declaration.type in ("lexical_declaration", "variable_declaration"):
        for declarator in members(declaration):
            pattern = declarator.child_by_field_name("name")
            if pattern is not None:
                yield from names_in(pattern)
