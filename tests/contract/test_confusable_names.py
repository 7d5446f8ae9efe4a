"""Names that a person may take for each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.names import SLIP_MIN, are_confusable, confusion_key, lookalike_key

LETTERS = "abcdeilmnor01"
words = st.text(LETTERS, min_size=1, max_size=9)
long_words = st.text(LETTERS, min_size=SLIP_MIN, max_size=9)


def distance(one: str, other: str) -> int:
    """Letters added, left out or replaced, and neighbours swapped: optimal string alignment, by its table."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, wanted in enumerate(other, start=1):
            best = min(row[j - 1] + 1, rows[i - 1][j] + 1, rows[i - 1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


@given(words, words)
def test_two_names_are_confusable_when_they_look_alike_or_are_one_slip_apart(one: str, other: str) -> None:
    looks_alike = confusion_key(one) == confusion_key(other)
    is_slip = min(len(one), len(other)) >= SLIP_MIN and distance(one, other) <= 1

    assert are_confusable(one, other) is (looks_alike or is_slip)


@given(long_words, st.data())
def test_every_single_slip_is_noticed(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from(LETTERS))
    slips = [
        name[:at] + letter + name[at:],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
    ]
    if len(name) > SLIP_MIN:
        slips.append(name[:at] + name[at + 1 :])

    assert all(are_confusable(slip, name) for slip in slips)


@given(words, words)
def test_confusion_has_no_direction(one: str, other: str) -> None:
    assert are_confusable(one, other) is are_confusable(other, one)


@given(words)
def test_names_that_are_one_name_are_confusable_too(name: str) -> None:
    spelled = name[:1] + "-" + name[1:].upper()

    assert lookalike_key(spelled) == lookalike_key(name)
    assert are_confusable(spelled, name)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("auth-0", "auth-o"),
        ("ma1l", "mail"),
        ("mall", "mail"),
        ("c1i", "cli"),
        ("5e0", "seo"),
        ("rnail", "mail"),
        ("vvidget", "widget"),
        ("clock", "dock"),
        ("payment", "payments"),
        ("paymnets", "payments"),
        ("stripee", "stripe"),
        ("authJwt", "auth-jvt"),
    ],
)
def test_these_are_taken_for_each_other(name: str, known: str) -> None:
    assert are_confusable(name, known)


@pytest.mark.parametrize(
    ("name", "known"),
    [("mail", "main"), ("auth", "oath"), ("users", "uploads"), ("storage", "storages2"), ("cache", "cron")],
)
def test_these_are_two_words(name: str, known: str) -> None:
    assert not are_confusable(name, known)
