from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.project.differences import LINES_MAX, TEXT_MAX, changed_paths
from donkeytui.project.merge import Merge, MergedFile, Outcome, Side, has_markers, merge_trees
from donkeytui.project.tree import normalised

INDEX = b"""\
import { createPlugin } from "@donkeylabs/server";

export const authPlugin = createPlugin.define({
  name: "auth",
  service: async () => {
    const minutes = 15;
    return { minutes };
  },
});
"""


def merged(
    before: Mapping[str, bytes], mine: Mapping[str, bytes], after: Mapping[str, bytes], side: Side = "ask"
) -> Merge:
    return merge_trees(before, mine, after, side=side, labels=("yours", "1.2.0"))


def one(before: bytes | None, mine: bytes | None, after: bytes | None, side: Side = "ask") -> Merge:
    """A merge of one file, `f`; None where it is not there."""
    trees = [{} if data is None else {"f": data} for data in (before, mine, after)]
    return merged(trees[0], trees[1], trees[2], side)


def told(merge: Merge) -> tuple[Outcome, str]:
    (file,) = merge.touched
    return file.outcome, file.detail


def test_edits_in_different_places_are_merged() -> None:
    mine = INDEX.replace(b"15", b"30")
    after = INDEX.replace(b"import { createPlugin }", b"import { createPlugin, log }")

    merge = one(INDEX, mine, after)

    assert merge.files == {"f": after.replace(b"15", b"30")}
    assert merge.touched == (MergedFile(path="f", outcome="merged"),)
    assert merge.conflicts == ()


CONFLICT = (INDEX, INDEX.replace(b"15", b"30"), INDEX.replace(b"15", b"20"))


def test_conflict_stands_between_standard_markers() -> None:
    merge = one(*CONFLICT)

    marked = b"<<<<<<< yours\n    const minutes = 30;\n=======\n    const minutes = 20;\n>>>>>>> 1.2.0\n"
    assert merge.files == {"f": INDEX.replace(b"    const minutes = 15;\n", marked)}
    assert told(merge) == ("conflict", "1 place")
    assert merge.conflicts == ("f",)
    assert has_markers(merge.files["f"])


def test_keep_takes_the_users_line_where_both_changed() -> None:
    before, mine, after = CONFLICT
    merge = one(before, mine, after.replace(b"auth", b"oauth"), side="keep")

    assert merge.files == {"f": mine.replace(b"auth", b"oauth")}
    assert told(merge) == ("kept", "1 place")


def test_theirs_takes_the_releases_line_where_both_changed() -> None:
    before, mine, after = CONFLICT
    merge = one(before, mine.replace(b"auth", b"oauth"), after, side="theirs")

    assert merge.files == {"f": after.replace(b"auth", b"oauth")}
    assert told(merge) == ("taken", "1 place")


def test_agreed_lines_stay_out_of_the_conflict() -> None:
    before = b"a\nb\nc\n"
    mine = b"a\nsame\nmine\nsame too\nc\n"
    after = b"a\nsame\nafter\nsame too\nc\n"

    assert one(before, mine, after).files["f"] == (
        b"a\nsame\n<<<<<<< yours\nmine\n=======\nafter\n>>>>>>> 1.2.0\nsame too\nc\n"
    )


def test_conflicts_close_to_each_other_are_one() -> None:
    before = b"1\n}\n\n2\n"

    merge = one(before, b"mine 1\n}\n\nmine 2\n", b"new 1\n}\n\nnew 2\n")

    assert told(merge) == ("conflict", "1 place")
    assert merge.files["f"].count(b"}") == 2


def test_conflicts_far_from_each_other_are_counted() -> None:
    between = b"a\nb\nc\nd\n"

    merge = one(
        b"1\n" + between + b"2\n", b"mine 1\n" + between + b"mine 2\n", b"new 1\n" + between + b"new 2\n"
    )

    assert told(merge) == ("conflict", "2 places")
    assert merge.files["f"].count(between) == 1


def test_file_keeps_the_users_line_endings() -> None:
    mine = INDEX.replace(b"15", b"30").replace(b"\n", b"\r\n")
    after = INDEX.replace(b"auth", b"oauth")

    assert one(INDEX, mine, after).files["f"] == mine.replace(b"auth", b"oauth")


