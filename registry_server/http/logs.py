"""The server's log: one line a record, as JSON or as text, and never a secret in it.

`logging_to` puts our formatter under the standard library's logging, so that records of libraries come
out in the same shape. Whatever is written goes one way: secrets are masked, what a terminal or a line
reader would obey becomes visible stand-ins, lengths are bounded. So no path, name or message that a
stranger chose can start a line of its own or paint over one.
"""

import contextlib
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, TextIO

import msgspec
from msgspec import Struct

from registry_server.contract.foreign import clean
from registry_server.contract.tokens import redact

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

MASK = "[hidden]"
SENSITIVE_NAMES = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "client-secret",
        "token",
        "access-token",
        "refresh-token",
        "id-token",
        "device-code",
        "user-code",
        "api-key",
        "x-api-key",
        "private-key",
        "session",
        "csrf",
        "body",
    }
)
"""Fields whose value is never written, with dashes or underscores, in any case."""

TEXT_MAX = 2000
"""Characters of a message or a field."""
EXCEPTION_MAX = 16_000
PATH_MAX = 400
_SHORT = 100

_QUIET = ("httpx", "httpcore", "_granian", "granian.access", "asyncio")
"""Libraries that tell at `info` what we tell better, or what nobody asked for."""

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: their successes are worth a line only when debugging."""

_NAMES = "|".join(sorted(re.escape(name).replace(r"\-", "[-_]?") for name in SENSITIVE_NAMES - {"body"}))
_IS = r"""(?:["']?\s{0,4}[:=]\s{0,4}|["']\s{0,4},\s{0,4})(?:b(?=["']))?"""
"""Between a name and its value, in headers, forms, JSON and Python."""

_HEADER = re.compile(rf"(authorization|cookie)({_IS})[^\n]*", re.IGNORECASE)
_NAMED = re.compile(
    rf"((?:{_NAMES})s?{_IS})"
    r"""("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s,;&"']+)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic)\s{1,4}[a-z0-9._~+/=-]{6,}", re.IGNORECASE)
_KEYS = re.compile(r"(dkt_|gh[a-z]_|github_pat_)[0-9A-Za-z_]{5,}")
_SUSPECT = re.compile(r"[:=,]|dkt_|gh[a-z]_|github_pat_|bearer|basic", re.IGNORECASE)
"""What every secret below has about it; most texts have none of it, and this is one quick look."""

_USER_INFO = re.compile(r"(://)[^\s/@:]{0,200}:[^\s/@]{0,200}@")
_REQUEST_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,63}")
_PLAIN = re.compile(r"[^\s\"=\\]+")

_requests = logging.getLogger("registry_server.requests")

Value = str | int | float | bool | None


class RequestLine(Struct, frozen=True, kw_only=True):
    """One answered request, as its line tells it. There is no field for a query, a header or a body."""

    method: str
    route: str
    """Template of the path; empty when nothing is there."""
    path: str
    """Without the query."""
    status: int
    milliseconds: float
    size_bytes: int
    """Of the body that was sent."""
    address: str
    user: str = ""
    """Name of the account; empty without one."""
    request_id: str = ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(_content(record)).decode()


class TextFormatter(logging.Formatter):
    """Time, level, logger, message, then `name=value`; values are quoted where they need it."""

    def format(self, record: logging.LogRecord) -> str:
        content = _content(record)
        head = f"{content.pop('time')} {str(content.pop('level')).upper():<7} {content.pop('logger')}"
        parts = [head, str(content.pop("message")), *(f"{key}={_quoted(content[key])}" for key in content)]
        return " ".join(parts)


