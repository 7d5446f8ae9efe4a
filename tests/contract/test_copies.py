"""`copy` of manifest.json: which files it means, and where nothing may be copied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.archive import Entry
from registry_server.contract.copies import COPIES_MAX, CopyReading, is_installed_path, read_copies
from registry_server.contract.manifest import CopyRule
from registry_server.contract.paths import check_path

PACKAGE = (
    *("package.json", "manifest.json", "index.ts", "README.md", "tests/a.test.ts"),
    *("pages/login.svelte", "pages/parts/form.svelte", "pages-extra/x.svelte", "Icon.svg"),
)


def read(*rules: tuple[str, str], paths: tuple[str, ...] = PACKAGE) -> CopyReading:
    entries = {path: Entry(data=b"x\n") for path in paths}
    return read_copies(entries, [CopyRule(source=a, target=b) for a, b in rules], plugin="auth")


def copied(*rules: tuple[str, str]) -> dict[str, str]:
    """Target -> source of rules without fault."""
    reading = read(*rules)
    assert reading.findings == ()
    return {copy.target: copy.source for copy in reading.copies}


def codes(*rules: tuple[str, str], paths: tuple[str, ...] = PACKAGE) -> list[str]:
    reading = read(*rules, paths=paths)
    assert all(
        finding.severity == "error" and finding.path == "manifest.json" for finding in reading.findings
    )
    return [finding.code for finding in reading.findings]


# What is copied.


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("Icon.svg", "static/icon.svg", {"static/icon.svg": "Icon.svg"}),
        ("./Icon.svg", "./static/icon.svg", {"static/icon.svg": "Icon.svg"}),
        ("Icon.svg", "static/", {"static/Icon.svg": "Icon.svg"}),
        ("Icon.svg", "./", {"Icon.svg": "Icon.svg"}),
        (
            "pages",
            "src/routes/login",
            {
                "src/routes/login/login.svelte": "pages/login.svelte",
                "src/routes/login/parts/form.svelte": "pages/parts/form.svelte",
            },
        ),
        ("pages/parts/", "src/parts/", {"src/parts/form.svelte": "pages/parts/form.svelte"}),
        ("pages/parts", ".", {"form.svelte": "pages/parts/form.svelte"}),
        ("tests", "src/checks", {"src/checks/a.test.ts": "tests/a.test.ts"}),
    ],
)
def test_a_rule_means_files(source: str, target: str, expected: dict[str, str]) -> None:
    assert copied((source, target)) == expected


def test_the_whole_package_is_what_gets_installed_of_it() -> None:
    assert set(copied((".", "src/auth")).values()) == {
        *("index.ts", "README.md", "Icon.svg"),
        *("pages/login.svelte", "pages/parts/form.svelte", "pages-extra/x.svelte"),
    }


def test_copies_are_sorted_by_target() -> None:
    targets = list(copied(("Icon.svg", "z.svg"), ("pages", "m"), ("README.md", "a.md")))

    assert targets == sorted(targets)


def test_one_file_may_be_copied_to_several_places_and_be_told_twice() -> None:
    rules = (("Icon.svg", "a.svg"), ("Icon.svg", "b.svg"), ("./Icon.svg", "./a.svg"))

    assert copied(*rules) == {"a.svg": "Icon.svg", "b.svg": "Icon.svg"}


# The plugin's own folder.


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (".", "src/server/plugins/auth"),
        (".", "src/server/plugins/auth/"),
        ("./", "./plugins/auth"),
        ("index.ts", "src/server/plugins/auth/index.ts"),
        ("index.ts", "src/plugins/auth/"),
        ("pages", "src/plugins/auth/pages"),
    ],
)
def test_the_plugins_own_folder_is_no_copy(source: str, target: str) -> None:
    assert copied((source, target)) == {}


@pytest.mark.parametrize(
    "target",
    [
        "src/plugins/auth.ts",
        "src/plugins/authority/x.ts",
        "src/auth/x.ts",
        "auth/plugins/x.ts",
        "plugins/auth",
    ],
)
def test_what_only_sounds_like_the_own_folder_is_a_copy(target: str) -> None:
    assert copied(("index.ts", target)) == {target: "index.ts"}


def test_a_folder_may_hold_the_own_folder_and_others() -> None:
    paths = ("server/plugins/auth/x.ts", "server/hooks.ts")
    reading = read(("server", "src/server"), paths=paths)

    assert [copy.target for copy in reading.copies] == ["src/server/hooks.ts"]


def test_only_the_place_in_the_project_decides_whose_folder_it_is() -> None:
    reading = read(("plugins/auth/parts", "src/parts"), paths=("plugins/auth/parts/x.ts",))

    assert [copy.target for copy in reading.copies] == ["src/parts/x.ts"]


# Where nothing may be copied.


@pytest.mark.parametrize(
    "target",
    [
        *(
            "../index.ts",
            "src/../../x",
            "/etc/passwd",
            "C:\\x",
            "C:/x",
            "src\\x.ts",
            "src//x.ts",
            "src/./x.ts",
        ),
        *(
            "src/x.ts\n",
            "src/\u202ex.ts",
            "src/\x1b[2J",
            "aux.ts",
            "src/con",
            "x.",
            "a/" * 40 + "x",
            "é" * 600,
        ),
        *(".env", ".npmrc", "src/.hidden/x.ts", ".git/hooks/pre-commit", ".donkeylabs/journal.json"),
        *("node_modules/zod/index.js", "src/Node_Modules/x.ts", "src/\uff4eode_modules/x.ts"),
        *("package.json", "Package.JSON", "src/lib/package.json"),
        *("donkeylabs.config.ts", "donkeylabs.config.js", "donkeylabs-lock.json", "DONKEYLABS-LOCK.json"),
        *("tsconfig.json", "tsconfig.build.json", "bunfig.toml"),
        *("bun.lock", "bun.lockb", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "npm-shrinkwrap.json"),
        "../plugins/auth/index.ts",
        *(".hidden/plugins/auth/index.ts", "."),
    ],
)
def test_nothing_is_copied_out_of_the_project_or_over_what_steers_it(target: str) -> None:
    reading = read(("index.ts", target))

    assert reading.copies == ()
    assert [finding.code for finding in reading.findings] == ["copy-target"]
    assert reading.findings[0].text.isprintable()
    assert len(reading.findings[0].text) < 400


@pytest.mark.parametrize(
    "target",
    [
        "src/tsconfig.json",
        "src/bun.lock",
        "donkeylabs.md",
        "src/lib/env.ts",
        "tsconfig.md",
        "docs/donkeylabs.config.ts",
    ],
)
def test_files_of_similar_names_and_places_are_fine(target: str) -> None:
    assert copied(("index.ts", target)) == {target: "index.ts"}


def test_every_file_of_a_folder_is_judged() -> None:
    paths = ("files/a.ts", "files/tsconfig.json", "files/.env")

    assert codes(("files", "."), paths=paths) == ["copy-target", "copy-target"]


@pytest.mark.parametrize(
    "source", ["missing.ts", "page", "../index.ts", "pages/../index.ts", "/index.ts", "\x1b[2J"]
)
def test_what_is_copied_must_be_in_the_package(source: str) -> None:
    assert codes((source, "src/x.ts")) == ["copy-source"]
    assert read((source, "src/x.ts")).findings[0].text.isprintable()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("index.ts", "x.ts"), ("Icon.svg", "x.ts")),
        (("index.ts", "src/x.ts"), ("Icon.svg", "src/X.ts")),
        (("index.ts", "src/x.ts"), ("Icon.svg", "SRC/y.ts")),
        (("index.ts", "\u00e9.ts"), ("Icon.svg", "e\u0301.ts")),
        (("index.ts", "src/x"), ("Icon.svg", "src/x/y.ts")),
        (("index.ts", "src/x/y.ts"), ("Icon.svg", "src/x")),
    ],
)
def test_two_files_never_share_a_place(first: tuple[str, str], second: tuple[str, str]) -> None:
    reading = read(first, second)

    assert [finding.code for finding in reading.findings] == ["copy-twice"]
    assert [copy.source for copy in reading.copies] == [first[0]]


# Bounds.


def test_copies_are_counted_outside_of_the_own_folder() -> None:
    paths = tuple(f"files/{number:03}.ts" for number in range(COPIES_MAX + 1))

    assert codes(("files", "src/x"), paths=paths) == ["copy-many"]
    assert codes(("files", "src/x"), paths=paths[1:]) == []
    assert codes(("files", "src/plugins/auth/files"), paths=paths) == []


def test_long_paths_are_counted_too() -> None:
    rules = [("index.ts", f"{'t' * 230}/{'t' * 230}/{number:03}.ts") for number in range(80)]

    assert codes(*rules) == ["copy-many"]
    assert codes(*rules[:60]) == []


def test_a_folder_of_wrong_files_is_told_shortly() -> None:
    paths = tuple(f"files/.{number}" for number in range(3 * COPIES_MAX))

    assert len(codes(("files", "src"), ("files", "lib"), paths=paths)) == COPIES_MAX


@pytest.mark.parametrize(
    ("path", "is_installed"),
    [
        ("index.ts", True),
        ("lib/tests/a.ts", True),
        ("tests.ts", True),
        ("lib/package.json", True),
        ("package.json", False),
        ("manifest.json", False),
        ("tests/a.ts", False),
        ("test/a.ts", False),
        ("__tests__/a.ts", False),
    ],
)
def test_what_an_installation_brings(path: str, is_installed: bool) -> None:
    assert is_installed_path(path) is is_installed


PIECES = st.sampled_from(
    ["a", "B", ".", "..", "plugins", "auth", "/", "//", "\\", "node_modules", "\u202e", "é", ":"]
)
PATHS = st.lists(PIECES, min_size=1, max_size=8).map("".join)


@given(st.lists(st.tuples(st.sampled_from([*PACKAGE, ".", "pages", ""]) | PATHS, PATHS), max_size=6))
def test_whatever_is_asked_for_the_copies_are_safe_and_of_the_package(rules: list[tuple[str, str]]) -> None:
    reading = read(*rules)

    for copy in reading.copies:
        check_path(copy.target)
        assert copy.source in PACKAGE
        assert not any(part.startswith(".") or part == "node_modules" for part in copy.target.split("/"))
        assert "/plugins/auth/" not in f"/{copy.target}"
    assert len({copy.target.casefold() for copy in reading.copies}) == len(reading.copies)
