"""A registry's feed that says what a test wants it to say."""

import hashlib
from collections.abc import Callable

import httpx
import msgspec
import zstandard

from registry_server.contract import routes
from registry_server.contract.wire import Change, ChangePage, PluginDocument, Shard, Snapshot

URL = "http://registry.test"


class Feed(httpx.AsyncBaseTransport):
    """Answers snapshot, shards and changes for `documents`; `answers` stand before them, by path."""

    def __init__(self, *documents: PluginDocument, epoch: str = "first", serial: int = 1) -> None:
        self.epoch = epoch
        self.serial = serial
        self.shards = [b"".join(msgspec.json.encode(document) + b"\n" for document in documents)]
        self.page: ChangePage | None = None
        """What comes instead of "nothing new"."""
        self.answers: dict[str, httpx.Response | Exception | Callable[[], httpx.Response]] = {}
        self.requests: list[str] = []

    def publish(self, *changes: Change) -> None:
        """A page of changes after the serial reached so far; its last one is the new cursor."""
        self.serial = changes[-1].serial
        self.page = ChangePage(epoch=self.epoch, changes=changes, cursor=self.serial, has_more=False)

    @property
    def packed(self) -> dict[str, bytes]:
        """Digest -> compressed shard."""
        every = [zstandard.ZstdCompressor().compress(shard) for shard in self.shards]
        return {f"sha256:{hashlib.sha256(shard).hexdigest()}": shard for shard in every}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        if len(self.requests) > 50:
            raise AssertionError("it asks for ever")
        answer = self.answers.get(request.url.path)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer() if callable(answer) else answer
        path, since = request.url.path, int(request.url.params.get("since", -1))
        if path == routes.SNAPSHOT:
            return json_answer(self._snapshot())
        if path == routes.CHANGES:
            return self._changes(since)
        return httpx.Response(200, content=self.packed[path.removeprefix(f"{routes.SHARDS}/")])

    def _snapshot(self) -> Snapshot:
        shards = tuple(
            Shard(digest=digest, size=len(data), plugins=len(shard.splitlines()))
            for shard, (digest, data) in zip(self.shards, self.packed.items(), strict=True)
        )
        return Snapshot(epoch=self.epoch, serial=self.serial, plugins=len(shards), releases=0, shards=shards)

    def _changes(self, since: int) -> httpx.Response:
        if since > self.serial:
            return problem_answer("cursor-gone", 410)
        if self.page is not None:
            return json_answer(self.page)
        return json_answer(ChangePage(epoch=self.epoch, changes=(), cursor=since, has_more=False))


def json_answer(value: object) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode(value))


def problem_answer(code: str, status: int) -> httpx.Response:
    body = msgspec.json.encode({"code": code, "title": "it says no", "status": status})
    return httpx.Response(status, content=body, headers={"content-type": "application/problem+json"})
