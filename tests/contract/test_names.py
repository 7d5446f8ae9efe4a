"""What may be a plugin's name, and which names are one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.names import NAME_MAX, check_name, is_name, lookalike_key, nearest_names
from registry_server.contract.problems import InvalidName


@pytest.mark.parametrize(
    "name", ["a", "1", "auth", "auth-jwt", "auth-2", "2fa", "authJwt", "aB", "k8sOperator", "x" * NAME_MAX]
)
def test_names(name: str) -> None:
    assert is_name(name)
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-", "-a", "a-", "a--b", "A", "Auth", "AUTH", "auth-Jwt", "authJwt-2", "2Fa"),
        *("a_b", "a.b", "a/b", "a\\b", "../a", ".", "..", "@a/b", "a b", " a", "a ", "a\n", "a\0", "~a"),
        *("ａuth", "аuth", "é", "日本", "a\u200b", "\ud800", "a" * (NAME_MAX + 1), "a-" * 5000),
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidName):
        check_name(name)


def test_a_long_name_is_shown_cut() -> None:
    with pytest.raises(InvalidName) as caught:
        check_name("x" * 5000)

    assert caught.value.problem.title == f"`{'x' * NAME_MAX}…` is not a plugin name"


@given(st.text(max_size=80))
def test_a_name_is_safe_as_a_folder_a_url_and_a_word(text: str) -> None:
    if is_name(text):
        assert re.fullmatch("[A-Za-z0-9-]{1,64}", text)
        assert not text.startswith("-")


@pytest.mark.parametrize("name", ["auth-jwt", "authJwt", "authjwt", "auth-j-w-t"])
def test_names_that_differ_in_case_and_dashes_are_one(name: str) -> None:
    assert lookalike_key(name) == "authjwt"


def test_other_names_have_other_keys() -> None:
    assert len({lookalike_key(name) for name in ("auth", "auth2", "oauth", "auth-jwt")}) == 4


def test_nearest_names_are_the_ones_a_person_may_have_meant() -> None:
    known = ["auth-jwt", "auth-oauth", "users", "rate-limit", "stripe"]

    assert nearest_names("authjtw", known) == ["auth-jwt"]
    assert nearest_names("rateLimit", known) == ["rate-limit"]
    assert nearest_names("strip", known) == ["stripe"]
    assert nearest_names("kubernetes", known) == []
    assert nearest_names("auth", []) == []


def test_as_many_nearest_names_as_asked_for_best_first() -> None:
    known = ["users", "user", "users-2", "users-3"]

    assert nearest_names("users", known, limit=2)[0] == "users"
    assert len(nearest_names("users", known, limit=2)) == 2
