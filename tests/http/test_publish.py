"""Publishing over HTTP, as the client of the registry's design does it: one multipart form."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.archive import Entry, pack
from registry_server.contract.integrity import integrity_of
from registry_server.contract.routes import PUBLISH_BODY_MAX_BYTES
from registry_server.http.app import build_app
from registry_server.operations.accounts import local_caller
from registry_server.operations.tokens import create_token, list_tokens, revoke_token
from registry_server.operations.users import set_admin
from registry_server.registry import Registry, open_registry
from registry_server.store import changes
from tests.support.asgi_calls import Api, problem_code
from tests.support.builders import FixedClock, package

Publish = Callable[..., Any]
MIGRATION = {"migrations/001_create.ts": "export async function up(db: unknown) { void db; }\n"}


@pytest.fixture
def anonymous(registry: Registry) -> Api:
    return Api(build_app(registry, is_local=False))


@pytest.fixture
def ada(registry: Registry, anonymous: Api) -> Api:
    """Somebody who may publish, new names too."""
    return anonymous.with_token(create_token(registry, "ada", scopes=["publish-new", "publish"]))


def send(api: Api, archive: bytes | None, *, query: str = "", **fields: object) -> httpx.Response:
    """The form of the design: texts, lists as JSON, and the package as a blob called package.tar.gz."""
    texts = {field: value if isinstance(value, str) else json.dumps(value) for field, value in fields.items()}
    files = (
        {"package": ("package.tar.gz", archive, "application/octet-stream")} if archive is not None else {}
    )
    parts = {field: (None, value) for field, value in texts.items()}
    return api("POST", f"/api/plugins{query}", files={**parts, **files})


def send_as_designed(api: Api, name: str, version: str = "1.0.0", **options: Any) -> httpx.Response:
    return send(
        api,
        package(name, version, **options),
        name=name,
        version=version,
        description="Sent beside the package.",
        categories=["security"],
        tags=["jwt"],
    )


def state(registry: Registry) -> tuple[int, set[Path]]:
    """What a refused publish must leave alone: the feed, and the stored packages."""
    blobs = {path for path in registry.packages.root.rglob("*") if path.is_file()}
    return changes.current_serial(registry.database.read()), blobs


# What succeeds.


def test_a_first_publish_answers_201_with_the_designs_receipt(ada: Api) -> None:
    answer = send_as_designed(ada, "auth", "1.2.0")

    body = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (body["success"], body["created"], body["version"]) == (True, True, "1.2.0")
    assert (body["plugin"]["name"], body["plugin"]["latestVersion"]) == ("auth", "1.2.0")
    assert body["integrity"] == integrity_of(package("auth", "1.2.0"))
    assert body["size"] == len(package("auth", "1.2.0"))
    assert ada.get(body["url"]).json()["versions"][0]["publisher"] == "ada"
    assert ada.get("/api/plugins/auth/owners").json() == {"owners": ["ada"], "invited": []}


def test_what_was_published_is_what_is_downloaded(ada: Api) -> None:
    send_as_designed(ada, "auth")

    assert ada.get("/api/plugins/auth/1.0.0/download").content == package("auth")


def test_the_form_fills_only_what_the_manifest_leaves_open(ada: Api) -> None:
    send_as_designed(ada, "auth")
    send_as_designed(ada, "mail", description="", categories=["email"])

    auth, mail = ada.get("/api/plugins/auth").json(), ada.get("/api/plugins/mail").json()

    assert (auth["categories"], auth["tags"]) == (["security"], ["jwt"])
    assert auth["description"] == "A plugin made for a test."
    assert (mail["categories"], mail["description"]) == (["email"], "Sent beside the package.")


def test_the_package_alone_is_enough(ada: Api) -> None:
    assert send(ada, package("auth")).status_code == 201


def test_the_same_bytes_again_answer_200_and_change_nothing(ada: Api, registry: Registry) -> None:
    first = send_as_designed(ada, "auth")
    before = state(registry)

    again = send_as_designed(ada, "auth")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["created"] is False
    assert again.json()["integrity"] == first.json()["integrity"]
    assert state(registry) == before


def test_warnings_come_with_the_receipt(ada: Api) -> None:
    findings = send_as_designed(ada, "auth-jwt").json()["findings"]

    assert [(finding["severity"], finding["code"]) for finding in findings] == [("warning", "dashed-name")]


def test_an_older_release_leaves_the_newest_ones_words(ada: Api) -> None:
    send_as_designed(ada, "auth", "2.0.0", description="New words")
    send_as_designed(ada, "auth", "1.9.1", description="Old words")

    document = ada.get("/api/plugins/auth").json()

    assert (document["latestVersion"], document["description"]) == ("2.0.0", "New words")
    assert len(document["versions"]) == 2


def test_labels_sent_twice_count_once(ada: Api) -> None:
    send(ada, package("auth"), categories=["security", "security"], tags=["jwt", "jwt"])

    assert ada.get("/api/plugins/auth").json()["tags"] == ["jwt"]


# Who may publish.


def test_publishing_needs_a_token(anonymous: Api, registry: Registry) -> None:
    before = state(registry)

    answer = send_as_designed(anonymous, "auth")

    assert (answer.status_code, problem_code(answer)) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert state(registry) == before


@pytest.mark.parametrize("scopes", [["rate"], ["yank", "rate"], ["publish-new"]])
def test_a_token_without_the_scope_may_not_publish(
    anonymous: Api, registry: Registry, scopes: list[str]
) -> None:
    other = anonymous.with_token(create_token(registry, "bob", scopes=scopes))

    answer = send_as_designed(other, "auth")

    assert (answer.status_code, problem_code(answer)) == (403, "forbidden")
    assert state(registry)[0] == 0


def test_a_new_name_needs_its_own_scope(ada: Api, anonymous: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth")
    update_only = anonymous.with_token(create_token(registry, "ada", scopes=["publish"]))

    assert send_as_designed(update_only, "auth", "1.1.0").status_code == 201
    assert problem_code(send_as_designed(update_only, "mail")) == "forbidden"


def test_a_token_is_good_for_its_names_only(anonymous: Api, registry: Registry) -> None:
    secret = create_token(registry, "bob", scopes=["publish-new", "publish"], pattern="team-*")
    team = anonymous.with_token(secret)

    assert send_as_designed(team, "team-auth").status_code == 201
    assert problem_code(send_as_designed(team, "auth")) == "forbidden"
    # The name in the form does not decide: the one in the package does.
    assert send(team, package("mail"), name="team-mail").status_code == 422
    assert problem_code(send(team, package("mail"))) == "forbidden"


def test_only_owners_publish_a_further_release(ada: Api, anonymous: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth")
    before = state(registry)
    bob = anonymous.with_token(create_token(registry, "bob", scopes=["publish-new", "publish"]))

    answer = send_as_designed(bob, "auth", "1.1.0")

    assert (answer.status_code, problem_code(answer)) == (403, "forbidden")
    assert answer.json()["detail"] == "it belongs to ada, you are bob"
    assert state(registry) == before


def test_an_admin_publishes_for_others(ada: Api, anonymous: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth")
    admin = anonymous.with_token(create_token(registry, "root", scopes=["admin"], is_admin=True))
    no_admin = anonymous.with_token(create_token(registry, "bob", scopes=["admin"], is_admin=True))
    set_admin(registry, "bob", is_admin=False)

    assert problem_code(send_as_designed(no_admin, "auth", "1.1.0")) == "forbidden"
    assert send_as_designed(admin, "auth", "1.1.0").status_code == 201


def test_a_token_expires(anonymous: Api, registry: Registry, clock: FixedClock) -> None:
    secret = create_token(registry, "bob", scopes=["publish-new", "publish"], lifetime=timedelta(days=1))
    bob = anonymous.with_token(secret)
    clock.now += timedelta(days=1) - timedelta(seconds=1)
    in_time = send_as_designed(bob, "auth")
    clock.now += timedelta(seconds=1)

    late = send_as_designed(bob, "auth", "1.1.0")

    assert in_time.status_code == 201
    assert (late.status_code, problem_code(late)) == (401, "unauthorized")
    assert late.json()["title"] == "the token has expired"


def test_a_revoked_token_is_useless_at_once(ada: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth")
    [token] = list_tokens(registry)
    revoke_token(registry, token.id)

    answer = send_as_designed(ada, "auth", "1.1.0")

    assert (answer.status_code, answer.json()["title"]) == (401, "the token was revoked")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer dkt_",
        "Bearer dkt_" + "0" * 36,
        "Basic YWRhOnBhc3M=",
        "dkt_" + "0" * 36,
        "Bearer a b",
    ],
)
def test_what_is_no_token_is_refused(anonymous: Api, header: str) -> None:
    answer = anonymous("POST", "/api/plugins", headers={"Authorization": header}, content=b"")

    assert (answer.status_code, problem_code(answer)) == (401, "unauthorized")


def test_a_token_with_one_wrong_character_is_refused(anonymous: Api, registry: Registry) -> None:
    secret = create_token(registry, "bob", scopes=["publish-new", "publish"])
    wrong = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:]

    assert problem_code(send_as_designed(anonymous.with_token(wrong), "auth")) == "unauthorized"


# What conflicts with what is there.


def test_a_version_never_changes_its_bytes(ada: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth")

    answer = send_as_designed(ada, "auth", description="Other bytes")

    assert (answer.status_code, problem_code(answer)) == (409, "version-exists")
    assert ada.get("/api/plugins/auth/1.0.0/download").content == package("auth")
    assert state(registry)[0] == 1


def test_versions_that_differ_only_in_build_metadata_are_one(ada: Api) -> None:
    send_as_designed(ada, "auth", "1.0.0+a")

    assert problem_code(send_as_designed(ada, "auth", "1.0.0+b")) == "version-exists"


@pytest.mark.parametrize("name", ["authjwt", "authJwt", "auth-j-wt"])
def test_a_name_that_looks_like_anothers_is_taken(ada: Api, registry: Registry, name: str) -> None:
    send_as_designed(ada, "auth-jwt")
    before = state(registry)

    answer = send_as_designed(ada, name)

    assert (answer.status_code, problem_code(answer)) == (409, "name-taken")
    assert "`auth-jwt`" in answer.json()["title"]
    assert state(registry) == before


# What is wrong with the package.


def test_all_findings_come_at_once_and_nothing_is_kept(ada: Api, registry: Registry) -> None:
    files = {
        "package.json": '{"name": "auth", "version": "1.0.0", "donkeylabs": {"tags": ["Not A Label"]}}',
        "index.ts": 'import { createPlugin } from "@donkeylabs/server";\n'
        'import { other } from "../other";\n'
        'export const authPlugin = createPlugin.define({ name: "mail", service: async () => ({}) });\n',
        ".npmrc": "registry=https://elsewhere.example\n",
        "migrations/001_a.ts": "export const down = 1;\n",
    }
    archive = pack(
        {path: Entry(data=text.encode()) for path, text in files.items()}, name="auth", version="1.0.0"
    )

    answer = send(ada, archive, name="auth", version="1.0.0")

    errors = {
        (finding["code"], finding.get("path", ""))
        for finding in answer.json()["findings"]
        if finding["severity"] == "error"
    }
    assert (answer.status_code, problem_code(answer)) == (422, "invalid-package")
    assert errors >= {
        ("manifest-label", "package.json"),
        ("import-outside", "index.ts"),
        ("name-differs", "index.ts"),
        ("file-refused", ".npmrc"),
        ("migration-up", "migrations/001_a.ts"),
    }
    assert answer.json()["title"] == f"the package breaks {len(errors)} rules"
    assert state(registry) == (0, set())


@pytest.mark.parametrize(("field", "sent"), [("name", "mail"), ("version", "2.0.0")])
def test_a_form_that_contradicts_the_package_is_refused(
    ada: Api, registry: Registry, field: str, sent: str
) -> None:
    fields = {"name": "auth", "version": "1.0.0", field: sent}

    answer = send(ada, package("auth"), **fields)

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-package")
    assert [finding["code"] for finding in answer.json()["findings"]] == [f"{field}-differs"]
    assert state(registry) == (0, set())


@pytest.mark.parametrize(
    "changed",
    [{}, {"migrations/001_create.ts": MIGRATION["migrations/001_create.ts"] + "// more\n"}],
    ids=["missing", "differing"],
)
def test_a_released_migration_must_stay_as_it_is(
    ada: Api, registry: Registry, changed: dict[str, str]
) -> None:
    send_as_designed(ada, "auth", "1.0.0", extra=MIGRATION)
    before = state(registry)

    answer = send_as_designed(ada, "auth", "1.1.0", extra=changed)

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-package")
    [error] = [finding for finding in answer.json()["findings"] if finding["severity"] == "error"]
    assert (error["code"], error["path"]) == ("migration-changed", "migrations/001_create.ts")
    assert state(registry) == before


def test_a_fix_of_an_older_release_needs_only_the_migrations_before_it(ada: Api) -> None:
    more = {**MIGRATION, "migrations/002_add.ts": "export async function up() {}\n"}
    send_as_designed(ada, "auth", "1.0.0", extra=MIGRATION)
    send_as_designed(ada, "auth", "2.0.0", extra=more)

    assert send_as_designed(ada, "auth", "1.0.1", extra=MIGRATION).status_code == 201
    assert send_as_designed(ada, "auth", "1.0.0", extra=MIGRATION).status_code == 200
    assert problem_code(send_as_designed(ada, "auth", "1.0.2")) == "invalid-package"
    assert problem_code(send_as_designed(ada, "auth", "2.0.1", extra=MIGRATION)) == "invalid-package"


def test_a_further_migration_is_welcome(ada: Api) -> None:
    send_as_designed(ada, "auth", "1.0.0", extra=MIGRATION)
    more = {**MIGRATION, "migrations/002_add.ts": "export async function up() {}\n"}

    assert send_as_designed(ada, "auth", "1.1.0", extra=more).status_code == 201


@pytest.mark.parametrize("archive", [b"", b"not a package", b"\x1f\x8b", package("auth")[:-20]])
def test_bytes_that_are_no_package_are_refused(ada: Api, registry: Registry, archive: bytes) -> None:
    answer = send(ada, archive, name="auth", version="1.0.0")

    assert (answer.status_code, problem_code(answer)) == (422, "archive-unsafe")
    assert state(registry) == (0, set())


@pytest.mark.parametrize("has_token", [True, False])
def test_a_request_beyond_the_limit_is_not_read_on(
    ada: Api, anonymous: Api, registry: Registry, has_token: bool
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="package"; filename="package.tar.gz"\r\n\r\n'
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    api = ada if has_token else anonymous
    answer = api("POST", "/api/plugins", content=endless(), headers=headers)

    assert problem_code(answer) == ("package-too-large" if has_token else "unauthorized")
    assert answer.status_code == (413 if has_token else 401)
    assert sent <= PUBLISH_BODY_MAX_BYTES + (1 << 20)
    assert state(registry) == (0, set())


# What is wrong with the form.


def test_a_form_without_the_package_is_refused(ada: Api) -> None:
    answer = send(ada, None, name="auth", version="1.0.0")

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")
    assert answer.json()["title"] == "the form has no file `package`"


@pytest.mark.parametrize("field", ["categories", "tags"])
@pytest.mark.parametrize(
    "text", ["security", '"security"', '{"a": 1}', "[1]", "[", "[" * 10_000, '["\\ud800"]', "[null]"]
)
def test_labels_that_are_no_json_list_of_texts_are_refused(ada: Api, field: str, text: str) -> None:
    answer = send(ada, package("auth"), **{field: text})

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")
    assert f"`{field}`" in answer.json()["title"]


@pytest.mark.parametrize("labels", [["Not A Label"], ["<script>"], ["x" * 41], list("abcdefghijklmnopqrstu")])
def test_labels_a_manifest_could_not_have_are_refused(
    ada: Api, registry: Registry, labels: list[str]
) -> None:
    answer = send(ada, package("auth"), tags=labels)

    assert problem_code(answer) == "invalid-package"
    assert [finding["code"] for finding in answer.json()["findings"]] == ["form-label"]
    assert state(registry) == (0, set())


def test_a_text_field_that_is_a_file_is_refused(ada: Api) -> None:
    files = {"name": ("name.txt", b"auth", "text/plain")}

    answer = ada("POST", "/api/plugins", files=files)

    assert problem_code(answer) == "invalid-request"


def test_a_second_file_is_refused(ada: Api) -> None:
    part = ("package.tar.gz", package("auth"), "application/gzip")

    answer = ada("POST", "/api/plugins", files=[("package", part), ("package", part)])

    assert problem_code(answer) == "invalid-request"


def test_a_charset_that_makes_halves_of_characters_is_refused(ada: Api) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="description"\r\n\r\n\\ud800\r\n'
        b'--x\r\nContent-Disposition: form-data; name="package"; filename="p"\r\n\r\nzz\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}

    answer = ada("POST", "/api/plugins", content=form, headers=headers)

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")


@pytest.mark.parametrize(
    "media_type", ["", "application/json", "multipart/form-data", "text/plain; boundary=x"]
)
def test_a_body_that_is_no_multipart_form_is_refused(ada: Api, media_type: str) -> None:
    answer = ada("POST", "/api/plugins", content=b"{}", headers={"Content-Type": media_type})

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A registry that nothing may ever get into."""
    registry = open_registry(tmp_path_factory.mktemp("sandbox"), FixedClock())
    local_caller(registry)
    yield Api(build_app(registry, is_local=True))
    registry.close()


