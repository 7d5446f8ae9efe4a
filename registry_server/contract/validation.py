"""check_package(entries) -> findings; the same rules for author, server and installer.

Errors are what would not work or is dangerous; warnings what its users would stumble over. All come
at once, each with path and line where there is one.
"""

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from msgspec import Struct

from registry_server.contract.archive import Entries
from registry_server.contract.capabilities import labels_of
from registry_server.contract.copies import is_installed_path, read_copies
from registry_server.contract.definition import (
    Definition,
    Import,
    exported_names,
    read_definitions,
    read_imports,
)
from registry_server.contract.manifest import (
    FRAMEWORK_MANIFEST_PATH,
    MANIFEST_PATH,
    FrameworkManifest,
    Manifest,
    read_framework_manifest,
    read_manifest,
)
from registry_server.contract.names import camel_name
from registry_server.contract.paths import fold
from registry_server.contract.problems import Finding, InvalidPackage, Severity
from registry_server.contract.scan import scan_secrets, scan_source
from registry_server.contract.typescript import Source, parse_bytes
from registry_server.contract.wire import FileCopy, Label

ENTRY_POINT = "index.ts"
TEXT_SCAN_MAX_BYTES = 1 << 20
MIGRATIONS_MAX = 500
MIGRATIONS_MAX_CHARACTERS = 32_000
"""Of all names together: they stand in the catalogue, which everybody holds."""

_MIGRATIONS = "migrations/"
_PEERS = frozenset(("@donkeylabs/server", "zod", "kysely", "bun", "typescript"))
_SOURCES = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_REFUSED_NAMES = frozenset(
    (
        *("node_modules", ".npmrc", "bunfig.toml", ".env"),
        *(".vscode", ".idea", ".zed", ".github"),
        *(
            ".cursor",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            ".claude",
            ".mcp.json",
            ".aider.conf.yml",
        ),
        *("agents.md", "claude.md", "gemini.md"),
    )
)
"""At any depth, folded: what changes how package managers, editors and agents behave in the host project."""


