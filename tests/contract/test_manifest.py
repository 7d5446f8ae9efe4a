"""package.json and manifest.json: what is read out of them, and everything that is wrong at once."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.manifest import (
    CATEGORIES_MAX,
    COPY_RULES_MAX,
    DESCRIPTION_MAX,
    ENV_VARS_MAX,
    REQUIREMENTS_MAX,
    CopyRule,
    FrameworkManifest,
    Manifest,
    read_framework_manifest,
    read_manifest,
)

MINIMAL = {"name": "auth", "version": "1.0.0"}


def read(**fields: Any) -> Manifest:
    """The manifest of a document without fault."""
    reading = read_manifest(json.dumps({**MINIMAL, **fields}).encode())
    assert reading.findings == ()
    assert reading.manifest is not None
    return reading.manifest


def faults(**fields: Any) -> list[tuple[str, str]]:
    reading = read_manifest(json.dumps({**MINIMAL, **fields}).encode())
    return [(finding.code, finding.text) for finding in reading.findings]


# What is read.


def test_the_least_there_can_be() -> None:
    assert read() == Manifest(name="auth", version="1.0.0")


def test_everything_there_can_be() -> None:
    manifest = read(
        description=" Signs people in. ",
        license="MIT",
        author={"name": "Ada Lovelace", "email": "ada@example.com", "github": "ada"},
        repository={"type": "git", "url": "git+https://example.com/ada/auth.git"},
        dependencies={"jose": "^5.0.0", "@scope/thing": "1.x", "zod": "*"},
        engines={"bun": ">=1.1", "node": ">=20"},
        donkeylabs={
            "displayName": "Sign-in",
            "categories": ["security", "auth"],
            "tags": ["two-factor", "login", "login"],
            "plugins": {"users": "^2.0.0", "email": "^1.0.0 || ^2.0.0"},
            "framework": ">=2.0.0",
            "hooks": {"postinstall": "bun run setup"},
        },
    )

    assert manifest == Manifest(
        name="auth",
        version="1.0.0",
        description="Signs people in.",
        license="MIT",
        author="Ada Lovelace",
        author_email="ada@example.com",
        author_github="ada",
        repository="https://example.com/ada/auth",
        display_name="Sign-in",
        categories=("security", "auth"),
        tags=("two-factor", "login"),
        plugins={"email": "^1.0.0 || ^2.0.0", "users": "^2.0.0"},
        npm={"@scope/thing": "1.x", "jose": "^5.0.0", "zod": "*"},
        framework=">=2.0.0",
        bun=">=1.1",
        node=">=20",
        postinstall="bun run setup",
    )
    assert list(manifest.plugins) == ["email", "users"]


@pytest.mark.parametrize(
    ("author", "read_as"),
    [
        ("Ada Lovelace", ("Ada Lovelace", "")),
        ("Ada Lovelace <ada@example.com>", ("Ada Lovelace", "ada@example.com")),
        ("Ada <ada@example.com> (https://ada.example)", ("Ada", "ada@example.com")),
        ("Ada (https://ada.example)", ("Ada", "")),
        ("<ada@example.com>", ("", "ada@example.com")),
        ("Ada <broken", ("Ada", "")),
        ("", ("", "")),
        ({"name": "Ada"}, ("Ada", "")),
        (None, ("", "")),
    ],
)
def test_both_forms_of_an_author(author: Any, read_as: tuple[str, str]) -> None:
    manifest = read(author=author)

    assert (manifest.author, manifest.author_email) == read_as


def test_unknown_fields_belong_to_others() -> None:
    read(
        scripts={"test": "bun test"},
        type="module",
        donkeylabs={"colour": "red"},
        devDependencies={"a": "git+x"},
    )


def test_emoji_and_every_script_may_describe_a_plugin() -> None:
    assert read(description="Größe 日本語 👩‍🚀").description == "Größe 日本語 👩‍🚀"


# What is refused, and how it is told.


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"name": ""}, "manifest-name", "`name` is missing"),
        ({"name": "Auth!"}, "manifest-name", "`Auth!` is not a plugin name"),
        ({"name": "../auth"}, "manifest-name", "`../auth` is not a plugin name"),
        ({"name": 7}, "manifest-field", "`name` is not text"),
        ({"version": ""}, "manifest-version", "`version` is missing"),
        ({"version": "1.0"}, "manifest-version", "`1.0` is not a version"),
        ({"version": "v1.0.0"}, "manifest-version", "`v1.0.0` is not a version"),
        ({"version": "^1.0.0"}, "manifest-version", "`^1.0.0` is not a version"),
        ({"version": 1}, "manifest-field", "`version` is not text"),
        (
            {"description": "x" * (DESCRIPTION_MAX + 1)},
            "manifest-field",
            "`description` has 301 characters, at most 300 are allowed",
        ),
        ({"description": "a\x1b[2Jb"}, "manifest-field", "`description` has control or invisible characters"),
        ({"description": "a\u202eb"}, "manifest-field", "`description` has control or invisible characters"),
        ({"description": ["a"]}, "manifest-field", "`description` is not text"),
        ({"author": 7}, "manifest-field", "`author` is neither text nor an object"),
        ({"author": {"name": 7}}, "manifest-field", "`name` is not text"),
        ({"repository": "ada/auth"}, "manifest-link", "`repository` is `ada/auth`"),
        ({"repository": "javascript:alert(1)"}, "manifest-link", "`repository` is `javascript:alert(1)`"),
        ({"repository": {"url": 7}}, "manifest-field", "`repository` is not an address"),
        ({"engines": "bun"}, "manifest-field", "`engines` is not an object"),
        ({"engines": {"bun": "newest"}}, "manifest-range", "`bun` is `newest`, which is not a version range"),
        ({"donkeylabs": []}, "manifest-field", "`donkeylabs` is not an object"),
        (
            {"donkeylabs": {"framework": "2 or so"}},
            "manifest-range",
            "`framework` is `2 or so`, which is not a version range",
        ),
        ({"donkeylabs": {"tags": "Two Factor"}}, "manifest-label", "`tags` has `Two Factor`"),
        ({"donkeylabs": {"tags": [7]}}, "manifest-field", "`tags` is not a list of texts"),
        ({"donkeylabs": {"tags": ["a--b"]}}, "manifest-label", "`tags` has `a--b`"),
        (
            {"donkeylabs": {"categories": [f"c{number}" for number in range(CATEGORIES_MAX + 1)]}},
            "manifest-field",
            "`categories` has 6 items, at most 5 are allowed",
        ),
        (
            {"donkeylabs": {"plugins": {"../users": "*"}}},
            "manifest-requirement",
            "`../users` in `plugins` is not a plugin name",
        ),
        (
            {"donkeylabs": {"plugins": {"users": "latest-ish"}}},
            "manifest-range",
            "`plugins.users` is `latest-ish`, which is not a version range",
        ),
        ({"donkeylabs": {"plugins": {"users": 2}}}, "manifest-field", "`plugins.users` is not text"),
        ({"donkeylabs": {"plugins": ["users"]}}, "manifest-field", "`plugins` is not an object"),
        (
            {"dependencies": {"Jose!": "*"}},
            "npm-name",
            "`Jose!` in `dependencies` is not an npm package name",
        ),
        (
            {"dependencies": {"a" * 215: "*"}},
            "npm-name",
            f"`{'a' * 80}` in `dependencies` is not an npm package name",
        ),
    ],
)
def test_a_fault_is_told(fields: dict[str, Any], code: str, text: str) -> None:
    assert (code, text) in faults(**fields)


@pytest.mark.parametrize(
    "wanted",
    [
        "git+ssh://git@example.com/x.git",
        "git://example.com/x",
        "https://example.com/x.tgz",
        "file:../x",
        "link:../x",
        "workspace:*",
        "npm:other@1.0.0",
        "ada/x",
        "github:ada/x",
        "latest",
    ],
)
def test_an_npm_dependency_is_a_name_and_a_range_and_never_a_place(wanted: str) -> None:
    reading = read_manifest(json.dumps({**MINIMAL, "dependencies": {"x": wanted, "zod": "^3"}}).encode())

    assert [finding.code for finding in reading.findings] == ["npm-range"]
    assert reading.manifest is not None
    assert reading.manifest.npm == {"zod": "^3"}


def test_all_faults_come_at_once() -> None:
    codes = [
        code
        for code, _ in faults(
            name="A!",
            version="one",
            description="\0",
            dependencies={"x": "file:."},
            donkeylabs={"tags": ["A"]},
        )
    ]

    assert sorted(codes) == [
        "manifest-field",
        "manifest-label",
        "manifest-name",
        "manifest-version",
        "npm-range",
    ]


def test_without_name_or_version_there_is_no_manifest_and_with_other_faults_there_is() -> None:
    for fields in ({"name": "A!"}, {"version": "1"}, {"name": None}):
        assert read_manifest(json.dumps({**MINIMAL, **fields}).encode()).manifest is None
    assert read_manifest(json.dumps({**MINIMAL, "description": 7}).encode()).manifest is not None


def test_what_is_faulty_is_left_out_of_the_manifest() -> None:
    reading = read_manifest(
        json.dumps({**MINIMAL, "description": "a\x1bb", "donkeylabs": {"tags": ["ok", "NOT"]}}).encode()
    )

    assert reading.manifest is not None
    assert reading.manifest.description == "ab"
    assert reading.manifest.tags == ("ok",)


def test_the_number_of_requirements_is_bounded() -> None:
    many = {f"p{number}": "*" for number in range(REQUIREMENTS_MAX + 1)}
    reading = read_manifest(json.dumps({**MINIMAL, "donkeylabs": {"plugins": many}}).encode())

    assert [finding.text for finding in reading.findings] == [
        "`plugins` has 101 entries, at most 100 are allowed"
    ]
    assert reading.manifest is not None
    assert len(reading.manifest.plugins) == REQUIREMENTS_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"name":"a","name":"b"}',
        b" " * (1 << 21),
    ],
    ids=["empty", "null", "list", "text", "bytes", "open", "deep", "twice", "large"],
)
def test_what_is_no_manifest_is_one_fault(data: bytes) -> None:
    reading = read_manifest(data)

    assert reading.manifest is None
    assert [finding.code for finding in reading.findings] == ["manifest-unreadable"]


KEYS = st.sampled_from(
    [
        *("name", "version", "description", "author", "repository", "engines", "dependencies", "donkeylabs"),
        *(
            "plugins",
            "tags",
            "categories",
            "framework",
            "hooks",
            "bun",
            "url",
            "email",
            "envVars",
            "instructions",
        ),
        *("\ud800", "\x1b[2J", "__proto__", ""),
    ]
)
LEAVES = st.sampled_from(
    ["auth", "1.0.0", "^1", "\ud800", "\u202e", "x" * 5000, "https://x", 7, -1.5, None, True, "=" * 300]
)
DOCUMENTS = st.recursive(
    LEAVES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS, DOCUMENTS, max_size=8) | DOCUMENTS)
def test_any_document_is_read_or_faulted_in_words_that_can_be_sent(document: Any) -> None:
    data = json.dumps(document).encode()
    reading = read_manifest(data)
    manifest, findings = read_framework_manifest(data)

    for finding in (*reading.findings, *findings):
        assert finding.severity == "error"
        finding.text.encode()
        assert len(finding.text) < 500
    if reading.manifest is None:
        assert reading.findings
    assert all(isinstance(name, str) for name in manifest.env_vars)


# manifest.json


def test_both_forms_of_environment_variables() -> None:
    data = json.dumps({"envVars": ["JWT_SECRET", {"name": "SMTP_URL"}, "not a name", 7, {"x": 1}]}).encode()

    assert read_framework_manifest(data)[0].env_vars == ("JWT_SECRET", "SMTP_URL")


def test_instructions_and_npm_packages_of_the_framework_manifest() -> None:
    data = json.dumps({"instructions": "Set the key.", "dependencies": {"zod": "^3.0.0"}}).encode()
    manifest, findings = read_framework_manifest(data)

    assert manifest == FrameworkManifest(instructions=("Set the key.",), npm={"zod": "^3.0.0"})
    assert findings == ()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "manifest-unreadable"),
        (b"[]", "manifest-unreadable"),
        (b'{"instructions": 7}', "manifest-field"),
        (b'{"instructions": ["a\\u001b[2J"]}', "manifest-field"),
        (b'{"dependencies": {"x": "file:../.."}}', "npm-range"),
    ],
)
def test_faults_of_the_framework_manifest_name_its_file(data: bytes, code: str) -> None:
    _, findings = read_framework_manifest(data)

    assert [(finding.code, finding.path) for finding in findings] == [(code, "manifest.json")]


def test_environment_variables_are_named_once_and_bounded() -> None:
    names = [f"KEY_{number}" for number in range(ENV_VARS_MAX + 1)]
    manifest, findings = read_framework_manifest(json.dumps({"envVars": [*names[1:], names[1]]}).encode())
    _, faults = read_framework_manifest(json.dumps({"envVars": names}).encode())

    assert manifest.env_vars == tuple(names[1:])
    assert findings == ()
    assert [fault.text for fault in faults] == ["`envVars` has 51 names, at most 50 are allowed"]


def test_copy_is_read_as_it_is_written() -> None:
    items = [{"from": ".", "to": "./x/", "note": "others may add fields"}, {"from": "a.ts", "to": "../b.ts"}]
    manifest, findings = read_framework_manifest(json.dumps({"copy": items}).encode())

    assert manifest.copies == (CopyRule(source=".", target="./x/"), CopyRule(source="a.ts", target="../b.ts"))
    assert findings == ()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *((value, "manifest-field") for value in ({}, "a", 7, None, {"from": "a", "to": "b"})),
        *(
            ([item], "manifest-copy")
            for item in ("a", 7, None, [], {}, ["a", "b"], {"from": "a"}, {"to": "b"})
        ),
        *(([item], "manifest-copy") for item in ({"from": "", "to": "b"}, {"from": "a", "to": ""})),
        *(([item], "manifest-copy") for item in ({"from": ["a"], "to": "b"}, {"from": "a", "to": {}})),
        ([{"from": "a" * 1025, "to": "b"}], "manifest-copy"),
        ([{"from": "a", "to": "b"}] * (COPY_RULES_MAX + 1), "manifest-field"),
    ],
)
def test_hostile_copy_items_are_faults(value: Any, code: str) -> None:
    manifest, findings = read_framework_manifest(json.dumps({"copy": value}).encode())

    assert [(finding.code, finding.path) for finding in findings] == [(code, "manifest.json")]
    assert len(manifest.copies) in (0, COPY_RULES_MAX)


def test_half_a_surrogate_pair_in_a_copy_is_refused_with_the_whole_file() -> None:
    _, findings = read_framework_manifest(b'{"copy": [{"from": "\\ud800", "to": "a"}]}')

    assert [finding.code for finding in findings] == ["manifest-unreadable"]
