"""Paths inside a package: what an entry may be called, and which names are one place.

A path is accepted only if it means the same file on Linux, macOS and Windows, stays inside the
folder it is unpacked into, and looks like what it is. Two paths are one when every component is
equal as NFC(casefold(NFKC)), marks that show nothing left out: some file system would write both to
the same place.

Source: Unicode UAX #15 (NFKC, NFC), DerivedCoreProperties (Default_Ignorable_Code_Point); the naming
rules of Win32 and their device names; the names git refuses in a tree (`.git` as HFS+ and NTFS may
read it).
"""

import re
import unicodedata
from typing import NoReturn

from registry_server.contract.foreign import clean
from registry_server.contract.problems import ArchiveUnsafe

COMPONENT_MAX_BYTES = 240
"""UTF-8 bytes of one component; file systems stop at 255, and staging adds a suffix."""

PATH_MAX_BYTES = 1024
"""UTF-8 bytes of the whole path, the package's root folder included."""

DEPTH_MAX = 32
"""Components of a path, the package's root folder included."""

_SHOWN_MAX = 120
_FORBIDDEN = frozenset('/\\:*?"<>|')
_INVISIBLE = {
    "Cc": "a control character",
    "Cf": "a format character",
    "Cs": "half a surrogate pair",
    "Co": "a private character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_UNSEEN = re.compile("[\u115f\u1160]")
"""Letters to Unicode that show nothing; other fillers fold to these."""
_IGNORED = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that show nothing by themselves, as in emoji. Linux leaves them out where it folds case."""
_DEVICE = re.compile(r"con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9]|lpt[0-9]")
_GIT = re.compile(r"\.git|git~[0-9]+")


def check_path(path: str) -> None:
    """Refuses a path that is not the same, harmless file everywhere.

    Names are judged in their folded form, because a full-width colon or a superscript digit
    becomes the plain one on its way through some file systems.

    Raises `ArchiveUnsafe`.
    """
    if _size_bytes(path) > PATH_MAX_BYTES:
        _refuse(path, f"is longer than {PATH_MAX_BYTES} bytes")
    if path.startswith("/"):
        _refuse(path, "is an absolute path")
    components = path.split("/")
    if len(components) > DEPTH_MAX:
        _refuse(path, f"is more than {DEPTH_MAX} levels deep")
    for component in components:
        _check_characters(path, component)
        _check_component(path, component)


def shown(path: str) -> str:
    """`path` as it stands in a title: harmless and short."""
    return clean(path, _SHOWN_MAX).replace("`", "'")


def fold(component: str) -> str:
    """Equal for two names that some file system takes for one."""
    if component.isascii():
        return component.lower()
    seen = _IGNORED.sub("", unicodedata.normalize("NFKC", component))
    return unicodedata.normalize("NFC", seen.casefold())


class PathClaims:
    """The places of one package that are taken: each may be claimed once."""

    def __init__(self) -> None:
        self._root = _Place("")

    def claim(self, path: str, *, is_folder: bool) -> None:
        """Takes `path`, which passed `check_path`, and with it the folders above.

        A folder may be implied by any number of paths and be listed once besides.

        Raises `ArchiveUnsafe` for a path taken before, under this spelling or a twin.
        """
        components = path.split("/")
        place = self._root
        is_known = True
        for depth, component in enumerate(components):
            if place.is_file:
                above = shown("/".join(components[:depth]))
                _refuse(path, "lies below a file", detail=f"`{above}` is a file and a folder")
            folded = fold(component)
            is_known = folded in place.inside
            place = place.inside.setdefault(folded, _Place(component))
            if place.spelling != component:
                twin = shown("/".join([*components[:depth], place.spelling]))
                _refuse(
                    path,
                    f"and `{twin}` are twins",
                    detail="they differ only in case, composition or what cannot be seen",
                )
        if place.is_listed and place.is_file != is_folder:
            _refuse(path, "appears twice")
        if is_known and (place.is_file or not is_folder):
            _refuse(path, "is a file and a folder")
        place.is_listed = True
        place.is_file = not is_folder


class _Place:
    """One name in a folder. A tree of them costs less than every path's prefixes would."""

    __slots__ = ("inside", "is_file", "is_listed", "spelling")

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
        self.inside: dict[str, _Place] = {}
        self.is_file = False
        self.is_listed = False


def _check_characters(path: str, component: str) -> None:
    if component.isprintable():
        return  # None of these is printable, and looking at each takes ten times as long.
    for character in component:
        kind = _INVISIBLE.get(unicodedata.category(character))
        if kind is not None:
            _refuse(path, f"holds {kind}", detail=f"U+{ord(character):04X} is not allowed in a name")


def _check_component(path: str, component: str) -> None:
    if not component:
        _refuse(path, "has an empty component")
    if _size_bytes(component) > COMPONENT_MAX_BYTES:
        _refuse(path, f"has a component longer than {COMPONENT_MAX_BYTES} bytes")
    folded = fold(component)
    if not folded or _UNSEEN.search(folded):
        _refuse(path, "holds a character that cannot be seen")
    if folded in (".", ".."):
        _refuse(path, f"has `{folded}` as a component")
    for character in folded:
        if character in _FORBIDDEN:
            likeness = "" if character in component else "a look-alike of "
            _refuse(path, f"holds {likeness}`{character}`", detail="the character separates or selects files")
    if folded[-1] in ". ":
        _refuse(path, "has a component with a dot or space at its end", detail="Windows takes it away")
    if _DEVICE.fullmatch(folded.partition(".")[0].rstrip(" ")):
        _refuse(path, "has the name of a Windows device")
    if _GIT.fullmatch("".join(c for c in folded if not unicodedata.category(c).startswith("M"))):
        _refuse(path, "looks like git's own folder")


def _size_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _refuse(path: str, rule: str, *, detail: str = "") -> NoReturn:
    raise ArchiveUnsafe(
        f"`{shown(path)}` {rule}",
        detail=detail or "a path in a package has to mean the same file on every system",
        hint="nothing was unpacked; the author has to rename it and publish again",
    )