class PackageCheck(Struct, frozen=True, kw_only=True):
    manifest: Manifest | None
    """None when name or version cannot be told."""
    framework_manifest: FrameworkManifest
    definition: Definition | None
    """None unless there is exactly one."""
    labels: tuple[Label, ...]
    """Sorted; of all code that is installed or copied."""
    copies: tuple[FileCopy, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


def check_package(entries: Entries, *, with_sources: bool = True) -> PackageCheck:
    """Everything that can be told from the package alone.

    Without `with_sources` the code is not scanned: what an installer relies on (manifest, definition,
    names, places outside of the folder) is judged all the same, and there are no labels.
    """
    findings: list[Finding] = []
    manifest: Manifest | None = None
    if MANIFEST_PATH in entries:
        reading = read_manifest(entries[MANIFEST_PATH].data)
        manifest = reading.manifest
        findings += reading.findings
    else:
        findings.append(
            _finding(
                "error",
                "missing-file",
                "there is no package.json",
                hint='README, "Publish a plugin", shows one',
            )
        )
    framework_manifest, faults = _framework_manifest(entries)
    findings += faults
    findings += _check_names(entries)
    definition = None
    parsed: dict[str, Source] = {}
    if ENTRY_POINT in entries:
        definition, more = _check_definition(entries, manifest, parsed)
        findings += more
    else:
        findings.append(_finding("error", "missing-file", f"there is no {ENTRY_POINT}"))
    copying = read_copies(
        entries, framework_manifest.copies, plugin=manifest.name if manifest is not None else ""
    )
    findings += copying.findings
    brought = frozenset(copy.source for copy in copying.copies).union(filter(is_installed_path, entries))
    sources = _Sources(set(), [], {})
    if with_sources:
        sources = _check_sources(entries, manifest, framework_manifest, brought=brought, parsed=parsed)
        findings += _check_migrations(entries, sources.exported)
        findings += _check_company(entries, manifest)
    findings += sources.findings
    return PackageCheck(
        manifest=manifest,
        framework_manifest=framework_manifest,
        definition=definition,
        labels=tuple(sorted(sources.labels)),
        copies=copying.copies,
        findings=tuple(sorted(findings, key=_by_weight)),
    )


def migration_names(entries: Entries) -> tuple[str, ...]:
    """Names of the files that the framework runs, in its order."""
    paths = (path for path in entries if path.startswith(_MIGRATIONS) and path.endswith(".ts"))
    return tuple(sorted(path.removeprefix(_MIGRATIONS) for path in paths if path.count("/") == 1))


def check_migrations_kept(before: Mapping[str, str], now: Mapping[str, str], version: str) -> list[Finding]:
    """Migrations that were released must stay as they are: path -> integrity, earlier and now.

    The framework remembers an applied migration by its file name: a changed one would never run, a
    renamed one would run again.
    """
    findings: list[Finding] = []
    for path, integrity in before.items():
        if not path.startswith(_MIGRATIONS) or now.get(path) == integrity:
            continue
        what = "is missing" if path not in now else "differs"
        findings.append(
            _finding(
                "error",
                "migration-changed",
                f"{path} {what}, and {version} has been released with it",
                path=path,
                hint="put it back as it was, and add a new migration instead",
            )
        )
    return findings


def _finding(
    severity: Severity, code: str, text: str, *, path: str = "", line: int = 0, hint: str = ""
) -> Finding:
    return Finding(severity=severity, code=code, text=text, path=path, line=line, hint=hint)


def _by_weight(finding: Finding) -> tuple[int, str, int]:
    return ("error", "warning", "note").index(finding.severity), finding.path, finding.line


def _framework_manifest(entries: Entries) -> tuple[FrameworkManifest, tuple[Finding, ...]]:
    if FRAMEWORK_MANIFEST_PATH not in entries:
        return FrameworkManifest(), ()
    return read_framework_manifest(entries[FRAMEWORK_MANIFEST_PATH].data)


def _check_names(entries: Entries) -> Iterator[Finding]:
    """Files that would change how the host project's own tools behave."""
    for path in entries:
        bad = next((part for part in path.split("/") if _is_refused(part)), None)
        if bad is not None:
            yield _finding("error", "file-refused", f"`{bad}` does not belong into a plugin", path=path)


def _is_refused(name: str) -> bool:
    folded = fold(name)
    return folded in _REFUSED_NAMES or folded.startswith(".env.")


def _check_definition(
    entries: Entries, manifest: Manifest | None, parsed: dict[str, Source]
) -> tuple[Definition | None, list[Finding]]:
    """Keeps the source in `parsed`, for it is read again."""
    try:
        source = parsed[ENTRY_POINT] = parse_bytes(entries[ENTRY_POINT].data)
    except InvalidPackage as error:
        problem = error.problem
        return None, [
            _finding("error", "source-unreadable", problem.detail, path=ENTRY_POINT, hint=problem.hint)
        ]
    reading = read_definitions(source)
    findings = [
        _finding("error", "definition-unclear", fault.text, path=ENTRY_POINT, line=fault.line)
        for fault in reading.faults
    ]
    if len(reading.definitions) == 1:
        definition = reading.definitions[0]
        unread = frozenset(fault.about for fault in reading.faults)
        return definition, [*findings, *_judge_definition(definition, manifest, unread=unread)]
    if reading.definitions:
        lines = ", ".join(str(definition.line) for definition in reading.definitions)
        findings.append(
            _finding(
                "error",
                "definition-count",
                f"there are several plugin definitions (lines {lines})",
                path=ENTRY_POINT,
            )
        )
    elif not findings:
        findings.append(
            _finding(
                "error",
                "definition-count",
                "there is no plugin definition",
                path=ENTRY_POINT,
                hint='export const xPlugin = createPlugin.define({ name: "x", service: ... })',
            )
        )
    return None, findings


def _judge_definition(
    definition: Definition, manifest: Manifest | None, *, unread: frozenset[str]
) -> Iterator[Finding]:
    """`unread` are the parts a fault tells of already; nothing can be said about them."""
    line = definition.line
    if "definition" in unread:
        return
    if not definition.has_service and "service" not in unread:
        yield _finding(
            "error", "service-missing", "the definition has no `service`", path=ENTRY_POINT, line=line
        )
    wanted = f"{camel_name(definition.name)}Plugin"
    if definition.export_name != wanted and "name" not in unread:
        yield _finding(
            "warning",
            "export-name",
            f"`donkeylabs generate` looks for an export called `{wanted}`",
            path=ENTRY_POINT,
            line=line,
        )
    if manifest is None:
        return
    if definition.name != manifest.name and "name" not in unread:
        yield _finding(
            "error",
            "name-differs",
            f"the definition is called `{definition.name}`, package.json says `{manifest.name}`",
            path=ENTRY_POINT,
            line=line,
            hint="the folder, the package and the definition must have one name, or migrations never run",
        )
    if "dependencies" not in unread:
        yield from _judge_dependencies(definition, manifest)


def _judge_dependencies(definition: Definition, manifest: Manifest) -> Iterator[Finding]:
    used, declared = set(definition.dependencies), set(manifest.plugins)
    for name in sorted(used - declared):
        yield _finding(
            "error",
            "dependency-undeclared",
            f"the definition needs `{name}`, package.json does not",
            path=ENTRY_POINT,
            line=definition.line,
            hint=f'add "{name}": "^1.0.0" to donkeylabs.plugins',
        )
    for name in sorted(declared - used):
        yield _finding(
            "error",
            "dependency-unused",
            f"package.json needs the plugin `{name}`, the definition does not",
            path=MANIFEST_PATH,
            hint=f'add "{name}" to `dependencies` of the definition',
        )


class _Sources(Struct, frozen=True):
    labels: set[Label]
    findings: list[Finding]
    exported: dict[str, frozenset[str]]
    """What each migration that can be read exports."""


def _check_sources(
    entries: Entries,
    manifest: Manifest | None,
    framework_manifest: FrameworkManifest,
    *,
    brought: frozenset[str],
    parsed: Mapping[str, Source],
) -> _Sources:
    """`brought` are the entries that reach a project; the code of others earns no labels."""
    result = _Sources(set(), [], {})
    undeclared: dict[str, tuple[str, int]] = {}
    for path, entry in entries.items():
        if len(entry.data) <= TEXT_SCAN_MAX_BYTES:
            result.findings.extend(scan_secrets(path, entry.data.decode("utf-8", "replace")))
        if not path.endswith(_SOURCES):
            continue
        try:
            source = parsed.get(path) or parse_bytes(entry.data)
        except InvalidPackage as error:
            result.findings.append(_finding("error", "source-unreadable", error.problem.detail, path=path))
            continue
        if path.startswith(_MIGRATIONS):
            result.exported[path] = exported_names(source)
        imports = read_imports(source)
        result.findings.extend(_check_source(path, source, imports, entries=entries))
        if path in brought:
            result.labels.update(labels_of(source, imports))
        for found in () if _is_test(path) else imports:
            if not found.is_type_only and (package := _npm_package(found.module)):
                undeclared.setdefault(package, (path, found.line))
    declared = {*framework_manifest.npm, *(manifest.npm if manifest else ())}
    missed = {package: place for package, place in undeclared.items() if package not in declared}
    result.findings.extend(_undeclared(package, path, line=line) for package, (path, line) in missed.items())
    return result


def _check_source(
    path: str, source: Source, imports: tuple[Import, ...], *, entries: Entries
) -> Iterator[Finding]:
    yield from scan_source(path, source)
    for found in imports:
        yield from _check_import(path, found)
        yield from _check_import_exists(path, found, entries)


def _undeclared(package: str, path: str, *, line: int) -> Finding:
    return _finding(
        "warning",
        "npm-undeclared",
        f"`{package}` is imported, and not in `dependencies` of package.json",
        path=path,
        line=line,
        hint="declare it, so that it is installed with the plugin",
    )


def _check_import(path: str, found: Import) -> Iterator[Finding]:
    if not found.is_literal:
        yield _finding(
            "warning", "dynamic-import", "`import()` of a computed name", path=path, line=found.line
        )
    elif found.module.startswith(".") and _leaves(path, found.module):
        yield _finding(
            "error",
            "import-outside",
            f"`{found.module}` leaves the plugin's folder",
            path=path,
            line=found.line,
            hint="only the folder is installed; move the code into it, or make it a dependency",
        )
    elif found.module in ("child_process", "node:child_process"):
        yield _finding(
            "warning", "child-process", "starts other programs (child_process)", path=path, line=found.line
        )


def _check_import_exists(path: str, found: Import, entries: Entries) -> Iterator[Finding]:
    """A relative import must lead to a file of the package, as Bun would look for it."""
    is_relative = found.is_literal and found.module.startswith(("./", "../"))
    if not is_relative or found.is_type_only or _leaves(path, found.module):
        return
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found.module))
    stem = target.removesuffix(".js")
    endings = ("", ".ts", ".tsx", ".js", ".mjs", ".json", ".svelte", "/index.ts", "/index.js")
    if not any(f"{base}{ending}" in entries for base in (target, stem) for ending in endings):
        yield _finding(
            "warning",
            "import-missing",
            f"`{found.module}` leads to no file of the plugin",
            path=path,
            line=found.line,
        )


