"""package.json and manifest.json as Structs; parse and write.

The manifest is the author's `package.json` with its `donkeylabs` key. The framework's own
`manifest.json` (always called by its file name) adds environment variables, instructions and files
that belong elsewhere in the project. Reading never stops at the first fault: all of them come back
as findings.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from registry_server.contract.names import is_name
from registry_server.contract.paths import PATH_MAX_BYTES
from registry_server.contract.problems import Finding, ProblemError
from registry_server.contract.ranges import parse_range
from registry_server.contract.strict_json import StrictJsonError, load_strict
from registry_server.contract.versions import parse_version

MANIFEST_PATH = "package.json"
FRAMEWORK_MANIFEST_PATH = "manifest.json"
DESCRIPTION_MAX = 300
LABEL_MAX = 40
CATEGORIES_MAX = 5
TAGS_MAX = 20
LABEL_HINT = "use lower case letters, digits and single dashes"
REQUIREMENTS_MAX = 100
NPM_NAME_MAX = 214
ENV_VARS_MAX = 50
INSTRUCTIONS_MAX = 50
INSTRUCTION_MAX = 500
COPY_RULES_MAX = 100

_LABEL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_NPM_NAME = re.compile(r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*\Z")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Manifest(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    description: str = ""
    license: str = ""
    author: str = ""
    author_email: str = ""
    author_github: str = ""
    repository: str = ""
    display_name: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    plugins: dict[str, str] = {}
    """Plugin dependencies: name -> range."""
    npm: dict[str, str] = {}
    """npm dependencies of the plugin's code: name -> range."""
    framework: str = "*"
    bun: str = ""
    node: str = ""
    postinstall: str = ""


class CopyRule(Struct, frozen=True, kw_only=True):
    """One item of `copy`, as it is written; what it means is told by `copies`."""

    source: str
    """A file or folder of the package, `.` for all of it."""
    target: str
    """Where it belongs in the project."""


class FrameworkManifest(Struct, frozen=True, kw_only=True):
    """What we use of the framework's own `manifest.json`."""

    env_vars: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    copies: tuple[CopyRule, ...] = ()
    npm: dict[str, str] = {}


class ManifestReading(Struct, frozen=True):
    manifest: Manifest | None
    findings: tuple[Finding, ...]


def read_manifest(data: bytes) -> ManifestReading:
    """The manifest in `data`, None when name or version cannot be told, and everything wrong with it."""
    try:
        document = load_strict(data, refuses_halves=True)
    except StrictJsonError as error:
        return ManifestReading(None, (_error("manifest-unreadable", f"package.json {error}"),))
    if not isinstance(document, dict):
        return ManifestReading(None, (_error("manifest-unreadable", "package.json is not an object"),))
    reader = _Reader(MANIFEST_PATH)
    donkeylabs = reader.mapping(document, "donkeylabs")
    name, version = reader.text(document, "name", 64), reader.text(document, "version", 256)
    author, email, github = reader.person(document.get("author"))
    engines = reader.mapping(document, "engines")
    hooks = reader.mapping(donkeylabs, "hooks")
    reader.check_name(name)
    reader.check_version(version)
    manifest = Manifest(
        name=name,
        version=version,
        description=reader.text(document, "description", DESCRIPTION_MAX),
        license=reader.text(document, "license", 100),
        author=author,
        author_email=email,
        author_github=github,
        repository=reader.link(document.get("repository"), "repository"),
        display_name=reader.text(donkeylabs, "displayName", 80),
        categories=reader.labels(donkeylabs, "categories", CATEGORIES_MAX),
        tags=reader.labels(donkeylabs, "tags", TAGS_MAX),
        plugins=reader.requirements(donkeylabs, "plugins"),
        npm=reader.npm(document, "dependencies"),
        framework=reader.range(donkeylabs, "framework") or "*",
        bun=reader.range(engines, "bun"),
        node=reader.range(engines, "node"),
        postinstall=reader.text(hooks, "postinstall", 1000),
    )
    is_usable = is_name(name) and reader.has_version
    return ManifestReading(manifest if is_usable else None, tuple(reader.findings))


