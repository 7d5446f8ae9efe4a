"""donkeylabs.config.ts: text -> what it says, and text edits that keep the rest byte for byte.

The configuration is an object: the default export, the argument of a call round it
(`defineConfig`), or a variable with either, `as` and `satisfies` taken off. Any other shape is left
alone, with the reason why.
"""

import fnmatch
import posixpath
import re

from msgspec import Struct

from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import Node, Source, members, parse, static_text, unwrap, walk

DEFAULT_ROOT = "src/plugins"
SVELTEKIT_ROOT = "src/server/plugins"
SVELTEKIT_ADAPTER = "@donkeylabs/adapter-sveltekit"
_MAGIC = re.compile(r"[*?\[\]{}!()]")


class ConfigReading(Struct, frozen=True, kw_only=True):
    is_understood: bool
    """Whether `add_plugin_glob` can edit the text."""
    plugin_globs: tuple[str, ...] = ()
    entry: str = ""
    uses_sveltekit: bool = False
    reason: str = ""
    """Why it is not understood."""


def read_config(text: str) -> ConfigReading:
    """Never raises: what cannot be read is not understood."""
    uses_sveltekit = SVELTEKIT_ADAPTER in text
    try:
        source = parse(text)
    except InvalidPackage as error:
        return ConfigReading(is_understood=False, uses_sveltekit=uses_sveltekit, reason=error.problem.detail)
    config = _config_object(source)
    if config is None:
        reason = "no configuration object is exported"
        return ConfigReading(is_understood=False, uses_sveltekit=uses_sveltekit, reason=reason)
    entry_node = _field(source, config, "entry")
    entry = static_text(source, unwrap(entry_node)) if entry_node is not None else None
    plugins = _field(source, config, "plugins")
    array = unwrap(plugins) if plugins is not None else None
    if array is not None and array.type != "array":
        reason = "its `plugins` are not a list"
        return ConfigReading(is_understood=False, entry=entry or "", uses_sveltekit=uses_sveltekit, reason=reason)
    texts = [static_text(source, unwrap(item)) for item in members(array)] if array is not None else []
    return ConfigReading(
        is_understood=True,
        plugin_globs=tuple(item for item in texts if item is not None),
        entry=entry or "",
        uses_sveltekit=uses_sveltekit,
    )


def plugins_root(reading: ConfigReading) -> str:
    """Where plugins lie, relative to the project, with `/`; never outside of it."""
    for glob in reading.plugin_globs[:1]:
        root = _fixed_part(glob)
        if root:
            return root
    return SVELTEKIT_ROOT if reading.uses_sveltekit else DEFAULT_ROOT


def glob_matches_root(globs: tuple[str, ...], root: str, name: str) -> bool:
    """Whether one of the globs finds `<root>/<name>/index.ts`."""
    path = f"{root}/{name}/index.ts"
    return any(_matches(posixpath.normpath(glob), path) for glob in globs)


def add_plugin_glob(text: str, glob: str) -> str | None:
    """The text with `glob` as the last of `plugins`; None when its shape is not understood."""
    try:
        source = parse(text)
    except InvalidPackage:
        return None
    config = _config_object(source)
    if config is None:
        return None
    quote = "'" if text.count("'") > text.count('"') else '"'
    literal = f"{quote}{glob}{quote}"
    plugins = _field(source, config, "plugins")
    if plugins is None:
        return _insert(source, config, f"plugins: [{literal}]")
    array = unwrap(plugins)
    return _insert(source, array, literal) if array.type == "array" else None


def _insert(source: Source, holder: Node, item: str) -> str:
    """`item` after the last member of a list or object, in the style of the others."""
    data = source.data
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    items = members(holder)
    closing = holder.end_byte - 1
    if not items:
        inner = data[holder.start_byte + 1 : closing]
        if inner.strip():
            # Only comments inside: they stay, the item goes behind them.
            return _joined(data, closing, newline + b"  " + item.encode() + b"," + newline)
        is_object = holder.type == "object"
        return _joined(data, holder.start_byte + 1, f" {item} ".encode() if is_object else item.encode(), closing)
    last = items[-1]
    between = data[last.end_byte : closing]
    comma = _comma_after(between)
    start_line = data.rfind(b"\n", 0, last.start_byte) + 1
    indent = data[start_line : last.start_byte]
    is_multiline = holder.start_point.row != last.start_point.row and not indent.strip()
    if is_multiline:
        addition = newline + indent + item.encode()
    else:
        addition = b" " + item.encode()
    if comma is None:
        return _joined(data, last.end_byte, b"," + addition)
    return _joined(data, last.end_byte + comma + 1, addition + b",")


