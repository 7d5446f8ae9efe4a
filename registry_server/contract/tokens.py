"""Access tokens: `dkt_`, 30 base62 characters of randomness, 6 of CRC-32 over them.

The prefix and the checksum let secret scanners and `redact` recognise one without a database.
"""

import re
import zlib

PREFIX = "dkt_"
RANDOM_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(r"dkt_[0-9A-Za-z]{36}")


def make_token(random: bytes) -> str:
    """The token for `RANDOM_BYTES` random bytes (178 bits of them count)."""
    body = _base62(int.from_bytes(random, "big"), 30)
    return f"{PREFIX}{body}{_checksum(body)}"


def is_token(text: str) -> bool:
    body = text[len(PREFIX) : -6]
    return _TOKEN.fullmatch(text) is not None and text.endswith(_checksum(body))


def redact(text: str) -> str:
    """`text` with every token cut to its first characters, for logs and error messages."""
    return _TOKEN.sub(lambda match: match[0][:8] + "…", text)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return text
