"""Plan files: made here, applied there or later, and never more than a plan made on the spot would do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from donkeytui.operations.changes import Changes
from donkeytui.operations.plan_file import (
    PLAN_FILE_MAX_BYTES,
    PlanFile,
    read_plan_file,
    render_plan_file,
    write_plan_file,
)
from donkeytui.problems import PlanFileInvalid, PlanStale
from registry_server.contract.problems import ProblemError
from tests.support.builders import tree
from tests.support.workshop import PLUGINS, Workshop, kinds

REQUEST = Changes(install=("auth",))


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "change.json"


@pytest.fixture
def planned(shop: Workshop, publish: Callable[..., Any], path: Path) -> PlanFile:
    """The file of `install auth`, which brings `users` and an npm package along."""
    publish("users")
    publish("auth", needs={"users": "*"}, npm={"jose": "^5.0.0"})
    return keep(shop, REQUEST, path)


def keep(shop: Workshop, request: Changes, path: Path) -> PlanFile:
    write_plan_file(path, render_plan_file(request, shop.plan_for(request)))
    return read_plan_file(path)


# There and back.


def test_a_plan_survives_the_file_but_for_its_place(shop: Workshop, planned: PlanFile) -> None:
    plan = shop.plan("auth")

    assert planned.request == REQUEST
    assert planned.plan == msgspec.structs.replace(plan, root="")


def test_the_file_is_canonical_and_names_no_place_of_this_machine(
    shop: Workshop, planned: PlanFile, path: Path
) -> None:
    text = path.read_text()

    assert text == render_plan_file(planned.request, planned.plan)
    assert text.endswith("}\n")
    assert str(shop.root) not in text
    assert json.loads(text)["format"] == "donkeytui-plan/1"


def test_applying_the_file_does_what_it_says(shop: Workshop, planned: PlanFile) -> None:
    shop.carry_out(shop.plan_of(planned))

    assert shop.versions == {"auth": "1.0.0", "users": "1.0.0"}
    assert '"jose": "^5.0.0"' in shop.read("package.json")


def test_it_applies_to_another_checkout_of_the_same_project(
    shop: Workshop, publish: Callable[..., Any], path: Path, tmp_path: Path
) -> None:
    publish("mail", "1.0.0")
    shop.apply("mail")
    shutil.copytree(shop.root, tmp_path / "checkout", ignore=shutil.ignore_patterns(".donkeylabs"))
    checkout = Workshop(tmp_path / "checkout", shop.in_session)
    publish("auth")
    file = keep(shop, Changes(install=("auth",), update=("mail",)), path)
    shop.apply("auth")

    checkout.carry_out(checkout.plan_of(file))

    assert tree(checkout.root) == tree(shop.root)


def test_a_plan_of_merges_keeps_them(shop: Workshop, publish: Callable[..., Any], path: Path) -> None:
    publish("auth", "1.0.0", extra={"lib.ts": "one\n"})
    shop.apply("auth")
    publish("auth", "1.1.0", extra={"lib.ts": "two\n"})
    shop.write(f"{PLUGINS}/auth/lib.ts", "mine\n")
    file = keep(shop, Changes(update=("auth",), side="keep"), path)

    shop.carry_out(shop.plan_of(file))

    assert shop.read(f"{PLUGINS}/auth/lib.ts") == "mine\n"
    assert shop.versions == {"auth": "1.1.0"}


def test_an_edited_text_that_json_cannot_hold_is_refused_with_the_way_out(
    shop: Workshop, publish: Callable[..., Any], path: Path
) -> None:
    """A comment in another encoding: its bytes would not come back as they were."""
    publish("auth")
    entry = shop.root / "src/server/index.ts"
    entry.write_bytes(
        b'import { AppServer } from "@donkeylabs/server";\n// caf\xe9\n'
        b"const server = new AppServer({});\nawait server.start();\n"
    )
    request = Changes(install=("auth",), is_registering=True)
    plan = shop.plan_for(request)

    with pytest.raises(PlanFileInvalid, match="the plan cannot be kept in a file"):
        render_plan_file(request, plan)

    shop.carry_out(plan)
    assert b"// caf\xe9\n" in entry.read_bytes()
    assert b"server.registerPlugin(authPlugin)" in entry.read_bytes()


# Overtaken.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda shop: shop.apply("mail"), "the project's files"),
        (lambda shop: shop.write("package.json", shop.read("package.json") + "\n"), "the project's files"),
        (
            lambda shop: shop.replace("donkeylabs.config.ts", "export default", "// mine\nexport default"),
            "the project's files",
        ),
        (
            lambda shop: shop.replace("donkeylabs.config.ts", "src/server/plugins", "src/plugins"),
            "the plugins folder",
        ),
    ],
    ids=["lockfile", "package.json", "config", "plugins root"],
)
def test_a_project_that_moved_makes_it_stale(
    shop: Workshop,
    publish: Callable[..., Any],
    planned: PlanFile,
    change: Callable[[Workshop], object],
    words: str,
) -> None:
    publish("mail")
    change(shop)
    before = tree(shop.root)

    with pytest.raises(PlanStale) as caught:
        shop.plan_of(planned)

    problem = caught.value.problem
    assert problem.title == "the plan in the file is not what would be done here and now"
    assert words in problem.detail
    assert caught.value.exit_status == 1
    assert tree(shop.root) == before


def test_a_plugin_s_folder_that_moved_makes_it_stale(
    shop: Workshop, publish: Callable[..., Any], path: Path
) -> None:
    publish("auth", "1.0.0")
    shop.apply("auth")
    publish("auth", "1.1.0")
    file = keep(shop, Changes(update=("auth",)), path)
    shop.write(f"{PLUGINS}/auth/index.ts", shop.read(f"{PLUGINS}/auth/index.ts") + "// mine\n")

    with pytest.raises(PlanStale) as caught:
        shop.plan_of(file)

    assert "your edits of plugins" in caught.value.problem.detail


def test_a_newer_release_in_the_catalogue_makes_it_stale(
    shop: Workshop, publish: Callable[..., Any], planned: PlanFile
) -> None:
    publish("users", "1.1.0")

    with pytest.raises(PlanStale) as caught:
        shop.plan_of(planned)

    assert "the steps" in caught.value.problem.detail


def test_what_does_not_concern_the_plan_does_not_make_it_stale(
    shop: Workshop, publish: Callable[..., Any], planned: PlanFile
) -> None:
    publish("mail")
    shop.write("README.md", "hello\n")
    shop.write(f"{PLUGINS}/mine/index.ts", "// mine\n")

    assert set(kinds(shop.plan_of(planned))) == {"auth", "users"}


def test_a_plan_that_was_applied_is_stale(shop: Workshop, planned: PlanFile) -> None:
    shop.carry_out(shop.plan_of(planned))
    before = tree(shop.root)

    with pytest.raises(PlanStale):
        shop.plan_of(planned)
    assert tree(shop.root) == before


# Altered by hand.


def altered(planned: PlanFile, alter: Callable[[Any], object], path: Path) -> PlanFile:
    document = msgspec.to_builtins(planned)
    alter(document)
    path.write_bytes(msgspec.json.encode(document))
    return read_plan_file(path)


def edit_text(document: Any) -> None:
    edit = next(edit for edit in document["plan"]["edits"] if edit["path"] == "package.json")
    edit["after"] = edit["after"].replace("jose", "evil")


def edit_path(document: Any) -> None:
    document["plan"]["edits"][0]["path"] = "../../home/.bashrc"


def drop_steps(document: Any) -> None:
    document["plan"]["steps"] = []


def other_integrity(document: Any) -> None:
    document["plan"]["downloads"][0]["integrity"] = "sha256:" + "0" * 64


def other_basis(document: Any) -> None:
    document["plan"]["basis"]["texts"] = {}


def other_root(document: Any) -> None:
    document["plan"]["plugins_root"] = "../elsewhere"


def locked_otherwise(document: Any) -> None:
    document["plan"]["lockfile"]["plugins"]["auth"]["integrity"] = "sha256:" + "0" * 64


def file_step(document: Any) -> None:
    document["plan"]["files"] = [{"kind": "remove", "path": "package.json", "plugin": "auth"}]


@pytest.mark.parametrize(
    "alter",
    [
        edit_text,
        edit_path,
        drop_steps,
        other_integrity,
        other_basis,
        other_root,
        locked_otherwise,
        file_step,
    ],
)
def test_a_plan_that_somebody_altered_does_nothing(
    shop: Workshop, planned: PlanFile, path: Path, alter: Callable[[Any], None]
) -> None:
    file = altered(planned, alter, path)
    before = tree(shop.root.parent / "home"), tree(shop.root)

    with pytest.raises(PlanStale):
        shop.carry_out(shop.plan_of(file))
    assert (tree(shop.root.parent / "home"), tree(shop.root)) == before


def test_words_that_somebody_altered_are_not_shown(shop: Workshop, planned: PlanFile, path: Path) -> None:
    """What is agreed on is the plan made anew."""

    def alter(document: Any) -> None:
        document["plan"]["notices"] = []
        document["plan"]["title"] = "nothing at all"
        document["plan"]["root"] = "/"

    plan = shop.plan_of(altered(planned, alter, path))

    assert plan == shop.plan("auth")


@pytest.mark.parametrize("field", ["install", "uninstall", "update", "pin"])
def test_a_request_that_somebody_altered_is_a_request_like_any_other(
    shop: Workshop, planned: PlanFile, path: Path, field: str
) -> None:
    for name in ("../evil", "a\x1b[2J", "", "-rf"):
        document = msgspec.to_builtins(planned)
        document["request"][field] = [name]
        path.write_bytes(msgspec.json.encode(document))

        with pytest.raises(ProblemError) as caught:
            shop.plan_of(read_plan_file(path))
        assert caught.value.exit_status == 1


# What is no plan.

DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"format": "donkeytui-plan/2"}',
        b'{"format": "donkeytui-plan/1"}',
        b'{"format": "donkeytui-plan/1", "request": {}, "plan": {}}',
        b"\xff\xfe\x00",
        DEEP,
        b'{"request": ' + DEEP,
        b'{"format": "donkeytui-plan/1", "request": {"side": "mine"}}',
        b'{"format": "donkeytui-plan/1", "request": {"install": "auth"}}',
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_plan_is_refused_with_its_name(path: Path, data: bytes) -> None:
    path.write_bytes(data)

    with pytest.raises(PlanFileInvalid, match=r"change\.json is no plan") as caught:
        read_plan_file(path)

    problem = caught.value.problem
    assert problem.detail
    assert problem.hint == "make one with donkeytui plan --out FILE"


def test_a_file_that_is_too_large_is_not_read_to_its_end(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(PLAN_FILE_MAX_BYTES + 1)

    with pytest.raises(PlanFileInvalid, match="is no plan") as caught:
        read_plan_file(path)

    assert "larger than" in caught.value.problem.detail


def test_a_file_that_is_not_there_or_is_a_folder_cannot_be_read(path: Path, tmp_path: Path) -> None:
    for place in (path, tmp_path):
        with pytest.raises(PlanFileInvalid, match="cannot be read") as caught:
            read_plan_file(place)
        assert caught.value.problem.detail


def test_a_place_that_cannot_be_written_is_told(path: Path, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing" / "change.json"):
        with pytest.raises(PlanFileInvalid, match="cannot be written"):
            write_plan_file(place, "{}\n")


# By command.


def test_plan_and_apply_by_command(
    shop: Workshop, publish: Callable[..., Any], cli: Callable[..., Any], path: Path
) -> None:
    publish("auth")

    assert cli(f"plan auth --out {path}").status == 0
    assert not shop.file("auth").exists()
    assert cli(f"apply {path} --yes --no-npm").status == 0
    assert shop.versions == {"auth": "1.0.0"}

    again = cli(f"apply {path} --yes --no-npm")
    assert again.status == 1
    assert "the plan in the file is not what would be done" in again.err
