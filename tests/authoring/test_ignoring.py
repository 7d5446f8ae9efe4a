"""Which lines of ignore files keep what out; the table is what git itself says of these lines."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.authoring.ignoring import LINE_MAX, leaves_out, parse_ignore

PATHS = (
    "a.log",
    "ab/ac",
    "ab/x",
    "build/out.js",
    "build/keep.js",
    "docs/api/x.md",
    "docs/b.md",
    "src/a/b/c.ts",
    "src/build",
    "x y",
    "#a",
    "!b",
    "deep/er/a.log",
)
CASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("*.log", ("a.log", "deep/er/a.log")),
    ("/*.log", ("a.log",)),
    ("build/", ("build/out.js", "build/keep.js")),
    ("build", ("build/out.js", "build/keep.js", "src/build")),
    ("/build", ("build/out.js", "build/keep.js")),
    ("build/\n!build/keep.js", ("build/out.js", "build/keep.js")),
    ("build/*\n!build/keep.js", ("build/out.js",)),
    ("a*\n!ab", ("a.log", "ab/ac", "docs/api/x.md", "src/a/b/c.ts", "deep/er/a.log")),
    ("docs/*\n!docs/api/", ("docs/b.md",)),
    ("docs/**", ("docs/api/x.md", "docs/b.md")),
    ("docs/**\n!docs/b.md", ("docs/api/x.md",)),
    (
        "*/\n!src/",
        (
            "ab/ac",
            "ab/x",
            "build/out.js",
            "build/keep.js",
            "docs/api/x.md",
            "docs/b.md",
            "src/a/b/c.ts",
            "deep/er/a.log",
        ),
    ),
    (
        "/*/\n!/src/",
        ("ab/ac", "ab/x", "build/out.js", "build/keep.js", "docs/api/x.md", "docs/b.md", "deep/er/a.log"),
    ),
    ("**/a.log", ("a.log", "deep/er/a.log")),
    ("src/**/c.ts", ("src/a/b/c.ts",)),
    ("src/*/c.ts", ()),
    ("*\n!*/\n!*.ts", tuple(path for path in PATHS if not path.endswith(".ts"))),
    ("# a.log\n\n   ", ()),
    ("\\#a\n\\!b", ("#a", "!b")),
    ("x y   ", ("x y",)),
    ("a.log\r\nbuild/\r", ("a.log", "deep/er/a.log", "build/out.js", "build/keep.js")),
    ("\ufeffa.log", ("a.log", "deep/er/a.log")),
    ("[ab].log", ("a.log", "deep/er/a.log")),
    ("[!a].log\n?.log", ("a.log", "deep/er/a.log")),
    ("!a.log", ()),
)


def left_out(**files: str) -> tuple[str, ...]:
    """What stays out of PATHS; `git` and `own` are the files of the top, `git_ab` those of the folder ab."""
    paths = {
        "git": ".gitignore",
        "own": ".donkeyignore",
        "git_ab": "ab/.gitignore",
        "own_ab": "ab/.donkeyignore",
    }
    parsed = [parse_ignore(paths[name], text.encode()) for name, text in files.items()]

    def is_out(path: str) -> bool:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            around = tuple(file for file in parsed if part.startswith(file.folder))
            if leaves_out(around, part, is_folder=depth < len(parts)):
                return True
        return False

    return tuple(path for path in PATHS if is_out(path))


@pytest.mark.parametrize(("text", "out"), CASES)
def test_lines_mean_what_they_mean_to_git(text: str, out: tuple[str, ...]) -> None:
    assert set(left_out(git=text)) == set(out)
    assert set(left_out(own=text)) == set(out)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: the table stands alone")
@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_git_says_the_same(text: str, tmp_path: Path) -> None:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / ".gitignore").write_bytes(text.encode())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    listed = ["git", "-c", "core.excludesFile=", "ls-files", "-oz", "--exclude-standard"]
    done = subprocess.run(listed, cwd=tmp_path, check=True, capture_output=True, text=True)
    kept = set(done.stdout.split("\0"))

    assert set(left_out(git=text)) == {path for path in PATHS if path not in kept}


def test_a_donkeyignore_adds_and_takes_back() -> None:
    assert left_out(git="*.log", own="docs/") == ("a.log", "docs/api/x.md", "docs/b.md", "deep/er/a.log")
    assert left_out(git="*.log", own="!/a.log") == ("deep/er/a.log",)
    assert left_out(git="build/", own="!build/") == ()


def test_a_donkeyignore_above_wins_over_a_gitignore_below() -> None:
    assert left_out(git_ab="x", own="!x") == ()
    assert left_out(git_ab="!x", own="x") == ("ab/x",)


def test_a_file_in_a_folder_speaks_of_that_folder_and_wins_over_those_above() -> None:
    assert left_out(git_ab="/x") == ("ab/x",)
    assert left_out(git="x", git_ab="!x") == ()
    assert left_out(own="ac", own_ab="!ac\nx") == ("ab/x",)


def test_the_line_that_decides_is_told() -> None:
    file = parse_ignore("sub/.donkeyignore", b"# words\n\n*.log\n!b.log\n")
    rule = leaves_out((file,), "sub/a.log", is_folder=False)

    assert rule is not None
    assert (rule.place, rule.text) == ("sub/.donkeyignore:3", "*.log")
    assert leaves_out((file,), "sub/b.log", is_folder=False) is None


def test_what_is_no_pattern_is_a_fault_and_passed_over() -> None:
    file = parse_ignore(".gitignore", b"!\nok\nback\\\n" + b"x" * (LINE_MAX + 1))

    assert [(fault.line, fault.text[:5]) for fault in file.faults] == [(1, "!"), (3, "back\\"), (4, "xxxxx")]
    assert [rule.text for rule, _ in file.rules] == ["ok"]


@given(st.binary(max_size=60), st.text("ab/*!.\\[]", min_size=1, max_size=12))
def test_no_file_and_no_path_is_an_accident(data: bytes, path: str) -> None:
    leaves_out((parse_ignore(".gitignore", data),), path, is_folder=False)
