"""Frozen Settings of the server: flags, then variables, then a TOML file, then defaults.

The only reader of environment variables and of the configuration file in this package. Every value
knows where it comes from; one that does not fit is named with the place it stands in and what is
allowed there, before anything is opened. `SETTINGS` is the table of all of them: the name in the file
(`log.format`), from which the variable's is made (`variable_of`), and how a value is read.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.foreign import clean
from registry_server.contract.problems import ProblemError
from registry_server.contract.tokens import redact
from registry_server.limits import DEFAULT_LIMITS, RULES, Limit, Rule
from registry_server.setting_kinds import (
    LOGINS,
    NETWORKS,
    SWITCH,
    Kind,
    Network,
    choice,
    folder,
    limit,
    matching,
    quotable,
    web_address,
    whole,
)

DEFAULT_PORT = 4873
PREFIX = "REGISTRY_SERVER_"
CONFIG = "config"
"""The one flag and variable that is no setting: which file to read."""

FILE_NAME = "registry.toml"
FILE_MAX_BYTES = 1 << 20

_HOST = re.compile(r"[0-9A-Za-z:][0-9A-Za-z.:%_-]{0,253}")
_CLIENT_ID = re.compile(r"[0-9A-Za-z._-]{0,100}")


class SettingsInvalid(ProblemError):
    """A setting that does not fit, by flag, variable or file."""

    code = "settings-invalid"


class LogSettings(Struct, frozen=True, kw_only=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: bool = True
    """A line for each request."""


class ExamineSettings(Struct, frozen=True, kw_only=True):
    """What checking one package may cost."""

    cpu_seconds: int = 5
    memory_mib: int = 512


class GitHubSettings(Struct, frozen=True, kw_only=True):
    """Login through GitHub's device flow; off without a client id, which is not a secret."""

    client_id: str = ""
    device_url: str = "https://github.com/login/device/code"
    token_url: str = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
    user_url: str = "https://api.github.com/user"
    allowed_logins: tuple[str, ...] = ()
    """In lower case, as GitHub compares them; empty: everybody with an account there."""


class TokenSettings(Struct, frozen=True, kw_only=True):
    """How long tokens live that people make for themselves."""

    default_days: int = 30
    max_days: int = 90


class Settings(Struct, frozen=True, kw_only=True):
    data: Path
    """Folder of the database, the packages and the index."""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    read_only: bool = False
    """Nothing is published or changed; reading goes on."""
    reading: Literal["open", "token"] = "open"
    """`token`: reading needs one too."""
    trusted_proxies: tuple[Network, ...] = ()
    """Only from these does `X-Forwarded-For` count."""
    public_url: str = ""
    """Under which people reach the registry, without a slash at the end; empty: as they asked."""
    publishes_at_once: int = 2
    package_max_bytes: int = PACKAGE_MAX_BYTES
    metrics: bool = True
    examine: ExamineSettings = ExamineSettings()
    log: LogSettings = LogSettings()
    github: GitHubSettings = GitHubSettings()
    tokens: TokenSettings = TokenSettings()
    limits: Mapping[Rule, Limit] = field(default_factory=lambda: DEFAULT_LIMITS)
    """For `RateLimits`; a rule that is not in it has no limit."""


class Configuration(Struct, frozen=True, kw_only=True):
    """The settings, and how they came about."""

    settings: Settings
    sources: Mapping[str, str]
    """Of each setting: `--data`, `REGISTRY_SERVER_DATA`, the path of the file, or `default`."""
    file: Path | None = None
    """The file that was read."""
    ignored: tuple[str, ...] = ()
    """Variables that begin like ours and are no setting: a slip, or something another program needs."""


class SettingLine(Struct, frozen=True, kw_only=True):
    """What `registry-server config` prints of one setting."""

    name: str
    value: str
    source: str


class _Place(Struct, frozen=True, kw_only=True):
    """Where settings are said: the command line, the environment, the file."""

    name: str
    """`flag`, `variable`, or the path of the file."""
    values: Mapping[str, object]
    base: Path
    """From where a relative path is meant."""

    def source(self, setting: str) -> str:
        """As a person would look for it."""
        if self.name == "flag":
            return f"--{re.sub(r'[_.]', '-', setting)}"
        return variable_of(setting) if self.name == "variable" else self.name


