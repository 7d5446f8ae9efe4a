"""The program of a registry's operator: what it prints where, and with which exit status it ends."""

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from registry_server import __version__
from registry_server.cli.run import run
from registry_server.contract.problems import Unauthorized
from registry_server.contract.tokens import is_token
from registry_server.operations import starter
from registry_server.operations.accounts import Caller, authenticate
from registry_server.operations.statistics import registry_stats
from registry_server.operations.tokens import list_tokens
from registry_server.registry import Registry, open_registry


class Outcome(Struct, frozen=True):
    status: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "srv"


@pytest.fixture
def server(folder: Path) -> Callable[..., Outcome]:
    """One call of the program on `folder`: server("token", "list")."""

    def server(*arguments: str, data: Path | None = folder, **environ: str) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        flag = [] if data is None else ["--data", str(data)]
        status = run([*arguments, *flag], environ=environ, stdout=out, stderr=err)
        return Outcome(status, out.getvalue(), err.getvalue())

    return server


def with_registry(folder: Path, use: Callable[[Registry], object]) -> object:
    registry = open_registry(folder)
    try:
        return use(registry)
    finally:
        registry.close()


def caller_of(folder: Path, token: str) -> Caller | None:
    found = with_registry(folder, lambda registry: authenticate(registry, f"Bearer {token}"))
    assert found is None or isinstance(found, Caller)
    return found


# init


def test_init_makes_a_registry_and_prints_its_admin_token_alone_on_stdout(
    server: Callable[..., Outcome], folder: Path
) -> None:
    made = server("init")

    token = made.out.removesuffix("\n")
    caller = caller_of(folder, token)
    assert made.status == 0
    assert is_token(token)
    assert made.err == f"made a registry in {folder}\nthe admin token, shown only now:\n"
    assert caller is not None
    assert (caller.user.name, caller.user.is_admin) == ("admin", True)
    assert "admin" in caller.scopes


def test_the_token_is_nowhere_in_the_folder(server: Callable[..., Outcome], folder: Path) -> None:
    token = server("init").out.strip().encode()

    assert [path for path in folder.rglob("*") if path.is_file() and token in path.read_bytes()] == []


def test_init_a_second_time_is_refused_and_changes_nothing(
    server: Callable[..., Outcome], folder: Path
) -> None:
    token = server("init").out.strip()

    again = server("init")

    assert again == Outcome(
        1, "", f"error: {folder} is a registry already\nhint: registry-server token create NAME\n"
    )
    assert caller_of(folder, token) is not None
    assert len(server("token", "list").out.splitlines()) == 1


def test_init_with_starter_publishes_the_starter_plugins(
    server: Callable[..., Outcome], folder: Path
) -> None:
    made = server("init", "--starter")

    wanted = starter.read_starter_list().order
    stats = with_registry(folder, registry_stats)
    assert made.status == 0
    assert stats.releases == len(wanted)  # type: ignore[attr-defined]
    assert stats.plugins == len({release.name for release in wanted})  # type: ignore[attr-defined]
    assert with_registry(folder, starter.is_due) is False


# token


def test_a_created_token_works_and_is_printed_alone_on_stdout(
    server: Callable[..., Outcome], folder: Path
) -> None:
    server("init")

    created = server("token", "create", "ada")

    caller = caller_of(folder, created.out.removesuffix("\n"))
    assert created.status == 0
    assert created.err == "token of ada for 30 days, shown only now:\n"
    assert caller is not None
    assert (caller.user.name, caller.user.is_admin, caller.pattern) == ("ada", False, "*")
    assert caller.scopes == {"publish-new", "publish", "yank", "rate"}


def test_a_token_is_as_narrow_as_asked(server: Callable[..., Outcome], folder: Path) -> None:
    server("init")

    created = server(
        "token", "create", "ci", "--scope", "publish", "--scope", "yank", "--plugins", "team-*", "--days", "7"
    )

    caller = caller_of(folder, created.out.strip())
    assert created.err == "token of ci for 7 days, shown only now:\n"
    assert caller is not None
    assert (caller.scopes, caller.pattern) == (frozenset({"publish", "yank"}), "team-*")


def test_the_list_tells_everything_but_the_tokens(server: Callable[..., Outcome], folder: Path) -> None:
    secrets = [server("init").out.strip(), server("token", "create", "ada", "--scope", "rate").out.strip()]
    server("token", "revoke", "2")

    listed = server("token", "list")

    [admin, ada] = [line.split("\t") for line in listed.out.splitlines()]
    expires = with_registry(folder, lambda registry: f"{list_tokens(registry)[0].expires_at:%Y-%m-%d}")
    assert (listed.status, listed.err) == (0, "")
    scopes = "account admin publish publish-new rate yank"
    assert admin == ["1", "admin", scopes, "*", f"until {expires}", "init"]
    assert ada == ["2", "ada", "rate", "*", "revoked", ""]
    assert not [secret for secret in secrets if secret in listed.out]


def test_a_revoked_token_does_not_work_any_more(server: Callable[..., Outcome], folder: Path) -> None:
    server("init")
    token = server("token", "create", "ada").out.strip()

    revoked = server("token", "revoke", "2")

    assert revoked == Outcome(0, "", "token 2 is revoked\n")
    with pytest.raises(Unauthorized):
        caller_of(folder, token)


