"""People who use a registry over HTTP, each with a token, and what the audit log has of them."""

from typing import Any

import httpx

from registry_server.contract.account_wire import SCOPES, AuditQuery
from registry_server.http.app import build_app
from registry_server.operations.accounts import OPERATOR
from registry_server.operations.audit import read_log
from registry_server.operations.tokens import create_token
from registry_server.registry import Registry
from tests.support.asgi_calls import Api
from tests.support.builders import package

EVERYDAY = [scope for scope in SCOPES if scope != "admin"]


class Town:
    """People with a token each, made when they are first named."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.anonymous = Api(build_app(registry, is_local=False))

    def __call__(self, name: str, *, is_admin: bool = False) -> Api:
        scopes = SCOPES if is_admin else EVERYDAY
        return self.anonymous.with_token(
            create_token(self.registry, name, scopes=scopes, is_admin=is_admin, label="town")
        )

    def audit(self) -> list[tuple[str, str, str, str]]:
        """Of what people did: actor, action, subject, detail; oldest first."""
        entries = read_log(self.registry, OPERATOR, AuditQuery())
        assert all(entry.address == "127.0.0.1" for entry in entries if entry.actor != "operator")
        return [
            (entry.actor, entry.action, entry.subject, entry.detail)
            for entry in reversed(entries)
            if entry.actor != "operator"
        ]


def send(api: Api, name: str, version: str = "1.0.0", **options: Any) -> httpx.Response:
    return api(
        "POST", "/api/plugins", files={"package": ("package.tar.gz", package(name, version, **options))}
    )
