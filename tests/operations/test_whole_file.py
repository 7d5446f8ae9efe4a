"""Small files are the old one or the new one, with the rights they had."""

import os
from pathlib import Path

import pytest

from donkeytui.whole_file import write_whole


def test_a_file_keeps_the_rights_it_had(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(b"old")
    path.chmod(0o640)

    write_whole(path, b"new")

    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_new_file_is_as_open_as_the_user_wants_new_files_to_be(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "config.toml", b"x")
    finally:
        os.umask(before)

    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o640


def test_a_private_file_is_for_its_owner_alone_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(b"old")
    path.chmod(0o644)

    write_whole(path, b"new", is_private=True)

    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_put_in_place_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()

    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "place", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["place"]
