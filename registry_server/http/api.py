"""All endpoints of the API, and the description made from them."""

import msgspec
from starlette.routing import BaseRoute

from registry_server import __version__
from registry_server.http.catalogue_api import catalogue_routes
from registry_server.http.metrics import NoMetrics
from registry_server.http.openapi import openapi_document
from registry_server.http.people_api import people_routes
from registry_server.http.registry_api import registry_routes
from registry_server.http.routing import Call, Reply, Route, starlette_route

NO_METRICS = NoMetrics()


def api_routes(metrics: NoMetrics) -> list[BaseRoute]:
    table = documented_routes(metrics)
    document = msgspec.json.encode(openapi_document(table, __version__))

    def openapi(_: Call) -> Reply:
        return Reply(body=document)

    described = Route(
        method="GET", path="/api/openapi.json", call=openapi, summary="this description", is_open=True
    )
    return [starlette_route(route) for route in (*table, described)]


def documented_routes(metrics: NoMetrics = NO_METRICS) -> list[Route]:
    """What the documentation lists, in the order in which addresses are looked up."""
    return [*catalogue_routes(), *people_routes(), *registry_routes(metrics)]
