"""Capability labels: what a plugin's code reaches besides its own values, told from the syntax tree.

A label is earned by naming a module or one of the runtime's own objects (`fetch`, `Bun.spawn`,
`process.env`), also through constants, destructuring and `globalThis`. A declared name that only
looks like one, such as a parameter called `fetch`, earns nothing; types, which are gone at run time,
neither. Where it cannot be told cheaply the label is given: one too many is a question, one too few
a surprise. Labels speak of the plugin's own code, not of what its npm packages do, and say nothing
to somebody who computes his names; the diff of an update is for that.
"""

from bisect import bisect_left
from collections.abc import Iterable

from registry_server.contract.bindings import (
    LINKS_MAX,
    Binding,
    Bindings,
    is_function,
    names_in,
)
from registry_server.contract.modules import Import
from registry_server.contract.typescript import Node, Source, Step, members, static_text, unwrap
from registry_server.contract.wire import Label

_MODULES: dict[str, Label] = {
    **dict.fromkeys(("dgram", "dns", "http", "http2", "https", "net", "tls"), "network"),
    **dict.fromkeys(("axios", "got", "ky", "node-fetch", "nodemailer", "superagent", "undici"), "network"),
    **dict.fromkeys(("ws",), "network"),
    **dict.fromkeys(("fs", "sqlite", "bun:sqlite", "fs-extra", "graceful-fs"), "files"),
    **dict.fromkeys(("child_process", "cluster", "cross-spawn", "execa", "shelljs", "zx"), "process"),
    # Calls native code, which can do all that a program can.
    "bun:ffi": "process",
    **dict.fromkeys(("$env", "dotenv"), "environment"),
    "vm": "eval",
    # Its `createRequire` loads what is named at run time.
    "module": "dynamic-import",
}
"""Packages and built-in modules, the latter without `node:`."""

_GLOBALS: dict[str, Label] = {
    **dict.fromkeys(("fetch", "EventSource", "WebSocket", "XMLHttpRequest"), "network"),
    **dict.fromkeys(("Bun.connect", "Bun.dns", "Bun.fetch", "Bun.listen", "Bun.serve"), "network"),
    **dict.fromkeys(("Bun.RedisClient", "Bun.S3Client", "Bun.SQL", "Bun.udpSocket"), "network"),
    **dict.fromkeys(("Bun.redis", "Bun.s3", "Bun.sql"), "network"),
    **dict.fromkeys(("Bun.file", "Bun.write"), "files"),
    **dict.fromkeys(("Bun.$", "Bun.spawn", "Bun.spawnSync"), "process"),
    **dict.fromkeys(("Bun.env", "import.meta.env", "process.env"), "environment"),
    **dict.fromkeys(("eval", "Function"), "eval"),
}
"""Ways to what the runtime brings, `globalThis` left out."""

_LAST_NAMES = {path.rpartition(".")[2]: label for path, label in _GLOBALS.items()}
_HOSTS = {"bun": "Bun", "process": "process"}
"""Modules that are a global object."""
_GLOBAL_OBJECTS = frozenset(("global", "globalThis", "self", "window"))
_TIMERS = frozenset(("setImmediate", "setInterval", "setTimeout"))
_LOADERS = frozenset(("import.meta.require", "module.require", "require"))
_CALLED = _TIMERS | {"require"}
_NAME_MAX_BYTES = 20
"""Longer than any name in the tables; saves the cutting of others."""

