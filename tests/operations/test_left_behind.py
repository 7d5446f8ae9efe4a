"""Plugins that nobody asks for and nothing needs any more: what an install makes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.workshop import Workshop


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]) -> Workshop:
    """`top` 1 brought `old`, which needs `base` 1, and `free`; `top` 2 needs `base` 2 alone."""
    publish("base", "1.0.0")
    publish("base", "2.0.0")
    publish("old", needs={"base": "^1"})
    publish("free")
    publish("top", "1.0.0", needs={"old": "^1", "free": "^1"})
    publish("top", "2.0.0", needs={"base": "^2"})
    shop = Workshop(project, in_session)
    shop.apply("top@^1")
    return shop


def test_only_what_does_not_fit_any_more_goes(shop: Workshop) -> None:
    shop.apply("top@^2")

    assert shop.lockfile.versions == {"base": "2.0.0", "free": "1.0.0", "top": "2.0.0"}


def test_with_prune_all_of_it_goes(shop: Workshop) -> None:
    shop.apply("top@^2", with_orphans=True)

    assert shop.lockfile.versions == {"base": "2.0.0", "top": "2.0.0"}
