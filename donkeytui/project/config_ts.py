"""donkeylabs.config.ts: text -> what it says, and text edits that keep the rest byte for byte.

Only the shapes of the wild are understood: an object that is exported, directly, through
`defineConfig(...)` or through a constant. Anything else is left alone and said so. The file comes
with a clone and is hostile: a plugins root outside of the project is not taken from it.
"""

from msgspec import Struct

from donkeytui.project.globs import fixed_folder, glob_matches_root
from donkeytui.project.listing import append_item
from registry_server.contract.bindings import Bindings
from registry_server.contract.modules import exports, read_imports
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import Node, Source, members, parse, static_text, unwrap, walk

__all__ = ["ConfigReading", "add_plugin_glob", "glob_matches_root", "plugins_root", "read_config"]

DEFAULT_ROOT = "src/plugins"
SVELTEKIT_ROOT = "src/server/plugins"
SVELTEKIT_ADAPTER = "@donkeylabs/adapter-sveltekit"


class ConfigReading(Struct, frozen=True, kw_only=True):
    """What a config says, as far as it was understood."""

    is_understood: bool
    """Whether `add_plugin_glob` may edit it."""
    plugin_globs: tuple[str, ...] = ()
    """Elements of `plugins`, in order; when not understood, those that could be read."""
    entry: str = ""
    """Empty when the config names none."""
    uses_sveltekit: bool = False
    reason: str = ""
    """Why it is not understood, as a clause for a person."""


def read_config(text: str) -> ConfigReading:
    try:
        source = parse(text)
    except InvalidPackage as error:
        return ConfigReading(is_understood=False, reason=error.problem.detail)
    return _ConfigReader(source).reading()


def add_plugin_glob(text: str, glob: str) -> str | None:
    """`text` with `glob` as the last element of `plugins`; None when its shape is not understood.

    Last, because a tool of the framework takes the plugins root from the first. A glob that is
    there already changes nothing. The result is read again before it is given out.
    """
    reading = read_config(text)
    if not reading.is_understood:
        return None
    if glob in reading.plugin_globs:
        return text
    reader = _ConfigReader(parse(text))
    edited = reader.with_glob(glob)
    if edited is None or read_config(edited).plugin_globs != (*reading.plugin_globs, glob):
        return None
    return edited


def plugins_root(reading: ConfigReading) -> str:
    """The folder plugins live in, relative to the project, with `/`; never outside of it.

    The fixed part of the first glob, or the framework's own defaults: also when that glob leads out
    of the project, is absolute, or has no fixed part.
    """
    first = next((glob for glob in reading.plugin_globs if not glob.startswith("!")), "")
    return fixed_folder(first) or (SVELTEKIT_ROOT if reading.uses_sveltekit else DEFAULT_ROOT)


class _NotUnderstoodError(Exception):
    """Carries the reason up to the reading."""


