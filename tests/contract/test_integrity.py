"""Digests and their one text form."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.integrity import (
    check_integrity_text,
    hex_digest,
    integrity_of,
    verify_integrity,
)
from registry_server.contract.problems import IntegrityMismatch, InvalidRequest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_chunks_hash_like_the_whole(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)

    assert integrity_of(chunks) == integrity_of(whole) == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    verify_integrity(whole, integrity_of(chunks), what="it")


def test_nothing_has_a_digest_too() -> None:
    assert integrity_of(b"") == integrity_of([]) == EMPTY
    assert hex_digest(EMPTY) == EMPTY[7:]


@pytest.mark.parametrize(
    "text",
    [
        *("", "sha256:", EMPTY[:-1], EMPTY + "0", EMPTY.upper(), EMPTY + "\n", EMPTY[7:], f" {EMPTY}"),
        *(EMPTY.replace("sha256", "md5"), EMPTY.replace("sha256", "sha512"), "sha256:../../etc/passwd"),
    ],
)
def test_another_form_or_algorithm_is_refused(text: str) -> None:
    for function in (check_integrity_text, hex_digest):
        with pytest.raises(InvalidRequest):
            function(text)


def test_other_bytes_are_told_with_both_digests() -> None:
    with pytest.raises(IntegrityMismatch) as caught:
        verify_integrity(b"x", EMPTY, what="the package of `auth`")

    problem = caught.value.problem
    assert problem.title == "the package of `auth` does not have the digest it should"
    assert EMPTY in problem.detail
    assert integrity_of(b"x") in problem.detail
    assert "1 bytes" in problem.detail
