"""donkeylabs-lock.json: one canonical text for one meaning, and read as strictly as a stranger's."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.problems import LockfileInvalid
from donkeytui.project.lockfile import (
    LOCKFILE_MAX_BYTES,
    LockedPlugin,
    Lockfile,
    parse_lockfile,
    render_lockfile,
)

DIGEST = "sha256:" + "0a" * 32
TEXT = """{
  "lockfileVersion": 1,
  "plugins": {
    "auth": {
      "version": "1.2.0",
      "resolved": "embedded:/api/plugins/auth/1.2.0/download",
      "integrity": "sha256:DIGEST",
      "dependencies": {
        "users": "^1.0.0"
      },
      "range": "^1.0.0",
      "tree": "sha256:DIGEST"
    },
    "users": {
      "version": "1.0.0",
      "resolved": "",
      "integrity": "sha256:DIGEST",
      "dependencies": {}
    }
  }
}
""".replace("sha256:DIGEST", DIGEST)
LOCKFILE = Lockfile(
    plugins={
        "auth": LockedPlugin(
            version="1.2.0",
            resolved="embedded:/api/plugins/auth/1.2.0/download",
            integrity=DIGEST,
            dependencies={"users": "^1.0.0"},
            range="^1.0.0",
            tree=DIGEST,
        ),
        "users": LockedPlugin(version="1.0.0", resolved="", integrity=DIGEST),
    }
)

names = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}|[a-z][a-zA-Z0-9]{0,9}", fullmatch=True).filter(
    lambda name: len(name) <= 64
)
digests = st.binary(min_size=32, max_size=32).map(lambda data: f"sha256:{data.hex()}")
versions = st.builds(
    lambda numbers, suffix: ".".join(map(str, numbers)) + suffix,
    st.tuples(*[st.integers(0, 99)] * 3),
    st.sampled_from(["", "-beta.1", "-rc.2", "+build"]),
)
ranges = st.sampled_from(["*", "^1.0.0", "~2.1", ">=1 <3", "1.x || 2.0.0", "=1.0.0-beta.1", ""])
addresses = st.text(max_size=40).filter(str.isprintable)
lockfiles = st.builds(
    Lockfile,
    plugins=st.dictionaries(
        names,
        st.builds(
            LockedPlugin,
            version=versions,
            resolved=addresses,
            integrity=digests,
            dependencies=st.dictionaries(names, ranges, max_size=3),
            range=st.none() | ranges,
            tree=st.just("") | digests,
        ),
        max_size=4,
    ),
)


def test_the_format_is_that_of_the_design_and_two_fields_of_our_own() -> None:
    assert render_lockfile(LOCKFILE) == TEXT
    assert parse_lockfile(TEXT) == LOCKFILE


@settings(max_examples=40)
@given(lockfiles)
def test_what_was_written_is_read_the_same(lockfile: Lockfile) -> None:
    assert parse_lockfile(render_lockfile(lockfile)) == lockfile


@settings(max_examples=40)
@given(lockfiles, st.randoms(use_true_random=False))
def test_one_meaning_has_one_text_whatever_the_order_and_the_blanks(lockfile: Lockfile, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(item) for key, item in items}

    canonical = render_lockfile(lockfile)
    other = json.dumps(shuffled(json.loads(canonical)), indent=random.choice([None, 1, "\t"]))

    assert render_lockfile(parse_lockfile(other)) == canonical


def test_fields_of_later_versions_are_read_over() -> None:
    document = json.loads(TEXT)
    document["signature"] = "later"
    document["plugins"]["auth"]["later"] = ["later"]

    assert parse_lockfile(json.dumps(document)) == LOCKFILE


def test_a_minimal_entry_has_version_and_integrity() -> None:
    text = json.dumps({"lockfileVersion": 1, "plugins": {"auth": {"version": "1.0.0", "integrity": DIGEST}}})

    assert parse_lockfile(text).plugins["auth"] == LockedPlugin(
        version="1.0.0", resolved="", integrity=DIGEST
    )
    assert parse_lockfile('{"lockfileVersion": 1}') == Lockfile()


def test_who_needs_a_plugin_is_told_in_order() -> None:
    needs = {
        name: LockedPlugin(version="1.0.0", resolved="", integrity=DIGEST, dependencies={"users": "*"})
        for name in ("mail", "auth")
    }
    lockfile = Lockfile(plugins={**needs, "users": LOCKFILE.plugins["users"]})

    assert lockfile.dependents("users") == ["auth", "mail"]
    assert lockfile.dependents("auth") == []


def changed(**fields: Any) -> str:
    """The text above with other fields in `auth`; ... takes one out."""
    document = json.loads(TEXT)
    document["plugins"]["auth"].update(fields)
    document["plugins"]["auth"] = {
        key: value for key, value in document["plugins"]["auth"].items() if value is not ...
    }
    return json.dumps(document, indent=2)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": ...},
        {"version": 1},
        {"version": "latest"},
        {"version": "1.0"},
        {"version": "../../etc"},
        {"integrity": ...},
        {"integrity": "sha512:" + "0" * 128},
        {"integrity": DIGEST.upper()},
        {"integrity": DIGEST + "\n"},
        {"integrity": None},
        {"resolved": 7},
        {"resolved": "http://example.com/\x1b[2J"},
        {"resolved": "half a pair: \ud800"},
        {"resolved": "x" * 3000},
        {"dependencies": []},
        {"dependencies": {"../users": "*"}},
        {"dependencies": {"users": 1}},
        {"dependencies": {"users": "banana"}},
        {"range": 1},
        {"range": "banana"},
        {"tree": 1},
        {"tree": "banana"},
        {"tree": ["x"]},
    ],
    ids=lambda fields: " ".join(f"{key}={value!r}"[:30] for key, value in fields.items()),
)
def test_a_fault_in_an_entry_is_named_with_its_line(fields: dict[str, Any]) -> None:
    with pytest.raises(LockfileInvalid, match=r"has a fault in `auth`.*\(line 4\)$") as caught:
        parse_lockfile(changed(**fields))

    assert caught.value.problem.hint
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["..", "../auth", "Auth", "a/b", "", "auth ", "a" * 65, "__proto__"])
def test_what_is_no_plugin_name_never_becomes_a_folder(name: str) -> None:
    document = json.loads(TEXT)
    document["plugins"] = {name: document["plugins"]["users"]}

    with pytest.raises(LockfileInvalid, match="not a plugin name"):
        parse_lockfile(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON: .* at line 1"),
        ('{\n  "lockfileVersion": 1,\n  oops\n}', "at line 3"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ("{}", "does not say its `lockfileVersion`"),
        ('{"lockfileVersion": 2}', "lockfileVersion 2, this program knows 1"),
        ('{"lockfileVersion": true}', "lockfileVersion True"),
        ('{"lockfileVersion": "1"}', "lockfileVersion 1"),
        ('{"lockfileVersion": 1, "plugins": []}', "`plugins` that is not an object"),
        ('{"lockfileVersion": 1, "plugins": {"auth": 1}}', "no object for `auth`"),
        ('{"lockfileVersion": 1, "lockfileVersion": 1}', "`lockfileVersion` twice"),
        ('{"lockfileVersion": 1, "plugins": {"auth": {}, "auth": {}}}', "`auth` twice"),
        ('{"lockfileVersion": NaN}', "NaN"),
        ("9" * 5000, "5000 digits"),
        ('{"lockfileVersion": 1, "x": ' + "[" * 100_000, "nested deeper"),
        (TEXT.replace("{\n", "\ufeff{\n", 1), "not JSON"),
        (" " * (LOCKFILE_MAX_BYTES + 1), "larger than"),
        (TEXT.replace("1.2.0", "1.2.0\x00", 1), "not JSON"),
        ("<<<<<<< HEAD\n" + TEXT, r"merge conflict \(line 1\)"),
    ],
    ids=range(20),
)
def test_a_text_that_is_no_lockfile_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(LockfileInvalid, match=words):
        parse_lockfile(text)


@pytest.mark.parametrize("unit", ['\\"', '\\"[', '"\\\n'], ids=range(3))
def test_a_string_without_an_end_costs_no_more_than_its_length(unit: str) -> None:
    """A reader that starts anew at each quote sign would be at this for days."""
    with pytest.raises(LockfileInvalid):
        parse_lockfile('{"lockfileVersion": "' + unit * 400_000)


@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
)
def test_nothing_but_the_one_problem_comes_of_any_text(text: str) -> None:
    with pytest.raises(LockfileInvalid):
        parse_lockfile(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["version", "resolved", "integrity", "dependencies", "range", "tree"]),
)
def test_any_value_in_any_field_is_read_or_refused(value: Any, field: str) -> None:
    try:
        lockfile = parse_lockfile(changed(**{field: value}))
    except LockfileInvalid:
        return
    assert parse_lockfile(render_lockfile(lockfile)) == lockfile
