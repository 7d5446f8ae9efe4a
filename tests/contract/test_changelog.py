"""The author's words for one release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.changelog import NOTES_MAX, release_notes

CHANGELOG = """# Changelog

## [2.0.0] - 2026-02-01

### Changed
- Everything.

## 1.10.0
Ten.

## v1.1.0 (old)
- One, see 1.0.0.
# not a heading of ours
## 1.1.0-beta.1
Beta.

## 1.0.0
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [
        ("2.0.0", "### Changed\n- Everything."),
        ("1.10.0", "Ten."),
        ("1.1.0-beta.1", "Beta."),
        ("1.0.0", ""),
        ("0.0.0", ""),
        ("1.1", ""),
        ("2X0X0", ""),
        (".*", ""),
    ],
)
def test_notes_of_a_release(version: str, notes: str) -> None:
    assert release_notes(CHANGELOG, version) == notes


def test_notes_end_at_the_next_heading_of_the_same_or_a_higher_level() -> None:
    text = "# 2.0.0\n## New\na\n# 1.0.0\nb\n"

    assert release_notes(text, "2.0.0") == "## New\na"
    assert release_notes(text, "1.0.0") == "b"


def test_notes_are_bounded() -> None:
    assert len(release_notes("# 1.0.0\n" + "x" * 5000, "1.0.0")) == NOTES_MAX


@given(st.text(), st.text(max_size=10))
def test_any_text_has_notes_or_none(text: str, version: str) -> None:
    assert len(release_notes(text, version)) <= NOTES_MAX
