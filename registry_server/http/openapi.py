"""OpenAPI 3.1 of the API, made from the routes and the wire structs; nothing is described twice."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from registry_server.contract.problems import Problem
from registry_server.contract.routes import CHANGES, METRICS, PLUGINS
from registry_server.http.forms import IGNORED_FIELDS, LIST_FIELDS, TEXT_FIELDS
from registry_server.http.problems import MEDIA_TYPE
from registry_server.http.routing import Route

_REF = "#/components/schemas/{name}"
_PATH_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")

Document = dict[str, Any]


def _always(_: Route) -> bool:
    return True


_REFUSALS: tuple[tuple[str, str, Callable[[Route], bool]], ...] = (
    ("401", "a token is needed, or the one shown does not work", _always),
    (
        "403",
        "not allowed to whom the token stands for",
        lambda route: route.method != "GET" or route.needs_token or "{version}" in route.path,
    ),
    ("404", "what the address names is not there", lambda route: "{" in route.path or route.path == METRICS),
    ("409", "what is there already stands against it", lambda route: route.method != "GET"),
    ("410", "the feed does not continue from here", lambda route: route.path == CHANGES),
    ("413", "too long", lambda route: route.is_upload or route.body is not None),
    ("416", "the package has no such part", lambda route: route.media_type == "application/gzip"),
    ("422", "a parameter, a field or the package breaks a rule", _always),
    ("429", "too often; Retry-After says when again", _always),
    ("5XX", "the registry cannot answer", _always),
)
"""Status, what it says, and which routes answer with it."""


def openapi_document(routes: Sequence[Route], version: str) -> Document:
    bodies = [route.body for route in routes if route.body]
    answers = [kind for route in routes for kind in (route.response, *route.also) if kind]
    kinds: list[Any] = [Problem, *bodies, *answers]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for body in bodies:
        # Structs ignore what they do not know; requests with unknown fields are refused.
        components[body.__name__]["additionalProperties"] = False
    by_kind = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.shown_path, {})[route.method.lower()] = _operation(route, by_kind)
    security = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "dkt_..."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "DonkeyLabs plugin registry", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": security},
    }


def _operation(route: Route, by_kind: Document) -> Document:
    operation: Document = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": [*_path_parameters(route), *_query_parameters(route.query)],
        "responses": {**_successes(route, by_kind), **_refusals(route, by_kind[repr(Problem)])},
    }
    if route.body:
        content = {"application/json": {"schema": by_kind[repr(route.body)]}}
        # No body at all says the same as an empty one.
        is_required = any(field.required for field in msgspec.structs.fields(route.body))
        operation["requestBody"] = {"required": is_required, "content": content}
    if route.is_upload:
        operation["requestBody"] = _form()
    # An empty requirement beside it: works without a token too.
    if route.needs_token or route.varies:
        operation["security"] = [{"token": []}] if route.needs_token else [{}, {"token": []}]
    return operation


def _successes(route: Route, by_kind: Document) -> Document:
    schema = {"schema": by_kind[repr(route.response)]} if route.response else {}
    answers: Document = {
        str(route.status): {"description": "done", "content": {route.media_type: schema}},
    }
    if route.also:
        either = {"anyOf": [by_kind[repr(kind)] for kind in route.also]}
        answers["200"] = {"description": "nothing new", "content": {route.media_type: {"schema": either}}}
    if route.method == "GET":
        answers["304"] = {"description": "what If-None-Match names is still current"}
    if route.media_type == "application/gzip":
        answers["206"] = {"description": "the part that Range asks for", "content": {route.media_type: {}}}
    return answers


def _refusals(route: Route, problem: Document) -> Document:
    content = {MEDIA_TYPE: {"schema": problem}}
    return {
        status: {"description": description, "content": content}
        for status, description, is_possible in _REFUSALS
        if is_possible(route)
    }


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", route.path.replace(PLUGINS, "plugins").replace("/api", ""))
    return "_".join((route.method.lower(), *words))


def _path_parameters(route: Route) -> list[Document]:
    return [
        {
            "name": match[1],
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
            if match[2] == "number"
            else {"type": "string", "minLength": 1},
        }
        for match in _PATH_PARAMETER.finditer(route.path)
    ]


def _query_parameters(kind: type[Struct] | None) -> list[Document]:
    if kind is None:
        return []
    _, components = msgspec.json.schema_components((kind,), ref_template=_REF)
    fields = components[kind.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(field)}
        for name, field in fields.items()
    ]


def _without_null(schema: Document) -> Document:
    """A query has no null: leaving a parameter out says the same."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0]}
    return {name: value for name, value in schema.items() if not (name == "default" and value is None)}


def _form() -> Document:
    labels = {"type": "string", "description": "a JSON list of texts"}
    properties = {
        "package": {"type": "string", "format": "binary", "description": "the .tar.gz"},
        **{name: {"type": "string"} for name in (*TEXT_FIELDS, *sorted(IGNORED_FIELDS))},
        **dict.fromkeys(LIST_FIELDS, labels),
    }
    schema = {
        "type": "object",
        "required": ["package"],
        "properties": properties,
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
