"""owner, deprecate, yank, unyank: who may, what it means for whom, and that the catalogue here follows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import write_plugin
from tests.support.desks import Desks, open_desks

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def desks(cli: Callable[..., Any], tmp_path: Path) -> Iterator[Desks]:
    """ada, who owns `auth`, and grace, who does not, are logged in."""
    with open_desks(cli, tmp_path) as opened:
        opened.log_in("ada")
        opened.log_in("grace")
        yield opened


def state_of(desks: Desks, version: str) -> dict[str, Any]:
    """Of a release of `auth`, as the catalogue at ada's desk has it, without asking the registry."""
    found = desks("ada", f"info auth@{version} --json --offline")
    release: dict[str, Any] = found.json["data"]["release"]
    return release


# owner


def test_an_owner_is_invited_accepts_and_is_removed(desks: Desks) -> None:
    invited = desks("ada", "owner invite auth grace")
    asked = desks("ada", "owner list auth")
    accepted = desks("grace", "owner accept auth")
    shared = desks("stranger", "owner list auth --json")
    removed = desks("grace", "owner remove auth ada")

    assert invited.out == "✓ invited grace to own auth\n"
    assert invited.err == "hint: grace accepts with: donkeytui owner accept auth\n"
    assert asked.out == "ada\towner\ngrace\tinvited\n"
    assert accepted.out == "✓ auth is yours too\n"
    assert shared.json["data"] == {"name": "auth", "owners": ["ada", "grace"], "invited": []}
    assert removed.status == 0
    assert desks("ada", "owner list auth").out == "grace\towner\n"


def test_an_invitation_is_declined_or_taken_back(desks: Desks) -> None:
    desks("ada", "owner invite auth grace")
    declined = desks("grace", "owner decline auth")
    desks("ada", "owner invite auth grace")
    taken_back = desks("ada", "owner remove auth grace")

    assert (declined.status, taken_back.status) == (0, 0)
    assert desks("ada", "owner list auth").out == "ada\towner\n"
    assert desks("grace", "owner accept auth").status == 1


@pytest.mark.parametrize(
    ("user", "line", "status", "title"),
    [
        ("ada", "owner remove auth ada", 1, "ada is the last owner of `auth`"),
        ("ada", "owner invite auth nobody", 1, "there is no user `nobody`"),
        ("ada", "owner invite auth ../../x", 1, "`../../x` is not the name of a user"),
        ("ada", "owner list ../auth", 1, "`../auth` is not a plugin name"),
        ("ada", "owner accept auth", 1, "you were not invited to own `auth`"),
        ("grace", "owner invite auth grace", 3, "`auth` is not yours"),
        ("stranger", "owner invite auth grace", 3, "this needs a token"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    desks: Desks, user: str, line: str, status: int, title: str
) -> None:
    done = desks(user, line)

    assert done.status == status
    assert done.err.splitlines()[0] == f"error: {title}"


# deprecate


def test_a_deprecation_says_what_it_means_and_is_seen_at_once(desks: Desks) -> None:
    done = desks("ada", "deprecate 'auth@<1.1.0' 'use 1.1.0'")

    assert done.status == 0
    assert done.out == "✓ deprecated auth@<1.1.0: use 1.1.0\n"
    assert "new installs pass these releases over" in done.err
    assert "the newest for new installs is 1.1.0" in done.err
    assert (state_of(desks, "1.0.0")["deprecated"], state_of(desks, "1.0.0")["deprecation"]) == (
        True,
        "use 1.1.0",
    )
    assert not state_of(desks, "1.1.0").get("deprecated")


def test_deprecating_every_release_warns_that_none_is_left(desks: Desks) -> None:
    done = desks("ada", "deprecate auth 'use auth-jwt'")

    assert "warning: no release of auth is left for new installs" in done.err


def test_a_deprecation_is_taken_back(desks: Desks) -> None:
    desks("ada", "deprecate auth 'use auth-jwt'")

    done = desks("ada", "deprecate auth --undo")

    assert done.out == "✓ not deprecated any more: auth\n"
    assert not state_of(desks, "1.0.0").get("deprecated")


@pytest.mark.parametrize("line", ["deprecate auth", "deprecate auth ' '", "deprecate auth 'text' --undo"])
def test_a_deprecation_without_a_message_is_wrong_usage(desks: Desks, line: str) -> None:
    assert desks("ada", line).status == 2


# yank


def test_a_yank_says_for_whom_and_is_seen_at_once(desks: Desks) -> None:
    done = desks("ada", "yank auth@1.1.0 --reason 'loses sessions'")

    assert done.out == "✓ yanked auth 1.1.0: loses sessions\n"
    assert done.err.splitlines() == [
        "  new installs and updates pass it over, whatever their range",
        "  projects that have it in their lockfile keep getting it, and audit tells them",
        "  the newest for new installs is 1.0.0",
        "hint: donkeytui unyank auth@1.1.0 takes it back",
    ]
    assert state_of(desks, "1.1.0")["yankReason"] == "loses sessions"


def test_yanking_the_last_one_warns_and_unyanking_brings_it_back(desks: Desks) -> None:
    desks("ada", "yank auth@1.1.0")
    last = desks("ada", "yank auth@1.0.0 --json")
    back = desks("ada", "unyank auth@1.1.0")

    assert last.json["data"]["latest_version"] == ""
    assert back.out == "✓ not yanked any more: auth 1.1.0\n"
    assert "the newest for new installs is 1.1.0" in back.err


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("yank auth", "`auth` names no release"),
        ("unyank auth", "`auth` names no release"),
        ("yank auth@9.9.9", "`auth` has no release 9.9.9"),
        ("yank auth@latest", "`latest` is not a version"),
        ("yank auth@^1.0.0", "`^1.0.0` is not a version"),
    ],
)
def test_a_yank_wants_one_release(desks: Desks, line: str, title: str) -> None:
    done = desks("ada", line)

    assert done.status == 1
    assert done.err.splitlines()[0] == f"error: {title}"


def test_somebody_elses_plugin_stays_as_it_is(desks: Desks) -> None:
    for line in ("yank auth@1.0.0", "deprecate auth 'mine now'"):
        done = desks("grace", line)

        assert done.status == 3
        assert done.err.startswith("error: `auth` is not yours\nbecause: it belongs to ada, you are grace\n")


def test_a_change_stays_done_when_the_catalogue_cannot_follow(desks: Desks, tmp_path: Path) -> None:
    (tmp_path / "homes" / "ada" / "cache").write_text("no folder")

    done = desks("ada", "yank auth@1.1.0 --json")

    assert done.status == 0
    assert done.json["data"]["latest_version"] is None
    assert done.json["warnings"][0]["text"].startswith("yanked, but the catalogue here could not follow: ")
    assert desks("grace", "info auth --json").json["data"]["release"]["version"] == "1.0.0"


def test_a_successor_stands_in_the_message_and_for_programs(desks: Desks, tmp_path: Path) -> None:
    desks("ada", f"publish {write_plugin(tmp_path / 'passport', 'passport')}")

    made = desks("ada", "deprecate auth@1.0.0 --successor passport")
    unknown = desks("ada", "deprecate auth@1.0.0 --successor nobody")
    release = state_of(desks, "1.0.0")
    desks("ada", "deprecate auth@1.0.0 --undo")

    assert (made.status, unknown.status) == (0, 1)
    assert "`nobody` is no plugin that could follow `auth`" in unknown.err
    assert (release["deprecation"], release["successor"]) == ("use `passport`", "passport")
    assert "successor" not in state_of(desks, "1.0.0")