def read_data_folder(flag: str | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The data folder from `--data`, else `REGISTRY_SERVER_DATA`; None when neither says."""
    text = flag or environ.get(f"{PREFIX}DATA", "")
    return Path(text).expanduser().absolute() if text else None


def read_settings(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    working_folder: Path | None = None,
) -> Configuration:
    """All settings. `flags` has what the command line said, by name; None there is nothing said.

    The file is the one named by `config`, else `registry.toml` in the data folder if it is there.

    Raises `SettingsInvalid` naming the place, the setting and what is allowed.
    """
    here = working_folder or Path.cwd()
    said = {name: value for name, value in (flags or {}).items() if value is not None}
    assert said.keys() <= {*SETTINGS, CONFIG}
    places = [_Place(name="flag", values=said, base=here)]
    told = {
        name: environ[variable_of(name)] for name in (*SETTINGS, CONFIG) if environ.get(variable_of(name))
    }
    places.append(_Place(name="variable", values=told, base=here))
    file = _file(places)
    if file:
        places.append(_Place(name=str(file), values=_read_file(file), base=file.parent))
    values: dict[str, object] = {}
    sources = dict.fromkeys(SETTINGS, "default")
    for name, kind in SETTINGS.items():
        place = next((place for place in places if name in place.values), None)
        if place:
            values[name], sources[name] = _parsed(name, kind, place), place.source(name)
    if values.get("limits") is False:
        sources |= {name: sources["limits"] for name in SETTINGS if name.startswith("limits.")}
    settings = _make_settings(values)
    _check_together(settings, sources)
    ours = {variable_of(name) for name in (*SETTINGS, CONFIG)}
    ignored = sorted(name for name in environ if name.startswith(PREFIX) and name not in ours)
    return Configuration(settings=settings, sources=sources, file=file, ignored=tuple(ignored))


def list_settings(configuration: Configuration) -> tuple[SettingLine, ...]:
    """Every setting with its value and where that comes from, in the order of the table.

    There is no secret among them; what looks like a token, put in the wrong place, is masked.
    """
    return tuple(
        SettingLine(
            name=name,
            value=clean(redact(_shown(_value_of(configuration.settings, name)))),
            source=configuration.sources[name],
        )
        for name in SETTINGS
    )


def _make_settings(values: Mapping[str, object]) -> Settings:
    """From values by name; what is missing has its default."""
    if "data" not in values:
        raise SettingsInvalid(
            "no data folder is named",
            detail="a registry keeps its database, packages and index in one",
            hint=f"name it with --data DIR (or {PREFIX}DATA)",
        )
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, field = name.rpartition(".")
        groups.setdefault(group, {})[field] = value
    return Settings(
        **groups.get("", {}) | {"limits": _limits(values)},
        examine=ExamineSettings(**groups.get("examine", {})),
        log=LogSettings(**groups.get("log", {})),
        github=GitHubSettings(**groups.get("github", {})),
        tokens=TokenSettings(**groups.get("tokens", {})),
    )


def _limits(values: Mapping[str, object]) -> dict[Rule, Limit]:
    if values.get("limits") is False:
        return {}
    chosen: dict[Rule, Limit] = {}
    for rule in RULES:
        said = values.get(f"limits.{rule}", DEFAULT_LIMITS[rule])
        if isinstance(said, Limit):
            chosen[rule] = said
    return chosen


def _check_together(settings: Settings, sources: Mapping[str, str]) -> None:
    tokens = settings.tokens
    if tokens.default_days > tokens.max_days:
        raise SettingsInvalid(
            "`tokens.default_days` is more than `tokens.max_days`",
            detail=f"{tokens.default_days} ({sources['tokens.default_days']}) and"
            f" {tokens.max_days} ({sources['tokens.max_days']})",
            hint="lower the one or raise the other",
        )


def _file(places: Sequence[_Place]) -> Path | None:
    """The file to read: one that is named has to be there, the one in the data folder may be."""
    for name, kind in ((CONFIG, _FILE), ("data", _PATH)):
        place = next((place for place in places if name in place.values), None)
        if place is None:
            continue
        path = _parsed(name, kind, place)
        assert isinstance(path, Path)
        if name == CONFIG:
            return path
        try:
            return path / FILE_NAME if (path / FILE_NAME).exists() else None
        except OSError:  # a folder that cannot be looked into: opening the registry says it better
            return None
    return None


def _read_file(path: Path) -> dict[str, object]:
    """What the file says, by the names of the table."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
        if len(data) > FILE_MAX_BYTES:
            raise ValueError(f"it is larger than {FILE_MAX_BYTES >> 20} MiB")
        document = tomllib.loads(data.decode())
    except (OSError, ValueError, RecursionError) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsInvalid(
            f"the configuration file {path} cannot be read",
            detail=clean(redact(detail or "it cannot be opened"), 300),
            hint="mend it, or name another one with --config FILE",
        ) from error
    found: dict[str, object] = {}
    for key, value in document.items():
        if key in _GROUPS and isinstance(value, dict):
            found |= {f"{key}.{inner}": inside for inner, inside in value.items()}
        else:
            found[key] = value
    for name in found:
        if name not in SETTINGS:
            raise _unknown(name, path)
    return found


def _unknown(name: str, path: Path) -> SettingsInvalid:
    shown = clean(redact(name), 60)
    if name in _GROUPS:
        members = ", ".join(each.partition(".")[2] for each in SETTINGS if each.startswith(f"{name}."))
        return SettingsInvalid(
            f"`{shown}` in {path} has to be a table", detail=f"it has {members}", hint=f"write [{shown}]"
        )
    near = get_close_matches(name[:60], SETTINGS, n=1) or get_close_matches(
        name.replace("-", "_")[:60], SETTINGS, n=1
    )
    return SettingsInvalid(
        f"`{shown}` in {path} is no setting",
        detail=f"known are {', '.join(SETTINGS)}",
        hint=f"use `{near[0]}`" if near else "take it out; `registry-server config` shows what there is",
    )


def _parsed(name: str, kind: Kind, place: _Place) -> object:
    value = place.values[name]
    try:
        return folder(value, place.base) if kind in (_PATH, _FILE) else kind.parse(value)
    except ValueError as error:
        hint = f"change it to {kind.allowed}"
        if isinstance(value, str) and value.startswith("tcp://"):
            hint = "Kubernetes sets this for a service of that name: set enableServiceLinks to false"
        raise SettingsInvalid(
            f"`{name}` in {place.source(name)} is {quotable(value)}",
            detail=str(error) or f"it has to be {kind.allowed}",
            hint=hint,
        ) from error


def variable_of(name: str) -> str:
    """The variable that says the setting `name`."""
    return PREFIX + re.sub(r"[.-]", "_", name).upper()


def _value_of(settings: Settings, name: str) -> object:
    if name == "limits":
        return bool(settings.limits)
    group, _, field = name.rpartition(".")
    if group == "limits":
        return next((each for rule, each in settings.limits.items() if rule == field), False)
    return getattr(getattr(settings, group) if group else settings, field)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(map(str, value))
        case Limit():
            return f"{value.count} in {value.per_seconds:g} s, {value.burst} at once"
        case _:
            return str(value)


_PATH = Kind(parse=str, allowed="the path of a folder")
"""Read by `folder`, which knows from where a relative one is meant."""

_FILE = Kind(parse=str, allowed="the path of a file")
_GITHUB_ADDRESS = web_address(may_be_empty=False, may_have_query=True)

SETTINGS: Mapping[str, Kind] = {
    "data": _PATH,
    "host": matching(_HOST, "an address or the name of this host"),
    "port": whole(1, 65_535),
    "read_only": SWITCH,
    "reading": choice("open", "token"),
    "trusted_proxies": NETWORKS,
    "public_url": web_address(may_be_empty=True, may_have_query=False),
    "publishes_at_once": whole(1, 32),
    "package_max_bytes": whole(1024, PACKAGE_MAX_BYTES),
    "metrics": SWITCH,
    "examine.cpu_seconds": whole(1, 60),
    "examine.memory_mib": whole(128, 8192),
    "log.format": choice("text", "json"),
    "log.level": choice("debug", "info", "warning", "error"),
    "log.requests": SWITCH,
    "github.client_id": matching(_CLIENT_ID, "the id of an OAuth app: letters, digits, dots and dashes"),
    "github.device_url": _GITHUB_ADDRESS,
    "github.token_url": _GITHUB_ADDRESS,
    "github.user_url": _GITHUB_ADDRESS,
    "github.allowed_logins": LOGINS,
    "tokens.default_days": whole(1, 365),
    "tokens.max_days": whole(1, 365),
    "limits": SWITCH,
} | {f"limits.{rule}": limit(DEFAULT_LIMITS[rule]) for rule in RULES}

_GROUPS = frozenset(name.partition(".")[0] for name in SETTINGS if "." in name)
