"""Slow hashes of passwords."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.operations.passwords import LOG_N, P, R, hash_password, is_password

# By another implementation of RFC 7914: `hashlib.scrypt` of `correct horse battery`, salt 00 to 0f.
KNOWN = "scrypt$15$8$1$AAECAwQFBgcICQoLDA0ODw==$xy6UCICz8Vv/P6JqOkkUD4DOmhxN0tXSe6sQAUBxupQ="
CHEAPER = "scrypt$14$8$1$AAECAwQFBgcICQoLDA0ODw==$6W7GuoxjojaYIg83x/wEKSXUMMf+reyc6wSvA8q7ny8="


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=200))
def test_a_password_is_known_again_and_no_other(password: str) -> None:
    kept = hash_password(password)

    assert is_password(password, kept)
    assert not is_password(password + "x", kept)


def test_the_cost_stands_in_what_is_kept_and_the_salt_is_new_each_time() -> None:
    one, other = hash_password("correct horse"), hash_password("correct horse")

    assert one.startswith(f"scrypt${LOG_N}${R}${P}$")
    assert one != other
    assert "correct horse" not in one


def test_a_hash_of_another_cost_still_counts() -> None:
    assert is_password("correct horse battery", CHEAPER)
    assert not is_password("correct horse", CHEAPER)


def test_the_form_that_is_kept_stays_readable() -> None:
    assert hash_password("correct horse battery", bytes(range(16))) == KNOWN


@pytest.mark.parametrize("password", ["", "anything", "\x00", "\ud800"])
def test_an_account_without_a_password_has_none_that_fits(password: str) -> None:
    assert not is_password(password, "")