@pytest.mark.parametrize("number", ["1", "99"])
def test_revoking_what_does_not_work_is_an_error(server: Callable[..., Outcome], number: str) -> None:
    server("init")
    server("token", "revoke", "1")

    assert server("token", "revoke", number) == Outcome(
        1, "", f"error: there is no working token {number}\nhint: registry-server token list\n"
    )


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["ada", "--scope", "everything"], "`everything` is not a scope"),
        (["Ada Lovelace"], "`Ada Lovelace` is not a name for a user"),
        (["../ada"], "`../ada` is not a name for a user"),
        (["x" * 65], f"`{'x' * 64}` is not a name for a user"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    server: Callable[..., Outcome], arguments: list[str], title: str
) -> None:
    server("init")

    refused = server("token", "create", *arguments)

    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(f"error: {title}\n")
    assert "\nhint: " in refused.err
    assert len(server("token", "list").out.splitlines()) == 1


# Where the data is.


def test_the_environment_names_the_folder_and_the_flag_goes_before(
    server: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    server("init")

    from_environment = server("token", "list", data=None, REGISTRY_SERVER_DATA=str(folder))
    both = server("token", "list", REGISTRY_SERVER_DATA=str(tmp_path / "elsewhere"))

    assert from_environment.status == both.status == 0
    assert from_environment.out == both.out != ""
    assert not (tmp_path / "elsewhere").exists()


COMMANDS = [["init"], ["serve"], ["token", "create", "ada"], ["token", "list"], ["token", "revoke", "1"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_a_data_folder_every_command_is_a_usage_error(
    server: Callable[..., Outcome], arguments: list[str]
) -> None:
    refused = server(*arguments, data=None)

    assert (refused.status, refused.out) == (2, "")
    assert "name the data folder with --data DIR (or REGISTRY_SERVER_DATA)" in refused.err


@pytest.mark.parametrize("arguments", [arguments for arguments in COMMANDS if arguments[0] == "token"])
@pytest.mark.parametrize("is_there", [True, False], ids=["empty folder", "no folder"])
def test_a_mistyped_folder_does_not_become_a_registry(
    server: Callable[..., Outcome], folder: Path, arguments: list[str], is_there: bool
) -> None:
    if is_there:
        folder.mkdir()

    refused = server(*arguments)

    assert refused == Outcome(
        1, "", f"error: there is no registry in {folder}\nhint: registry-server init --data {folder}\n"
    )
    assert folder.exists() is is_there
    assert not is_there or list(folder.iterdir()) == []


def test_a_folder_that_is_a_file_cannot_be_used(server: Callable[..., Outcome], folder: Path) -> None:
    folder.write_text("not a folder")

    refused = server("init")

    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith(f"error: the data folder {folder} cannot be used\nbecause: ")
    assert folder.read_text() == "not a folder"


@pytest.mark.parametrize("arguments", [["token", "list"], ["init"], ["serve"]], ids=" ".join)
def test_a_database_that_is_none_is_damaged_and_left_alone(
    server: Callable[..., Outcome], folder: Path, arguments: list[str]
) -> None:
    folder.mkdir()
    (folder / "registry.sqlite").write_bytes(b"this is no database" * 100)

    refused = server(*arguments)

    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith("error: the registry's database is damaged\n")
    assert (folder / "registry.sqlite").read_bytes() == b"this is no database" * 100


def test_a_database_of_something_else_is_refused_without_a_traceback(
    server: Callable[..., Outcome], folder: Path
) -> None:
    folder.mkdir()
    connection = sqlite3.connect(folder / "registry.sqlite")
    connection.execute("CREATE TABLE plugins (id INTEGER)")
    connection.close()

    refused = server("token", "list")

    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith("error: the registry's database cannot be used right now\nbecause: ")


# Usage.


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["token", "create"],
        ["token", "revoke", "one"],
        ["token", "create", "ada", "--days", "0"],
        ["token", "create", "ada", "--days", "366"],
        ["serve", "--port", "0"],
        ["serve", "--port", "65536"],
        ["init", "--colour"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_on_stderr(server: Callable[..., Outcome], arguments: list[str]) -> None:
    refused = server(*arguments)

    assert (refused.status, refused.out) == (2, "")
    assert refused.err.startswith("error: ")
    assert "\nhint: registry-server" in refused.err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["init", "--help"], ["token", "create", "-h"]], ids=" ".join
)
def test_help_is_status_0_on_stdout(
    server: Callable[..., Outcome], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert server(*arguments, data=None).status == 0
    assert capsys.readouterr().out.startswith("Usage: registry-server")


def test_the_version_is_told(server: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    assert server("--version", data=None).status == 0
    assert capsys.readouterr().out == f"registry-server {__version__}\n"


def test_init_makes_what_only_its_account_can_read(server: Callable[..., Outcome], folder: Path) -> None:
    server("init")

    rights = {path.name: path.stat().st_mode & 0o077 for path in (folder, folder / "registry.sqlite")}
    assert rights == {"srv": 0, "registry.sqlite": 0}


# check


def test_check_ends_with_0_when_all_is_well_and_with_1_when_something_is_left(
    server: Callable[..., Outcome], folder: Path
) -> None:
    server("init", "--starter")
    whole = server("check")
    lost = next(path for path in (folder / "packages").rglob("*") if path.is_file())
    lost.unlink()
    found, again = server("check"), server("check", "--repair")

    assert (whole.status, whole.out) == (0, "")
    assert (found.status, found.out.split("\t")[0]) == (1, "package-missing")
    assert again.status == 1