@contextlib.contextmanager
def logging_to(stream: TextIO, *, form: LogFormat = "text", level: LogLevel = "info") -> Iterator[None]:
    """All logging of the process goes to `stream` while this is entered, and as before afterwards.

    A line that cannot be written is dropped: what the standard library would print about it has the
    record's arguments as they came.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handlers, root_level, is_loud = root.handlers[:], root.level, logging.raiseExceptions
    quiet = {name: logging.getLogger(name).level for name in _QUIET}
    logging.raiseExceptions = False
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    try:
        yield
    finally:
        logging.raiseExceptions = is_loud
        root.handlers[:] = handlers
        root.setLevel(root_level)
        for name, before in quiet.items():
            logging.getLogger(name).setLevel(before)


def log_request(line: RequestLine) -> None:
    """An error of the server is an `error`, a probe that succeeded a `debug`, everything else an `info`."""
    if line.status >= 500:
        level = logging.ERROR
    elif line.status < 400 and line.route in _PROBES:
        level = logging.DEBUG
    else:
        level = logging.INFO
    if not _requests.isEnabledFor(level):
        return
    # Made by hand: `Logger.log` walks the stack for a file name that no line shows.
    record = logging.LogRecord(_requests.name, level, "", 0, "request", None, None)
    record.fields = {
        "method": line.method[:16],
        "route": line.route,
        "path": line.path[:PATH_MAX],
        "status": line.status,
        "ms": round(line.milliseconds, 2),
        "bytes": line.size_bytes,
        "address": line.address,
        "user": line.user or None,
        "request": line.request_id or None,
    }
    _requests.handle(record)


def request_id_of(given: str | None, fresh: str) -> str:
    """The id a proxy in front gave the request, when it looks like one; else `fresh`."""
    return given if given and _REQUEST_ID.fullmatch(given) else fresh


def masked(text: str) -> str:
    """`text` without tokens, passwords, `Authorization` values and the like, wherever they stand in it."""
    if not _SUSPECT.search(text):
        return text
    text = _KEYS.sub(rf"\1{MASK}", redact(text))
    text = _USER_INFO.sub(rf"\1{MASK}@", text)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _SCHEME.sub(rf"\1 {MASK}", text)


def _content(record: logging.LogRecord) -> dict[str, Value]:
    """What a line says, in its order."""
    content: dict[str, Value] = {
        "time": _time(record.created),
        "level": record.levelname.lower(),
        "logger": _value(record.name),
        "message": _value(_message(record)),
    }
    fields = getattr(record, "fields", None)
    if isinstance(fields, Mapping):
        for name, value in fields.items():
            shown, is_secret = _name(str(name))
            content.setdefault(shown, MASK if is_secret else _value(value))
    if record.exc_info and record.exc_info[1]:
        content["exception"] = _exception(record.exc_info[1])
    return content


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a wrong placeholder, or an argument that cannot be written: the template tells enough
        return _text(record.msg)


@lru_cache(maxsize=256)
def _name(name: str) -> tuple[str, bool]:
    """A field's name as it is written, and whether its value never is."""
    return _line(name)[:40], name.lower().replace("_", "-") in SENSITIVE_NAMES


def _value(value: object) -> Value:
    if isinstance(value, str) and len(value) <= _SHORT:
        return _short_line(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    return _line(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # an object that cannot say what it is must not cost the whole line
        return f"a {type(value).__name__}"


def _line(text: str) -> str:
    """Masked before it is cut: half a token would not be recognised."""
    return clean(masked(text[: 8 * TEXT_MAX]), TEXT_MAX)


_short_line = lru_cache(maxsize=2048)(_line)
"""Routes, names and addresses come again and again."""


def _exception(error: BaseException) -> str:
    """The trace, its end rather than its beginning: what was raised stands there."""
    try:
        text = "".join(traceback.format_exception(error, limit=-40))
    except Exception:  # an exception whose own text cannot be made
        text = f"{type(error).__name__}, which cannot be shown"
    kept = masked(text[-4 * EXCEPTION_MAX :])[-EXCEPTION_MAX:].rstrip()
    return clean(kept, EXCEPTION_MAX, multiline=True)


def _time(moment: float) -> str:
    """UTC with milliseconds, as in RFC 3339."""
    seconds, milliseconds = divmod(int(moment * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03}Z"


def _quoted(value: Value) -> str:
    match value:
        case str():
            return value if _PLAIN.fullmatch(value) else msgspec.json.encode(value).decode()
        case None:
            return "-"
        case _:
            return msgspec.json.encode(value).decode()
