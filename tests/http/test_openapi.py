"""The description of the API: complete, valid in itself, and readable in a browser."""

import asyncio
import json
from typing import Any

import httpx

from donkeytui.embedded import BASE_URL, EmbeddedTransport
from registry_server.http.api import documented_routes
from registry_server.http.app import build_app
from registry_server.registry import Registry


def get(registry: Registry, path: str) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = EmbeddedTransport(build_app(registry, is_local=False))
        async with httpx.AsyncClient(base_url=BASE_URL, transport=transport) as client:
            return await client.get(path)

    return asyncio.run(request())


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values())) if node else own
    return set().union(*(references(item) for item in node)) if isinstance(node, list) and node else set()


def test_every_route_is_described_and_every_reference_leads_somewhere(registry: Registry) -> None:
    document = get(registry, "/api/openapi.json").json()

    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.shown_path) for route in documented_routes()}
    assert references(document) <= {
        f"#/components/schemas/{name}" for name in document["components"]["schemas"]
    }
    assert document["openapi"].startswith("3.1")
    json.dumps(document)


def test_operations_have_names_of_their_own(registry: Registry) -> None:
    document = get(registry, "/api/openapi.json").json()

    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_documentation_page_lists_every_route_without_a_script(registry: Registry) -> None:
    page = get(registry, "/api/docs")

    assert page.status_code == 200
    assert all(route.shown_path in page.text for route in documented_routes())
    assert "<script" not in page.text


def test_readiness_asks_the_stores(registry: Registry, publish: Any) -> None:
    publish("users")
    assert get(registry, "/readyz").status_code == 200

    for blob in registry.packages.root.rglob("*"):
        if blob.is_file():
            blob.unlink()
    answer = get(registry, "/readyz")

    assert (answer.status_code, answer.json()["code"]) == (500, "registry-damaged")
    assert get(registry, "/healthz").status_code == 200
