"""OpenAPI 3.1 of the API, made from the routes and the wire structs; nothing is described twice."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from registry_server.contract.problems import Problem
from registry_server.contract.routes import PLUGINS
from registry_server.http.routing import Route

_REF = "#/components/schemas/{name}"


def openapi_document(routes: Sequence[Route], publish: Route, version: str) -> dict[str, Any]:
    """The document; `publish` is the one endpoint whose body is a form."""
    every = [*routes, publish]
    kinds: list[Any] = [Problem, *(kind for route in every for kind in (route.body, route.response) if kind)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in every:
        path = re.sub(r"\{(\w+):path\}", r"{\1}", route.path)
        operation = _operation(route, by_kind)
        if route is publish:
            operation["requestBody"] = _form()
        paths.setdefault(path, {})[route.method.lower()] = operation
    security = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "dkt_..."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "DonkeyLabs plugin registry", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": security},
    }


def _operation(route: Route, by_kind: dict[str, Any]) -> dict[str, Any]:
    content = (
        {route.media_type: {"schema": by_kind[repr(route.response)]}}
        if route.response
        else {route.media_type: {}}
    )
    problem = {
        "description": "a problem",
        "content": {"application/problem+json": {"schema": by_kind[repr(Problem)]}},
    }
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": _parameters(route),
        "responses": {str(route.status): {"description": "done", "content": content}, "default": problem},
    }
    if route.body:
        schema = by_kind[repr(route.body)]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.method != "GET":
        operation["security"] = [{"token": []}]
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", route.path.replace(PLUGINS, "plugins").replace("/api", ""))
    return "_".join((route.method.lower(), *words))


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    names = re.findall(r"\{(\w+)", route.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    return parameters + _query_parameters(route.query)


def _query_parameters(kind: type[Struct] | None) -> list[dict[str, Any]]:
    if kind is None:
        return []
    (schema,), components = msgspec.json.schema_components((kind,), ref_template=_REF)
    del schema
    fields = components[kind.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": field} for name, field in fields.items()
    ]


def _form() -> dict[str, Any]:
    text = {"type": "string"}
    labels = {"type": "string", "description": "a JSON list of texts"}
    properties = {
        "package": {"type": "string", "format": "binary", "description": "the .tar.gz"},
        "name": text,
        "version": text,
        "description": text,
        "categories": labels,
        "tags": labels,
    }
    schema = {"type": "object", "required": ["package"], "properties": properties}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
