"""JSON from strangers: one meaning or none.

Python's and msgspec's decoders let the last of two equal keys win and recurse as deep as the text
asks. A manifest or a lockfile that two programs read differently is an attack, so both are refused.
"""

import json
import math
import re
from collections import Counter
from typing import NoReturn

JSON_MAX_BYTES = 1 << 20
DEPTH_MAX = 64
DIGITS_MAX = 300
"""Characters of a whole number; beyond about as many, other programs read infinity."""

_STRING = re.compile(r'"(?>(?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)
"""A string, also one that never ends: else each quote sign in it would be tried as a beginning."""


class StrictJsonError(ValueError):
    """The text is not strict JSON; the message is a clause for a person, without the file's name."""


def load_strict(
    data: bytes | str, max_bytes: int = JSON_MAX_BYTES, *, refuses_halves: bool = False
) -> object:
    """The decoded value.

    Raises `StrictJsonError` for more than `max_bytes`, bad UTF-8, bad JSON, a key twice in one object,
    NaN or Infinity, a number beyond all measure, nesting beyond `DEPTH_MAX` and, with
    `refuses_halves`, half a surrogate pair: it can be escaped into JSON, and be written nowhere
    afterwards.
    """
    if len(data) > max_bytes:
        raise StrictJsonError(f"is larger than {max_bytes} bytes")
    text = _decode(data) if isinstance(data, bytes) else data
    if _depth(text) > DEPTH_MAX:
        raise StrictJsonError(f"is nested deeper than {DEPTH_MAX}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_whole,
            parse_float=_finite,
        )
        if refuses_halves:
            _refuse_halves(value)
        return value
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"is not JSON: {error.msg} at line {error.lineno}") from error
    except ValueError as error:
        raise StrictJsonError(str(error)) from error


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"is not UTF-8 at byte {error.start}") from error


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"has the key `{json.dumps(twice[:80])[1:-1]}` twice")
    return result


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"has a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"has the number {digits[:20]}, which is too large")
    return value


def _refuse_halves(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("has half a surrogate pair, which is no character") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"has the value {name}, which is not JSON")
