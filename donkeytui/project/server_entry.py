"""The lines a server entry needs to import and register plugins, exactly as they should be written."""

import posixpath

from msgspec import Struct

from registry_server.contract.definition import Definition
from registry_server.contract.names import camel_name


class Registration(Struct, frozen=True, kw_only=True):
    """What to add to the server entry for one plugin."""

    name: str
    import_line: str
    register_line: str


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
