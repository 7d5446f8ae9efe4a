"""donkeylabs-lock.json: parse, canonical text. The truth about what is installed.

The design's format (lockfileVersion 1: version, resolved, integrity, dependencies), plus our own
fields: `range` for what the user asked for (absent for what others brought in) and `tree` for the
digest of the installed files. Text is canonical: sorted names, two spaces, a final newline; so
diffs are small. A lockfile comes with a cloned project and is read as strictly as a stranger's.
"""

import json
import re

from msgspec import Struct

from donkeytui.problems import LockfileInvalid
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import check_integrity_text
from registry_server.contract.names import is_name
from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import parse_range
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.versions import parse_version

LOCKFILE_NAME = "donkeylabs-lock.json"
LOCKFILE_VERSION = 1
LOCKFILE_MAX_BYTES = 8 << 20
ADDRESS_MAX = 2000


class LockedPlugin(Struct, frozen=True, kw_only=True):
    version: str
    resolved: str
    """Where it came from. Only told, never used: packages are fetched from the registry in use."""
    integrity: str
    dependencies: dict[str, str] = {}
    """Plugin dependencies: name -> range."""
    range: str | None = None
    """What the user asked for; None when only other plugins need it."""
    tree: str = ""
    """Integrity of the files as installed; empty when not known."""


class Lockfile(Struct, frozen=True, kw_only=True):
    plugins: dict[str, LockedPlugin] = {}

    @property
    def versions(self) -> dict[str, str]:
        return {name: plugin.version for name, plugin in self.plugins.items()}

    def dependents(self, name: str) -> list[str]:
        """Locked plugins that need `name`."""
        return sorted(other for other, plugin in self.plugins.items() if name in plugin.dependencies)


def parse_lockfile(text: str) -> Lockfile:
    """Raises `LockfileInvalid` with the line of the fault where there is one."""
    try:
        document = load_strict(text, LOCKFILE_MAX_BYTES)
    except StrictJsonError as error:
        raise _invalid(str(error)) from error
    if not isinstance(document, dict):
        raise _invalid("is not an object")
    version = document.get("lockfileVersion")
    if version is None:
        raise _invalid("does not say its `lockfileVersion`")
    if version != LOCKFILE_VERSION or isinstance(version, bool):
        raise LockfileInvalid(
            f"{LOCKFILE_NAME} has lockfileVersion {str(version)[:20]}, this program knows {LOCKFILE_VERSION}",
            hint="update donkeytui",
        )
    plugins = document.get("plugins", {})
    if not isinstance(plugins, dict):
        raise _invalid("has a `plugins` that is not an object")
    return Lockfile(plugins={name: _plugin(text, name, value) for name, value in sorted(plugins.items())})


def render_lockfile(lockfile: Lockfile) -> str:
    document = {
        "lockfileVersion": LOCKFILE_VERSION,
        "plugins": {name: _document(plugin) for name, plugin in sorted(lockfile.plugins.items())},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _document(plugin: LockedPlugin) -> dict[str, object]:
    document: dict[str, object] = {
        "version": plugin.version,
        "resolved": plugin.resolved,
        "integrity": plugin.integrity,
        "dependencies": dict(sorted(plugin.dependencies.items())),
    }
    if plugin.range is not None:
        document["range"] = plugin.range
    if plugin.tree:
        document["tree"] = plugin.tree
    return document


def _plugin(text: str, name: str, value: object) -> LockedPlugin:
    if not is_name(name):
        raise _invalid(f"has `{name[:80]}`, which is not a plugin name", text, name)
    if not isinstance(value, dict):
        raise _invalid(f"has no object for `{name}`", text, name)
    try:
        return LockedPlugin(
            version=parse_version(_text(value, "version")).text,
            resolved=_address(_text(value, "resolved")),
            integrity=check_integrity_text(_text(value, "integrity")),
            dependencies=_dependencies(value.get("dependencies", {})),
            range=_range(value.get("range")),
            tree=check_integrity_text(_text(value, "tree")) if value.get("tree") else "",
        )
    except (ProblemError, TypeError) as error:
        raise _invalid(f"has a fault in `{name}`: {error}", text, name) from error


def _text(value: dict[str, object], key: str) -> str:
    found = value.get(key, "" if key == "resolved" else None)
    if not isinstance(found, str):
        raise TypeError(f"`{key}` is missing or not text")
    return found


def _address(text: str) -> str:
    """Only told, but written back into the lockfile: nothing that no file or terminal should hold."""
    if len(text) > ADDRESS_MAX or not text.isprintable():
        raise TypeError("`resolved` is not an address")
    return text


def _range(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("`range` is not text")
    parse_range(value)
    return value


def _dependencies(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("`dependencies` is not an object")
    for name, wanted in value.items():
        if not isinstance(name, str) or not is_name(name) or not isinstance(wanted, str):
            raise TypeError(f"`dependencies` has `{str(name)[:80]}`")
        parse_range(wanted)
    return dict(value)


def _invalid(detail: str, text: str = "", name: str = "") -> LockfileInvalid:
    match = re.search(rf'"{re.escape(name)}"\s*:', text) if name else None
    line = f" (line {text.count(chr(10), 0, match.start()) + 1})" if match else ""
    return LockfileInvalid(
        f"{LOCKFILE_NAME} {clean(detail, 400)}{line}",
        hint="take it back from version control",
    )