def test_markers_have_the_users_line_endings() -> None:
    assert one(b"1\n", b"2\r\n", b"3\n").files["f"] == (
        b"<<<<<<< yours\r\n2\r\n=======\r\n3\r\n>>>>>>> 1.2.0\r\n"
    )


def test_markers_have_lines_of_their_own_in_a_file_without_last_newline() -> None:
    assert one(b"1", b"2", b"3").files["f"] == b"<<<<<<< yours\n2\n=======\n3\n>>>>>>> 1.2.0"


def test_file_of_one_line_takes_the_line_endings_of_the_release() -> None:
    assert one(b"1", b"2", b"3\r\n4\r\n").files["f"] == (
        b"<<<<<<< yours\r\n2\r\n=======\r\n3\r\n4\r\n>>>>>>> 1.2.0"
    )


def test_newline_at_the_end_stays_the_users() -> None:
    assert one(b"1\n2\n3\n", b"0\n2\n3", b"1\n2\n4\n").files["f"] == b"0\n2\n4"
    assert one(b"1\n2\n3", b"0\n2\n3\n\n", b"1\n2\n4").files["f"] == b"0\n2\n4\n\n"


@pytest.mark.parametrize("mine", [b"1\r\n2\r\n", b"1\n2", b"1\n2\n\n"])
def test_line_endings_and_last_newlines_are_no_edit(mine: bytes) -> None:
    merge = one(b"1\n2\n", mine, b"1\n3\n")

    assert merge.files == {"f": b"1\n3\n"}
    assert merge.touched == ()


def test_file_the_release_left_alone_keeps_its_line_endings() -> None:
    merge = one(b"1\n2\n", b"1\r\n2\r\n", b"1\n2\n")

    assert merge.files == {"f": b"1\r\n2\r\n"}
    assert merge.touched == ()


def test_release_that_changed_line_endings_only_changes_no_edited_file() -> None:
    merge = one(b"1\n", b"2\n", b"1\r\n")

    assert merge.files == {"f": b"2\n"}
    assert told(merge) == ("kept", "")


@pytest.mark.parametrize(
    ("before", "mine", "after", "expected", "outcome", "detail"),
    [
        (None, b"1", None, b"1", "kept", "yours, not of the release"),
        (b"1", b"2", b"1", b"2", "kept", ""),
        (b"1", None, b"1", None, "kept", "you removed it"),
        (b"1", b"2\r\n", b"2\n", b"2\n", "taken", "the release made the same change"),
        (None, b"2\r\n", b"2\n", b"2\n", "taken", "the release made the same change"),
        (b"1", None, None, None, "taken", "the release made the same change"),
    ],
)
@pytest.mark.parametrize("side", ["ask", "keep", "theirs"])
def test_change_of_the_user_alone_or_the_same_change_is_no_conflict(
    before: bytes | None,
    mine: bytes | None,
    after: bytes | None,
    expected: bytes | None,
    outcome: Outcome,
    detail: str,
    side: Side,
) -> None:
    merge = one(before, mine, after, side=side)

    assert merge.files.get("f") == expected
    assert told(merge) == (outcome, detail)


@pytest.mark.parametrize(
    ("side", "expected", "outcome", "detail"),
    [
        ("ask", b"2", "conflict", "the release removed it, your edited file stays"),
        ("keep", b"2", "kept", "the release removed it, your edited file stays"),
        ("theirs", None, "taken", "the release removed it, and your edits with it"),
    ],
)
def test_file_edited_by_the_user_and_removed_by_the_release(
    side: Side, expected: bytes | None, outcome: Outcome, detail: str
) -> None:
    merge = one(b"1", b"2", None, side=side)

    assert merge.files.get("f") == expected
    assert told(merge) == (outcome, detail)


@pytest.mark.parametrize(
    ("side", "expected", "outcome", "detail"),
    [
        ("ask", b"2", "conflict", "you removed it, the release changed it: it is back"),
        ("keep", None, "kept", "you removed it, the release changed it: it stays away"),
        ("theirs", b"2", "taken", "you removed it, the release changed it: it is back"),
    ],
)
def test_file_removed_by_the_user_and_changed_by_the_release(
    side: Side, expected: bytes | None, outcome: Outcome, detail: str
) -> None:
    merge = one(b"1", None, b"2", side=side)

    assert merge.files.get("f") == expected
    assert told(merge) == (outcome, detail)


