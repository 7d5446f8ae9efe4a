"""The server's log: one line a record, nothing secret in it, and nobody else's line breaks."""

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.tokens import make_token
from registry_server.http.logs import (
    MASK,
    SENSITIVE_NAMES,
    LogFormat,
    RequestLine,
    log_request,
    logging_to,
    masked,
    request_id_of,
)

TOKEN = make_token(bytes(range(32)))
FORMS: tuple[LogFormat, ...] = ("json", "text")
log = logging.getLogger("registry_server.test")


def a_request(**changed: Any) -> RequestLine:
    usual: dict[str, Any] = {
        "method": "GET",
        "route": "/api/plugins/{name}",
        "path": "/api/plugins/auth",
        "status": 200,
        "milliseconds": 1.2345,
        "size_bytes": 512,
        "address": "203.0.113.9",
        "user": "ada",
        "request_id": "4f1c2a9b",
    }
    return RequestLine(**{**usual, **changed})


class Written:
    """What a block wrote, with logging as a server has it."""

    def __init__(self, form: LogFormat = "json", level: Any = "debug") -> None:
        self.stream = io.StringIO()
        self._entered = logging_to(self.stream, form=form, level=level)

    def __enter__(self) -> Self:
        self._entered.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._entered.__exit__(None, None, None)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        assert not self.text or self.text.endswith("\n")
        return self.text.split("\n")[:-1]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


# Shape


def test_a_request_is_one_json_object_with_these_fields_in_this_order() -> None:
    with Written() as written:
        log_request(a_request())

    (record,) = written.records
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert list(record.items()) == [
        ("level", "info"),
        ("logger", "registry_server.requests"),
        ("message", "request"),
        ("method", "GET"),
        ("route", "/api/plugins/{name}"),
        ("path", "/api/plugins/auth"),
        ("status", 200),
        ("ms", 1.23),
        ("bytes", 512),
        ("address", "203.0.113.9"),
        ("user", "ada"),
        ("request", "4f1c2a9b"),
    ]


def test_the_same_as_text() -> None:
    with Written("text") as written:
        log_request(a_request(user="", path="/api/plugins/a b"))

    (line,) = written.lines
    assert line.partition(" ")[2] == (
        "INFO    registry_server.requests request method=GET route=/api/plugins/{name}"
        ' path="/api/plugins/a b" status=200 ms=1.23 bytes=512 address=203.0.113.9 user=- request=4f1c2a9b'
    )


def test_time_is_utc_to_the_millisecond() -> None:
    record = logging.makeLogRecord({"name": "x", "msg": "x", "created": 1_795_384_712.0456, "levelno": 20})
    with Written() as written:
        log.handle(record)

    assert written.records[0]["time"] == "2026-11-22T21:58:32.045Z"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (a_request(), "info"),
        (a_request(status=404), "info"),
        (a_request(status=500), "error"),
        (a_request(route="/healthz"), "debug"),
        (a_request(route="/metrics"), "debug"),
        (a_request(route="/readyz", status=503), "error"),
    ],
)
def test_failures_are_errors_and_probes_are_for_debugging(line: RequestLine, level: str) -> None:
    with Written() as written:
        log_request(line)

    assert written.records[0]["level"] == level


def test_below_the_level_nothing_is_written() -> None:
    with Written(level="warning") as written:
        log_request(a_request())
        log.info("ready")
        log.warning("late")

    assert [record["message"] for record in written.records] == ["late"]


def test_a_record_may_have_fields_of_its_own_but_not_take_those_of_the_line() -> None:
    with Written() as written:
        log.info(
            "index caught up", extra={"fields": {"serial": 12, "seconds": 0.5, "level": "x", "ok": True}}
        )

    (record,) = written.records
    assert (record["serial"], record["seconds"], record["ok"], record["level"]) == (12, 0.5, True, "info")


def test_an_exception_is_one_field_with_its_trace() -> None:
    with Written() as written:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("it broke")

    (record,) = written.records
    assert record["exception"].startswith("Traceback (most recent call last):\n")
    assert record["exception"].endswith("ValueError: first\nsecond")