def _leaves(path: str, module: str) -> bool:
    depth = len(PurePosixPath(path).parts) - 1
    for part in module.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in ("", "."):
            depth += 1
    return False


def _npm_package(module: str) -> str | None:
    """The package an import needs from npm, or None for relative, built-in and framework modules."""
    if not module or module.startswith((".", "/", "node:", "bun:", "#", "@/", "~", "$")):
        return None
    parts = module.split("/")
    name = "/".join(parts[:2]) if module.startswith("@") else parts[0]
    return None if name in _PEERS or name in _NODE_MODULES else name


_NODE_MODULES = frozenset(
    """assert async_hooks buffer child_process cluster console crypto dns events fs http http2 https module
    net os path perf_hooks process querystring readline stream string_decoder timers tls tty url util v8 vm
    worker_threads zlib""".split()  # noqa: SIM905
)


def _is_test(path: str) -> bool:
    return path.startswith("tests/") or ".test." in path or ".spec." in path


def _check_migrations(entries: Entries, exported: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    for path in entries:
        if not path.startswith(_MIGRATIONS):
            continue
        if not path.endswith(".ts") or path.count("/") > 1:
            yield _finding("error", "migration-form", "only .ts files directly in migrations/ run", path=path)
            continue
        if path in exported and "up" not in exported[path]:
            yield _finding("error", "migration-up", "the migration exports no `up`", path=path)
    names = migration_names(entries)
    if len(names) > MIGRATIONS_MAX or sum(map(len, names)) > MIGRATIONS_MAX_CHARACTERS:
        limits = f"{MIGRATIONS_MAX} files and {MIGRATIONS_MAX_CHARACTERS} characters of names"
        yield _finding("error", "migration-many", f"there are more migrations than {limits}")


def _check_company(entries: Entries, manifest: Manifest | None) -> Iterator[Finding]:
    """What users of a plugin expect beside its code."""
    present = {path.casefold() for path in entries}
    if "readme.md" not in present:
        yield _finding(
            "warning", "readme-missing", "there is no README.md", hint="say what it does and how to use it"
        )
    if not any(path.startswith(("license", "licence")) for path in present) and not (
        manifest and manifest.license
    ):
        yield _finding(
            "warning", "license-missing", "there is no licence", hint='add "license" and a LICENSE file'
        )
    if not any(_is_test(path) for path in present):
        yield _finding(
            "warning", "tests-missing", "there are no tests", hint="tests/*.test.ts run under bun test"
        )
    if manifest and not manifest.description:
        yield _finding("warning", "description-missing", "there is no description", path=MANIFEST_PATH)
    if manifest and "-" in manifest.name:
        yield _finding(
            "warning",
            "dashed-name",
            f"`{manifest.name}` has a dash: `donkeylabs generate` writes a registry.d.ts that does not parse",
            path=MANIFEST_PATH,
            hint=f"a camelCase name such as `{camel_name(manifest.name)}` avoids it",
        )
