"""What others can see of a plugin: exports, methods of the service, events, config, requirements.

Told from the syntax trees, never guessed: what has to be computed is None, and nothing is concluded
from it. A release of which only the catalogue is at hand has a surface too, with more of them.
"""

from msgspec import Struct

from donkeytui.authoring.definition_parts import DefinitionParts, Names, PackageSources
from registry_server.contract.archive import Entries
from registry_server.contract.copies import is_installed_path
from registry_server.contract.validation import ENTRY_POINT, PackageCheck, migration_names
from registry_server.contract.wire import Contents, Release

_CODE = (".ts", ".tsx", ".js", ".mjs", ".svelte")


class Surface(Struct, frozen=True, kw_only=True):
    version: str
    exports: Names = None
    """Values that `index.ts` exports."""
    methods: Names = None
    """Of the service."""
    events: Names = None
    handlers: Names = None
    errors: Names = None
    is_factory: bool | None = None
    """Registered with a config."""
    required_config: Names = None
    """Fields of the config that must be given."""
    files: Names = None
    """Of code that is installed, migrations left out."""
    migrations: Names = None
    labels: Names = None
    """What its code reaches besides its own values."""
    env_vars: Names = None
    plugins: tuple[tuple[str, str], ...] = ()
    """The plugins it needs: name and range."""
    engines: tuple[tuple[str, str], ...] = ()
    """The framework, bun and node, and their ranges."""
    has_hook: bool | None = None


def surface_of(entries: Entries, check: PackageCheck) -> Surface:
    """`check` is what `judge` said of these entries, which have a manifest."""
    manifest = check.manifest
    assert manifest is not None
    package = PackageSources(entries)
    definition = check.definition
    fields = DefinitionParts(package, definition)
    return Surface(
        version=manifest.version,
        exports=package.exports(ENTRY_POINT),
        methods=fields.methods(),
        events=fields.keys("events"),
        handlers=fields.keys("handlers"),
        errors=fields.keys("customErrors"),
        is_factory=None if definition is None else definition.is_factory,
        required_config=frozenset() if definition and not definition.is_factory else fields.required_config(),
        files=frozenset(filter(_is_code, entries)),
        migrations=frozenset(migration_names(entries)),
        labels=frozenset(check.labels),
        env_vars=frozenset(check.framework_manifest.env_vars),
        plugins=tuple(sorted(manifest.plugins.items())),
        engines=_engines(manifest.framework, manifest.bun, manifest.node),
        has_hook=bool(manifest.postinstall),
    )


def surface_of_release(release: Release) -> Surface:
    """As far as the catalogue knows it."""
    contents = release.contents
    is_told = contents != Contents()
    """A registry from before contents were told of sends none."""
    requirements = (text.partition("@") for text in release.dependencies.plugins)
    engine = release.engine
    return Surface(
        version=release.version,
        migrations=frozenset(contents.migrations) if is_told else None,
        labels=frozenset(contents.labels) if is_told else None,
        env_vars=frozenset(contents.env_vars) if is_told else None,
        plugins=tuple(sorted((name, range_) for name, _, range_ in requirements)),
        engines=_engines(release.framework, engine.bun or "", engine.node or ""),
        has_hook=bool(contents.postinstall) if is_told else None,
    )


def _is_code(path: str) -> bool:
    return path.endswith(_CODE) and is_installed_path(path) and not path.startswith("migrations/")


def _engines(framework: str, bun: str, node: str) -> tuple[tuple[str, str], ...]:
    return (("the framework", framework or "*"), ("bun", bun or "*"), ("node", node or "*"))