class _ConfigReader:
    """One parsed config; every step may find that it is not understood."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._bindings = Bindings(source)

    def reading(self) -> ConfigReading:
        globs: list[str] = []
        entry = ""
        reason = ""
        adapter = ""
        try:
            config = self._config()
            adapter = self._static_field(config, "adapter")
            entry = self._static_field(config, "entry")
            self._read_globs(config, globs)
        except _NotUnderstoodError as error:
            reason = str(error)
        return ConfigReading(
            is_understood=not reason,
            plugin_globs=tuple(globs),
            entry=entry,
            uses_sveltekit=adapter == SVELTEKIT_ADAPTER or self._imports_sveltekit(),
            reason=reason,
        )

    def with_glob(self, glob: str) -> str | None:
        """The text with one more glob."""
        try:
            config = self._config()
            plugins = self._field(config, "plugins")
            array = None if plugins is None else self._array(plugins)
        except _NotUnderstoodError:
            return None
        item = _quoted(glob, self._quote(array))
        data = self._source.data
        if array is not None:
            edited = append_item(data, array, item.encode(), padding=b"")
        else:
            edited = append_item(data, config, f"plugins: [{item}]".encode(), padding=b" ")
        return None if edited is None else edited.decode("utf-8", "surrogatepass")

    def _config(self) -> Node:
        """The object that is exported."""
        exported = [node for name, node in exports(self._source) if name == "default" and node is not None]
        exported += self._assigned_exports()
        if len(exported) != 1:
            raise _NotUnderstoodError("it does not have exactly one default export")
        value = self._bindings.follow(exported[0])
        if value is not None and value.type == "call_expression":
            value = self._defined(value)
        if value is None or value.type != "object":
            raise _NotUnderstoodError("its default export is not an object")
        if value.has_error:
            raise _NotUnderstoodError("it has a syntax error")
        return value

    def _assigned_exports(self) -> list[Node]:
        """Values of `module.exports = ...` and `export = ...`."""
        found: list[Node | None] = []
        for statement in members(self._source.root):
            if statement.type == "export_statement" and any(
                child.type == "=" for child in statement.children
            ):
                found += members(statement)[:1]
            for expression in members(statement) if statement.type == "expression_statement" else []:
                left = expression.child_by_field_name("left")
                if left is not None and self._source.text(left) == "module.exports":
                    found.append(expression.child_by_field_name("right"))
        return [node for node in found if node is not None]

    def _defined(self, call: Node) -> Node | None:
        """What `defineConfig(...)` is given, whatever it is called here."""
        function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or arguments is None or arguments.type != "arguments":
            return None
        name = self._source.text(function)
        binding = self._bindings.find(name, function.start_byte)
        is_define = name.split(".")[-1] == "defineConfig"
        if not is_define and (binding is None or binding.imported != "defineConfig"):
            return None
        given = members(arguments)
        return self._bindings.follow(given[0]) if len(given) == 1 else None

    def _field(self, config: Node, wanted: str) -> Node | None:
        """The value of a field; None when there is surely none."""
        found: list[Node] = []
        is_certain = True
        for member in members(config):
            name = self._key(member)
            if name is None:
                is_certain = False
            elif name == wanted:
                is_certain = True
                found.append(member.child_by_field_name("value") or member)
        if not is_certain:
            raise _NotUnderstoodError(f"a spread or a computed key may set `{wanted}`")
        if len(found) > 1:
            raise _NotUnderstoodError(f"it sets `{wanted}` twice")
        return found[0] if found else None

    def _key(self, member: Node) -> str | None:
        if member.type == "shorthand_property_identifier":
            return self._source.text(member)
        key = member.child_by_field_name("key") or member.child_by_field_name("name")
        if key is None or key.type == "computed_property_name":
            return None
        return static_text(self._source, key) if key.type == "string" else self._source.text(key)

    def _static_field(self, config: Node, name: str) -> str:
        """Empty when the field is missing, computed or uncertain."""
        try:
            value = self._field(config, name)
        except _NotUnderstoodError:
            return ""
        return (self._bindings.static_text(value) or "") if value is not None else ""

    def _array(self, value: Node) -> Node:
        array = self._bindings.follow(value)
        if array is None or array.type != "array":
            raise _NotUnderstoodError("its `plugins` is not an array")
        if array.has_error:
            raise _NotUnderstoodError("it has a syntax error")
        return array

    def _read_globs(self, config: Node, globs: list[str]) -> None:
        plugins = self._field(config, "plugins")
        is_computed = False
        for item in members(self._array(plugins)) if plugins is not None else []:
            glob = self._bindings.static_text(item)
            if glob is None:
                is_computed = True
            else:
                globs.append(glob)
        if is_computed:
            raise _NotUnderstoodError("an element of its `plugins` is computed")

    def _imports_sveltekit(self) -> bool:
        return any(
            found.module == SVELTEKIT_ADAPTER or found.module.startswith(f"{SVELTEKIT_ADAPTER}/")
            for found in read_imports(self._source)
            if not found.is_type_only
        )

    def _quote(self, array: Node | None) -> str:
        """The quote sign of the last element, else of the file's first string."""
        items = [unwrap(item) for item in members(array)] if array is not None else []
        strings = [item for item in reversed(items) if item.type == "string"]
        for node in strings or walk(self._source.root):
            if node.type == "string":
                return self._source.text(node)[0]
        return '"'


def _quoted(text: str, quote: str) -> str:
    return quote + "".join(_written(character, quote) for character in text) + quote


def _written(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
