"""What can surely be mended in a plugin becomes changes of files; everything else is left alone.

The code has the last word: package.json is made to agree with the definition, never the other way,
and no source is touched. A dependency that the definition does not have is taken out of package.json
only when no source so much as names it.
"""

import json
import re
from collections.abc import Callable

from msgspec import Struct

from donkeytui.authoring.judging import judge
from donkeytui.authoring.licences import licence_text
from donkeytui.authoring.manifest_text import remove_value, set_value
from donkeytui.authoring.scaffold import (
    FIRST_VERSION,
    FRAMEWORK,
    usual_description,
    usual_display_name,
)
from registry_server.contract.archive import Entries
from registry_server.contract.definition import Definition
from registry_server.contract.manifest import (
    FRAMEWORK_MANIFEST_PATH,
    MANIFEST_PATH,
    read_framework_manifest,
    read_manifest,
)
from registry_server.contract.names import is_name
from registry_server.contract.problems import InvalidManifest, InvalidVersion
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.versions import parse_version

_CODE = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".svelte")

RangeFor = Callable[[str], str]
"""Name of a plugin to the range a new requirement on it gets."""


class Mend(Struct, frozen=True, kw_only=True):
    """One thing mended."""

    path: str
    text: str


class FileEdit(Struct, frozen=True, kw_only=True):
    path: str
    before: bytes | None
    """None for a file that is made."""
    after: bytes


class Mending(Struct, frozen=True, kw_only=True):
    mends: tuple[Mend, ...]
    edits: tuple[FileEdit, ...]
    """One a file."""


def mend(entries: Entries, *, range_for: RangeFor, year: int) -> Mending:
    """`year` is for the copyright line. Mending what was mended changes nothing."""
    mends: list[Mend] = []
    check = judge(entries)
    definition = check.definition
    unsure = any(finding.code == "definition-unclear" for finding in check.findings)
    after: dict[str, str] = {}
    text = _manifest_text(entries)
    if text is None and MANIFEST_PATH not in entries:
        text = _made_manifest(entries, definition, range_for, mends)
    if text is not None:
        try:
            after[MANIFEST_PATH] = _mended_name(text, definition, mends)
            if definition is not None and not unsure:
                after[MANIFEST_PATH] = _mended_plugins(
                    after[MANIFEST_PATH], entries, definition, mends, range_for=range_for
                )
        except InvalidManifest:
            mends.clear()
            after.clear()
        else:
            _add_company(entries, after, mends, year=year)
    edits = (_edit(entries, path, text) for path, text in sorted(after.items()))
    return Mending(mends=tuple(mends), edits=tuple(edit for edit in edits if edit.before != edit.after))


def _edit(entries: Entries, path: str, text: str) -> FileEdit:
    before = entries[path].data if path in entries else None
    return FileEdit(path=path, before=before, after=text.encode("utf-8", "surrogatepass"))


def _manifest_text(entries: Entries) -> str | None:
    """The text of package.json; None when there is none that could be edited."""
    if MANIFEST_PATH not in entries:
        return None
    try:
        text = entries[MANIFEST_PATH].data.decode()
        return text if isinstance(load_strict(entries[MANIFEST_PATH].data), dict) else None
    except (UnicodeDecodeError, StrictJsonError):
        return None


# package.json that is not there.


def _made_manifest(
    entries: Entries, definition: Definition | None, range_for: RangeFor, mends: list[Mend]
) -> str | None:
    """From manifest.json as far as it goes, and from the definition; None when no name is known."""
    told = _told(entries)
    name = definition.name if definition is not None else told.get("name", "")
    if not is_name(name):
        return None
    version = told.get("version", "")
    manifest: dict[str, object] = {
        "name": name,
        "version": version if _is_version(version) else FIRST_VERSION,
        "description": told.get("description", "")[:300] or usual_description(name),
    }
    npm = read_framework_manifest(entries[FRAMEWORK_MANIFEST_PATH].data)[0].npm if told else {}
    if npm:
        manifest["dependencies"] = npm
    needed = sorted(set(definition.dependencies)) if definition is not None else []
    manifest["donkeylabs"] = {
        "displayName": usual_display_name(name),
        "categories": [],
        "tags": [],
        "plugins": {needs: range_for(needs) for needs in needed if is_name(needs)},
        "framework": FRAMEWORK,
    }
    origin = FRAMEWORK_MANIFEST_PATH if told else "the definition"
    mends.append(Mend(path=MANIFEST_PATH, text=f"made from {origin}, for `{name}` {manifest['version']}"))
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _told(entries: Entries) -> dict[str, str]:
    """Texts of manifest.json."""
    if FRAMEWORK_MANIFEST_PATH not in entries:
        return {}
    try:
        document = load_strict(entries[FRAMEWORK_MANIFEST_PATH].data, refuses_halves=True)
    except StrictJsonError:
        return {}
    if not isinstance(document, dict):
        return {}
    return {
        key: value.strip()
        for key, value in document.items()
        if isinstance(value, str) and value.strip().isprintable()
    }