_PIECES = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--\r\n",
        b"--x--",
        b"\r\n",
        b"\n",
        b'Content-Disposition: form-data; name="package"; filename="p"\r\n',
        b'Content-Disposition: form-data; name="tags"\r\n',
        b"Content-Disposition: form-data\r\n",
        b"Content-Disposition: \xff; name=\xff\r\n",
        b": empty\r\n",
        b"[]",
    ]
)


@given(body=st.lists(_PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
@settings(max_examples=60, deadline=None)
def test_any_body_is_answered_with_a_problem_and_never_a_bug(sandbox: Api, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    answer = sandbox("POST", "/api/plugins", content=body, headers=headers)

    assert (answer.status_code, problem_code(answer)) in ((422, "invalid-request"), (422, "archive-unsafe"))


# Dry runs.


def test_a_dry_run_costs_as_much_and_needs_the_same_right(anonymous: Api) -> None:
    assert send(anonymous, package("auth-jwt"), query="?dryRun=true").status_code == 401


def test_a_dry_run_says_what_a_publish_would_and_changes_nothing(ada: Api, registry: Registry) -> None:
    answer = send(ada, package("auth-jwt"), query="?dryRun=true", name="auth-jwt", version="1.0.0")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["success"], body["name"], body["version"]) == (True, "auth-jwt", "1.0.0")
    assert body["integrity"] == integrity_of(package("auth-jwt"))
    assert [finding["code"] for finding in body["findings"]] == ["dashed-name"]
    assert state(registry) == (0, set())


def test_a_dry_run_reports_errors_as_findings(ada: Api, registry: Registry) -> None:
    send_as_designed(ada, "auth", "1.0.0", extra=MIGRATION)
    before = state(registry)

    body = send(ada, package("auth", "1.1.0"), query="?dryRun=true", version="1.2.0").json()

    assert body["success"] is False
    assert {"version-differs", "migration-changed"} <= {finding["code"] for finding in body["findings"]}
    assert state(registry) == before


@pytest.mark.parametrize(
    "query", ["?dryRun=maybe", "?dry_run=true", "?force=true", "?dryRun=true&dryRun=false"]
)
def test_a_parameter_that_is_not_understood_stops_a_publish(ada: Api, registry: Registry, query: str) -> None:
    answer = send(ada, package("auth"), query=query)

    assert (answer.status_code, problem_code(answer)) == (422, "invalid-request")
    assert state(registry) == (0, set())
