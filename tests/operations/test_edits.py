"""What is not as it was released: found by `verify`, shown by `diff`, and never more than that."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.operations.edits import PluginCheck, diff, verify
from donkeytui.problems import NotAProject, NotInstalled, OfflineMissing
from donkeytui.project.lockfile import LOCKFILE_NAME
from tests.support.builders import tree
from tests.support.workshop import OFFLINE, PLUGINS, Workshop

INDEX = f"{PLUGINS}/auth/index.ts"
LIB = f"{PLUGINS}/auth/lib.ts"
ROUTE = "src/routes/auth.ts"
COPYING = json.dumps(
    {"name": "auth", "version": "1.0.0", "copy": [{"from": "route.ts", "to": ROUTE}]},
)


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]) -> Workshop:
    """`auth`, which brings a file elsewhere, and `users` are installed."""
    publish("users")
    extra = {"lib.ts": "one\ntwo\n", "route.ts": "route\n", "manifest.json": COPYING}
    publish("auth", needs={"users": "^1.0.0"}, extra=extra)
    shop = Workshop(project, in_session)
    shop.apply("auth")
    return shop


def checks(shop: Workshop) -> dict[str, PluginCheck]:
    return {check.name: check for check in shop.verify().plugins}


def told(check: PluginCheck) -> list[tuple[str, str]]:
    return [(file.kind, file.path) for file in check.files]


def without_cache(shop: Workshop, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "packages")


def test_what_was_just_installed_is_intact(shop: Workshop) -> None:
    report = shop.verify()

    assert {check.name: check.state for check in report.plugins} == {"auth": "intact", "users": "intact"}
    assert report.is_intact
    assert shop.diff() == ()


def test_every_kind_of_edit_is_found_with_its_path(shop: Workshop) -> None:
    shop.write(LIB, "one\n2\n")
    shop.write(f"{PLUGINS}/auth/mine.ts", "mine\n")
    (shop.root / INDEX).unlink()
    shop.write(ROUTE, "other\n")

    report = shop.verify()

    found = checks(shop)
    assert not report.is_intact
    assert told(found["auth"]) == [
        ("changed", ROUTE),
        ("removed", INDEX),
        ("changed", LIB),
        ("added", f"{PLUGINS}/auth/mine.ts"),
    ]
    assert found["users"].state == "intact"


def test_an_edit_is_shown_from_the_release_to_the_file(shop: Workshop) -> None:
    shop.write(LIB, "one\n2\n")

    (found,) = shop.diff()

    assert (found.plugin, found.path) == ("auth", LIB)
    assert found.text.splitlines()[-3:] == [" one", "-two", "+2"]


def test_a_diff_of_one_plugin_leaves_the_others_out(shop: Workshop) -> None:
    shop.write(LIB, "one\n2\n")
    shop.write(f"{PLUGINS}/users/mine.ts", "mine\n")

    assert [file.path for file in shop.diff("users")] == [f"{PLUGINS}/users/mine.ts"]
    assert [file.plugin for file in shop.diff("users", "auth")] == ["users", "auth"]


def test_a_diff_named_twice_is_shown_once(shop: Workshop) -> None:
    shop.write(LIB, "one\n2\n")

    assert len(shop.diff("auth", "auth")) == 1


def test_line_ends_and_the_generated_schema_are_no_edits(shop: Workshop) -> None:
    shop.write(LIB, "one\r\ntwo\r\n\r\n")
    shop.write(f"{PLUGINS}/auth/schema.ts", "export type Generated = {};\n")

    assert shop.verify().is_intact
    assert shop.diff() == ()


def test_a_plugin_without_its_folder_is_missing_and_no_edit(shop: Workshop) -> None:
    shutil.rmtree(shop.file("users"))

    assert checks(shop)["users"].state == "missing"
    assert shop.diff() == ()


def test_a_copied_file_that_is_gone_is_missing(shop: Workshop) -> None:
    (shop.root / ROUTE).unlink()

    assert checks(shop)["auth"].state == "missing"


def test_conflict_markers_are_named(shop: Workshop) -> None:
    shop.write(LIB, "<<<<<<< yours\n2\n=======\ntwo\n>>>>>>> 1.1.0\n")

    assert checks(shop)["auth"].markers == (LIB,)


def test_a_row_of_equals_signs_is_no_marker(shop: Workshop) -> None:
    shop.write(LIB, "Heading\n=======\n")

    assert checks(shop)["auth"].markers == ()


def test_one_s_own_plugins_are_named_and_not_judged(shop: Workshop) -> None:
    shop.write(f"{PLUGINS}/mine/index.ts", "export {};\n")

    report = shop.verify()

    assert report.yours == ("mine",)
    assert report.is_intact


def test_a_lockfile_without_digests_says_that_it_is_unknown(shop: Workshop) -> None:
    document = json.loads((shop.root / LOCKFILE_NAME).read_text())
    del document["plugins"]["users"]["tree"]
    (shop.root / LOCKFILE_NAME).write_text(json.dumps(document))

    assert checks(shop)["users"].state == "unknown"
    assert not shop.verify().is_intact


def test_without_the_package_an_edit_is_found_and_its_files_are_not(shop: Workshop, tmp_path: Path) -> None:
    shop.write(LIB, "one\n2\n")
    without_cache(shop, tmp_path)

    check = next(each for each in shop.run(verify, OFFLINE).plugins if each.name == "auth")

    assert (check.state, check.files) == ("edited", ())


def test_a_diff_fetches_a_package_that_is_not_in_the_cache(shop: Workshop, tmp_path: Path) -> None:
    shop.write(LIB, "one\n2\n")
    without_cache(shop, tmp_path)

    assert [file.path for file in shop.diff()] == [LIB]


def test_a_diff_that_takes_a_package_says_so_offline(shop: Workshop, tmp_path: Path) -> None:
    shop.write(LIB, "one\n2\n")
    without_cache(shop, tmp_path)

    with pytest.raises(OfflineMissing):
        shop.run(diff, OFFLINE)


def test_a_link_among_the_files_is_an_edit_and_not_followed(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret.ts").write_text("secret\n")
    (shop.root / LIB).unlink()
    (shop.root / LIB).symlink_to(tmp_path / "secret.ts")

    assert checks(shop)["auth"].state == "edited"


def test_what_is_not_installed_has_no_edits_to_show(shop: Workshop) -> None:
    with pytest.raises(NotInstalled):
        shop.diff("auth", "stripe")


def test_looking_changes_nothing(shop: Workshop) -> None:
    shop.write(LIB, "one\n2\n")
    before = tree(shop.root)

    shop.verify()
    shop.diff()

    assert tree(shop.root) == before


def test_without_a_project_nothing_is_verified(in_session: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(NotAProject):
        in_session(verify, project_start=tmp_path)
