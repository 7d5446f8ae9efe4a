"""Whose request it is: only what trusted proxies say counts, and garbage never breaks anything."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.http.addresses import (
    HOPS_MAX,
    UNKNOWN,
    Network,
    client_address,
    limit_key,
    parse_address,
)

PROXIES: tuple[Network, ...] = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.1", "203.0.113.1"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.1, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.1:4711", "203.0.113.1"),
        ("10.0.0.1", '"[2001:db8::1]:4711"', "2001:db8::1"),
        ("10.0.0.1", "2001:DB8:0:0::1", "2001:db8::1"),
        ("10.0.0.1", " 203.0.113.1 ,, ", "10.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.1", "203.0.113.1"),
        ("fd00::1", "2001:db8::1, fd00::2", "2001:db8::1"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("::ffff:203.0.113.1", "", "203.0.113.1"),
        (None, "203.0.113.1", UNKNOWN),
        ("", "203.0.113.1", UNKNOWN),
        ("/run/socket", "203.0.113.1", UNKNOWN),
    ],
)
def test_the_rightmost_hop_that_is_no_trusted_proxy_is_the_caller(
    peer: str | None, forwarded_for: str, address: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == address


def test_without_trusted_proxies_only_the_connection_counts() -> None:
    assert client_address("10.0.0.1", "203.0.113.1", ()) == "10.0.0.1"


def test_a_chain_longer_than_any_is_read_to_its_bound() -> None:
    hops = ["203.0.113.1", *(f"10.0.1.{number}" for number in range(HOPS_MAX))]

    assert client_address("10.0.0.1", ", ".join(hops[:1] + hops[2:]), PROXIES) == "203.0.113.1"
    assert client_address("10.0.0.1", ", ".join(hops), PROXIES) == "10.0.1.0"
    assert client_address("10.0.0.1", "10.0.0.9," * 1_000_000, PROXIES) == "10.0.0.1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "999.1.1.1",
        "1.2.3",
        "٣.١.١.١",
        "1.2.3.4.",
        "a" * 1_000_000,
        "1.2.3.4\r\nX: y",
        "\x00",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@given(st.text(max_size=80), st.lists(st.text(max_size=40) | st.ip_addresses().map(str), max_size=8))
def test_garbage_gives_an_address_or_nothing_known(peer: str, hops: list[str]) -> None:
    found = client_address(peer, ",".join(hops), (ipaddress.ip_network("0.0.0.0/0"), *PROXIES))

    assert found == UNKNOWN or str(ipaddress.ip_address(found)) == found


@given(st.ip_addresses(), st.lists(st.ip_addresses().map(str), max_size=8))
def test_a_stranger_cannot_choose_the_address(peer: object, hops: list[str]) -> None:
    """Whatever they send: their own connection is the last thing a trusted proxy saw."""
    seen = parse_address(str(peer))
    assert seen is not None
    if any(seen in network for network in PROXIES):
        return

    assert client_address("10.0.0.1", ", ".join([*hops, str(peer)]), PROXIES) == str(seen)
    assert client_address(str(peer), ", ".join(hops), PROXIES) == str(seen)


def test_an_ipv6_caller_is_limited_by_network_and_an_ipv4_one_by_address() -> None:
    assert limit_key("2001:db8:1:2:3:4:5:6") == limit_key("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert limit_key("2001:db8:1:3::9") != limit_key("2001:db8:1:2::9")
    assert limit_key("203.0.113.1") == limit_key("::ffff:203.0.113.1") == "203.0.113.1"
    assert limit_key(UNKNOWN) == limit_key("\x1b[31m") == UNKNOWN
