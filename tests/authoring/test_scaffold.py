"""A new plugin passes what every plugin has to pass, whatever was asked for."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from donkeytui.authoring.judging import judge
from donkeytui.authoring.scaffold import (
    NewPlugin,
    check_new,
    make_plugin,
    usual_description,
    usual_display_name,
)
from registry_server.contract.archive import Entry, pack
from registry_server.contract.definition import read_imports
from registry_server.contract.problems import InvalidManifest, InvalidName

TYPES = Path(__file__).parents[1] / "support" / "framework_types"
NAMES = ("stripe", "authJwt", "auth-2fa")
NEEDS = (("users", "^2.0.0"), ("e-mail", "*"))


def every_kind() -> list[NewPlugin]:
    flags = itertools.product(NAMES, (False, True), (False, True), (False, True), ((), NEEDS))
    return [
        NewPlugin(
            name=name,
            has_schema=has_schema,
            has_config=has_config,
            has_tests=has_tests,
            needs=needs,
            author="Ada Lovelace <ada@example.com>" if needs else "",
            categories=("auth",) if needs else (),
            year=2026,
        )
        for name, has_schema, has_config, has_tests, needs in flags
    ]


def entries_of(wanted: NewPlugin) -> dict[str, Entry]:
    check_new(wanted)
    return {path: Entry(data=text.encode()) for path, text in make_plugin(wanted).items()}


def kind(wanted: NewPlugin) -> str:
    parts = (wanted.name, *(word for word in ("schema", "config", "tests") if getattr(wanted, f"has_{word}")))
    return "-".join((*parts, *(["needs"] if wanted.needs else [])))


@pytest.mark.parametrize("wanted", every_kind(), ids=kind)
def test_every_kind_of_new_plugin_is_valid(wanted: NewPlugin) -> None:
    entries = entries_of(wanted)
    check = judge(entries)
    expected = {"dashed-name"} if "-" in wanted.name else set()

    assert {finding.code for finding in check.findings} == expected | (
        set() if wanted.has_tests else {"tests-missing"}
    )
    assert check.definition is not None
    assert check.definition.name == wanted.name
    assert check.definition.is_factory == wanted.has_config
    assert dict(wanted.needs) == (check.manifest.plugins if check.manifest else None)
    assert ("schema.ts" in entries) == wanted.has_schema
    assert pack(entries, name=wanted.name, version="0.1.0")


@pytest.mark.parametrize("wanted", every_kind(), ids=kind)
def test_tests_and_service_load_nothing_that_must_be_installed(wanted: NewPlugin) -> None:
    """So that `bun test` runs in a folder where nothing was installed yet."""
    files = make_plugin(wanted)
    loaded = {
        found.module
        for path, text in files.items()
        if path == "service.ts" or path.startswith("tests/")
        for found in read_imports(text)
        if not found.is_type_only
    }

    assert loaded == ({"bun:test", "../service"} if wanted.has_tests else set())


@pytest.mark.parametrize("wanted", every_kind(), ids=kind)
def test_migrations_go_up_and_down(wanted: NewPlugin) -> None:
    migrations = {path: text for path, text in make_plugin(wanted).items() if path.startswith("migrations/")}

    assert len(migrations) == int(wanted.has_schema)
    for path, text in migrations.items():
        assert re.fullmatch(r"migrations/001_create_[a-z0-9_]+\.ts", path)
        assert "export async function up(" in text
        assert "export async function down(" in text


def test_every_kind_compiles(tmp_path: Path) -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("tsc is not on the PATH: what is made is not compiled here")
    for wanted in every_kind():
        for path, text in make_plugin(wanted).items():
            place = tmp_path / "kinds" / kind(wanted) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    options = {"strict": True, "noUnusedLocals": True, "noUnusedParameters": True, "noEmit": True}
    settings: dict[str, Any] = {
        "compilerOptions": {
            **options,
            "module": "esnext",
            "moduleResolution": "bundler",
            "target": "esnext",
            "lib": ["esnext"],
            "types": [],
            "verbatimModuleSyntax": True,
        },
        "include": [str(tmp_path / "kinds/**/*.ts"), str(TYPES / "*.d.ts")],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    done = subprocess.run([tsc, "-p", str(tmp_path)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_words_are_told_apart_in_names() -> None:
    names = ("stripe", "rateLimit", "rate-limit", "auth-2fa", "authJWT", "s3Storage")

    assert [usual_display_name(name) for name in names] == [
        "Stripe",
        "Rate Limit",
        "Rate Limit",
        "Auth 2fa",
        "Auth JWT",
        "S3 Storage",
    ]
    assert usual_description("rateLimit") == "Rate Limit for DonkeyLabs."
    tables = [path for path in make_plugin(NewPlugin(name="authJWT", has_schema=True)) if "migr" in path]
    assert tables == ["migrations/001_create_auth_jwt_entries.ts"]


def test_what_the_author_says_stands_in_the_papers() -> None:
    files = make_plugin(
        NewPlugin(
            name="stripe",
            display_name='Pay "now" \\ later',
            description="Übergibt Geld & `Code`.",
            tags=("money",),
            license="Apache-2.0",
            author="Ada {Lovelace} <ada@example.com>",
            year=2031,
        )
    )
    manifest = json.loads(files["package.json"])

    assert manifest["donkeylabs"]["displayName"] == 'Pay "now" \\ later'
    assert manifest["description"] == "Übergibt Geld & `Code`."
    assert (manifest["license"], manifest["author"]) == ("Apache-2.0", "Ada {Lovelace} <ada@example.com>")
    assert files["LICENSE"].startswith("Copyright (c) 2031 Ada {Lovelace}\n")
    assert "Apache-2.0" in files["LICENSE"]
    assert "Übergibt Geld & `Code`." in files["README.md"]


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"name": "Stripe"}, InvalidName, "not a plugin name"),
        ({"name": "a/b"}, InvalidName, "not a plugin name"),
        ({"name": "2fa"}, InvalidName, "digit"),
        ({"name": "users", "needs": (("users", "*"),)}, InvalidName, "itself"),
        ({"name": "authJwt", "needs": (("auth-jwt", "*"),)}, InvalidName, "itself"),
        ({"name": "a", "categories": ("No Good",)}, InvalidManifest, "No Good"),
        ({"name": "a", "tags": tuple("abcdefghijklmnopqrstu")}, InvalidManifest, "21 items"),
        ({"name": "a", "description": "x" * 301}, InvalidManifest, "301 characters"),
        ({"name": "a", "display_name": "x\x1b[0m"}, InvalidManifest, "control"),
        ({"name": "a", "author": "x\ny"}, InvalidManifest, "control"),
        ({"name": "a", "license": "../MIT"}, InvalidManifest, "not a licence"),
        ({"name": "a", "license": ""}, InvalidManifest, "not a licence"),
    ],
)
def test_what_no_package_json_could_say_is_refused(
    fields: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        check_new(NewPlugin(**fields))