@pytest.mark.parametrize(
    ("side", "expected", "outcome"),
    [
        ("ask", b"<<<<<<< yours\n2\n=======\n3\n>>>>>>> 1.2.0\n", "conflict"),
        ("keep", b"2\n", "kept"),
        ("theirs", b"3\n", "taken"),
    ],
)
def test_file_added_by_both(side: Side, expected: bytes, outcome: Outcome) -> None:
    merge = one(None, b"2\n", b"3\n", side=side)

    assert merge.files == {"f": expected}
    assert told(merge) == (outcome, "1 place")


LARGE = b"x" * TEXT_MAX + b"\n"
MANY = b"\n" * (LINES_MAX + 1) + b"x"


@pytest.mark.parametrize(
    ("trees", "why"),
    [
        ((b"1\0", b"2\0", b"3\0"), "binary"),
        ((b"1", b"2", b"3\xff"), "binary"),
        ((b"1\xff", b"2", b"3"), "binary"),
        ((b"1", LARGE, b"3"), "too large to compare by lines"),
        ((b"1", b"2", MANY), "too large to compare by lines"),
    ],
)
def test_files_that_are_no_text_are_never_merged_by_lines(
    trees: tuple[bytes, bytes, bytes], why: str
) -> None:
    asked, kept, taken = (one(*trees, side=side) for side in ("ask", "keep", "theirs"))

    assert (asked.files["f"], *told(asked)) == (trees[1], "conflict", f"{why}: yours was kept")
    assert (kept.files["f"], *told(kept)) == (trees[1], "kept", f"{why}: yours was kept")
    assert (taken.files["f"], *told(taken)) == (trees[2], "taken", f"{why}: the release's was taken")


@pytest.mark.parametrize(
    ("mine", "after", "expected"),
    [(b"2", b"3", b"3"), (None, b"3", b"3"), (b"2", None, b"2"), (None, None, None), (b"2", b"1", b"1")],
)
def test_generated_schema_is_the_releases_and_never_an_edit(
    mine: bytes | None, after: bytes | None, expected: bytes | None
) -> None:
    trees = [{} if data is None else {"schema.ts": data} for data in (b"1", mine, after)]
    merge = merged(trees[0], trees[1], trees[2])

    assert merge.files.get("schema.ts") == expected
    assert merge.touched == ()


def test_schema_in_a_folder_is_a_file_like_any_other() -> None:
    merge = merged({"db/schema.ts": b"1"}, {"db/schema.ts": b"2"}, {"db/schema.ts": b"3"})

    assert merge.conflicts == ("db/schema.ts",)


@pytest.mark.parametrize(
    ("mine", "after", "own", "new"),
    [
        ({"lib": b"mine"}, {"lib/a.ts": b"1", "lib/b.ts": b"1"}, "lib", "lib/b.ts"),
        ({"lib/deep/a.ts": b"mine"}, {"lib": b"1"}, "lib/deep/a.ts", "lib"),
    ],
)
def test_file_and_folder_of_one_name_cannot_both_be(
    mine: dict[str, bytes], after: dict[str, bytes], own: str, new: str
) -> None:
    asked, kept, taken = (merged({}, mine, after, side=side) for side in ("ask", "keep", "theirs"))

    assert asked.files == kept.files == mine
    assert taken.files == after
    assert asked.conflicts == (own,)
    assert asked.touched[0].detail == f"the release has `{new}` instead"
    assert (kept.touched[0].outcome, taken.touched[0].outcome) == ("kept", "taken")


def test_file_that_the_user_made_a_folder_is_told_once() -> None:
    merge = merged({"lib": b"1"}, {"lib/a.ts": b"mine"}, {"lib": b"2"})

    assert merge.files == {"lib/a.ts": b"mine"}
    assert [file.path for file in merge.touched] == ["lib/a.ts"]


def test_touched_files_are_told_by_path() -> None:
    merge = merged({"b": b"1", "a": b"1"}, {"b": b"2", "a": b"2", "c": b"2"}, {"b": b"1", "a": b"3"})

    assert [file.path for file in merge.touched] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<<<<<<< yours\n=======\n>>>>>>> 1.2.0", True),
        (b"a\r\n<<<<<<< yours\r\nx\r\n=======\r\n>>>>>>> 1.2.0\r\n", True),
        (b"Title\n=======\n", False),
        (b"=======\n<<<<<<< yours\n>>>>>>> 1.2.0\n", False),
        (b" <<<<<<< yours\n=======\n>>>>>>> 1.2.0\n", False),
        (b"<<<<<<< yours\n======= x\n>>>>>>> 1.2.0\n", False),
        (b"<<<<<<< yours\n=======\n", False),
        (b"", False),
    ],
)
def test_markers_are_found_in_order_and_on_lines_of_their_own(data: bytes, expected: bool) -> None:
    assert has_markers(data) is expected


