"""Plugin names: grammar, look-alike key.

The registry's rule is `^[a-z0-9-]+$`, and camelCase besides, because the framework's own tools
want it for names of several words. Names that are equal once case and dashes are taken away are
one name: the first published keeps it.
"""

import re
from collections.abc import Iterable

from registry_server.contract.problems import InvalidName

NAME_MAX = 64
"""Characters in a name; well below every file system's limit for a folder."""

SLIP_MIN = 5
"""Characters of the shorter name from which one slip makes two names suspect."""

_LETTERS_OF_DIGITS = str.maketrans("015", "ols")
_NAME = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*|[a-z][a-zA-Z0-9]*)\Z")


def is_name(text: str) -> bool:
    return len(text) <= NAME_MAX and _NAME.match(text) is not None


def check_name(text: str) -> str:
    """`text` unchanged.

    Raises `InvalidName` when it is not a plugin name.
    """
    if not is_name(text):
        shown = text if len(text) <= NAME_MAX else text[:NAME_MAX] + "…"
        raise InvalidName(
            f"`{shown}` is not a plugin name",
            detail=f"it has lower case letters, digits and single dashes (or camelCase), up to {NAME_MAX}",
            hint="look for it: donkeytui search WORDS",
        )
    return text


def lookalike_key(name: str) -> str:
    """What two names must not share: `auth-jwt`, `authJwt` and `authjwt` give one key."""
    return name.replace("-", "").casefold()


def confusion_key(name: str) -> str:
    """What two names share that look alike in a terminal: `0` and `o`, `1`, `i` and `l`, `rn` and `m`.

    Coarser than `lookalike_key`: sharing it makes two names suspect, not one.
    """
    key = lookalike_key(name).translate(_LETTERS_OF_DIGITS)
    for pair, letter in (("rn", "m"), ("vv", "w"), ("cl", "d")):
        key = key.replace(pair, letter)
    return key.replace("i", "l")


def are_confusable(name: str, known: str) -> bool:
    """Whether a person may take `name` for `known`: they look alike, or one slip of the finger apart."""
    if confusion_key(name) == confusion_key(known):
        return True
    typed, meant = lookalike_key(name), lookalike_key(known)
    # One slip changes too much of a short word for it to be a mistake: `mail` and `main` are two words.
    return min(len(typed), len(meant)) >= SLIP_MIN and _is_one_slip(typed, meant)


def _is_one_slip(typed: str, meant: str) -> bool:
    """One letter added, left out, replaced, or two neighbours swapped (Damerau, 1964)."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    at = next((i for i, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        return len(typed) != len(meant)
    rest, wanted = typed[at:], meant[at:]
    is_swapped = rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or is_swapped


def camel_name(name: str) -> str:
    """`auth-jwt` as the framework spells it in identifiers: `authJwt`."""
    first, *rest = name.split("-")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def nearest_names(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Known names a person may have meant, best first; empty when none is near."""
    from difflib import get_close_matches

    key = lookalike_key(name)
    # Comparing takes 6 us a name: a registry has too many to compare with those that share no end.
    by_key = {
        candidate_key: candidate
        for candidate in known
        if (candidate_key := lookalike_key(candidate))[:1] == key[:1] or candidate_key[-2:] == key[-2:]
    }
    return [by_key[key] for key in get_close_matches(key, by_key, n=limit, cutoff=0.7)]
