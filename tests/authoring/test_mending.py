"""What --fix mends, and what it leaves alone because it cannot be sure."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.authoring.judging import judge
from donkeytui.authoring.mending import Mending, mend
from registry_server.contract.archive import Entry
from tests.support.builders import plugin_files

KNOWN = {"users": "^2.4.0"}


def known_range(name: str) -> str:
    return KNOWN.get(name, "*")


def entries_of(files: dict[str, str]) -> dict[str, Entry]:
    return {path: Entry(data=text.encode()) for path, text in files.items()}


def mended(files: dict[str, str]) -> tuple[dict[str, str], Mending]:
    """The files afterwards, and what was done. Mending again must find nothing."""
    mending = mend(entries_of(files), range_for=known_range, year=2026)
    after = {**files, **{edit.path: edit.after.decode() for edit in mending.edits}}
    again = mend(entries_of(after), range_for=known_range, year=2027)

    assert again.edits == ()
    assert again.mends == ()
    for edit in mending.edits:
        assert edit.before == (files[edit.path].encode() if edit.path in files else None)
    return after, mending


def said(mending: Mending) -> str:
    return "\n".join(f"{done.path}: {done.text}" for done in mending.mends)


def whole(**changed: Any) -> dict[str, str]:
    """A plugin with nothing to mend; a file that is None is left out."""
    files: dict[str, Any] = {**plugin_files("auth"), "CHANGELOG.md": "# Changelog\n", **changed}
    return {path: text for path, text in files.items() if text is not None}


def manifest_with(files: dict[str, str], **changed: Any) -> str:
    document = {**json.loads(files["package.json"]), **changed}
    return json.dumps({key: value for key, value in document.items() if value is not None}, indent=2) + "\n"


def test_a_whole_plugin_is_left_as_it_is() -> None:
    after, mending = mended(whole())

    assert after == whole()
    assert mending.mends == ()


def test_the_name_follows_the_definition_and_nothing_else_changes() -> None:
    files = whole()
    files["package.json"] = files["package.json"].replace('"name": "auth"', '"name"  : "oauth"')
    after, mending = mended(files)

    assert after == {**files, "package.json": files["package.json"].replace("oauth", "auth")}
    assert said(mending) == "package.json: name was `oauth`, is `auth` as in the definition"


def test_a_missing_name_and_version_are_put_where_they_belong() -> None:
    files = whole()
    files["package.json"] = manifest_with(files, name=None, version=None)
    after, _ = mended(files)

    assert after["package.json"].startswith('{\n  "name": "auth",\n  "version": "0.1.0",\n  "description"')
    assert not judge(entries_of(after)).errors


def test_a_version_that_is_wrong_is_the_author_s_to_mend() -> None:
    files = whole()
    files["package.json"] = manifest_with(files, version="one")
    after, _ = mended(files)

    assert after == files


def test_requirements_of_the_definition_are_declared_from_the_latest_known_release_on() -> None:
    files = whole()
    files["index.ts"] = files["index.ts"].replace("dependencies: []", 'dependencies: ["users", "email"]')
    after, mending = mended(files)

    assert json.loads(after["package.json"])["donkeylabs"]["plugins"] == {"email": "*", "users": "^2.4.0"}
    assert '`users` is needed by the definition: added to donkeylabs.plugins, as "^2.4.0"' in said(mending)
    assert not judge(entries_of(after)).errors


def test_a_requirement_nobody_uses_is_taken_out() -> None:
    files = {**plugin_files("auth", needs={"users": "^2"}), "CHANGELOG.md": ""}
    files["index.ts"] = files["index.ts"].replace('["users"]', "[]")
    after, mending = mended(files)

    assert json.loads(after["package.json"])["donkeylabs"]["plugins"] == {}
    assert "`users` is in donkeylabs.plugins and nowhere in the code: taken out" in said(mending)


def test_a_requirement_the_code_names_stays_and_the_code_is_not_touched() -> None:
    files = {**plugin_files("auth", needs={"users": "^2"}), "CHANGELOG.md": ""}
    files["index.ts"] = files["index.ts"].replace('["users"]', "[]") + "// ctx.deps.users\n"
    after, _ = mended(files)

    assert after == files
    assert [error.code for error in judge(entries_of(after)).errors] == ["dependency-unused"]


def test_dependencies_that_are_computed_are_left_alone() -> None:
    files = {**plugin_files("auth", needs={"users": "^2"}), "CHANGELOG.md": ""}
    files["index.ts"] = files["index.ts"].replace('["users"] as const', "names()")
    after, _ = mended(files)

    assert after == files


def test_an_undeclared_npm_import_is_not_guessed() -> None:
    files = whole()
    files["index.ts"] = 'import Stripe from "stripe";\nvoid Stripe;\n' + files["index.ts"]
    after, _ = mended(files)

    assert after == files


def test_a_missing_package_json_is_made_from_manifest_json() -> None:
    told = {
        "name": "other",
        "version": "2.3.4",
        "description": "Signs people in.",
        "dependencies": {"jose": "^5", "evil": "git+https://example.com/x"},
    }
    files = whole(**{"package.json": None, "manifest.json": json.dumps(told)})
    files["index.ts"] = files["index.ts"].replace("dependencies: []", 'dependencies: ["users"]')
    after, mending = mended(files)
    made = json.loads(after["package.json"])

    assert (made["name"], made["version"], made["description"]) == ("auth", "2.3.4", "Signs people in.")
    assert made["dependencies"] == {"jose": "^5"}
    assert made["donkeylabs"]["plugins"] == {"users": "^2.4.0"}
    assert "package.json: made from manifest.json, for `auth` 2.3.4" in said(mending)


def test_a_missing_package_json_is_made_from_the_definition() -> None:
    after, mending = mended(whole(**{"package.json": None}))

    assert not judge(entries_of(after)).errors
    assert json.loads(after["package.json"])["version"] == "0.1.0"
    assert "made from the definition" in said(mending)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "a", "name": "b"}', "\x00", '{"a": ' * 500])
def test_a_package_json_that_cannot_be_read_is_left_alone(text: str) -> None:
    files = whole(**{"package.json": text, "README.md": None})
    after, mending = mended(files)

    assert after == files
    assert mending.mends == ()


def test_without_a_name_nothing_is_made() -> None:
    files = whole(**{"package.json": None, "index.ts": "export {};\n"})
    after, _ = mended(files)

    assert after == files


def test_missing_papers_are_begun() -> None:
    files = whole(**{"README.md": None, "LICENSE": None, "CHANGELOG.md": None})
    after, _ = mended(files)

    assert after["README.md"].startswith("# Auth\n\nA plugin made for a test.\n")
    assert after["CHANGELOG.md"].startswith("# Changelog\n\n## 1.0.0\n")
    assert after["LICENSE"].startswith("MIT License\n\nCopyright (c) 2026 Ada Lovelace\n")


def test_a_licence_is_the_author_s_to_choose() -> None:
    files = whole(LICENSE=None)
    files["package.json"] = manifest_with(files, license=None)
    after, _ = mended(files)

    assert after == files


@pytest.mark.parametrize("path", ["readme.MD", "ReadMe.md"])
def test_a_paper_under_another_spelling_is_there(path: str) -> None:
    after, _ = mended(whole(**{"README.md": None, path: "# here\n"}))

    assert "README.md" not in after


def test_line_ends_and_indentation_stay() -> None:
    files = whole()
    text = json.dumps(json.loads(files["package.json"]), indent="\t").replace("\n", "\r\n")
    files["package.json"] = text.replace('"auth"', '"oauth"')
    after, _ = mended(files)

    assert after["package.json"] == text


@given(st.text(max_size=80), st.text(max_size=80))
def test_mending_never_fails(manifest: str, index: str) -> None:
    entries = {
        "package.json": Entry(data=manifest.encode("utf-8", "surrogatepass")),
        "index.ts": Entry(data=index.encode("utf-8", "surrogatepass")),
    }
    mend(entries, range_for=known_range, year=2026)
