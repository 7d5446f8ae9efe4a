import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.project.differences import (
    LINES_MAX,
    TEXT_MAX,
    FileChange,
    LineMatcher,
    changed_paths,
    unified,
    why_opaque,
)


def test_changed_added_and_removed_files_are_told_by_path() -> None:
    before = {"index.ts": b"1\n", "b.ts": b"1\n", "same.ts": b"1\n"}
    now = {"index.ts": b"2\n", "a/new.ts": b"1\n", "same.ts": b"1\n"}

    assert changed_paths(before, now) == (
        FileChange(path="a/new.ts", kind="added"),
        FileChange(path="b.ts", kind="removed"),
        FileChange(path="index.ts", kind="changed"),
    )


def test_line_endings_and_newlines_at_the_end_are_no_change() -> None:
    assert changed_paths({"a": b"1\n2"}, {"a": b"1\r\n2\r\n\r\n"}) == ()
    assert unified("a", b"1\n2", b"1\r\n2\r\n\r\n") == ""


def test_line_endings_count_in_binary_files() -> None:
    assert changed_paths({"a": b"\0\n"}, {"a": b"\0\r\n"}) == (FileChange(path="a", kind="changed"),)


def test_generated_schema_is_no_change_at_the_top_only() -> None:
    before = {"schema.ts": b"1", "deep/schema.ts": b"1"}

    assert changed_paths(before, {"schema.ts": b"2", "deep/schema.ts": b"2"}) == (
        FileChange(path="deep/schema.ts", kind="changed"),
    )
    assert changed_paths({}, {"schema.ts": b"2"}) == ()
    assert changed_paths({"schema.ts": b"2"}, {}) == ()


def test_changed_lines_stand_between_their_neighbours() -> None:
    before = b"".join(b"%d\n" % n for n in range(1, 21))
    after = before.replace(b"\n10\n", b"\nten\n").replace(b"\n20\n", b"\n20\n21\n")

    assert unified("a b.ts", before, after, context=1) == (
        "diff --git a/a b.ts b/a b.ts\n--- a/a b.ts\n+++ b/a b.ts\n"
        "@@ -9,3 +9,3 @@\n 9\n-10\n+ten\n 11\n"
        "@@ -20 +20,2 @@\n 20\n+21\n"
    )


def test_new_file_is_shown_whole() -> None:
    assert unified("a.ts", None, b"1\n2\n") == (
        "diff --git a/a.ts b/a.ts\nnew file mode 100644\n--- /dev/null\n+++ b/a.ts\n@@ -0,0 +1,2 @@\n+1\n+2\n"
    )


def test_removed_file_is_shown_whole() -> None:
    assert unified("a.ts", b"1\r\n", None) == (
        "diff --git a/a.ts b/a.ts\ndeleted file mode 100644\n--- a/a.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    )


def test_empty_file_comes_and_goes_without_lines() -> None:
    assert unified("a", None, b"") == "diff --git a/a b/a\nnew file mode 100644\n"
    assert unified("a", b"", None) == "diff --git a/a b/a\ndeleted file mode 100644\n"


def test_missing_newline_at_the_end_is_said() -> None:
    assert unified("a", b"1\n2", b"0\n2\n").endswith(
        "@@ -1,2 +1,2 @@\n-1\n-2\n\\ No newline at end of file\n+0\n+2\n"
    )


@pytest.mark.parametrize("data", [b"a\0b", b"\xff\xfe1"])
def test_binary_files_are_named_and_not_shown(data: bytes) -> None:
    assert unified("a.png", b"1", data) == (
        "diff --git a/a.png b/a.png\nBinary files a/a.png and b/a.png differ\n"
    )
    assert unified("a.png", None, data).endswith("\nBinary files /dev/null and b/a.png differ\n")


@pytest.mark.parametrize("data", [b"x" * (TEXT_MAX + 1), b"\n" * (LINES_MAX + 1) + b"x"])
def test_large_files_are_named_and_not_shown(data: bytes) -> None:
    assert unified("a", data, b"1").endswith(
        "\nBinary files a/a and b/a differ (too large to compare by lines)\n"
    )
    assert why_opaque(data[1:]) == ""


def test_name_of_a_file_cannot_break_the_headers() -> None:
    shown = unified('a\n+++ "\udcff', b"1", b"2")

    assert shown.splitlines()[0] == r'diff --git "a/a\n+++ \"\udcff" "b/a\n+++ \"\udcff"'
    assert len(shown.splitlines()) == 8
    assert shown.encode()


LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"}", b""]) | st.binary(max_size=2), max_size=14)


