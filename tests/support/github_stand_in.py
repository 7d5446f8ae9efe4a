"""GitHub's two endpoints of the device flow and the one that tells who agreed, on a loopback port."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import msgspec

from registry_server.settings import GitHubSettings

CLIENT_ID = "Iv1.stand-in"
DEVICE = {
    "device_code": "a-secret-of-the-server",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://github.com/login/device",
    "expires_in": 900,
    "interval": 5,
}
ACCESS_TOKEN = "gho_only-for-one-question"


class Answer(msgspec.Struct, frozen=True):
    """What is sent: bytes as they are, anything else as JSON; None hangs up."""

    body: object
    status: int = 200
    headers: dict[str, str] = {}


class Asked(msgspec.Struct, frozen=True):
    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]


class StandIn:
    """Answers each path from its queue, and with the last answer of it from then on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._answers: dict[str, deque[Answer]] = {}

    def will_answer(self, path: str, *answers: object) -> None:
        self._answers[path] = deque(each if isinstance(each, Answer) else Answer(each) for each in answers)

    def next_answer(self, path: str) -> Answer:
        waiting = self._answers.get(path)
        if not waiting:
            return Answer({"message": "Not Found"}, 404)
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def count(self, path: str) -> int:
        return sum(1 for asked in self.asked if asked.path == path)

    def settings(self, *allowed_logins: str) -> GitHubSettings:
        return GitHubSettings(
            client_id=CLIENT_ID,
            device_url=f"{self.url}/login/device/code",
            token_url=f"{self.url}/login/oauth/access_token",
            user_url=f"{self.url}/user",
            allowed_logins=allowed_logins,
        )


def _handler(stand_in: Callable[[], StandIn]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            stand_in().asked.append(Asked(self.command, self.path, form, dict(self.headers)))
            answer = stand_in().next_answer(self.path)
            if answer.body is None:
                self.close_connection = True
                return
            data = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Silent: pytest shows what matters."""

    return Handler


@contextmanager
def github_stand_in() -> Iterator[StandIn]:
    made: list[StandIn] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: made[0]))
    made.append(StandIn(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