def read_framework_manifest(data: bytes) -> tuple[FrameworkManifest, tuple[Finding, ...]]:
    """`manifest.json` as far as we use it; faults are findings, and what is unreadable is left out."""
    reader = _Reader(FRAMEWORK_MANIFEST_PATH)
    try:
        document = load_strict(data, refuses_halves=True)
    except StrictJsonError as error:
        finding = _error("manifest-unreadable", f"manifest.json {error}", FRAMEWORK_MANIFEST_PATH)
        return FrameworkManifest(), (finding,)
    if not isinstance(document, dict):
        reader.add("manifest-unreadable", "manifest.json is not an object")
        return FrameworkManifest(), tuple(reader.findings)
    manifest = FrameworkManifest(
        env_vars=reader.env_vars(document.get("envVars")),
        instructions=reader.texts(document, "instructions", INSTRUCTIONS_MAX, INSTRUCTION_MAX),
        copies=reader.copies(document),
        npm=reader.npm(document, "dependencies"),
    )
    return manifest, tuple(reader.findings)


def label_fault(labels: Sequence[str], key: str, count: int) -> str:
    """What is wrong with labels that come from elsewhere than a manifest; empty when nothing is."""
    if len(labels) > count:
        return f"`{key}` has {len(labels)} items, at most {count} are allowed"
    bad = next((label for label in labels if len(label) > LABEL_MAX or not _LABEL.match(label)), None)
    return "" if bad is None else f"`{key}` has `{bad[:LABEL_MAX]}`"


def is_npm_dependency(name: str, wanted: str) -> bool:
    """Whether these are a name and a version range, and nothing that names another source."""
    try:
        parse_range(wanted)
    except ProblemError:
        return False
    return len(name) <= NPM_NAME_MAX and _NPM_NAME.match(name) is not None


def _error(code: str, text: str, path: str = MANIFEST_PATH, hint: str = "") -> Finding:
    return Finding(severity="error", code=code, path=path, text=text, hint=hint)


