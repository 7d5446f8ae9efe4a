"""The multipart form of a publish, as the design's client sends it; bounded while it streams in."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from msgspec import Struct
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from registry_server.contract import routes
from registry_server.contract.problems import InvalidRequest, PackageTooLarge
from registry_server.operations.publish import PublishForm

FORM_FIELD_MAX_BYTES = 64 << 10
FORM_FIELDS_MAX = 20
TEXT_FIELDS = ("name", "version", "description")
LIST_FIELDS = ("categories", "tags")
IGNORED_FIELDS = frozenset(("repository", "license", "dependencies"))
"""Fields of the design that the manifest in the package says better."""


class Upload(Struct, frozen=True, kw_only=True):
    form: PublishForm
    file: BinaryIO
    """The package; a large one is on disk."""

    def read_archive(self) -> bytes:
        """For who has its turn: many may be waiting, and are not to wait in memory."""
        self.file.seek(0)
        return self.file.read()


@asynccontextmanager
async def received_upload(request: Request) -> AsyncIterator[Upload]:
    """Raises `PackageTooLarge` as soon as too much came, or `InvalidRequest`."""
    received = 0

    async def bounded_receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > routes.PUBLISH_BODY_MAX_BYTES:
            raise PackageTooLarge(
                f"the request is larger than {routes.PUBLISH_BODY_MAX_BYTES} bytes",
                hint="leave out what the plugin does not need at run time",
            )
        return message

    bounded = Request(request.scope, bounded_receive)
    try:
        form = await bounded.form(max_files=1, max_fields=FORM_FIELDS_MAX, max_part_size=FORM_FIELD_MAX_BYTES)
    except (HTTPException, UnicodeError) as error:
        raise InvalidRequest("the form cannot be read", detail=str(error)[:200]) from error
    try:
        package = form.get("package")
        if not isinstance(package, UploadFile):
            raise InvalidRequest(
                "the form has no file `package`",
                hint="send multipart/form-data with the .tar.gz as `package`",
            )
        yield Upload(form=_publish_form(form), file=package.file)
    finally:
        await form.close()


async def drain(request: Request) -> None:
    """Reads a refused body to its end, within bounds and without keeping it.

    A client that is still sending when the answer comes and the connection closes sees a broken
    connection instead of the answer.
    """
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > routes.PUBLISH_BODY_MAX_BYTES:
            return


def _publish_form(form: FormData) -> PublishForm:
    names = [name for name, _ in form.multi_items()]
    known = {"package", *TEXT_FIELDS, *LIST_FIELDS, *IGNORED_FIELDS}
    for name in names:
        if name not in known:
            raise InvalidRequest(
                f"there is no form field `{name[:60]}`", detail=f"known: {', '.join(sorted(known))}"
            )
        if names.count(name) > 1:
            raise InvalidRequest(f"the form field `{name}` is given twice")
    return PublishForm(
        name=_field(form, "name"),
        version=_field(form, "version"),
        description=_field(form, "description"),
        categories=_list_field(form, "categories"),
        tags=_list_field(form, "tags"),
    )


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise InvalidRequest(f"the form field `{name}` is a file, not text")
    return _text(value, name)


def _list_field(form: FormData, name: str) -> tuple[str, ...]:
    """A JSON list of texts, as the design's client sends it."""
    text = _field(form, name)
    try:
        items = json.loads(text) if text else []
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the form field `{name}` is not JSON") from error
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise InvalidRequest(f"the form field `{name}` is not a list of texts")
    return tuple(_text(item, name) for item in items)


def _text(value: str, name: str) -> str:
    """`value`, unless it has halves of characters: JSON and odd charsets give them, no store takes them."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequest(f"the form field `{name}` is not text")
    return value
