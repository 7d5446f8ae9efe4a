"""Kinds of settings: what a value has to be, said in words, and how it is read from where it stands.

A file gives booleans, numbers, lists and tables; flags and variables give text, which means the same.
Pure: nothing is opened, and whatever a value is, it becomes one of ours or a `ValueError`, whose text
(when it has any) tells more than the kind's own words.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from registry_server.contract.foreign import clean
from registry_server.contract.tokens import redact
from registry_server.limits import Limit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_LOGIN = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,37}[0-9A-Za-z])?")
_LIMIT_RANGES = {"count": (1, 100_000), "burst": (1, 100_000), "per_seconds": (0.001, 86_400)}


class Kind(Struct, frozen=True, kw_only=True):
    """What fits one setting."""

    parse: Callable[[object], object]
    """The value for what is said; raises `ValueError` for what does not fit."""
    allowed: str
    """What fits, to stand after "it has to be"."""


def quotable(value: object) -> str:
    """What somebody wrote, as a sentence may repeat it: harmless, short, and no token."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"
    if isinstance(value, str | int | float | Path):
        return f"`{clean(redact(str(value)), 200)}`" if str(value) else "empty"
    return f"a {type(value).__name__}"


def folder(value: object, base: Path) -> Path:
    """An absolute path; a relative one is meant from `base`."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError
    try:
        return (base / Path(value).expanduser()).absolute()
    except RuntimeError as error:
        raise ValueError("it names the home folder of an unknown user") from error


def _read_switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
        return value.lower() in _TRUE
    raise ValueError


def whole(low: int, high: int) -> Kind:
    def parse(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return Kind(parse=parse, allowed=f"a whole number from {low} to {high}")


def choice(*words: str) -> Kind:
    def parse(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError
        return value.lower()

    return Kind(parse=parse, allowed=" or ".join(f"`{word}`" for word in words))


def matching(pattern: re.Pattern[str], allowed: str) -> Kind:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError
        return value

    return Kind(parse=parse, allowed=allowed)


def web_address(*, may_be_empty: bool, may_have_query: bool) -> Kind:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not value.isprintable() or " " in value:
            raise ValueError
        if value == "" and may_be_empty:
            return ""
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise ValueError from None  # the library's words do not say what is allowed
        has_extras = "@" in parts.netloc or "#" in value or ("?" in value and not may_have_query)
        if parts.scheme not in ("http", "https") or not parts.hostname or has_extras or port == 0:
            raise ValueError
        return value if may_have_query else value.rstrip("/")

    extras = "" if may_have_query else ", a query or a fragment"
    return Kind(parse=parse, allowed=f"an http:// or https:// address without a user name{extras}")


def _listed(value: object) -> list[str]:
    """A list of texts, or a text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise ValueError
    return [str(part) for part in value]


def _networks(value: object) -> tuple[Network, ...]:
    return tuple(_network(text) for text in _listed(value))


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{quotable(text)} is no address and no network like 10.0.0.0/8") from error
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        # At least 96 bits long, or the ones before the IPv4 address would lie outside of it.
        return ipaddress.ip_network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def _logins(value: object) -> tuple[str, ...]:
    logins = _listed(value)
    if wrong := [login for login in logins if not _LOGIN.fullmatch(login)]:
        raise ValueError(f"{quotable(wrong[0])} is no login of GitHub")
    return tuple(login.lower() for login in logins)


def limit(default: Limit) -> Kind:
    """Parts that are not given stay those of the default; `false` is no limit."""

    def parse(value: object) -> Limit | None:
        if isinstance(value, dict) and value:
            return replace(default, **{str(key): _limit_part(str(key), part) for key, part in value.items()})
        if _read_switch(value):
            return default
        return None

    return Kind(parse=parse, allowed="`false`, or a table like { count = 5, per_seconds = 60, burst = 10 }")


def _limit_part(key: str, value: object) -> float:
    if key not in _LIMIT_RANGES:
        raise ValueError(f"it has count, per_seconds and burst, not {quotable(key)}")
    low, high = _LIMIT_RANGES[key]
    kind, words = (int | float, "number") if key == "per_seconds" else (int, "whole number")
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise ValueError(f"its `{key}` has to be a {words} from {low:g} to {high:g}")
    return value


SWITCH = Kind(parse=_read_switch, allowed="true or false")
NETWORKS = Kind(parse=_networks, allowed="a list of addresses and networks")
LOGINS = Kind(parse=_logins, allowed="a list of GitHub logins")