_NAMES = frozenset(("identifier", "shorthand_property_identifier"))
_ACCESSES = frozenset(("member_expression", "subscript_expression"))
_CALLS = frozenset(("call_expression", "new_expression"))
_TEXTS = frozenset(("string", "template_string"))
_WITHOUT_RUN_TIME = frozenset(
    (
        "ambient_declaration",
        "function_signature",
        "interface_declaration",
        "type_alias_declaration",
        "type_annotation",
        "type_arguments",
        "type_query",
    )
)
_GIVEN = {
    "variable_declarator": ("name", "value"),
    "assignment_expression": ("left", "right"),
    "required_parameter": ("pattern", "value"),
}
"""Nodes that give a value to a pattern, with the fields of both."""
_STATEMENTS = frozenset(("export_statement", "import_statement"))
_UNREAL = frozenset(("ambient_declaration", "optional_parameter", "required_parameter"))
"""Nodes that may declare a name for the type checker only."""
_WEIGHED = _NAMES | _ACCESSES | _CALLS | _WITHOUT_RUN_TIME | _GIVEN.keys() | _STATEMENTS | _UNREAL
"""All nodes that a survey looks at."""
_FUNCTION_IS_TAKEN = frozenset(
    (
        *_CALLS,
        "assignment_expression",
        "parenthesized_expression",
        "sequence_expression",
        "variable_declarator",
    )
)
"""Above the name `Function`: it is called or kept, not compared with (`x instanceof Function`)."""


def labels_of(source: Source, imports: Iterable[Import]) -> frozenset[Label]:
    """The labels one file earns; `imports` are those that `read_imports` finds in it."""
    modules = (found.module for found in imports if not found.is_dynamic and not found.is_type_only)
    found = {label for module in modules if (label := _module_label(module))}
    survey = _Survey(source)
    found |= {_GLOBALS[path] for path in survey.imported if path in _GLOBALS}
    # Most files name nothing of the kind, and need not have their declarations read.
    return frozenset(found | _Judgement(source, survey).labels if survey.steps else found)


def _module_label(module: str) -> Label | None:
    if module.startswith("data:"):
        return "eval"
    if module.startswith(("http:", "https:")):
        return "network"
    parts = module.removeprefix("node:").split("/")
    return _MODULES.get("/".join(parts[:2]) if module.startswith("@") else parts[0])


