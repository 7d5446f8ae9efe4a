"""Credentials: which token is shown to the registry in use, and where this machine keeps tokens.

A token comes from the variable DONKEYTUI_TOKEN, else from the keyring, else from a file that only its owner
can read. What is kept is bound to an origin (scheme, host, port): the registry of another one never sees it.
Nothing is looked up before a request needs it, so that reading never waits for a keyring, nor fails with it.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from donkeytui.problems import CredentialsUnusable
from donkeytui.settings import RegistryEntry
from donkeytui.whole_file import write_whole

VARIABLE = "DONKEYTUI_TOKEN"
SERVICE = "donkeytui"
"""What a keyring files our tokens under."""
FOLDER_NAME, FILE_NAME, LOCK_NAME = "private", "credentials.json", ".lock"
LOCK_SECONDS = 5.0
"""A change takes milliseconds."""
FILE_MAX_BYTES = 1 << 18
TOKEN_MAX = 200
_PORTS = {"http": 80, "https": 443}

Place = Literal["variable", "keyring", "file"]


class KeptToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token, as this machine keeps it."""

    origin: str
    token: str
    user: str = ""
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"KeptToken({self.origin!r})"


class FoundToken(Struct, frozen=True, kw_only=True):
    """A token to show, and where it was found."""

    token: str
    place: Place
    user: str = ""
    """Whose it is, as far as this machine was told."""
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"FoundToken({self.place!r})"


class Keyring(Protocol):
    """What we use of a backend of the library `keyring`."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


FindKeyring = Callable[[], Keyring | None]


class Credentials:
    """The tokens for one registry. Its methods block; an operation calls them off the loop."""

    def __init__(
        self,
        data_dir: Path,
        registry: RegistryEntry,
        variable: str = "",
        *,
        find_keyring: FindKeyring | None = None,
    ) -> None:
        self.origin = "" if registry.is_embedded else origin_of(registry.url)
        self.variable = variable
        """The token in the variable; it goes before what is kept."""
        self.file = data_dir / FOLDER_NAME / FILE_NAME
        self._find_keyring = find_keyring or real_keyring

    def find(self) -> FoundToken | None:
        """The token to show; None for the embedded registry, and when there is none.

        Raises `CredentialsUnusable`.
        """
        if not self.origin:
            return None
        if self.variable:
            return FoundToken(token=check_token(self.variable), place="variable")
        return self.find_kept()

    def find_kept(self) -> FoundToken | None:
        """As `find`, but for the variable."""
        kept, place = self._in_keyring(), "keyring"
        if kept is None:
            tokens = read_tokens(self.file) if self.origin else ()
            kept, place = next((each for each in tokens if each.origin == self.origin), None), "file"
        if kept is None:
            return None
        return FoundToken(
            token=check_token(kept.token),
            place="keyring" if place == "keyring" else "file",
            user=kept.user,
            expires_at=kept.expires_at,
        )

    def keep(self, token: str, *, user: str, expires_at: datetime | None) -> Place:
        """Instead of the one kept before for this registry. Returns where it is.

        Raises `CredentialsUnusable` when neither a keyring nor the file takes it.
        """
        kept = KeptToken(origin=self.origin, token=check_token(token), user=user, expires_at=expires_at)
        if self._put_in_keyring(kept):
            # What the file has is older, and nobody would look there any more.
            with contextlib.suppress(CredentialsUnusable):
                self._remove_from_file()
            return "keyring"
        with _alone(self.file):
            others = (each for each in read_tokens(self.file) if each.origin != self.origin)
            write_tokens(self.file, (*others, kept))
        return "file"

    def forget(self) -> None:
        """Raises `CredentialsUnusable` when the file cannot be changed."""
        with contextlib.suppress(Exception):  # a backend may fail in any way: then it has nothing to forget
            if keyring := self._find_keyring():
                keyring.delete_password(SERVICE, self.origin)
        self._remove_from_file()

    def _in_keyring(self) -> KeptToken | None:
        """None also when the backend fails: it must not keep anybody from the file."""
        try:
            keyring = self._find_keyring() if self.origin else None
            text = keyring.get_password(SERVICE, self.origin) if keyring else None
            kept = msgspec.json.decode(text[:FILE_MAX_BYTES], type=KeptToken) if text else None
        except Exception:
            return None
        return kept if kept is not None and kept.origin == self.origin else None

    def _put_in_keyring(self, kept: KeptToken) -> bool:
        try:
            keyring = self._find_keyring()
            if keyring is None:
                return False
            keyring.set_password(SERVICE, self.origin, msgspec.json.encode(kept).decode())
        except Exception:  # locked, gone, not allowed: the file is there for that
            return False
        return self._in_keyring() == kept

    def _remove_from_file(self) -> None:
        if all(each.origin != self.origin for each in read_tokens(self.file)):
            return
        with _alone(self.file):
            left = (each for each in read_tokens(self.file) if each.origin != self.origin)
            write_tokens(self.file, tuple(left))


def origin_of(url: str) -> str:
    """Scheme, host and port of an http(s) address: what a token is bound to."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{parts.port or _PORTS[parts.scheme]}"


