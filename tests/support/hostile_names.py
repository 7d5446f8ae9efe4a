"""Hostile archives with names that nobody may write, and with names that are one place."""

from collections.abc import Iterator
from functools import partial

from tests.support.plugin_archives import LAST, ROOT, Hostile, hostile, named, named_bytes, sealed
from tests.support.tar_builder import folder, long_name, member, pax, pax_path, record

# Names.

_FORBIDDEN = {
    "\\": "\uff3c",
    ":": "\uff1a",
    "*": "\uff0a",
    "?": "\uff1f",
    '"': "\uff02",
    "<": "\uff1c",
    ">": "\uff1e",
}
_DEVICES = (
    *("con", "prn", "aux", "nul", "conin$", "conout$", "clock$"),
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
)
_CHARACTERS = {
    "a control character": "\x01\t\n\r\x1b\x7f\x80\x85\x9b",
    "a format character": "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\u206a\ufeff\ufff9\U000e0001\U000e0041",
    "a private character": "\ue000\uf8ff\U000f0000\U0010fffd",
    "an unassigned character": "\u0378\ufdd0\uffff\U0010ffff",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
}
_LOOKALIKES = {
    "a full-width slash": "lib\uff0fx.ts",
    "care of": "\u2105.ts",
    "a full-width vertical line": "a\uff5cb",
    "a small colon": "a\ufe55b",
    "a double exclamation of question marks": "a\u2047b",
}
_NAMES = {
    "upwards": ("../x.ts", "`..`"),
    "far upwards": ("../" * 12 + "etc/passwd", "`..`"),
    "upwards in the middle": ("lib/../../../x.ts", "`..`"),
    "upwards at the end": ("lib/..", "`..`"),
    "a dot": ("lib/./x.ts", "`.`"),
    "two dots in one character": ("\u2025/x.ts", "`..`"),
    "full-width dots": ("\uff0e\uff0e/x.ts", "`..`"),
    "three dots": ("...", "a dot or space at its end"),
    "an empty component": ("lib//x.ts", "empty component"),
    "a slash at the end": ("lib/x.ts/", "empty component"),
    "backslashes upwards": ("..\\..\\x.ts", "holds `\\`"),
    "a stream of NTFS": ("x.ts:evil", "holds `:`"),
    "a drive inside": ("C:/x.ts", "holds `:`"),
    "a stream instead of a folder": (".git::$INDEX_ALLOCATION/config", "holds `:`"),
    "a dot at the end": ("x.ts.", "a dot or space at its end"),
    "a dot at the end of a folder": ("lib./x.ts", "a dot or space at its end"),
    "a space at the end": ("x.ts ", "a dot or space at its end"),
    "a no-break space at the end": ("x.ts\u00a0", "a dot or space at its end"),
    "an ideographic space at the end": ("x.ts\u3000", "a dot or space at its end"),
    "a full-width dot at the end": ("x.ts\uff0e", "a dot or space at its end"),
    "a component too long": ("l" * 241, "longer than 240 bytes"),
    "a component too long in bytes": ("é" * 121, "longer than 240 bytes"),
    "a folder too long": ("l" * 241 + "/x.ts", "longer than 240 bytes"),
    "a path too long": ("/".join(["p" * 200] * 6), "longer than 1024 bytes"),
    "a path too deep": ("/".join("d" * 32), "more than 32 levels"),
    "a device with an ending": ("nul.txt", "Windows device"),
    "a device with endings": ("aux.tar.gz", "Windows device"),
    "a device as a folder": ("Aux/x.ts", "Windows device"),
    "a device and a space": ("com1 .ts", "Windows device"),
    "a device of a raised digit": ("COM\u00b9", "Windows device"),
    "a device in full width": ("\uff4c\uff50\uff54\uff11.ts", "Windows device"),
}
_GIT = (
    *(
        ".git",
        ".GIT",
        ".gIt",
        ".git/config",
        "lib/.git/hooks/pre-commit",
        "git~1",
        "GIT~1",
        "git~2",
        "git~10/config",
    ),
    *("\uff0egit", ".\uff47\uff49\uff54", ".gi\u034ft", ".git\ufe0f", "\u2024git"),
)
_GIT_IGNORED_BY_HFS = "\u200c\u200d\u200e\u200f\u202a\u202e\u206a\u206f\ufeff"
_FILLERS = "\u115f\u1160\u3164\uffa0"
"""Letters to Unicode, nothing to the eye, and left out by file systems that fold case."""


def names() -> Iterator[tuple[str, Hostile]]:
    for name, (path, word) in _NAMES.items():
        yield f"name: {name}", hostile(partial(named, path), word)
    for character in (*_FORBIDDEN, "|"):
        yield f"name with {character}", hostile(partial(named, f"a{character}b.ts"), f"holds `{character}`")
    for character, twin in _FORBIDDEN.items():
        word = f"a look-alike of `{character}`"
        yield f"name with a wide {character}", hostile(partial(named, f"a{twin}b.ts"), word)
    for name, path in _LOOKALIKES.items():
        yield f"name with {name}", hostile(partial(named, path), "a look-alike of")
    for device in _DEVICES:
        yield f"device {device}", hostile(partial(named, f"{device.upper()}.ts"), "Windows device")