class _Survey:
    """One walk through a file: where something may be named, and how names get into it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.steps: list[Step] = []
        """What has to be judged."""
        self.imported: list[str] = []
        """Paths of what is imported by name from a module of `_HOSTS`."""
        self.hosts: dict[str, str] = {}
        """Names that stand for such a module as a whole."""
        self.unreal: dict[str, list[int]] = {}
        """Where names are declared for the type checker only; `Bindings` takes them for real."""
        skipped_to = 0
        for step in source.steps:
            if step.type not in _WEIGHED:
                continue
            node = step.node
            if step.type in _UNREAL:
                self._note_unreal(step)
            if step.type in _STATEMENTS:
                skipped_to = max(skipped_to, self._read_statement(node))
            elif step.type in _WITHOUT_RUN_TIME:
                skipped_to = max(skipped_to, node.end_byte)
            elif node.start_byte >= skipped_to and self._may_matter(node, step.type):
                self.steps.append(step)

    def _may_matter(self, node: Node, kind: str) -> bool:
        if kind in _NAMES:
            return _short(self._source, node) in _GLOBALS
        if kind in _ACCESSES:
            key = _last_name(self._source, node)
            return key in _LAST_NAMES or key == "constructor"
        if kind in _CALLS:
            called = node.child_by_field_name("function")
            called = None if called is None else unwrap(called)
            return called is not None and (
                called.type == "import" or _last_name(self._source, called) in _CALLED
            )
        pattern = node.child_by_field_name(_GIVEN[kind][0]) if kind in _GIVEN else None
        return pattern is not None and pattern.type == "object_pattern"

    def _note_unreal(self, step: Step) -> None:
        node = step.node
        if step.type == "ambient_declaration":
            for declaration in members(node):
                patterns = [part.child_by_field_name("name") for part in members(declaration)]
                self._add_unreal([declaration.child_by_field_name("name"), *patterns])
        else:
            owner = step.above.above if step.above is not None else None
            if owner is None or not is_function(owner.node):
                self._add_unreal([node.child_by_field_name("pattern")])

    def _add_unreal(self, patterns: Iterable[Node | None]) -> None:
        for pattern in patterns:
            for name in names_in(pattern) if pattern is not None else ():
                self.unreal.setdefault(self._source.text(name), []).append(name.start_byte)

    def _read_statement(self, statement: Node) -> int:
        """Takes what comes from the modules in `_HOSTS`; returns up to where nothing more is to be read."""
        origin = statement.child_by_field_name("source")
        if origin is None:
            return statement.end_byte if statement.type == "import_statement" else 0
        host = _HOSTS.get((static_text(self._source, origin) or "").removeprefix("node:"))
        if host is not None and not _is_type(statement):
            for clause in members(statement):
                for part in [clause] if clause.type == "export_clause" else members(clause):
                    self._read_clause(part, host)
        return statement.end_byte

    def _read_clause(self, part: Node, host: str) -> None:
        if part.type == "identifier":
            self.hosts[self._source.text(part)] = host
        elif part.type == "namespace_import":
            self.hosts[self._source.text(members(part)[0])] = host
        elif part.type in ("named_imports", "export_clause"):
            for specifier in members(part):
                name = specifier.child_by_field_name("name")
                if name is not None and not _is_type(specifier):
                    self.imported.append(f"{host}.{self._source.text(name)}")


class _Judgement:
    """What the places found by a survey really name, their declarations followed."""

    def __init__(self, source: Source, survey: _Survey) -> None:
        self._source = source
        self._survey = survey
        self._bindings = Bindings(source)
        self.labels: set[Label] = set()
        for step in survey.steps:
            if step.node.type in _NAMES or step.node.type in _ACCESSES:
                self._judge_name(step)
            elif step.node.type in _CALLS:
                self._judge_call(step.node)
            else:
                self._judge_pattern(step.node)

    # What is done.

    def _judge_name(self, step: Step) -> None:
        node = step.node
        last = _last_name(self._source, node)
        if last == "constructor":
            if node.type in _ACCESSES and self._is_function_maker(node):
                self.labels.add("eval")
            return
        path = self._path(node)
        if path == "Function" and node.type in _NAMES and not _is_taken(step):
            return
        label = _LAST_NAMES.get(last) if path is None else _GLOBALS.get(path)
        if label is not None:
            self.labels.add(label)

    def _is_function_maker(self, node: Node) -> bool:
        """`x.constructor.constructor`, or the constructor of a function: both make code of text."""
        owner = node.child_by_field_name("object")
        owner = None if owner is None else unwrap(owner)
        if owner is None:
            return False
        if owner.type == "call_expression":
            called, given = owner.child_by_field_name("function"), _first_argument(owner)
            is_asked = called is not None and _last_name(self._source, unwrap(called)) == "getPrototypeOf"
            return is_asked and given is not None and is_function(unwrap(given))
        is_constructor = owner.type in _ACCESSES and _last_name(self._source, owner) == "constructor"
        return is_constructor or is_function(owner)

    def _judge_call(self, node: Node) -> None:
        called = node.child_by_field_name("function")
        called, given = (None if called is None else unwrap(called)), _first_argument(node)
        if called is None:
            return
        if called.type == "import":
            self._judge_import(given)
        elif _last_name(self._source, called) == "require":
            if self._path(called) in (None, *_LOADERS):
                self._judge_import(given)
        elif given is not None and self._path(called) in _TIMERS:
            value = self._bindings.follow(given)
            if value is not None and _is_text(value):
                self.labels.add("eval")

    def _judge_import(self, given: Node | None) -> None:
        if given is None or static_text(self._source, unwrap(given)) is None:
            self.labels.add("dynamic-import")
        module = None if given is None else self._bindings.static_text(given)
        label = _module_label(module) if module else None
        if label is not None:
            self.labels.add(label)

    def _judge_pattern(self, node: Node) -> None:
        """`const { env } = process`."""
        pattern_field, value_field = _GIVEN[node.type]
        pattern, value = node.child_by_field_name(pattern_field), node.child_by_field_name(value_field)
        if pattern is None or value is None or pattern.type != "object_pattern":
            return
        keys = [self._pattern_key(part) for part in members(pattern)]
        owner = self._path(value) if any(key in _LAST_NAMES for key in keys) else ""
        for key in keys:
            if owner is None and key in _LAST_NAMES:
                self.labels.add(_LAST_NAMES[key])
            elif label := _GLOBALS.get(key if owner in _GLOBAL_OBJECTS else f"{owner}.{key}"):
                self.labels.add(label)

    def _pattern_key(self, part: Node) -> str:
        key = part.child_by_field_name("key") or part.child_by_field_name("left") or part
        return self._source.text(key).strip("\"'")

    # What an expression names.

    def _path(self, node: Node) -> str | None:
        """`Bun.spawn` for what leads there from a global name; empty for others, None if it is too far."""
        keys: list[str] = []
        for _ in range(LINKS_MAX):
            if not self._bindings.spend():
                return None
            node = unwrap(node)
            root = self._root(node)
            if root is not None:
                return _joined(root, keys)
            following = self._following(node)
            if following is None:
                return ""
            if node.type in _ACCESSES:
                keys.append(_last_name(self._source, node))
            node = following
        return None

    def _declaration(self, name: Node) -> Binding | None:
        """What declares this name in the file at run time; None for a global one, or if nobody can say."""
        text = self._source.text(name)
        binding = self._bindings.find(text, name.start_byte)
        if binding is None or binding.imported or binding.value is not None:
            return binding
        places = self._survey.unreal.get(text, [])
        first = bisect_left(places, binding.start)
        is_unreal = first < len(places) and places[first] < binding.end
        return None if is_unreal or binding.end == 0 else binding

    def _root(self, node: Node) -> str | None:
        """The global object that `node` is."""
        if node.type == "meta_property":
            return "".join(self._source.text(node).split())
        if node.type == "call_expression":
            return self._loaded_host(node)
        if node.type not in _NAMES:
            return None
        binding = self._declaration(node)
        if binding is None:
            return self._source.text(node)
        is_whole = binding.imported in ("*", "default")
        return self._survey.hosts.get(self._source.text(node)) if is_whole else None

    def _loaded_host(self, call: Node) -> str | None:
        """`require("bun")` is `Bun`."""
        called, given = call.child_by_field_name("function"), _first_argument(call)
        is_load = called is not None and (called.type == "import" or self._source.text(called) == "require")
        module = static_text(self._source, unwrap(given)) if is_load and given is not None else None
        return None if module is None else _HOSTS.get(module.removeprefix("node:"))

    def _following(self, node: Node) -> Node | None:
        """One step from `node` towards where its value comes from."""
        if node.type in _ACCESSES:
            return node.child_by_field_name("object")
        if node.type == "await_expression":
            return members(node)[0] if members(node) else None
        if node.type not in _NAMES:
            return None
        binding = self._declaration(node)
        return None if binding is None else self._bindings.value_of(binding)


def _joined(root: str, keys: list[str]) -> str:
    path = [root, *reversed(keys)]
    while len(path) > 1 and path[0] in _GLOBAL_OBJECTS:
        path = path[1:]
    return ".".join(path)


def _is_taken(step: Step) -> bool:
    return step.above is not None and step.above.node.type in _FUNCTION_IS_TAKEN


def _is_text(node: Node) -> bool:
    """A text, or one composed with `+`."""
    while node.type == "binary_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or (right is not None and unwrap(right).type in _TEXTS):
            return True
        node = unwrap(left)
    return node.type in _TEXTS


def _first_argument(call: Node) -> Node | None:
    arguments = call.child_by_field_name("arguments")
    given = members(arguments) if arguments is not None and arguments.type == "arguments" else []
    return given[0] if given else None


def _is_type(node: Node) -> bool:
    return any(child.type == "type" for child in node.children)


def _last_name(source: Source, node: Node) -> str:
    """`c` of `c`, `a.c` and `a["c"]`; empty when it is computed, or too long to matter."""
    if node.type in _NAMES:
        return _short(source, node)
    key = node.child_by_field_name("property")
    if key is not None:
        return _short(source, key)
    index = node.child_by_field_name("index")
    return (static_text(source, unwrap(index)) or "") if index is not None else ""


def _short(source: Source, node: Node) -> str:
    return source.text(node) if node.end_byte - node.start_byte <= _NAME_MAX_BYTES else ""
