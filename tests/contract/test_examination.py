"""Examination: everything a registry keeps of a package, told once and bounded."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.archive import Entry, pack, read_package
from registry_server.contract.contents import contents_of
from registry_server.contract.examination import FINDINGS_MAX, README_MAX, Examination, examine
from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import ArchiveUnsafe, PackageTooLarge, ProblemError
from registry_server.contract.validation import check_package
from tests.support.builders import package, plugin_files


def packed(files: dict[str, str | bytes]) -> bytes:
    entries = {
        path: Entry(data=data.encode() if isinstance(data, str) else data) for path, data in files.items()
    }
    return pack(entries, name="users", version="1.0.0")


def codes(examination: Examination) -> list[str]:
    return [finding.code for finding in examination.findings]


def test_a_sound_package_is_told_with_all_a_registry_keeps():
    archive = package("users", "1.2.0", needs={"mail": "^1.0.0"}, npm={"nanoid": "^5.0.0"})

    examination = examine(archive)

    assert (examination.name, examination.version) == ("users", "1.2.0")
    assert (examination.integrity, examination.size) == (integrity_of(archive), len(archive))
    assert examination.manifest is not None
    assert examination.manifest.plugins == {"mail": "^1.0.0"}
    assert examination.npm == {"nanoid": "^5.0.0"}
    assert examination.readme.startswith("# users\n")
    assert examination.findings == ()


def test_contents_and_findings_are_those_of_the_checks_themselves():
    index = plugin_files("users")["index.ts"]
    extra = {
        "index.ts": f"{index}export const key = process.env.KEY; eval(key);\n",
        "migrations/001_users.ts": "export const down = 1;\n",
        "manifest.json": json.dumps({"envVars": ["KEY"], "instructions": ["set KEY"]}),
    }
    archive = package("users", extra=extra)
    entries = read_package(archive)
    checked = check_package(entries)

    examination = examine(archive)

    assert examination.contents == contents_of(entries, checked)
    assert examination.contents.labels == ("environment", "eval")
    assert examination.findings == checked.findings
    assert [finding.code for finding in examination.errors] == ["eval", "migration-up"]


def test_every_file_is_listed_with_its_size_and_digest():
    archive = packed({**plugin_files("users"), "data/a.bin": b"\0\1", "A.md": ""})

    listed = {file.path: (file.size, file.digest) for file in examine(archive).files}

    assert list(listed) == sorted(read_package(archive))
    assert listed["data/a.bin"] == (2, integrity_of(b"\0\1"))
    assert listed["A.md"] == (0, integrity_of(b""))


def test_npm_dependencies_of_package_json_win_over_those_of_manifest_json():
    both = {"dependencies": {"zeta": "^1.0.0", "nanoid": "^4.0.0"}}
    archive = package("users", npm={"nanoid": "^5.0.0"}, extra={"manifest.json": json.dumps(both)})

    assert list(examine(archive).npm.items()) == [("nanoid", "^5.0.0"), ("zeta", "^1.0.0")]


@pytest.mark.parametrize("name", ["README.md", "readme.md", "ReadMe.MD"])
def test_the_readme_is_found_in_any_case(name):
    files = {path: text for path, text in plugin_files("users").items() if path != "README.md"}

    assert examine(packed({**files, name: "# Hello"})).readme == "# Hello"


@pytest.mark.parametrize("character", ["a", "é", "\u4e16", "\U0001f40e"])
def test_a_long_readme_is_cut_at_a_character(character):
    archive = package("users", extra={"README.md": character * (README_MAX + 10)})

    assert examine(archive).readme == character * README_MAX


def test_a_readme_that_is_no_text_does_no_harm():
    assert examine(packed({**plugin_files("users"), "README.md": b"a\xffb"})).readme == "a\ufffdb"


def test_release_notes_are_those_of_this_version():
    changelog = "# Changelog\n\n## 1.1.0\n\nNew.\n\n## 1.0.0\n\nFirst.\n"

    assert examine(package("users", "1.1.0", extra={"changelog.MD": changelog})).release_notes == "New."
    assert examine(package("users", "1.2.0", extra={"changelog.MD": changelog})).release_notes == ""
    assert examine(package("users")).release_notes == ""


@pytest.mark.parametrize("manifest", ["{", "[]", '{"name": "users"}', '{"name": "../x", "version": "1.0.0"}'])
def test_without_a_readable_manifest_name_and_version_are_empty(manifest):
    examination = examine(package("users", extra={"package.json": manifest, "CHANGELOG.md": "# 1.0.0\nA"}))

    assert (examination.name, examination.version, examination.manifest) == ("", "", None)
    assert examination.release_notes == ""
    assert examination.errors


def test_a_flood_of_findings_is_cut_behind_the_errors_and_says_so():
    warnings = "".join(f'import "./gone{i}";\n' for i in range(FINDINGS_MAX))
    errors = "eval(x);\n" * 300
    examination = examine(package("users", extra={"a.ts": warnings, "z.ts": errors}))

    assert len(examination.findings) == FINDINGS_MAX + 1
    assert codes(examination)[:300] == ["eval"] * 300
    assert codes(examination)[300:-1] == ["import-missing"] * (FINDINGS_MAX - 300)
    assert examination.findings[-1].severity == "note"
    assert examination.findings[-1].text == "300 more findings are left out"


def test_exactly_as_many_findings_as_are_kept_are_all_there():
    examination = examine(package("users", extra={"z.ts": "eval(x);\n" * FINDINGS_MAX}))

    assert codes(examination) == ["eval"] * FINDINGS_MAX


def test_what_cannot_be_read_is_a_problem():
    with pytest.raises(ArchiveUnsafe, match="not a gzip file"):
        examine(b"PK\3\4 a zip")
    with pytest.raises(PackageTooLarge):
        examine(bytes(11 * 1024 * 1024))


@pytest.mark.parametrize("tower", ["2" + "**2" * 20_000, "a" + "||a" * 20_000], ids=["powers", "choices"])
def test_a_tower_of_operators_is_read_without_recursion(tower):
    assert examine(package("users", extra={"a.ts": f"const password = {tower};\n"})).findings == ()


def test_the_entry_point_and_a_migration_that_cannot_be_read_are_findings():
    deep = "(" * 501
    examination = examine(package("users", extra={"index.ts": deep, "migrations/001.ts": deep}))

    unreadable = {finding.path for finding in examination.errors if finding.code == "source-unreadable"}
    assert unreadable == {"index.ts", "migrations/001.ts"}
    assert "migration-up" not in codes(examination)


def test_a_source_above_the_limit_is_refused_with_its_size():
    big = b"\xff" * (1024 * 1024 + 1)
    examination = examine(packed({**plugin_files("users"), "big.ts": big}))

    assert [(finding.path, finding.text) for finding in examination.errors] == [
        ("big.ts", "it has 1048577 bytes, 1048576 are the limit")
    ]


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_problem(data):
    with pytest.raises(ProblemError):
        examine(data)


@given(st.text(max_size=200), st.text(max_size=200), st.binary(max_size=200))
def test_an_examination_survives_the_way_between_processes(manifest, source, readme):
    files = {**plugin_files("users"), "x.ts": source.encode("utf-8", "surrogatepass"), "README.md": readme}
    files["manifest.json"] = json.dumps({"instructions": [manifest], "envVars": [manifest]})
    examination = examine(packed(files))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(examination), type=Examination) == examination