def _comma_after(between: bytes) -> int | None:
    """Place of the trailing comma, outside of comments."""
    blank = re.sub(rb"//[^\n]*|/\*.*?\*/", lambda match: b" " * len(match[0]), between, flags=re.DOTALL)
    place = blank.find(b",")
    return place if place >= 0 else None


def _joined(data: bytes, at: int, addition: bytes, end: int | None = None) -> str:
    changed = data[:at] + addition + data[at if end is None else end :]
    return changed.decode("utf-8", "surrogatepass")


def _config_object(source: Source) -> Node | None:
    for node in source.root.children:
        exported = _exported_value(source, node)
        if exported is not None:
            return _object_in(source, exported)
    return None


def _exported_value(source: Source, node: Node) -> Node | None:
    """The value of `export default` or `module.exports =`."""
    if node.type == "export_statement" and any(child.type == "default" for child in node.children):
        return node.child_by_field_name("value")
    if node.type != "expression_statement" or not members(node):
        return None
    assignment = members(node)[0]
    left = assignment.child_by_field_name("left")
    if assignment.type == "assignment_expression" and left is not None:
        return assignment.child_by_field_name("right") if source.text(left) == "module.exports" else None
    return None


def _object_in(source: Source, node: Node, depth: int = 0) -> Node | None:
    node = unwrap(node)
    if node.type == "object":
        return node
    if depth > 4:
        return None
    if node.type == "call_expression":
        arguments = node.child_by_field_name("arguments")
        items = members(arguments) if arguments is not None else []
        return _object_in(source, items[0], depth + 1) if len(items) == 1 else None
    if node.type == "identifier":
        value = _variable(source, source.text(node))
        return _object_in(source, value, depth + 1) if value is not None else None
    return None


def _variable(source: Source, name: str) -> Node | None:
    for node in walk(source.root):
        if node.type == "variable_declarator":
            declared = node.child_by_field_name("name")
            if declared is not None and source.text(declared) == name:
                return node.child_by_field_name("value")
    return None


def _field(source: Source, config: Node, name: str) -> Node | None:
    for pair in members(config):
        key = pair.child_by_field_name("key") if pair.type == "pair" else None
        if key is not None and source.text(key).strip("\"'") == name:
            return pair.child_by_field_name("value")
    return None


def _fixed_part(glob: str) -> str:
    """The folders before the first wildcard; empty when they are none, or lead out of the project."""
    if glob.startswith(("/", "~")) or "\\" in glob or ":" in glob or not glob.isprintable():
        return ""
    fixed: list[str] = []
    for part in glob.split("/"):
        if _MAGIC.search(part):
            break
        fixed.append(part)
    else:
        fixed = fixed[:-2]
    root = posixpath.normpath("/".join(fixed)) if fixed else "."
    is_inside = root != "." and not root.startswith("..") and ".git" not in root.split("/")
    return root if is_inside else ""


def _matches(glob: str, path: str) -> bool:
    """Part by part; `**` stands for any number of folders."""
    wanted, present = glob.split("/"), path.split("/")
    # reachable[j]: the parts read so far can end before present[j].
    reachable = {0}
    for part in wanted:
        if part == "**":
            reachable = set(range(min(reachable), len(present) + 1)) if reachable else set()
        else:
            reachable = {
                place + 1
                for place in reachable
                if place < len(present) and any(fnmatch.fnmatchcase(present[place], p) for p in _braces(part))
            }
        if not reachable:
            return False
    return len(present) in reachable


def _braces(part: str) -> list[str]:
    match = re.match(r"(.*?)\{([^{}]*)\}(.*)\Z", part)
    if match is None:
        return [part]
    return [f"{match[1]}{choice}{match[3]}" for choice in match[2].split(",")[:50]]
