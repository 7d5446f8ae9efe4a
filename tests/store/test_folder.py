"""Files that are opened, copied, kept young and pruned, and those that are left alone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from registry_server.contract.integrity import integrity_of
from registry_server.contract.problems import RegistryBusy
from registry_server.store import folder
from registry_server.store.blobs import Blobs
from registry_server.store.folder import FileDigest, Unusable

DATA = b"the bytes of a package" * 1000
WANTED = FileDigest(integrity_of(DATA), len(DATA))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    (tmp_path / "blobs").mkdir()
    return Blobs(tmp_path / "blobs")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (DATA[:-1], f"has {len(DATA) - 1} bytes, not {len(DATA)}"),
        (DATA + b"x", f"has more than {len(DATA)} bytes"),
        (DATA[:-1] + b"x", "has other bytes than its name says"),
        (b"", f"has 0 bytes, not {len(DATA)}"),
    ],
)
def test_a_copy_of_other_bytes_does_not_appear(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "source").write_bytes(content)

    with pytest.raises(Unusable) as caught:
        folder.copy_verified(tmp_path / "source", tmp_path / "to" / "target", WANTED)
    assert str(caught.value) == fault
    assert list((tmp_path / "to").iterdir()) == []


def test_a_copy_replaces_what_was_there_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    (tmp_path / "target").write_bytes(b"old")

    folder.copy_verified(tmp_path / "source", tmp_path / "target", WANTED)

    assert (tmp_path / "target").read_bytes() == DATA
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o600


def test_an_endless_source_is_read_no_further_than_it_may_be(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(Unusable, match="more than"):
        folder.verify_file(tmp_path / "sparse", WANTED)
    with pytest.raises(Unusable, match="more than 10 bytes"):
        folder.read_small(tmp_path / "sparse", 10)


def test_pipes_links_and_folders_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    said = {}
    for name in ("pipe", "link", "folder", "nothing"):
        with pytest.raises(Unusable) as caught:
            folder.read_small(tmp_path / name, 10)
        said[name] = str(caught.value)
    assert said == {
        "pipe": "is no ordinary file",
        "link": "is a link",
        "folder": "is no ordinary file",
        "nothing": folder.MISSING,
    }


def test_a_blob_that_is_shorter_than_it_should_be_is_written_again(blobs: Blobs) -> None:
    path = blobs.path(blobs.put(DATA))
    path.write_bytes(DATA[:10])

    blobs.put(DATA)

    assert path.read_bytes() == DATA


def test_a_link_in_a_blobs_place_is_replaced_and_not_written_through(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(DATA)
    path = blobs.path(integrity_of(DATA))
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")

    blobs.put(DATA)

    assert not path.is_symlink()
    assert path.read_bytes() == DATA


def test_a_folder_in_a_blobs_place_is_a_sentence(blobs: Blobs) -> None:
    path = blobs.path(integrity_of(DATA))
    path.mkdir(parents=True)

    with pytest.raises(RegistryBusy, match="cannot store the package"):
        blobs.put(DATA)
    assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_pruning_takes_what_is_old_and_not_named(blobs: Blobs) -> None:
    named, old, young = (blobs.put(data) for data in (b"named", b"old", b"young"))
    for integrity in (named, old):
        os.utime(blobs.path(integrity), (1, 1))
    (blobs.path(old).parent / "notes").touch()

    assert blobs.prune({named}, before=datetime.now(UTC) - timedelta(hours=1)) == 1
    assert [blobs.path(integrity).exists() for integrity in (named, old, young)] == [True, False, True]
    assert (blobs.path(old).parent / "notes").exists()


def test_pruning_where_there_is_nothing_yet_is_nothing(blobs: Blobs) -> None:
    assert blobs.prune(set(), before=datetime.now(UTC)) == 0


def test_a_folder_is_served_while_somebody_holds_it(tmp_path: Path) -> None:
    assert not folder.is_served(tmp_path)
    # Asking leaves no file of the asker's behind.
    assert list(tmp_path.iterdir()) == []

    with FileLock(tmp_path / folder.SERVING):
        assert folder.is_served(tmp_path)
    assert not folder.is_served(tmp_path)


def test_a_root_that_is_gone_is_not_made_anew(blobs: Blobs) -> None:
    blobs.root.rmdir()

    with pytest.raises(RegistryBusy):
        blobs.put(DATA)

    assert not blobs.root.exists()
