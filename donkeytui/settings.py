"""Frozen Settings: flags, then environment, then file, then defaults; each value knows where it comes from.

The only reader of environment variables and of the configuration file in this package.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from donkeytui.problems import ConfigInvalid

EMBEDDED = "embedded"
EMBEDDED_URL = "embedded:"
COOL_DOWN_HOURS = 24
COOL_DOWN_HOURS_MAX = 24 * 365
_ALIAS = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\Z")


class RegistryEntry(Struct, frozen=True):
    """A registry this machine knows."""

    name: str
    url: str
    """`embedded:`, or an http(s) base URL without a trailing slash."""

    @property
    def is_embedded(self) -> bool:
        return self.url == EMBEDDED_URL


class CoolDown(Struct, frozen=True, kw_only=True):
    """How long a release must have been out before it is chosen over an older one."""

    hours: float = 0
    """0: no cool-down."""
    is_strict: bool = False
    """Never take a younger one; otherwise only when nothing older fits."""
    exempt: frozenset[str] = frozenset()


class Flags(Struct, frozen=True, kw_only=True):
    """What the command line said; None where it said nothing."""

    registry: str | None = None
    project: str | None = None
    config: str | None = None
    is_offline: bool | None = None


class Settings(Struct, frozen=True, kw_only=True):
    config_path: Path
    data_dir: Path
    cache_dir: Path
    registries: tuple[RegistryEntry, ...]
    """All that are known, the embedded one first."""
    registry: RegistryEntry
    """The one in use."""
    registry_source: str = "default"
    """Where the choice comes from: flag, environment, file or default."""
    project_start: Path
    """Where the search for a project begins, upwards; or the folder `--project` names."""
    token: str = ""
    is_offline: bool = False
    stale_after_seconds: int = 900
    """Age from which search and resolution bring the catalogue up to date by themselves."""
    cool_down: CoolDown = CoolDown()
    environment: dict[str, str] = {}
    """For the programs we start: everything but our own secrets."""


NO_FLAGS = Flags()


def read_settings(
    flags: Flags = NO_FLAGS, environ: Mapping[str, str] = os.environ, working_folder: Path | None = None
) -> Settings:
    """Raises `ConfigInvalid` naming the file, variable or flag that does not fit."""
    config_path = _config_path(flags, environ)
    document = _read_file(config_path)
    registries = _registries(document, config_path)
    registry, source = _chosen(flags, environ, document, registries)
    here = working_folder or Path.cwd()
    project = flags.project or environ.get("DONKEYTUI_PROJECT", "")
    offline = flags.is_offline
    if offline is None:
        offline = _truth(environ.get("DONKEYTUI_OFFLINE"), "DONKEYTUI_OFFLINE")
    if offline is None:
        offline = _offline_in_file(document, config_path)
    return Settings(
        config_path=config_path,
        data_dir=_folder(environ, "DONKEYTUI_DATA_DIR", "data"),
        cache_dir=_folder(environ, "DONKEYTUI_CACHE_DIR", "cache"),
        registries=registries,
        registry=registry,
        registry_source=source,
        project_start=(here / _path(project)).absolute() if project else here,
        token=environ.get("DONKEYTUI_TOKEN", "").strip(),
        is_offline=offline,
        cool_down=_cool_down(document, config_path, is_embedded=registry.is_embedded),
        environment={name: value for name, value in environ.items() if name != "DONKEYTUI_TOKEN"},
    )


def check_registry_url(url: str) -> str:
    """`url` in the form `RegistryEntry` keeps.

    Raises `ConfigInvalid` for anything but an http(s) base URL without user, query or fragment.
    """
    try:
        parts = urlsplit(url)
        has_extras = "@" in parts.netloc or "?" in url or "#" in url
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and not has_extras
        is_good = is_good and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not url.isprintable() or " " in url:
        raise ConfigInvalid(
            f"`{url[:200]}` is not the address of a registry",
            detail="an http:// or https:// address without user name, query or fragment is",
            hint="donkeytui registry add main https://registry.example.com",
        )
    return url.rstrip("/")


def check_alias(name: str) -> str:
    if not _ALIAS.match(name):
        raise ConfigInvalid(
            f"`{name[:60]}` cannot name a registry", detail="use lower case letters, digits and dashes"
        )
    return name


def _config_path(flags: Flags, environ: Mapping[str, str]) -> Path:
    named = flags.config or environ.get("DONKEYTUI_CONFIG", "")
    if named:
        return _path(named).absolute()
    return _platform_folder("config") / "config.toml"


def _folder(environ: Mapping[str, str], variable: str, kind: str) -> Path:
    named = environ.get(variable, "")
    return _path(named).absolute() if named else _platform_folder(kind)


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigInvalid(f"`{text[:200]}` names the home folder of an unknown user") from error


def _platform_folder(kind: str) -> Path:
    from platformdirs import PlatformDirs

    folders = PlatformDirs("donkeytui", appauthor=False)
    paths = {
        "config": folders.user_config_path,
        "data": folders.user_data_path,
        "cache": folders.user_cache_path,
    }
    return paths[kind]


def _read_file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigInvalid(
            f"the configuration file {path} cannot be read",
            detail=str(error),
            hint="mend it, or move it away",
        ) from error


def _registries(document: Mapping[str, object], path: Path) -> tuple[RegistryEntry, ...]:
    table = document.get("registries", {})
    entries = [RegistryEntry(EMBEDDED, EMBEDDED_URL)]
    if not isinstance(table, dict):
        raise ConfigInvalid(
            f"`registries` in {path} is not a table", hint='write [registries.main] url = "https://…"'
        )
    for name, value in table.items():
        url = value.get("url") if isinstance(value, dict) else None
        if not isinstance(url, str):
            raise ConfigInvalid(f"`registries.{name}` in {path} has no `url`")
        entries.append(RegistryEntry(check_alias(name), check_registry_url(url)))
    return tuple(entries)


def _chosen(
    flags: Flags,
    environ: Mapping[str, str],
    document: Mapping[str, object],
    registries: tuple[RegistryEntry, ...],
) -> tuple[RegistryEntry, str]:
    choices = (
        (flags.registry, "flag"),
        (environ.get("DONKEYTUI_REGISTRY"), "environment"),
        (document.get("registry"), "file"),
        (EMBEDDED, "default"),
    )
    wanted, source = next((choice, source) for choice, source in choices if choice)
    if not isinstance(wanted, str):
        raise ConfigInvalid("`registry` in the configuration file is not the name of a registry")
    for entry in registries:
        if wanted in (entry.name, entry.url):
            return entry, source
    if "://" in wanted:
        url = check_registry_url(wanted)
        known = next((entry for entry in registries if entry.url == url), None)
        return known or RegistryEntry(urlsplit(url).netloc, url), source
    names = ", ".join(entry.name for entry in registries)
    raise ConfigInvalid(
        f"there is no registry `{wanted[:60]}`",
        detail=f"known: {names}",
        hint="donkeytui registry add NAME URL",
    )


def _offline_in_file(document: Mapping[str, object], path: Path) -> bool:
    offline = document.get("offline", False)
    if not isinstance(offline, bool):
        raise ConfigInvalid(f"`offline` in {path} is neither true nor false")
    return offline


def _cool_down(document: Mapping[str, object], path: Path, *, is_embedded: bool) -> CoolDown:
    """The `[cool-down]` table; a registry of one's own has none unless it says so."""
    table = document.get("cool-down", {})
    if not isinstance(table, dict):
        raise ConfigInvalid(f"`cool-down` in {path} is not a table", hint="write [cool-down] hours = 24")
    if unknown := sorted(table.keys() - {"hours", "strict", "exempt"}):
        raise ConfigInvalid(
            f"`cool-down.{unknown[0][:60]}` in {path} is no setting", detail="known: hours, strict, exempt"
        )
    hours = table.get("hours", 0 if is_embedded else COOL_DOWN_HOURS)
    is_strict, exempt = table.get("strict", False), table.get("exempt", [])
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= COOL_DOWN_HOURS_MAX:
        raise ConfigInvalid(f"`cool-down.hours` in {path} is no number from 0 to {COOL_DOWN_HOURS_MAX}")
    if not isinstance(is_strict, bool):
        raise ConfigInvalid(f"`cool-down.strict` in {path} is neither true nor false")
    if not isinstance(exempt, list) or not all(isinstance(name, str) for name in exempt):
        raise ConfigInvalid(f"`cool-down.exempt` in {path} is no list of plugins")
    return CoolDown(hours=float(hours), is_strict=is_strict, exempt=frozenset(exempt))


def _truth(text: str | None, name: str) -> bool | None:
    if text is None or text == "":
        return None
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigInvalid(f"{name} is `{text[:40]}`", hint="use 1 or 0")
