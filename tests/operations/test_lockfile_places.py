"""A lockfile that claims files no plugin may bring: removing the plugin leaves them alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.project.tree import file_integrity
from tests.support.workshop import PLUGINS, Workshop


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any]) -> Workshop:
    return Workshop(project, in_session)


@pytest.mark.parametrize(
    "place",
    ["package.json", "donkeylabs.config.ts", "src/server/index.ts", f"{PLUGINS}/mine/index.ts"],
)
def test_a_claimed_file_that_is_no_plugins_is_not_removed_with_it(
    shop: Workshop, publish: Callable[..., Any], place: str
) -> None:
    publish("users")
    shop.apply("users")
    file = shop.root / place
    if not file.exists():
        shop.write(place, "export const mine = true;\n")
    before = file.read_bytes()
    lockfile = shop.root / "donkeylabs-lock.json"
    document = json.loads(lockfile.read_text())
    document["plugins"]["users"]["copies"] = {place: file_integrity(before)}
    lockfile.write_text(json.dumps(document))

    plan = shop.plan(uninstall=("users",))
    shop.carry_out(plan)

    assert plan.files == ()
    assert file.read_bytes() == before
    assert not shop.file("users").exists()