def characters() -> Iterator[tuple[str, Hostile]]:
    for word, characters in _CHARACTERS.items():
        for character in characters:
            yield f"name with U+{ord(character):04X}", hostile(partial(named, f"a{character}b.ts"), word)
    for path in _GIT:
        yield f"git as {path!a}", hostile(partial(named, path), "git's own folder")
    for character in _GIT_IGNORED_BY_HFS:
        word = "a format character"
        yield f"git with U+{ord(character):04X}", hostile(partial(named, f".g{character}it/config"), word)
    for name, path in {"only a mark": "\u034f", "only a selector": "lib/\ufe0f/x.ts"}.items():
        yield f"name of {name}", hostile(partial(named, path), "a character that cannot be seen")
    for character in _FILLERS:
        yield (
            f"name with U+{ord(character):04X}",
            hostile(partial(named, f"a{character}b.ts"), "a character that cannot be seen"),
        )


def whole_names() -> Iterator[tuple[str, Hostile]]:
    absolute = {
        "absolute": (b"/etc/passwd", "absolute"),
        "absolute by two slashes": (b"//server/share/x", "absolute"),
        "a share of Windows": (b"\\\\server\\share\\x", "holds `\\`"),
        "a device path of Windows": (b"\\\\?\\C:\\x", "holds `\\`"),
        "a drive": (b"C:/Windows/x", "holds `:`"),
        "a drive's own folder": (b"C:x", "holds `:`"),
        "only dots": (b"..", "`..`"),
        "only a dot": (b".", "`.`"),
        "a dot before all": (b"./auth-1.0.0/x.ts", "`.`"),
        "only a slash": (b"/", "absolute"),
        "of the home folder, and upwards": (b"~/../../x", "`..`"),
    }
    for name, (raw, word) in absolute.items():
        yield f"whole name: {name}", hostile(partial(named_bytes, raw), word)


# Places that are taken twice.


def _both(first: str, second: str, *, kinds: str = "ff") -> bytes:
    """Two more members below the root: f a file, d a folder."""
    parts = []
    for path, kind in zip((first, second), kinds, strict=True):
        parts.append(pax_path(f"{ROOT}/{path}"))
        parts.append(member(b"x", b"1") if kind == "f" else folder(b"x"))
    return sealed(*parts)


_TWINS: dict[str, tuple[str, str, str, str]] = {
    "the same file": ("x.ts", "x.ts", "ff", "appears twice"),
    "the manifest again": ("package.json", "y.ts", "ff", "appears twice"),
    "the same folder": ("lib", "lib", "dd", "appears twice"),
    "case": ("x.ts", "X.ts", "ff", "are twins"),
    "case of the manifest": ("PACKAGE.JSON", "y.ts", "ff", "are twins"),
    "case of a folder": ("lib/a.ts", "Lib/b.ts", "ff", "are twins"),
    "case beyond ASCII": ("É.ts", "é.ts", "ff", "are twins"),
    "composed and decomposed": ("\u00e9.ts", "e\u0301.ts", "ff", "are twins"),
    "two orders of marks": ("q\u0323\u0307.ts", "q\u0307\u0323.ts", "ff", "are twins"),
    "sharp s": ("stra\u00dfe.ts", "strasse.ts", "ff", "are twins"),
    "a ligature": ("\ufb01le.ts", "file.ts", "ff", "are twins"),
    "the sign of kelvin": ("\u212a.ts", "k.ts", "ff", "are twins"),
    "two sigmas": ("\u03c3.ts", "\u03c2.ts", "ff", "are twins"),
    "full width": ("\uff41.ts", "a.ts", "ff", "are twins"),
    "raised digits": ("x\u00b2.ts", "x2.ts", "ff", "are twins"),
    "half-width kana": ("\uff76.ts", "\u30ab.ts", "ff", "are twins"),
    "a variation selector": ("x\ufe0f.ts", "x.ts", "ff", "are twins"),
    "an ideographic variation": ("\u845b\U000e0100.ts", "\u845b.ts", "ff", "are twins"),
    "a grapheme joiner": ("x\u034f.ts", "x.ts", "ff", "are twins"),
    "a Mongolian selector": ("x\u180b.ts", "x.ts", "ff", "are twins"),
    "an invisible Khmer vowel": ("x\u17b4.ts", "x.ts", "ff", "are twins"),
    "a file and then a folder": ("x", "x", "fd", "is a file and a folder"),
    "a folder and then a file": ("x", "x", "df", "is a file and a folder"),
    "a file and files below it": ("x", "x/y.ts", "ff", "lies below a file"),
    "a folder of files and then a file": ("x/y.ts", "x", "ff", "is a file and a folder"),
    "a file below the manifest": ("package.json/x", "y.ts", "ff", "lies below a file"),
    "a twin below a file": ("x", "X/y.ts", "ff", "are twins"),
}


def twins() -> Iterator[tuple[str, Hostile]]:
    for name, (first, second, kinds, word) in _TWINS.items():
        yield f"twins: {name}", hostile(partial(_both, first, second, kinds=kinds), word)
    once = member(LAST, b"1")
    again: dict[str, bytes] = {
        "by a prefix": member(b"x.ts", b"2", prefix=ROOT.encode()),
        "by a long name": long_name(LAST + b"\0") + member(b"y", b"2"),
        "by a pax header": pax(record(b"path", LAST)) + member(b"y", b"2"),
    }
    for name, part in again.items():
        yield f"twins: {name}", hostile(partial(sealed, once, part), "appears twice")
