"""What a registry's refusal may bring into the client: words, and nothing that is acted on."""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from donkeytui.operations.sync import sync
from donkeytui.problems import ResolutionFailed
from donkeytui.settings import RegistryEntry


@pytest.mark.parametrize("ways_out", ["none of ours", [{"kind": "drop", "name": "users"}]])
def test_ways_out_come_from_our_own_solver_only(in_session: Callable[..., Any], ways_out: object) -> None:
    problem = {"code": "resolution-failed", "title": "no", "status": 500, "extra": {"ways_out": ways_out}}
    answer = httpx.Response(
        500, content=msgspec.json.encode(problem), headers={"content-type": "application/problem+json"}
    )

    with pytest.raises(ResolutionFailed) as caught:
        in_session(
            sync,
            transport=httpx.MockTransport(lambda _: answer),
            registry=RegistryEntry("team", "http://registry.invalid"),
        )

    assert caught.value.problem.extra == {}