def test_an_exception_as_text_stays_on_its_line() -> None:
    with Written("text") as written:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("it broke")

    (line,) = written.lines
    assert r"ValueError: first\nsecond" in line


def test_of_an_endless_trace_the_end_is_kept() -> None:
    with Written() as written:
        try:
            raise ValueError("x" * 1_000_000 + " the end")
        except ValueError:
            log.exception("it broke")

    assert len(written.text) < 40_000
    assert written.records[0]["exception"].endswith("the end")


def test_logging_is_afterwards_as_before() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("httpx").level, logging.raiseExceptions
    with Written(level="error"):
        assert root.handlers != before[0]

    after = root.handlers[:], root.level, logging.getLogger("httpx").level, logging.raiseExceptions
    assert after == before


def test_what_libraries_tell_of_every_request_is_not_repeated() -> None:
    with Written() as written:
        logging.getLogger("httpx").info("HTTP Request: POST https://github.example/token?code=1")
        logging.getLogger("httpx").warning("odd")

    assert [record["message"] for record in written.records] == ["odd"]


# Secrets

SECRETS = [
    f"the token {TOKEN} is wrong",
    f"/api/plugins/{TOKEN}",
    f"Authorization: Bearer {TOKEN}",
    "Authorization: Basic c2VjcmV0OnNlY3JldA==",
    "authorization=Digest username=hunter2, response=hunter2",
    "{'Authorization': 'Bearer s3cr3t-value'}",
    "[(b'authorization', b'Bearer s3cr3t-value'), (b'cookie', b'id=hunter2; b=hunter2')]",
    "it sent Bearer hunter2.hunter2 with it",
    "it sent basic aHVudGVyMjpodW50ZXIy with it",
    "Cookie: session=hunter2; other=hunter2",
    "Set-Cookie: a=hunter2; Path=/",
    "password=hunter2&user=ada",
    '{"password": "hunter2 hunter2 \\" hunter2", "user": "ada"}',
    "{'new_password': 'hunter2'}",
    "PASSWORD : hunter2",
    "newPassword=hunter2",
    "client_secret=hunter2",
    "device_code=hunter2&grant_type=x",
    "https://ada:hunter2@example.com/x",
    "https://example.com/login?access_token=hunter2",
    "GitHub gave gho_hunter2hunter2hunter20123",
    "github_pat_hunter20123456789_hunter2",
    "X-API-Key: hunter2",
    "tokens: hunter2",
    f"cut in the middle {TOKEN[:20]}",
]
REVEALING = ("hunter2", "s3cr3t", "c2VjcmV0", "aHVudGVy", TOKEN[8:], TOKEN[8:20])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_in_a_message_a_field_a_path_or_an_exception_is_masked(form: LogFormat, text: str) -> None:
    with Written(form) as written:
        log.info("it says %s", text)
        log.info("field", extra={"fields": {"note": text}})
        log_request(a_request(path=text, user=text, request_id=text, address=text, method=text))
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("it broke")

    assert len(written.lines) == 4
    assert [word for word in REVEALING if word in written.text] == []


@pytest.mark.parametrize("name", sorted(SENSITIVE_NAMES))
def test_a_field_of_a_sensitive_name_is_never_written(name: str) -> None:
    for spelled in (name, name.upper(), name.replace("-", "_")):
        with Written() as written:
            log.info("field", extra={"fields": {spelled: "plain words"}})
        assert written.records[0][spelled] == MASK


@pytest.mark.parametrize(
    "text",
    [
        "/api/plugins/token-bucket/1.2.3",
        "published `auth` 1.2.0",
        "serving /srv/registry at http://127.0.0.1:4873",
        "the basic plan bears fruit",
        "ratio=3 of 4, rest=1",
        "2001:db8::1",
    ],
)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_the_query_a_header_and_a_body_have_no_place_in_a_request_line() -> None:
    assert set(RequestLine.__struct_fields__).isdisjoint({"query", "headers", "body", "cookies", "referer"})


