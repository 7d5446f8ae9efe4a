"""The server against its own description: what fits it is taken, what does not is refused, and answers fit.

schemathesis makes the requests from `/api/openapi.json`: all of its checks, once without a token and once
with an admin's. What the description cannot say is listed in `MORE_THAN_FORM`.
"""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.types import ASGIApp, Receive, Scope, Send

from registry_server import __version__
from registry_server.contract import manifest, wire
from registry_server.contract.account_wire import SCOPES
from registry_server.contract.review_wire import RatingRequest
from registry_server.http.api import documented_routes
from registry_server.http.app import build_app
from registry_server.http.openapi import openapi_document
from registry_server.operations.accounts import authenticate
from registry_server.operations.publish import publish
from registry_server.operations.reviews import rate
from registry_server.operations.tokens import LIFETIME_MAX, create_token
from registry_server.registry import Registry, open_registry
from registry_server.settings import Settings, TokenSettings
from tests.support.asgi_calls import Api, a_caller, problem_code
from tests.support.builders import FixedClock, package

DOCUMENT = msgspec.json.decode(msgspec.json.encode(openapi_document(documented_routes(), __version__)))

THERE = {
    "name": ["auth", "mail", "nobody"],
    "version": ["1.0.0", "9.9.9"],
    "author": ["bob", "nobody"],
    "user": ["ada", "bob", "nobody"],
    "path": ["index.ts", "nothing.ts"],
}
"""What addresses name, or hardly a request would get beyond a 404."""

MORE_THAN_FORM = {
    "POST /api/plugins": "a package has more rules than a schema can say",
    "PUT /api/plugins/{name}": "the grammar of version ranges is more than a pattern",
    "GET /api/changes": "a serial beyond the feed's end fits too, and is a 410",
    "POST /api/session/device": "this registry has no login by GitHub",
    "POST /api/session/device/poll": "nobody has begun a login by GitHub",
    "POST /api/tokens/leaked": "a token ends in a checksum",
    "POST /api/plugins/{name}/owners": "who owns it already cannot be invited",
    "POST /api/session/invitations/{name}": "only who was invited can accept",
    "DELETE /api/session/invitations/{name}": "or decline",
    "DELETE /api/plugins/{name}/quarantine": "what is not in quarantine cannot be let out of it",
    "POST /api/plugins/{name}/ratings/{author}/helpful": "nobody votes for a review of their own",
}
"""Where what fits the schema may still be a 422, and why: `positive_data_acceptance` is left out there."""

BOUNDED = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Stage:
    """The registry that the requests of this module reach."""

    app: ASGIApp
    registry: Registry

    @classmethod
    def admin_token(cls) -> str:
        """A new one each time: among the requests are those that end the token shown."""
        return create_token(cls.registry, "root", scopes=SCOPES, is_admin=True, lifetime=LIFETIME_MAX)


@pytest.fixture(scope="module", autouse=True)
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("stage")
    # As long as the schema allows: what an operator allows is not in it.
    kept = Settings(data=folder, tokens=TokenSettings(max_days=365))
    registry = Stage.registry = open_registry(folder, FixedClock(), settings=kept)
    Stage.app = build_app(registry, is_local=False)
    ada = authenticate(registry, f"Bearer {create_token(registry, 'ada', scopes=SCOPES[:5])}")
    for name in ("auth", "mail"):
        publish(registry, ada, package(name))
    rate(registry, a_caller(registry, "bob", "rate"), "auth", RatingRequest(rating=4, review="Works."))
    yield
    registry.close()


async def on_stage(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"  # a lifespan would go on until the end of the process
    await Stage.app(scope, receive, send)


def described() -> Any:
    document = copy.deepcopy(DOCUMENT)
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in THERE:
                    parameter["schema"]["enum"] = THERE[parameter["name"]]
    # Patterns tell of unreadable characters those of Latin-1; schemas cannot tell the others apart.
    generation = {"deterministic": True, "no-shrink": True, "codec": "latin-1"}
    schema = schemathesis.openapi.from_dict(
        document, config=SchemathesisConfig.from_dict({"generation": generation})
    )
    schema.app = on_stage
    schema.hook(map_body)
    return schema


def map_body(_: Any, body: Any) -> Any:
    """195.0 is an integer to a schema; what writes JSON for a living writes 195."""
    if isinstance(body, dict):
        return {
            key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in body.items()
        }
    return body


load_all_checks()
as_stranger, as_admin = described(), described()


def left_out(case: schemathesis.Case) -> list[Any]:
    return [positive_data_acceptance] if case.operation.label in MORE_THAN_FORM else []


@as_stranger.parametrize()
@BOUNDED
def test_a_stranger_is_answered_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=left_out(case))


@as_admin.parametrize()
@BOUNDED
def test_an_admin_is_answered_as_described(case: schemathesis.Case) -> None:
    authorization = {"Authorization": f"Bearer {Stage.admin_token()}"}

    case.call_and_validate(headers=authorization, excluded_checks=left_out(case))


def test_only_endpoints_that_exist_are_excused() -> None:
    assert set(MORE_THAN_FORM) <= {f"{route.method} {route.shown_path}" for route in documented_routes()}


def test_the_description_is_openapi_3_1() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_bounds_of_labels_are_those_of_the_manifest() -> None:
    update = DOCUMENT["components"]["schemas"]["PluginUpdate"]["properties"]
    bounds = {
        kind["maxItems"]: kind["items"]
        for field in ("categories", "tags")
        for kind in update[field]["anyOf"][:1]
    }

    assert set(bounds) == {manifest.CATEGORIES_MAX, manifest.TAGS_MAX}
    assert all(items["maxLength"] == manifest.LABEL_MAX for items in bounds.values())
    assert manifest._LABEL.pattern.removesuffix(r"\Z").replace("?:", "") == wire.LABEL_PATTERN.strip("^$")


@pytest.mark.parametrize(
    "body",
    [
        {"deprecation": {"version": "*", "mesage": "use vault"}},
        {"deprecation": {"version": "*"}, "descripton": "Other words"},
    ],
    ids=["inside", "outside"],
)
def test_a_misspelt_field_is_refused_however_deep(body: dict[str, Any]) -> None:
    """Ignored, the first would take a deprecation back instead of making one."""
    api = Api(Stage.app, Stage.admin_token())
    before = api.get("/api/plugins/mail").content

    answer = api("PUT", "/api/plugins/mail", json=body)

    assert problem_code(answer) == "invalid-request"
    assert api.get("/api/plugins/mail").content == before


@pytest.mark.parametrize(
    "query",
    ["verified=null", "verified=1", "verified=True", "verified=", "sort=null", "sort=Null", "page=null"],
)
def test_a_parameter_is_written_as_described(query: str) -> None:
    assert problem_code(Api(Stage.app).get(f"/api/plugins?{query}")) == "invalid-request"


@pytest.mark.parametrize("query", ["q=null", "category=null", "author=null", "verified=false", "q=1"])
def test_a_text_may_be_any_word(query: str) -> None:
    assert Api(Stage.app).get(f"/api/plugins?{query}").status_code == 200
