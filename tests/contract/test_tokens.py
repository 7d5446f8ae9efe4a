"""Access tokens can be told from other text, and are never printed whole."""

from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.tokens import PREFIX, RANDOM_BYTES, is_token, make_token, redact

RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(RANDOM)
def test_a_token_is_known_by_its_checksum(random: bytes) -> None:
    token = make_token(random)
    other = token[:-1] + ("a" if token[-1] != "a" else "b")

    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 36
    assert is_token(token)
    assert not is_token(other)
    assert not is_token(token + "0")
    assert not is_token(token[:-1])


def test_other_randomness_gives_another_token() -> None:
    assert len({make_token(bytes([number]) * RANDOM_BYTES) for number in range(200)}) == 200


def test_what_is_no_token() -> None:
    for text in ("", PREFIX, "dkt", PREFIX + "0" * 35, PREFIX + "é" * 36, " " + make_token(bytes(32))):
        assert not is_token(text)


@given(RANDOM, st.text(max_size=20), st.text(max_size=20))
def test_a_token_in_a_text_is_cut_and_the_rest_stays(random: bytes, before: str, after: str) -> None:
    token = make_token(random)
    shown = redact(f"{before} {token} {after}")

    assert token not in shown
    assert shown == f"{redact(before)} {token[:8]}… {redact(after)}"
