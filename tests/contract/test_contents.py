"""What a release does besides bringing its folder: canonical, bounded, and of the right files only."""

import json
from typing import Any

import msgspec
import pytest

from registry_server.contract.archive import Entry, pack, read_package
from registry_server.contract.contents import contents_of
from registry_server.contract.problems import Finding
from registry_server.contract.validation import MIGRATIONS_MAX, PackageCheck, check_package
from registry_server.contract.wire import Contents, FileCopy, Release
from tests.support.builders import MOMENT, plugin_files

UP = "export async function up(db) {}\n"
FETCH = "export const load = (url: string) => fetch(url);\n"


def entries_of(files: dict[str, str]) -> dict[str, Entry]:
    return {path: Entry(data=text.encode()) for path, text in files.items()}


def check(**files: str) -> PackageCheck:
    return check_package(entries_of(plugin_files("auth", extra=files)))


def contents(files: dict[str, str] | None = None, **manifest: Any) -> Contents:
    """Of a plugin without errors; `manifest` is its manifest.json."""
    extra = {**(files or {}), **({"manifest.json": json.dumps(manifest)} if manifest else {})}
    entries = entries_of(plugin_files("auth", extra=extra))
    checked = check_package(entries)
    assert checked.errors == ()
    return contents_of(entries, checked)


def errors(**files: str) -> list[Finding]:
    return list(check(**files).errors)


def test_a_plain_plugin_has_none() -> None:
    assert contents() == Contents()


def test_everything_there_can_be() -> None:
    files = {
        "migrations/002_b.ts": UP,
        "migrations/001_a.ts": UP,
        "client.ts": FETCH,
        "files.ts": "export const path = process.env.PATH;\n",
        "pages/login.svelte": "<p></p>\n",
    }
    entries = entries_of(
        plugin_files(
            "auth",
            hooks={"postinstall": "bun run setup"},
            extra={
                **files,
                "manifest.json": json.dumps(
                    {
                        "envVars": ["SMTP_URL", {"name": "JWT_SECRET"}, "SMTP_URL"],
                        "instructions": ["Second word first.", "", "Another."],
                        "copy": [
                            {"from": ".", "to": "src/server/plugins/auth"},
                            {"from": "pages", "to": "src/routes"},
                            {"from": "README.md", "to": "docs/auth.md"},
                        ],
                    }
                ),
            },
        )
    )

    assert contents_of(entries, check_package(entries)) == Contents(
        labels=("environment", "network"),
        migrations=("001_a.ts", "002_b.ts"),
        env_vars=("JWT_SECRET", "SMTP_URL"),
        copies=(
            FileCopy(source="README.md", target="docs/auth.md"),
            FileCopy(source="pages/login.svelte", target="src/routes/login.svelte"),
        ),
        instructions=("Second word first.", "Another."),
        postinstall="bun run setup",
    )


def test_the_order_of_entries_does_not_matter_nor_does_packing() -> None:
    files = plugin_files("auth", extra={"b.ts": FETCH, "a.ts": "import 'node:fs';\n", "migrations/1.ts": UP})
    entries = entries_of(files)
    turned = dict(reversed(entries.items()))
    unpacked = read_package(pack(entries, name="auth", version="1.0.0"))

    made = contents_of(entries, check_package(entries))
    assert (
        made == contents_of(turned, check_package(turned)) == contents_of(unpacked, check_package(unpacked))
    )
    assert made.labels == ("files", "network")


@pytest.mark.parametrize("path", ["tests/client.ts", "test/client.ts", "__tests__/client.ts"])
def test_code_of_tests_earns_no_labels(path: str) -> None:
    assert contents({path: FETCH}).labels == ()


@pytest.mark.parametrize(
    "path", ["lib/client.test.ts", "lib/tests/client.ts", "client.mts", "view.tsx", "view.jsx"]
)
def test_all_code_that_is_installed_is_labelled(path: str) -> None:
    assert contents({path: FETCH}).labels == ("network",)


def test_code_of_tests_that_is_copied_into_the_project_is_labelled() -> None:
    made = contents({"tests/client.ts": FETCH}, copy=[{"from": "tests/client.ts", "to": "src/client.ts"}])

    assert made.labels == ("network",)


def test_a_source_that_is_too_large_to_be_read_is_an_error_and_not_overlooked() -> None:
    (finding,) = errors(**{"big.ts": FETCH + "/" * (1 << 20)})

    assert (finding.code, finding.path) == ("source-unreadable", "big.ts")


def test_other_large_files_are_none_of_our_business() -> None:
    assert errors(**{"big.svg": "x" * (1 << 20) + "x"}) == []


def test_migrations_are_bounded() -> None:
    many = {f"migrations/{number:04}.ts": UP for number in range(MIGRATIONS_MAX + 1)}
    long = {f"migrations/{number:03}_{'x' * 220}.ts": UP for number in range(160)}

    assert [finding.code for finding in errors(**many)] == ["migration-many"]
    assert [finding.code for finding in errors(**long)] == ["migration-many"]
    assert errors(**dict(list(many.items())[1:])) == []


def test_copy_rules_are_told_with_all_other_findings() -> None:
    manifest = json.dumps({"copy": [{"from": "x.ts", "to": "a.ts"}, {"from": "index.ts", "to": "../a.ts"}]})

    assert [finding.code for finding in errors(**{"manifest.json": manifest})] == [
        "copy-source",
        "copy-target",
    ]


# On the wire.


def release(**fields: Any) -> Release:
    return Release(
        version="1.0.0", checksum="sha256:0", size=1, package_url="/x", created_at=MOMENT, **fields
    )


def test_contents_cross_the_wire_and_come_back() -> None:
    sent = release(
        contents=Contents(
            labels=("eval",),
            env_vars=("A",),
            copies=(FileCopy(source="a.ts", target="b.ts"),),
            postinstall="x",
        )
    )
    data = msgspec.json.encode(sent)

    assert msgspec.json.decode(data, type=Release) == sent
    assert msgspec.json.decode(data)["contents"] == {
        "labels": ["eval"],
        "envVars": ["A"],
        "copies": [{"source": "a.ts", "target": "b.ts"}],
        "postinstall": "x",
    }


def test_empty_contents_take_no_room() -> None:
    assert "contents" not in msgspec.json.decode(msgspec.json.encode(release()))


def test_a_release_from_before_contents_existed_is_read() -> None:
    data = (
        b'{"version":"1.0.0","checksum":"sha256:00","size":1,"packageUrl":"/x",'
        b'"createdAt":"2026-03-14T09:26:53Z","dependencies":{"plugins":[],"packages":{}}}'
    )

    assert msgspec.json.decode(data, type=Release).contents == Contents()