def test_masking_takes_no_time_worth_an_attack() -> None:
    """Each of these is long and built to make a careless pattern go back and forth."""
    for piece in (
        '"',
        "\\",
        "secret='",
        "authorization",
        "bearer ",
        "://a:",
        "password=\n",
        "token ",
        " :",
        "'",
    ):
        assert len(masked(piece * (16_000 // len(piece)) + "=:")) <= 40_000


# Log injection

HOSTILE = [
    'x\n{"level":"error","message":"forged"}',
    "x\r\nforged",
    "x\x1b[2J\x1b[31mred",
    "x\x00y\x07",
    "x\u2028forged\u2029",
    "x\x85forged",
    "x\u202eforged",
    '","message":"forged',
    "x level=error forged=1",
    "half \ud800 a pair",
    "\x9b31m",
    "x\x0b\x0cforged",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_cannot_start_a_line_or_drive_a_terminal(form: LogFormat, text: str) -> None:
    with Written(form) as written:
        log.info("%s", text)
        log.info("field", extra={"fields": {"note": text, text: 1}})
        log_request(a_request(path=text, user=text, method=text, route=text, address=text, request_id=text))
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("%s", text)

    assert len(written.text.splitlines()) == len(written.lines) == 4
    assert all(character.isprintable() for line in written.lines for character in line)
    written.text.encode()


def test_a_field_of_text_cannot_look_like_two() -> None:
    with Written("text") as written:
        log_request(a_request(user='ada status=500 x="'))

    assert r'user="ada status=500 x=\""' in written.text


@given(st.text(), st.text(), st.sampled_from(FORMS))
def test_whatever_the_text_a_record_is_a_line(message: str, value: str, form: LogFormat) -> None:
    with Written(form) as written:
        log.info(message, extra={"fields": {"note": value}})

    assert len(written.text.splitlines()) == 1
    if form == "json":
        assert set(written.records[0]) == {"time", "level", "logger", "message", "note"}


@pytest.mark.parametrize("form", FORMS)
def test_long_text_is_cut(form: LogFormat) -> None:
    with Written(form) as written:
        log.info("m" * 10_000_000)
        log_request(a_request(path="/p" * 1_000_000, method="M" * 1_000_000))

    assert [len(line) < 3000 for line in written.lines] == [True, True]


# Whatever goes wrong inside


@pytest.mark.parametrize("form", FORMS)
def test_a_record_that_cannot_be_made_is_still_a_line(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    with Written(form) as written:
        log.info("%d of %s", "one", "two")
        log.info("%s", Unspeakable())
        log.info(Unspeakable())
        log.info("field", extra={"fields": {"thing": Unspeakable(), "big": 2**80, "odd": float("nan")}})
        log.info("no mapping", extra={"fields": "text"})
        try:
            raise Mute
        except Mute:
            log.exception("it broke")

    assert len(written.lines) == 6
    assert "%d of %s" in written.lines[0]
    assert capsys.readouterr().err == ""


def test_a_stream_that_is_gone_costs_the_line_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Written() as written:
        stream, written.stream.close = written.stream, lambda: None  # type: ignore[method-assign]
        io.StringIO.close(stream)
        log.info("the secret %s", TOKEN)

    assert capsys.readouterr().err == ""


def test_threads_never_mix_their_lines() -> None:
    with Written() as written:
        threads = [
            threading.Thread(target=lambda: [log_request(a_request(path="/p" * 150)) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(written.records) == 200


# Ids of requests


@pytest.mark.parametrize("given_id", ["4f1c2a9b", "a.b_c-d.0123", "x" * 64])
def test_a_proxys_id_is_taken_over(given_id: str) -> None:
    assert request_id_of(given_id, "fresh") == given_id


@pytest.mark.parametrize(
    "given_id", [None, "", "short", "x" * 65, "4f1c2a9b\n", "4f1c 2a9b", "-4f1c2a9b", "é" * 9]
)
def test_what_is_no_id_is_replaced(given_id: str | None) -> None:
    assert request_id_of(given_id, "fresh") == "fresh"


@pytest.fixture(autouse=True)
def _logging_left_alone() -> Iterator[None]:
    level = log.level
    yield
    assert log.level == level