def _is_version(text: str) -> bool:
    try:
        return parse_version(text).text == text
    except InvalidVersion:
        return False


# package.json that is there.


def _mended_name(text: str, definition: Definition | None, mends: list[Mend]) -> str:
    """Name and version."""
    document = _document(text)
    name = document.get("name", "")
    if definition is not None and is_name(definition.name) and name != definition.name:
        text = set_value(text, ("name",), definition.name)
        was = f"`{name}`" if isinstance(name, str) and name else "missing"
        what = f"name was {was}, is `{definition.name}` as in the definition"
        mends.append(Mend(path=MANIFEST_PATH, text=what))
    if document.get("version", "") == "":
        text = set_value(text, ("version",), FIRST_VERSION)
        mends.append(Mend(path=MANIFEST_PATH, text=f"version was missing, is `{FIRST_VERSION}`"))
    return text


def _mended_plugins(
    text: str, entries: Entries, definition: Definition, mends: list[Mend], *, range_for: RangeFor
) -> str:
    """donkeylabs.plugins, as far as the definition is plain about it."""
    declared = _declared(_document(text))
    if declared is None:
        return text
    used = frozenset(definition.dependencies)
    for needed in filter(is_name, sorted(used - declared)):
        range_ = range_for(needed)
        text = set_value(text, ("donkeylabs", "plugins", needed), range_)
        what = f'`{needed}` is needed by the definition: added to donkeylabs.plugins, as "{range_}"'
        mends.append(Mend(path=MANIFEST_PATH, text=what))
    for unused in sorted(declared - used):
        if not _is_named(entries, unused):
            text = remove_value(text, ("donkeylabs", "plugins", unused))
            what = f"`{unused}` is in donkeylabs.plugins and nowhere in the code: taken out"
            mends.append(Mend(path=MANIFEST_PATH, text=what))
    return text


def _document(text: str) -> dict[str, object]:
    document = load_strict(text.removeprefix("\ufeff"))
    assert isinstance(document, dict)
    return document


def _declared(document: dict[str, object]) -> frozenset[str] | None:
    """Names in donkeylabs.plugins; None when there is something else in its place."""
    donkeylabs = document.get("donkeylabs", {})
    plugins = donkeylabs.get("plugins", {}) if isinstance(donkeylabs, dict) else None
    return frozenset(plugins) if isinstance(plugins, dict) else None


def _is_named(entries: Entries, name: str) -> bool:
    """Whether any source has the name as a word; then it may be needed after all."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])".encode())
    return any(word.search(entry.data) for path, entry in entries.items() if path.endswith(_CODE))


# What users expect beside the code.


def _add_company(entries: Entries, after: dict[str, str], mends: list[Mend], *, year: int) -> None:
    manifest = read_manifest(after[MANIFEST_PATH].encode("utf-8", "surrogatepass")).manifest
    if manifest is None:
        return
    present = {path.casefold() for path in entries}
    title = manifest.display_name or usual_display_name(manifest.name)
    if "readme.md" not in present:
        description = manifest.description or usual_description(manifest.name)
        after["README.md"] = f"# {title}\n\n{description}\n\n```sh\ndonkeytui install {manifest.name}\n```\n"
        mends.append(Mend(path="README.md", text="made, to be filled"))
    if "changelog.md" not in present:
        after["CHANGELOG.md"] = f"# Changelog\n\n## {manifest.version}\n\n- \n"
        mends.append(Mend(path="CHANGELOG.md", text=f"made, with a heading for {manifest.version}"))
    has_licence = any(path.startswith(("license", "licence", "copying")) for path in present)
    if manifest.license and not has_licence:
        holder = manifest.author or f"the authors of {manifest.name}"
        after["LICENSE"] = licence_text(manifest.license, holder=holder, year=year)
        mends.append(Mend(path="LICENSE", text=f"made for {manifest.license}, as package.json says"))
