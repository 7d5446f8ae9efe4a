"""Slow hashes of passwords: scrypt (RFC 7914) with 32 MiB, about a tenth of a second each.

Kept as `scrypt$log2(n)$r$p$salt$hash`, so that the cost can rise without asking anybody for a new one.
"""

import base64
import hmac
import os

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

LOG_N, R, P = 15, 8, 1
SALT_BYTES = 16
HASH_BYTES = 32


def hash_password(password: str, salt: bytes | None = None) -> str:
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    derived = _derive(password, salt, log_n=LOG_N, r=R, p=P)
    return f"scrypt${LOG_N}${R}${P}${_text(salt)}${_text(derived)}"


def is_password(password: str, kept: str) -> bool:
    """False too for an account without a password, after the same time."""
    _, log_n, r, p, salt, derived = (kept or _NOBODY).split("$")
    found = _derive(password, base64.b64decode(salt), log_n=int(log_n), r=int(r), p=int(p))
    return hmac.compare_digest(found, base64.b64decode(derived)) and kept != ""


def _derive(password: str, salt: bytes, *, log_n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=HASH_BYTES, n=1 << log_n, r=r, p=p).derive(
        password.encode("utf-8", "surrogatepass")
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


_NOBODY = f"scrypt${LOG_N}${R}${P}${_text(bytes(SALT_BYTES))}${_text(bytes(HASH_BYTES))}"