@settings(max_examples=100, deadline=None)
@given(LINES, LINES)
def test_matching_blocks_are_equal_and_in_order(a: list[bytes], b: list[bytes]) -> None:
    blocks = LineMatcher(None, a, b).get_matching_blocks()

    assert blocks[-1] == (len(a), len(b), 0)
    for (i, j, size), (next_i, next_j, _) in pairwise(blocks):
        assert size > 0
        assert a[i : i + size] == b[j : j + size]
        assert i + size <= next_i
        assert j + size <= next_j
        assert (i + size, j + size) != (next_i, next_j) or (next_i, next_j) == (len(a), len(b))


def _applied(a: list[bytes], b: list[bytes]) -> list[bytes]:
    result: list[bytes] = []
    for tag, a_from, a_to, b_from, b_to in LineMatcher(None, a, b).get_opcodes():
        result += a[a_from:a_to] if tag == "equal" else b[b_from:b_to]
    return result


@settings(max_examples=100, deadline=None)
@given(LINES, LINES)
def test_edits_lead_from_one_side_to_the_other(a: list[bytes], b: list[bytes]) -> None:
    assert _applied(a, b) == b


def _longest(a: list[bytes], b: list[bytes]) -> int:
    row = [0] * (len(b) + 1)
    for line in a:
        last = row
        row = [0]
        for j, other in enumerate(b):
            row.append(last[j] + 1 if line == other else max(row[j], last[j + 1]))
    return row[-1]


def _has_anchor(a: list[bytes], b: list[bytes]) -> bool:
    """Whether a line occurs once on each side, between the beginning and the end that both share."""
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return any(a.count(line) == b.count(line) == 1 for line in a)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b"]), min_size=8, max_size=14), st.randoms(use_true_random=False))
def test_lines_that_repeat_are_matched_by_the_shortest_edit(a: list[bytes], chance: random.Random) -> None:
    # Doubled, so that lines rarely occur once, which would make them anchors.
    a = a + a
    b = [line for line in a if chance.random() < 0.7] + [b"a", b"a", b"b", b"b"]

    blocks = LineMatcher(None, a, b).get_matching_blocks()

    if not _has_anchor(a, b):
        assert sum(block.size for block in blocks) == _longest(a, b)


def test_two_edits_far_apart_are_found_among_lines_that_all_repeat() -> None:
    a = [b"row %d" % (n % 7) for n in range(5_000)]
    b = [*a[:10], *a[12:4_900], b"row 3", *a[4_900:]]

    assert sum(block.size for block in LineMatcher(None, a, b).get_matching_blocks()) >= 4_990


def test_moved_block_is_matched_on_the_lines_that_are_unique() -> None:
    one = [b"function one() {", b"  return 1", b"}", b""]
    two = [b"function two() {", b"  return 2", b"}", b""]

    blocks = LineMatcher(None, [*one, *two], [*two]).get_matching_blocks()

    assert blocks == [(4, 0, 4), (8, 4, 0)]


def test_one_line_is_found_again_in_a_file_that_is_new_all_around_it() -> None:
    a, b = ([b"%s %d" % (name, n) for n in range(500)] for name in (b"old", b"new"))

    blocks = LineMatcher(None, [*a, b"kept", *a], [*b, b"kept", *b]).get_matching_blocks()

    assert blocks == [(500, 500, 1), (1001, 1001, 0)]


def test_files_made_to_be_hard_to_compare_are_given_up_for_unequal() -> None:
    chance = random.Random(7)  # noqa: S311
    a, b = ([b"%d" % chance.randrange(150) for _ in range(20_000)] for _ in range(2))

    blocks = LineMatcher(None, [b"first", *a], [b"first", *b]).get_matching_blocks()

    assert blocks[0].a == blocks[0].b == 0
    assert len(blocks) < 10