WORDS = st.sampled_from([b"a", b"b", b"}", b"", b"\tx", "é".encode()])
TEXTS = st.builds(
    lambda lines, end, last: end.join(lines) + last,
    st.lists(WORDS, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)
CONTENTS = TEXTS | TEXTS | st.binary(max_size=6)
TREES = st.dictionaries(st.sampled_from(["a", "b", "d/c", "d", "schema.ts"]), CONTENTS, max_size=4).filter(
    lambda tree: not {"d", "d/c"} <= tree.keys()
)
SIDES = st.sampled_from(["ask", "keep", "theirs"])


@settings(max_examples=100, deadline=None)
@given(TREES, TREES, SIDES)
def test_user_who_touched_nothing_gets_the_release(
    before: dict[str, bytes], after: dict[str, bytes], side: Side
) -> None:
    merge = merged(before, before, after, side=side)

    if "schema.ts" in before and "schema.ts" not in after:
        after = {**after, "schema.ts": before["schema.ts"]}
    assert merge == Merge(files=after, touched=())


@settings(max_examples=100, deadline=None)
@given(TREES, TREES, SIDES)
def test_release_that_changed_nothing_leaves_the_users_files(
    before: dict[str, bytes], mine: dict[str, bytes], side: Side
) -> None:
    merge = merged(before, mine, before, side=side)

    schema = {"schema.ts": before["schema.ts"]} if "schema.ts" in before else {}
    assert merge.files == {**mine, **schema}
    assert merge.conflicts == ()
    assert {file.path for file in merge.touched} == {change.path for change in changed_paths(before, mine)}


@settings(max_examples=100, deadline=None)
@given(TREES, TREES, TREES, SIDES)
def test_merge_is_told_the_same_twice_and_never_loses_the_users_own_files(
    before: dict[str, bytes], mine: dict[str, bytes], after: dict[str, bytes], side: Side
) -> None:
    merge = merged(before, mine, after, side=side)

    assert merge == merged(
        dict(reversed(before.items())), dict(reversed(mine.items())), dict(reversed(after.items())), side=side
    )
    assert not any(
        f"{path}/".startswith(f"{file}/") for file in merge.files for path in merge.files if path != file
    )
    if side != "theirs":
        own = mine.keys() - before.keys()
        assert own <= merge.files.keys()


@settings(max_examples=100, deadline=None)
@given(TREES, TREES, TREES, st.sampled_from(["keep", "theirs"]))
def test_keep_and_theirs_leave_no_markers_and_no_conflict(
    before: dict[str, bytes], mine: dict[str, bytes], after: dict[str, bytes], side: Side
) -> None:
    merge = merged(before, mine, after, side=side)

    assert merge.conflicts == ()
    assert not any(has_markers(data) for data in merge.files.values())


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_conflict_is_told_when_and_only_when_there_are_markers(
    before: bytes, mine: bytes, after: bytes
) -> None:
    merge = one(before, mine, after)

    assert has_markers(merge.files["f"]) is bool(merge.conflicts)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
    st.lists(st.booleans(), min_size=30, max_size=30),
    st.lists(st.booleans(), min_size=30, max_size=30),
    SIDES,
)
def test_edits_with_an_unchanged_line_between_them_merge_and_are_all_there(
    gaps: list[int], of_user: list[bool], of_release: list[bool], side: Side
) -> None:
    before, mine, after, both = [], [], [], []
    for at, gap in enumerate(gaps):
        quiet = [b"quiet %d.%d" % (at, n) for n in range(gap + 1)]
        line = b"line %d" % at
        own = b"mine %d" % at if of_user[at] else line
        new = b"new %d" % at if of_release[at] and not of_user[at] else line
        before += [*quiet, line]
        mine += [*quiet, own]
        after += [*quiet, new]
        both += [*quiet, own if of_user[at] else new]

    merge = one(b"\n".join(before), b"\n".join(mine), b"\n".join(after), side=side)

    assert normalised(merge.files["f"]) == b"\n".join(both)
    assert merge.conflicts == ()
