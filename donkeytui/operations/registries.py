"""Which registries this machine knows: list, add, use, remove. The configuration file keeps its comments."""

from pathlib import Path

import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from donkeytui.problems import ConfigInvalid
from donkeytui.settings import EMBEDDED, Settings, check_alias, check_registry_url
from donkeytui.whole_file import write_whole


class RegistryListing(Struct, frozen=True, kw_only=True):
    name: str
    url: str
    is_used: bool
    source: str = ""
    """For the one in use: where the choice comes from."""


def list_registries(settings: Settings) -> tuple[RegistryListing, ...]:
    known = list(settings.registries)
    if settings.registry not in known:
        known.append(settings.registry)
    return tuple(
        RegistryListing(
            name=entry.name,
            url=entry.url,
            is_used=entry == settings.registry,
            source=settings.registry_source if entry == settings.registry else "",
        )
        for entry in known
    )


def add_registry(settings: Settings, name: str, url: str, *, is_used: bool = False) -> None:
    """Raises `ConfigInvalid` for a name or address that does not do, or a name that is taken."""
    check_alias(name)
    address = check_registry_url(url)
    if any(entry.name == name for entry in settings.registries):
        raise ConfigInvalid(f"there is a registry `{name}` already", hint=f"donkeytui registry remove {name}")
    document = _read(settings.config_path)
    tables = document.setdefault("registries", tomlkit.table(is_super_table=True))
    table = tomlkit.inline_table() if isinstance(tables, InlineTable) else tomlkit.table()
    table["url"] = address
    tables[name] = table
    if is_used:
        document["registry"] = name
    _write(settings.config_path, document)


def use_registry(settings: Settings, name: str) -> None:
    """Makes `name` the one used unless a flag or variable says otherwise."""
    _require_known(settings, name)
    document = _read(settings.config_path)
    document["registry"] = name
    _write(settings.config_path, document)


def remove_registry(settings: Settings, name: str) -> None:
    if name == EMBEDDED:
        raise ConfigInvalid("the embedded registry cannot be removed", detail="it is part of the program")
    _require_known(settings, name)
    document = _read(settings.config_path)
    tables = document.get("registries", {})
    tables.pop(name, None)
    if document.get("registry") == name:
        document.pop("registry")
    _write(settings.config_path, document)


def _require_known(settings: Settings, name: str) -> None:
    names = [entry.name for entry in settings.registries]
    if name not in names:
        raise ConfigInvalid(f"there is no registry `{name[:60]}`", detail=f"known: {', '.join(names)}")


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigInvalid(f"the configuration file {path} cannot be read", detail=str(error)) from error


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise ConfigInvalid(
            f"the configuration file {path} cannot be written",
            detail=str(error.strerror),
            hint="mend its rights",
        ) from error
