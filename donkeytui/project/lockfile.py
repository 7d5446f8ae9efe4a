"""donkeylabs-lock.json: parse, canonical text. The truth about what is installed.

The design's format (lockfileVersion 1: version, resolved, integrity, dependencies), plus our own
fields, each left out when it says nothing: `range` is what the user asked for (absent for what
others brought in), `tree` the digest of the installed files, `packages` the npm packages the
release asks for, `copies` its files elsewhere in the project, `pinned` and `signer`; and at the top
`npm`, what we wrote into package.json. Text is canonical: sorted names, one fact a line, two spaces,
a final newline; so diffs are small and merge. A lockfile comes with a cloned project and is read
as strictly as a stranger's.
"""

import json
import re

from msgspec import Struct

from donkeytui.problems import LockfileInvalid
from donkeytui.project.npm_packages import NpmRecord
from donkeytui.project.tree import is_place
from registry_server.contract.foreign import clean
from registry_server.contract.integrity import check_integrity_text
from registry_server.contract.manifest import is_npm_dependency
from registry_server.contract.names import is_name
from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import parse_range
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.versions import parse_version

LOCKFILE_NAME = "donkeylabs-lock.json"
LOCKFILE_VERSION = 1
LOCKFILE_MAX_BYTES = 8 << 20
ADDRESS_MAX = 2000

_CONFLICT_MARKER = re.compile(r"^(?:<{7}|={7}|>{7})(?: |$)", re.MULTILINE)
_KEY_ID = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")


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
    """Integrity of the files as released; empty when not known."""
    packages: dict[str, str] = {}
    """npm packages the release asks for -> range."""
    copies: dict[str, str] = {}
    """Path in the project -> integrity as released, of files that belong outside of the folder."""
    pinned: bool = False
    """Held at this version by the user."""
    signer: str = ""
    """Key id of who signed the release."""


class Lockfile(Struct, frozen=True, kw_only=True):
    plugins: dict[str, LockedPlugin] = {}
    npm: dict[str, NpmRecord] = {}
    """npm packages whose range in package.json is ours."""

    @property
    def versions(self) -> dict[str, str]:
        return {name: plugin.version for name, plugin in self.plugins.items()}

    @property
    def pinned(self) -> dict[str, str]:
        return {name: plugin.version for name, plugin in self.plugins.items() if plugin.pinned}

    def dependents(self, name: str) -> list[str]:
        """Locked plugins that need `name`."""
        return sorted(other for other, plugin in self.plugins.items() if name in plugin.dependencies)


def parse_lockfile(text: str) -> Lockfile:
    """Raises `LockfileInvalid` with the line of the fault where there is one."""
    if marker := _CONFLICT_MARKER.search(text):
        raise LockfileInvalid(
            f"{LOCKFILE_NAME} holds a merge conflict (line {_line(text, marker.start())})",
            hint="take one side, then donkeytui install",
        )
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
    return Lockfile(
        plugins={name: _plugin(text, name, value) for name, value in sorted(plugins.items())},
        npm=_npm(text, document.get("npm", {})),
    )


def render_lockfile(lockfile: Lockfile) -> str:
    document: dict[str, object] = {
        "lockfileVersion": LOCKFILE_VERSION,
        "plugins": {name: _document(plugin) for name, plugin in sorted(lockfile.plugins.items())},
    }
    if lockfile.npm:
        document["npm"] = {name: _npm_document(record) for name, record in sorted(lockfile.npm.items())}
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
    for key, paths in (("packages", plugin.packages), ("copies", plugin.copies)):
        if paths:
            document[key] = dict(sorted(paths.items()))
    if plugin.pinned:
        document["pinned"] = True
    if plugin.signer:
        document["signer"] = plugin.signer
    return document


def _npm_document(record: NpmRecord) -> dict[str, str]:
    return {"range": record.range, **({"before": record.before} if record.before else {})}


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
            packages=_packages(value.get("packages", {})),
            copies=_copies(value.get("copies", {})),
            pinned=_flag(value.get("pinned", False)),
            signer=_signer(value.get("signer", "")),
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


def _packages(value: object) -> dict[str, str]:
    """npm packages: a name and a range, as a manifest may have them."""
    if not isinstance(value, dict):
        raise TypeError("`packages` is not an object")
    for name, wanted in value.items():
        if not isinstance(wanted, str) or not is_npm_dependency(name, wanted):
            raise TypeError(f"`packages` has `{str(name)[:80]}`")
    return dict(value)


def _copies(value: object) -> dict[str, str]:
    """Paths that a removal deletes: never outside of the project, never a hidden file."""
    if not isinstance(value, dict):
        raise TypeError("`copies` is not an object")
    for path, integrity in value.items():
        if not isinstance(integrity, str) or not is_place(path):
            raise TypeError(f"`copies` has `{str(path)[:80]}`")
        check_integrity_text(integrity)
    return dict(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("`pinned` is neither true nor false")
    return value


def _signer(value: object) -> str:
    if not isinstance(value, str) or (value and not _KEY_ID.match(value)):
        raise TypeError("`signer` is not the id of a key")
    return value


def _npm(text: str, value: object) -> dict[str, NpmRecord]:
    if not isinstance(value, dict):
        raise _invalid("has an `npm` that is not an object")
    return {name: _npm_record(text, name, record) for name, record in sorted(value.items())}


def _npm_record(text: str, name: str, value: object) -> NpmRecord:
    """Written back into package.json when a plugin goes, so no more than a range may stand here."""
    fields = value if isinstance(value, dict) else {}
    wanted, before = fields.get("range"), fields.get("before", "")
    for range_ in (wanted, before or wanted):
        if not isinstance(range_, str) or not is_npm_dependency(name, range_):
            raise _invalid(f"has a fault in its npm package `{name[:80]}`", text, name)
    return NpmRecord(range=str(wanted), before=str(before))


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _invalid(detail: str, text: str = "", name: str = "") -> LockfileInvalid:
    match = re.search(rf'"{re.escape(name)}"\s*:', text) if name else None
    line = f" (line {_line(text, match.start())})" if match else ""
    return LockfileInvalid(
        f"{LOCKFILE_NAME} {clean(detail, 400)}{line}",
        hint="take it back from version control",
    )