class _Reader:
    """Takes fields out of decoded JSON and notes what does not fit."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.has_version = False

    def add(self, code: str, text: str, hint: str = "") -> None:
        self.findings.append(_error(code, text, self.path, hint))

    def mapping(self, document: dict[str, object], key: str) -> dict[str, object]:
        value = document.get(key, {})
        if isinstance(value, dict):
            return value
        self.add("manifest-field", f"`{key}` is not an object")
        return {}

    def text(self, document: dict[str, object], key: str, limit: int) -> str:
        value = document.get(key, "")
        if not isinstance(value, str):
            self.add("manifest-field", f"`{key}` is not text")
            return ""
        return self.plain(value.strip(), key, limit)

    def plain(self, value: str, key: str, limit: int) -> str:
        if len(value) > limit:
            self.add("manifest-field", f"`{key}` has {len(value)} characters, at most {limit} are allowed")
            return value[:limit]
        if not value.isprintable() and any(not c.isprintable() and c not in "\u200d\u200c" for c in value):
            self.add("manifest-field", f"`{key}` has control or invisible characters")
            return "".join(c for c in value if c.isprintable())
        return value

    def texts(self, document: dict[str, object], key: str, count: int, limit: int) -> tuple[str, ...]:
        value = document.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.add("manifest-field", f"`{key}` is not a list of texts")
            return ()
        if len(items) > count:
            self.add("manifest-field", f"`{key}` has {len(items)} items, at most {count} are allowed")
        return tuple(self.plain(item.strip(), key, limit) for item in items[:count])

    def labels(self, document: dict[str, object], key: str, count: int) -> tuple[str, ...]:
        labels = self.texts(document, key, count, LABEL_MAX)
        bad = [label for label in labels if not _LABEL.match(label)]
        if bad:
            self.add(
                "manifest-label",
                f"`{key}` has `{bad[0]}`",
                LABEL_HINT,
            )
        return tuple(dict.fromkeys(label for label in labels if _LABEL.match(label)))

    def env_vars(self, value: object) -> tuple[str, ...]:
        """Both forms in the wild: `["A", "B"]` and `[{"name": "A"}]`."""
        items = value if isinstance(value, list) else []
        named = (item.get("name") if isinstance(item, dict) else item for item in items)
        names = [name for name in named if isinstance(name, str) and len(name) <= 100]
        known = tuple(dict.fromkeys(name for name in names if _ENV_NAME.match(name)))
        if len(known) > ENV_VARS_MAX:
            self.add(
                "manifest-field", f"`envVars` has {len(known)} names, at most {ENV_VARS_MAX} are allowed"
            )
        return known[:ENV_VARS_MAX]

    def copies(self, document: dict[str, object]) -> tuple[CopyRule, ...]:
        items = document.get("copy", [])
        if not isinstance(items, list):
            self.add("manifest-field", "`copy` is not a list")
            return ()
        if len(items) > COPY_RULES_MAX:
            self.add("manifest-field", f"`copy` has {len(items)} items, at most {COPY_RULES_MAX} are allowed")
        rules = (self.copy_rule(item) for item in items[:COPY_RULES_MAX])
        return tuple(rule for rule in rules if rule is not None)

    def copy_rule(self, item: object) -> CopyRule | None:
        source, target = (item.get("from"), item.get("to")) if isinstance(item, dict) else (None, None)
        if isinstance(source, str) and isinstance(target, str) and source and target:
            if max(len(source), len(target)) <= PATH_MAX_BYTES:
                return CopyRule(source=source, target=target)
            self.add("manifest-copy", f"`copy` has a path of more than {PATH_MAX_BYTES} characters")
            return None
        self.add(
            "manifest-copy",
            "`copy` has an item without its two paths",
            '{ "from": "FILE OR FOLDER OF THE PACKAGE", "to": "PATH IN THE PROJECT" }',
        )
        return None

    def person(self, value: object) -> tuple[str, str, str]:
        """Name, mail address and GitHub name out of npm's two forms of `author`."""
        if isinstance(value, dict):
            return (
                self.text(value, "name", 100),
                self.text(value, "email", 200),
                self.text(value, "github", 60),
            )
        if value is None:
            return "", "", ""
        if not isinstance(value, str):
            self.add("manifest-field", "`author` is neither text nor an object")
            return "", "", ""
        match = re.match(r"([^<(]*)(?:<([^>]*)>)?", value[:400])
        name, email = (match[1], match[2] or "") if match else (value, "")
        return self.plain(name.strip(), "author", 100), self.plain(email.strip(), "author", 200), ""

    def link(self, value: object, key: str) -> str:
        url = value.get("url") if isinstance(value, dict) else value
        if url is None:
            return ""
        if not isinstance(url, str):
            self.add("manifest-field", f"`{key}` is not an address")
            return ""
        url = self.plain(url.strip(), key, 300).removeprefix("git+").removesuffix(".git")
        if url and not url.startswith(("https://", "http://")):
            self.add("manifest-link", f"`{key}` is `{url}`", "use an https:// address")
            return ""
        return url

    def range(self, document: dict[str, object], key: str) -> str:
        text = self.text(document, key, 256)
        return text if text and self.check_range(text, key) else ""

    def requirements(self, document: dict[str, object], key: str) -> dict[str, str]:
        wanted: dict[str, str] = {}
        for name, text in self.ranges(document, key).items():
            if not is_name(name):
                self.add("manifest-requirement", f"`{name[:80]}` in `{key}` is not a plugin name")
            elif self.check_range(text, f"{key}.{name}"):
                wanted[name] = text
        return dict(sorted(wanted.items()))

    def npm(self, document: dict[str, object], key: str) -> dict[str, str]:
        """Only `name: range`: git, http, file, link and alias forms fetch code no registry vouches for."""
        wanted: dict[str, str] = {}
        for name, text in self.ranges(document, key).items():
            if len(name) > NPM_NAME_MAX or not _NPM_NAME.match(name):
                self.add("npm-name", f"`{name[:80]}` in `{key}` is not an npm package name")
            elif self.check_range(text, f"{key}.{name}", "npm-range"):
                wanted[name] = text
        return dict(sorted(wanted.items()))

    def ranges(self, document: dict[str, object], key: str) -> dict[str, str]:
        value = self.mapping(document, key)
        if len(value) > REQUIREMENTS_MAX:
            self.add(
                "manifest-field", f"`{key}` has {len(value)} entries, at most {REQUIREMENTS_MAX} are allowed"
            )
        pairs = list(value.items())[:REQUIREMENTS_MAX]
        for name, text in pairs:
            if not isinstance(text, str):
                self.add("manifest-field", f"`{key}.{name[:80]}` is not text")
        return {name: text.strip() for name, text in pairs if isinstance(text, str)}

    def check_range(self, text: str, key: str, code: str = "manifest-range") -> bool:
        try:
            parse_range(text)
        except ProblemError:
            self.add(code, f"`{key}` is `{text[:80]}`, which is not a version range", "for example ^1.2.0")
            return False
        return True

    def check_name(self, name: str) -> None:
        if not name:
            self.add("manifest-name", "`name` is missing")
        elif not is_name(name):
            self.add(
                "manifest-name", f"`{name}` is not a plugin name", "lower case, digits, dashes; or camelCase"
            )

    def check_version(self, version: str) -> None:
        if not version:
            self.add("manifest-version", "`version` is missing", 'add "version": "1.0.0"')
            return
        try:
            self.has_version = parse_version(version).text == version
        except ProblemError:
            self.has_version = False
        if not self.has_version:
            self.add("manifest-version", f"`{version[:80]}` is not a version", "for example 1.0.0")
