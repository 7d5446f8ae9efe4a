"""Digests of bytes or of chunks and their text form.

The text form is `sha256:<64 hex digits>`, as the lockfile of the design has it; other algorithms
are refused by name, never skipped.
"""

import hashlib
import re
from collections.abc import Iterable

from registry_server.contract.problems import IntegrityMismatch, InvalidRequest

_INTEGRITY = re.compile(r"sha256:[0-9a-f]{64}\Z")


def integrity_of(data: bytes | Iterable[bytes]) -> str:
    hasher = hashlib.sha256()
    for chunk in (data,) if isinstance(data, bytes) else data:
        hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}"


def is_integrity(text: str) -> bool:
    return _INTEGRITY.match(text) is not None


def check_integrity_text(text: str) -> str:
    """`text` unchanged.

    Raises `InvalidRequest` when it is not `sha256:` and 64 hex digits.
    """
    if not is_integrity(text):
        raise InvalidRequest(
            f"`{text[:100]}` is not an integrity",
            detail="only `sha256:` with 64 lower case hex digits is known",
        )
    return text


def hex_digest(integrity: str) -> str:
    """The hex digits alone, as blob names and ETags use them."""
    return check_integrity_text(integrity).removeprefix("sha256:")


def verify_integrity(data: bytes, expected: str, *, what: str) -> None:
    """Raises `IntegrityMismatch`, naming `what`, unless `data` hashes to `expected`."""
    actual = integrity_of(data)
    if actual != expected:
        raise IntegrityMismatch(
            f"{what} does not have the digest it should",
            detail=f"expected {expected}, got {actual} over {len(data)} bytes",
            hint="nothing was changed; try again, and tell the registry's operator if it stays so",
        )
