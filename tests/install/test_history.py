"""The record of a project's changes lies in the project, and a project comes from anywhere."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from donkeytui.install.commit import needs_recovery, recover
from donkeytui.install.disk import Disk
from donkeytui.install.history import next_number, superseded
from donkeytui.install.journal import GENERATIONS_KEPT
from donkeytui.install.project_lock import project_lock
from donkeytui.problems import ProjectNotWritable, UndoBlocked
from registry_server.contract.integrity import integrity_of
from tests.support.builders import write_project
from tests.support.plans import Goal
from tests.support.undoing import PLUGINS, Bench, finish, whole, write

RECORD: dict[str, Any] = {
    "transaction": "txn-0123456789ab",
    "folders": [
        {
            "name": "users",
            "place": f"{PLUGINS}/users",
            "has_new": True,
            "version_before": "1.0.0",
            "version_after": "2.0.0",
        }
    ],
    "files": [{"path": "package.json", "staged": "0", "before": "sha256:" + "0" * 64}],
    "number": 1,
    "at": "2026-03-14T09:26:53+00:00",
    "title": "update users",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(write_project(tmp_path / "work" / "shop"), tmp_path / "home")


def plant(root: Path, record: object, transaction: str = "txn-0123456789ab") -> Path:
    """A record as somebody commits it to a repository."""
    folder = root / ".donkeylabs" / transaction
    for name in ("new", "old", "files"):
        (folder / name).mkdir(parents=True)
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    (folder / "record.json").write_bytes(data)
    return folder


def with_folder(**fields: object) -> dict[str, Any]:
    return {**RECORD, "folders": [{**RECORD["folders"][0], **fields}]}


def with_file(**fields: object) -> dict[str, Any]:
    return {**RECORD, "files": [{**RECORD["files"][0], **fields}]}


def test_a_record_of_ours_is_shown(bench: Bench) -> None:
    """The base of the tests below: what they change is all that makes theirs hostile."""
    plant(bench.root, RECORD)

    (change,) = bench.history()

    assert (change.number, change.title, change.is_undone) == (1, "update users", False)
    assert [(step.kind, step.name, step.before, step.after) for step in change.steps] == [
        ("update", "users", "1.0.0", "2.0.0")
    ]
    assert change.files == ("package.json",)


def test_a_project_without_changes_has_no_history(bench: Bench) -> None:
    assert bench.history() == ()
    assert not (bench.root / ".donkeylabs").exists()


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"x":' + b"[" * 100_000,
        {**RECORD, "transaction": "txn-ba9876543210"},
        {**RECORD, "transaction": "../../elsewhere"},
        {**RECORD, "number": -1},
        {**RECORD, "number": 1 << 53},
        {**RECORD, "number": 1 << 64},
        {**RECORD, "number": 10**4000},
        {**RECORD, "number": "1"},
        {**RECORD, "undoes": -1},
        {**RECORD, "undoes": 1 << 64},
        with_folder(place="../shop2/users"),
        with_folder(place="/srv/users"),
        with_folder(place=f"{PLUGINS}/mail"),
        with_folder(place=".donkeylabs/users"),
        with_folder(name="..", place=f"{PLUGINS}/.."),
        with_folder(before="sha256:short"),
        with_folder(after="md5:" + "0" * 32),
        with_folder(version_before="\x1b[2J"),
        with_folder(version_after="1.0"),
        with_file(path="../../.bashrc"),
        with_file(path="/etc/passwd"),
        with_file(path=".git/config"),
        with_file(path=".vscode/tasks.json"),
        with_file(path="node_modules/a/index.js"),
        with_file(staged="../../journal"),
        with_file(before="x"),
    ],
    ids=lambda record: (record if isinstance(record, bytes) else json.dumps(record)[-40:].encode())[
        :40
    ].hex(),
)
def test_a_record_that_is_none_of_ours_is_passed_over(bench: Bench, tmp_path: Path, record: object) -> None:
    plant(bench.root, record)
    before = whole(tmp_path / "work")

    assert bench.history() == ()
    for is_forced in (False, True):
        with pytest.raises(UndoBlocked, match="nothing to undo"):
            bench.undo(is_forced=is_forced)
    assert whole(tmp_path / "work") == before


def test_a_change_beside_such_records_is_made_numbered_and_undone(bench: Bench, tmp_path: Path) -> None:
    plant(bench.root, {**RECORD, "number": 1 << 64})
    plant(bench.root, b"not json", "txn-ffffffffffff")
    before = whole(tmp_path / "work")
    Goal().add("auth").reach(bench.root)

    assert bench.numbers() == [1]
    bench.undo()

    assert whole(tmp_path / "work") == before


def test_what_a_record_says_is_shown_without_what_a_terminal_obeys(bench: Bench) -> None:
    plant(bench.root, {**RECORD, "title": "\x1b[2Jgone\u202e" + "x" * 5000, "at": "\x07now"})

    (change,) = bench.history()

    assert change.title.startswith("␛[2Jgone\ufffdxxx")
    assert len(change.title) == 2000
    assert change.at == "␇now"


def test_the_largest_number_of_a_stranger_does_not_stop_later_changes(bench: Bench) -> None:
    plant(bench.root, {**RECORD, "number": (1 << 53) - 1})

    Goal().add("auth").reach(bench.root, title="install auth")

    assert "install auth" in [change.title for change in bench.history()]
    assert (bench.root / PLUGINS / "auth").is_dir()


def test_records_with_the_same_number_do_no_harm(bench: Bench) -> None:
    before = whole(bench.root)
    Goal().add("auth").reach(bench.root, title="install auth")
    for transaction in ("txn-000000000000", "txn-ffffffffffff"):
        plant(bench.root, {**RECORD, "transaction": transaction}, transaction)

    assert bench.numbers() == [1, 1, 1]
    with pytest.raises(UndoBlocked, match="damaged"):
        bench.undo(is_forced=True)
    shutil.rmtree(bench.root / ".donkeylabs" / "txn-000000000000")
    bench.undo()

    assert whole(bench.root) == before
    assert [(change.number, change.is_undone) for change in bench.history()] == [
        (2, False),
        (1, True),
        (1, True),
    ]


def test_an_undo_is_not_mistaken_for_a_change_of_its_number(bench: Bench) -> None:
    before = whole(bench.root)
    Goal().add("auth").reach(bench.root)
    transaction = "txn-000000000000"
    plant(bench.root, {**RECORD, "transaction": transaction, "undoes": 7}, transaction)

    bench.undo()

    assert whole(bench.root) == before


def test_records_of_what_cannot_be_put_back_damage_nothing(bench: Bench, tmp_path: Path) -> None:
    """Folders named twice, and what is not kept: forced or not."""
    hostile = (
        {**RECORD, "folders": RECORD["folders"] * 2, "files": RECORD["files"] * 2},
        with_folder(before="sha256:" + "0" * 64),
        with_file(path=f"{PLUGINS}/users"),
    )
    before = whole(tmp_path / "work")
    for record in hostile:
        folder = plant(bench.root, record)
        for is_forced in (False, True):
            with pytest.raises((UndoBlocked, ProjectNotWritable)):
                bench.undo(is_forced=is_forced)
        assert whole(tmp_path / "work") == before
        shutil.rmtree(folder)


def test_a_file_that_is_to_be_a_folder_too_is_refused_before_anything_is_done(
    bench: Bench, tmp_path: Path
) -> None:
    paths = ("public/a", "public/a/b")
    files = [{"path": path, "staged": "0", "before": integrity_of(b"planted")} for path in paths]
    folder = plant(bench.root, {**RECORD, "folders": [], "files": files})
    (folder / "old" / "0.before").write_bytes(b"planted")
    before = whole(tmp_path / "work")

    with pytest.raises(ProjectNotWritable) as caught:
        bench.undo(is_forced=True)

    assert caught.value.problem.detail == "A file and a folder cannot be one: public/a"
    assert not needs_recovery(bench.root)
    assert whole(tmp_path / "work") == before


@pytest.mark.parametrize("name", ["record.json", "old", "new", "files", ""])
def test_a_record_is_not_reached_through_a_link(bench: Bench, tmp_path: Path, name: str) -> None:
    Goal().add("auth").reach(bench.root)
    folder = bench.kept(1).parent
    place = folder / name if name else folder
    shutil.move(place, tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    outside = whole(tmp_path / "outside") if name != "record.json" else {}

    if name != "record.json":
        assert bench.history() == ()
        with pytest.raises(UndoBlocked):
            bench.undo(is_forced=True)
    else:
        bench.history()

    assert name == "record.json" or whole(tmp_path / "outside") == outside
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["record.json", "journal.json"])
def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(bench: Bench, name: str) -> None:
    folder = plant(bench.root, RECORD)
    place = folder / name if name == "record.json" else bench.root / ".donkeylabs" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)

    if name == "record.json":
        assert bench.history() == ()
    else:
        with pytest.raises(ProjectNotWritable, match="cannot be read"):
            bench.history()


def test_a_file_named_like_a_transaction_is_passed_over(bench: Bench) -> None:
    write(bench.root / ".donkeylabs" / "txn-0123456789ab", "a file")
    write(bench.root / ".donkeylabs" / "txn-ba9876543210" / "record.json" / "x", "a folder")

    assert bench.history() == ()
    Goal().add("auth").reach(bench.root)
    assert bench.numbers() == [1]


def test_thousands_of_folders_are_read_and_pushed_out(bench: Bench) -> None:
    for number in range(1, 3_001):
        transaction = f"txn-{number:012x}"
        folder = bench.root / ".donkeylabs" / transaction
        folder.mkdir(parents=True)
        if number % 20 == 0:
            record = {**RECORD, "transaction": transaction, "number": number}
            (folder / "record.json").write_text(json.dumps(record))

    assert len(bench.history()) == 150
    assert next_number(bench.root) == 3_001
    finish(bench.root)
    Goal().add("auth").reach(bench.root)

    assert bench.numbers() == [3_001, *range(3_000, 3_000 - 20 * 9, -20)]
    assert len(list((bench.root / ".donkeylabs").glob("txn-*"))) == GENERATIONS_KEPT


def test_changes_are_numbered_and_told_newest_first(bench: Bench) -> None:
    Goal().add("auth").reach(bench.root, title="install auth")
    Goal().add("auth", "1.1.0").reach(bench.root, title="update auth")
    Goal().reach(bench.root, title="uninstall auth")

    changes = bench.history()

    assert [(change.number, change.title) for change in changes] == [
        (3, "uninstall auth"),
        (2, "update auth"),
        (1, "install auth"),
    ]
    assert [[(step.kind, step.before, step.after) for step in change.steps] for change in changes] == [
        [("remove", "1.1.0", "")],
        [("update", "1.0.0", "1.1.0")],
        [("install", "", "1.0.0")],
    ]
    assert superseded(bench.root) == []


# What an earlier program left.


def old_journal() -> bytes:
    """As this program wrote it before there was a history."""
    return json.dumps(
        {
            "transaction": "txn-0123456789ab",
            "folders": [{"name": "auth", "place": f"{PLUGINS}/auth", "has_new": True}],
            "files": [{"path": "package.json", "staged": "0"}],
        }
    ).encode()


def test_a_finished_change_of_an_earlier_program_is_tidied(bench: Bench) -> None:
    left = bench.root / ".donkeylabs" / "txn-0123456789ab"
    write(left / "old" / "auth" / "index.ts", "// before\n")
    write(left / "done", "")
    before = whole(bench.root)

    with project_lock(bench.root):
        assert recover(bench.root, Disk()) is False

    assert not left.exists()
    assert whole(bench.root) == before


def test_a_change_that_an_earlier_program_began_is_finished(bench: Bench) -> None:
    left = plant(bench.root, b"")
    (left / "record.json").unlink()
    write(left / "new" / "auth" / "index.ts", "// after\n")
    write(left / "files" / "0", "{}\n")
    (bench.root / ".donkeylabs" / "journal.json").write_bytes(old_journal())

    finish(bench.root)

    assert whole(bench.root)[f"{PLUGINS}/auth/index.ts"][1] == b"// after\n"
    assert whole(bench.root)["package.json"][1] == b"{}\n"
    assert bench.history() == (), "it did not note what undoing it takes"
    with pytest.raises(UndoBlocked, match="nothing to undo"):
        bench.plan()