def is_exposed(url: str) -> bool:
    """Whether what is sent to this address can be read on the way: plain http to another machine."""
    import ipaddress

    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def check_token(token: str) -> str:
    """`token` unchanged. Raises `CredentialsUnusable` for what no header can carry; never shows it."""
    if not 0 < len(token) <= TOKEN_MAX or not (token.isascii() and token.isprintable()) or " " in token:
        raise CredentialsUnusable(
            "the token cannot be one",
            detail=f"it has to be up to {TOKEN_MAX} letters, digits and signs, without spaces",
            hint=f"look at {VARIABLE}, or log in again: donkeytui login",
        )
    return token


def real_keyring() -> Keyring | None:
    """The best backend that guards what it is given; None without the library, or without such a backend.

    A priority below 1 is how the library marks backends that refuse, forget or write plain text.
    """
    try:
        backend = import_module("keyring").get_keyring()
        members = getattr(backend, "backends", (backend,))  # the library's chain of several
        best = next((each for each in members if _is_real(each)), None)
    except Exception:  # backends look for their services when they are asked for; any of that may fail
        return None
    found: Keyring | None = best
    return found


def _is_real(backend: object) -> bool:
    return getattr(backend, "priority", 0) >= 1 and not type(backend).__module__.startswith("keyrings.alt")


# The file.


class _Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    tokens: tuple[KeptToken, ...]


def read_tokens(path: Path) -> tuple[KeptToken, ...]:
    """What the file keeps; nothing when it is not there.

    Raises `CredentialsUnusable` when somebody else could have read or made it, or its form is wrong.
    """
    try:
        # Not through a link, and without waiting for what is no file at all.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        number = os.open(path, flags)
    except FileNotFoundError:
        return ()
    except OSError as error:
        detail = "it is a link" if path.is_symlink() else str(error.strerror)
        raise _refused(path, detail, hint="move it away and log in again: donkeytui login") from error
    with os.fdopen(number, "rb") as file:
        _check_private(path, os.fstat(number))
        data = file.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise _refused(path, f"it is larger than {FILE_MAX_BYTES >> 10} KiB")
    try:
        return msgspec.json.decode(data, type=_Document).tokens
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        # The reason is left out: it may quote what stands in the file.
        raise _refused(
            path, "its form is wrong", hint="move it away and log in again: donkeytui login"
        ) from error


def write_tokens(path: Path, tokens: tuple[KeptToken, ...]) -> None:
    """All at once, into a folder and a file that nobody else can open."""
    document = _Document(tokens=tuple(sorted(tokens, key=lambda each: each.origin)))
    try:
        _make_private_folder(path.parent)
        write_whole(path, msgspec.json.format(msgspec.json.encode(document)) + b"\n", is_private=True)
    except OSError as error:
        raise CredentialsUnusable(
            f"{path} cannot be written", detail=str(error.strerror), hint="mend the rights of its folder"
        ) from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One program at a time changes the file, or what another keeps for its registry would get lost."""
    from filelock import FileLock

    lock = FileLock(path.with_name(LOCK_NAME), timeout=LOCK_SECONDS, mode=0o600)
    try:
        _make_private_folder(path.parent)
        lock.acquire()
    except OSError as error:  # also when another program holds it too long
        detail = "another program is changing it" if isinstance(error, TimeoutError) else str(error.strerror)
        raise CredentialsUnusable(
            f"{path} cannot be written", detail=detail, hint="mend the rights of its folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _make_private_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or not _is_ours(found):
        raise _refused(folder, "it is no folder of yours", hint="move it away")
    if _is_open(found):
        folder.chmod(0o700)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _refused(path, "it is no file", hint="move it away and log in again: donkeytui login")
    if not _is_ours(found):
        raise _refused(
            path, "it belongs to another user", hint="move it away and log in again: donkeytui login"
        )
    if _is_open(found):
        mode = stat.S_IMODE(found.st_mode)
        raise _refused(path, f"others can get at it (mode {mode:o})", hint=f"chmod 600 '{path}'")


def _is_ours(found: os.stat_result) -> bool:
    """True where files have no owners of this kind."""
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()


def _is_open(found: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and bool(stat.S_IMODE(found.st_mode) & 0o077)


def _refused(path: Path, detail: str, *, hint: str = "") -> CredentialsUnusable:
    return CredentialsUnusable(
        f"the tokens in {path} are not used", detail=detail, hint=hint or "move it away"
    )
