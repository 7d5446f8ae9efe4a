"""What author and others see of a name that waits for an admin, until it may pass."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_server.contract.account_wire import Flags
from registry_server.operations import moderation
from registry_server.operations.accounts import OPERATOR
from tests.support.builders import write_plugin
from tests.support.desks import Desks, open_desks

pytestmark = pytest.mark.network


@pytest.fixture
def desks(cli: Callable[..., Any], tmp_path: Path) -> Iterator[Desks]:
    with open_desks(cli, tmp_path) as opened:
        opened.log_in("ada")
        opened.log_in("grace")
        write_plugin(tmp_path / "billing", "billing")
        assert opened("ada", f"publish {tmp_path / 'billing'}").status == 0
        moderation.set_flags(opened.registry, OPERATOR, "billing", Flags(verified=True))
        yield opened


def test_a_name_close_to_a_verified_one_is_held_and_its_author_told_why(desks: Desks, tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "biling", "biling")

    tried = desks("grace", f"publish {folder} --dry-run")
    published = desks("grace", f"publish {folder}")
    mine = desks("grace", "whoami")
    others = desks("ada", "search biling --json")

    reason = "`biling` can be taken for `billing`, which many use; an admin looks at it first"
    assert (tried.status, published.status) == (0, 0)
    assert f"held: it would wait for an admin of {desks.url.removeprefix('http://')}: {reason}" in tried.err
    assert f"held: it waits for an admin of {desks.url.removeprefix('http://')}: {reason}" in published.err
    assert reason in mine.out
    assert "biling" not in {plugin["name"] for plugin in others.json["data"]["plugins"]}


def test_once_an_admin_lets_it_pass_everybody_can_have_it(desks: Desks, tmp_path: Path) -> None:
    desks("grace", f"publish {write_plugin(tmp_path / 'biling', 'biling')}")

    moderation.lift(desks.registry, OPERATOR, "biling")
    desks("ada", "sync")

    assert "held" not in desks("grace", "whoami").out
    assert desks("ada", "install biling --yes").status == 0
