"""Who is at the other end: the caller's address, also through proxies, and what stands for it in a limit.

`X-Forwarded-For` is a list that everybody may write into, each hop adding the address it was called
from at the right. Only what a trusted proxy added can be believed, so the list is read from the right,
as far as the hops are trusted. Source: RFC 7239 section 5.2 and 8.1 (the same rules, for `Forwarded`).
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOPS_MAX = 20
"""Proxies in a row; a longer chain is somebody's invention."""

UNKNOWN = "unknown"
"""A caller without an address: a socket in the file system, or a broken server."""

_TEXT_MAX = 64
_PREFIX_BITS = 64
"""Of an IPv6 address: what one household or machine has to itself, and may walk through."""


def client_address(peer: str | None, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The rightmost hop that is no trusted proxy; `peer` is who opened the connection.

    A hop that is no address ends the reading: the trusted proxy that passed it on is the answer, as it
    is when all hops are trusted and there is none before it. Several header lines are joined by commas.
    """
    nearest = parse_address(peer or "")
    if nearest is None:
        return UNKNOWN
    if not trusted or not forwarded_for:
        return str(nearest)
    for hop in reversed(forwarded_for.rsplit(",", HOPS_MAX)[-HOPS_MAX:]):
        if not _is_trusted(nearest, trusted):
            break
        before = parse_address(hop)
        if before is None:
            break
        nearest = before
    return str(nearest)


def limit_key(address: str) -> str:
    """What stands for a caller's address in a rate limit: the address, or the /64 of an IPv6 one."""
    parsed = parse_address(address)
    if parsed is None:
        return UNKNOWN
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed) >> _PREFIX_BITS << _PREFIX_BITS, _PREFIX_BITS)))


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address as hops write it: bare, quoted, with a port or a zone; IPv4 in IPv6 as the IPv4 it is."""
    if len(text) > _TEXT_MAX:
        return None
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
