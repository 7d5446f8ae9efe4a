"""The rules for packages: one test a rule, all findings at once, the shipped plugins pass."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.archive import Entry, read_package
from registry_server.contract.problems import Finding
from registry_server.contract.validation import PackageCheck, check_migrations_kept, check_package
from registry_server.operations.starter import pack_starter, read_starter_list
from tests.support.builders import plugin_files

UP = "export async function up(db) {}\nexport async function down(db) {}\n"


def check(files: dict[str, str]) -> PackageCheck:
    return check_package(
        {path: Entry(data=text.encode("utf-8", "surrogatepass")) for path, text in files.items()}
    )


def changed(*leave_out: str, **files: str) -> dict[str, str]:
    """A valid plugin with some files left out and `index` or `manifest` replaced."""
    names = {"index": "index.ts", "manifest": "package.json"}
    every = {**plugin_files("auth"), **{names[name]: text for name, text in files.items()}}
    return {path: text for path, text in every.items() if path not in leave_out}


def with_file(path: str, text: str = "x\n") -> dict[str, str]:
    return {**plugin_files("auth"), path: text}


def only(files: dict[str, str]) -> Finding:
    """The one finding of a package."""
    (finding,) = check(files).findings
    return finding


def told(files: dict[str, str]) -> tuple[str, str, str, int]:
    finding = only(files)
    return finding.severity, finding.code, finding.path, finding.line


def definition(text: str) -> str:
    return f'import {{ createPlugin }} from "@donkeylabs/server";\n{text}\n'


def test_a_good_plugin_has_no_findings() -> None:
    result = check(plugin_files("auth", needs={"users": "^1.0.0"}))

    assert result.findings == ()
    assert result.manifest is not None
    assert (result.manifest.name, result.manifest.plugins) == ("auth", {"users": "^1.0.0"})
    assert result.definition is not None
    assert (result.definition.name, result.definition.dependencies) == ("auth", ("users",))


@pytest.mark.parametrize(
    "release", read_starter_list().order, ids=lambda release: f"{release.name}-{release.version}"
)
def test_the_shipped_plugins_pass_with_nothing_but_dashes(release: object) -> None:
    result = check_package(read_package(pack_starter(release)))  # type: ignore[arg-type]

    assert {finding.code for finding in result.findings} <= {"dashed-name"}
    assert result.errors == ()


# What must be there.


def test_package_json_must_be_there() -> None:
    result = check(changed("package.json"))

    assert [(finding.code, finding.text) for finding in result.errors] == [
        ("missing-file", "there is no package.json")
    ]
    assert result.manifest is None


def test_index_ts_must_be_there() -> None:
    result = check(changed("index.ts"))

    assert [(finding.code, finding.text) for finding in result.errors] == [
        ("missing-file", "there is no index.ts")
    ]
    assert result.definition is None


def test_faults_of_both_manifests_are_findings() -> None:
    assert told(changed(manifest="{"))[:3] == ("error", "manifest-unreadable", "package.json")
    assert told(with_file("manifest.json", "{"))[:3] == ("error", "manifest-unreadable", "manifest.json")


# The definition.


def test_there_must_be_a_definition() -> None:
    assert told(changed(index="export const x = 1;\n"))[:3] == ("error", "definition-count", "index.ts")


def test_there_must_be_only_one_definition() -> None:
    two = definition(
        'export const authPlugin = createPlugin.define({ name: "auth", service: () => 1 });\n'
        'export const b = createPlugin.define({ name: "b", service: () => 1 });'
    )

    assert only(changed(index=two)).text == "there are several plugin definitions (lines 2, 3)"


def test_a_definition_that_cannot_be_read_is_told_with_its_line() -> None:
    index = definition("export const authPlugin = createPlugin.define(make());")

    assert told(changed(index=index)) == ("error", "definition-unclear", "index.ts", 2)


@pytest.mark.parametrize(
    "fields",
    [
        'name: names.auth, dependencies: ["users"], service: () => 1',
        'name: "auth", dependencies: needed(), service: () => 1',
        'name: "auth", dependencies: ["users"], ...rest()',
    ],
)
def test_nothing_is_said_of_a_part_that_cannot_be_read_but_that(fields: str) -> None:
    files = plugin_files("auth", needs={"users": "^1.0.0"})
    files["index.ts"] = definition(f"export const authPlugin = createPlugin.define({{ {fields} }});")

    assert {finding.code for finding in check(files).findings} == {"definition-unclear"}


def test_a_source_that_cannot_be_parsed_is_told() -> None:
    result = check(changed(index="(" * 1000))

    assert {finding.code for finding in result.errors} == {"source-unreadable"}
    assert result.definition is None


def test_a_definition_needs_a_service() -> None:
    index = definition('export const authPlugin = createPlugin.define({ name: "auth" });')

    assert told(changed(index=index)) == ("error", "service-missing", "index.ts", 2)


def test_the_export_should_be_called_as_the_framework_looks_for_it() -> None:
    index = definition('export const plugin = createPlugin.define({ name: "auth", service: () => 1 });')

    assert told(changed(index=index)) == ("warning", "export-name", "index.ts", 2)
    assert "`authPlugin`" in only(changed(index=index)).text


def test_definition_and_package_have_one_name() -> None:
    index = definition('export const loginPlugin = createPlugin.define({ name: "login", service: () => 1 });')

    assert told(changed(index=index)) == ("error", "name-differs", "index.ts", 2)


def test_a_plugin_that_is_used_must_be_declared() -> None:
    index = definition(
        'export const authPlugin = createPlugin.define({ name: "auth", dependencies: ["users"] as const,'
        " service: () => 1 });"
    )

    assert told(changed(index=index)) == ("error", "dependency-undeclared", "index.ts", 2)


def test_a_plugin_that_is_declared_must_be_used() -> None:
    manifest = plugin_files("auth", needs={"users": "^1.0.0"})["package.json"]

    assert told(changed(manifest=manifest))[:3] == ("error", "dependency-unused", "package.json")


# Files.


@pytest.mark.parametrize(
    "path",
    [
        *(".npmrc", "bunfig.toml", ".env", ".env.local", ".vscode/tasks.json", ".cursor/rules/x.md"),
        *(
            ".claude/settings.json",
            ".mcp.json",
            ".idea/x.xml",
            "node_modules/x/index.js",
            "lib/node_modules/x/a.js",
        ),
    ],
)
def test_files_that_change_how_the_hosts_tools_behave_are_refused(path: str) -> None:
    assert told(with_file(path))[:3] == ("error", "file-refused", path)


@pytest.mark.parametrize(
    "path", [".gitignore", "lib/env.ts", "docs/.env-example.md", ".envrc.md", "bunfig.md"]
)
def test_files_of_similar_names_are_fine(path: str) -> None:
    assert check(with_file(path)).findings == ()


@pytest.mark.parametrize("path", ["migrations/001.sql", "migrations/sub/001.ts", "migrations/README.md"])
def test_migrations_are_ts_files_directly_in_their_folder(path: str) -> None:
    assert told(with_file(path, UP))[:3] == ("error", "migration-form", path)


def test_a_migration_exports_up() -> None:
    assert check(with_file("migrations/001_a.ts", UP)).findings == ()
    assert told(with_file("migrations/001_a.ts", "export const down = 1;\n"))[:3] == (
        "error",
        "migration-up",
        "migrations/001_a.ts",
    )


def test_released_migrations_stay_as_they_are() -> None:
    before = {"migrations/001.ts": "sha256:a", "migrations/002.ts": "sha256:b", "index.ts": "sha256:c"}

    assert check_migrations_kept(before, {**before, "index.ts": "sha256:d"}, "1.0.0") == []
    assert check_migrations_kept(before, {**before, "migrations/003.ts": "sha256:e"}, "1.0.0") == []
    assert [
        (finding.code, finding.text)
        for finding in check_migrations_kept(before, {"migrations/001.ts": "sha256:x"}, "1.0.0")
    ] == [
        ("migration-changed", "migrations/001.ts differs, and 1.0.0 has been released with it"),
        ("migration-changed", "migrations/002.ts is missing, and 1.0.0 has been released with it"),
    ]


# Sources.


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("lib/a.ts", 'import x from "../../other/index";\n'),
        ("a.ts", 'export * from "../secrets";\n'),
        ("lib/deep/a.ts", 'const x = await import("./../../../x");\n'),
        ("tests/a.test.ts", 'import x from "../../host";\n'),
        ("a.js", 'const x = require("../x");\n'),
    ],
)
def test_an_import_may_not_leave_the_folder(path: str, text: str) -> None:
    assert told(with_file(path, text)) == ("error", "import-outside", path, 1)


def test_imports_inside_of_the_folder_are_fine() -> None:
    text = 'import a from "../index";\nimport b from "./b";\nimport c from "./../lib/c";\n'

    assert check({**with_file("lib/a.ts", text), "lib/b.ts": "x\n", "lib/c.ts": "x\n"}).findings == ()


@pytest.mark.parametrize("text", ["await import(name);\n", "await import(`./${name}`);\n"])
def test_a_computed_import_is_a_warning(text: str) -> None:
    assert told(with_file("a.ts", text)) == ("warning", "dynamic-import", "a.ts", 1)


@pytest.mark.parametrize("module", ["child_process", "node:child_process"])
def test_starting_other_programs_is_a_warning(module: str) -> None:
    text = f'import {{ spawn }} from "{module}";\n'

    assert told(with_file("a.ts", text)) == ("warning", "child-process", "a.ts", 1)


@pytest.mark.parametrize("module", ["jose", "jose/jwt", "@scope/jose", "@scope/jose/jwt"])
def test_an_npm_package_that_is_imported_should_be_declared(module: str) -> None:
    package = module.removesuffix("/jwt")
    text = f'\nimport {{ x }} from "{module}";\n'
    declared = plugin_files("auth", npm={package: "^5.0.0"})

    assert told(with_file("a.ts", text)) == ("warning", "npm-undeclared", "a.ts", 2)
    assert f"`{package}`" in only(with_file("a.ts", text)).text
    assert check({**declared, "a.ts": text}).findings == ()
    assert (
        check(
            {**with_file("a.ts", text), "manifest.json": json.dumps({"dependencies": {package: "*"}})}
        ).findings
        == ()
    )


def test_an_npm_package_is_missed_once() -> None:
    files = {**with_file("a.ts", 'import "jose";\n'), "b.ts": 'import "jose";\n'}

    assert only(files).code == "npm-undeclared"


@pytest.mark.parametrize(
    "text",
    [
        'import { z } from "zod";',
        'import { sql } from "kysely";',
        'import { createPlugin } from "@donkeylabs/server";',
        'import { readFile } from "node:fs/promises";',
        'import { readFile } from "fs/promises";',
        'import { Database } from "bun:sqlite";',
        'import type { JWK } from "jose";',
        'import x from "@/lib/x";',
        'import x from "#x";',
    ],
)
def test_what_the_host_brings_needs_no_declaration(text: str) -> None:
    assert check(with_file("a.ts", text + "\n")).findings == ()


def test_tests_may_import_what_they_like() -> None:
    assert check(with_file("tests/b.test.ts", 'import "supertest";\n')).findings == ()


def test_dangerous_code_and_secrets_are_found_in_any_file() -> None:
    secret = "npm" + "_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG3iJ6"

    assert told(with_file("lib/a.ts", "eval(x);\n")) == ("error", "eval", "lib/a.ts", 1)
    assert told(with_file("lib/a.js", "sql.raw(`${x}`);\n")) == ("error", "raw-sql", "lib/a.js", 1)
    assert told(with_file("docs/a.md", f"\n{secret}\n")) == ("error", "secret", "docs/a.md", 2)


# What users expect beside the code.


def test_a_readme_is_expected() -> None:
    assert told(changed("README.md"))[:2] == ("warning", "readme-missing")
    assert check({**changed("README.md"), "Readme.md": "# auth\n"}).findings == ()


def test_a_licence_is_expected() -> None:
    manifest = json.dumps({**json.loads(plugin_files("auth")["package.json"]), "license": ""})

    assert told(changed("LICENSE", manifest=manifest))[:2] == ("warning", "license-missing")
    assert check(changed("LICENSE")).findings == ()
    assert check(changed(manifest=manifest)).findings == ()


def test_tests_are_expected() -> None:
    assert told(changed("tests/index.test.ts"))[:2] == ("warning", "tests-missing")
    assert check({**changed("tests/index.test.ts"), "lib/a.spec.ts": "x\n"}).findings == ()


def test_a_description_is_expected() -> None:
    files = plugin_files("auth", description="")

    assert told(files)[:3] == ("warning", "description-missing", "package.json")


def test_a_dash_in_the_name_is_a_warning_with_the_name_that_avoids_it() -> None:
    finding = only(plugin_files("auth-jwt"))

    assert (finding.severity, finding.code, finding.path) == ("warning", "dashed-name", "package.json")
    assert "`authJwt`" in finding.hint


# All together.


def test_all_findings_come_at_once_errors_first() -> None:
    manifest = json.dumps({"name": "auth-jwt", "version": "1.0", "dependencies": {"x": "file:."}})
    result = check(
        {
            "package.json": manifest,
            "index.ts": definition('export const a = createPlugin.define({ name: "a" });\neval(x);'),
            ".env": "A=1\n",
            "migrations/1.sql": "",
            "lib/a.ts": 'import "../../x";\nimport "jose";\n',
        }
    )
    severities = [finding.severity for finding in result.findings]

    assert {finding.code for finding in result.findings} == {
        *("manifest-version", "npm-range", "service-missing", "eval", "file-refused", "migration-form"),
        *(
            "import-outside",
            "npm-undeclared",
            "export-name",
            "readme-missing",
            "license-missing",
            "tests-missing",
        ),
    }
    assert severities == sorted(severities)
    assert len(result.errors) == 7


def test_an_empty_package_lacks_both_files() -> None:
    assert [finding.code for finding in check({}).errors] == ["missing-file", "missing-file"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["package.json", "index.ts", "manifest.json", "migrations/1.ts", "lib/a.ts", "README.md", ".env"]
        ),
        st.binary(max_size=80)
        | st.sampled_from(list(plugin_files("auth").values())).map(str.encode)
        | st.text(max_size=60).map(lambda text: json.dumps({"name": text, "version": text}).encode()),
        max_size=5,
    )
)
def test_any_package_is_judged(files: dict[str, bytes]) -> None:
    result = check_package({path: Entry(data=data) for path, data in files.items()})

    assert result.errors or (result.manifest is not None and result.definition is not None)
