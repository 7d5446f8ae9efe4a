"""A walk: edits in two plugins, an update with a breaking major in it, the conflict, a way out, and back."""

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from donkeytui.project.lockfile import parse_lockfile

PLUGINS = "src/server/plugins"
BILLING = f"{PLUGINS}/billing/prices.ts"
ORM = f"{PLUGINS}/orm/query.ts"
ROUTE = "src/routes/billing.ts"
LINES = [f"export const n{number} = {number};" for number in range(1, 21)]

Cli = Callable[..., Any]
Whole = dict[str, tuple[int, bytes]]


def text(**lines: str) -> str:
    """Twenty lines; `n3="..."` gives the third another value."""
    changed = {name: f"export const {name} = {value};" for name, value in lines.items()}
    return "".join(f"{changed.get(f'n{number}', line)}\n" for number, line in enumerate(LINES, 1))


def whole(root: Path) -> Whole:
    """Everything in a project but our own working folder: folders and files, with modes and bytes."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mode, b"" if path.is_dir() else path.read_bytes())
        for path in sorted(root.rglob("*"))
        if ".donkeylabs" not in path.relative_to(root).parts
    }


def versions(project: Path) -> dict[str, str]:
    return parse_lockfile((project / "donkeylabs-lock.json").read_text()).versions


def ours(offered: str) -> list[str]:
    """The lines of `cli` for a command as a shell would take it."""
    commands = [shlex.split(command) for command in offered.split(" && ")]
    assert all(command[0] == "donkeytui" for command in commands)
    return [shlex.join(command[1:]) for command in commands]


@pytest.fixture
def shop(project: Path, cli: Cli, publish: Callable[..., Any]) -> Path:
    """`billing` and `mail` stand on `orm` 1; the user has edited a line of `billing` and one of `orm`."""

    def release(name: str, version: str, major: int, prices: Mapping[str, str]) -> None:
        copying = {"name": name, "version": version, "copy": [{"from": "route.ts", "to": ROUTE}]}
        extra = {
            "prices.ts": text(**prices),
            "route.ts": f"export const route = {version[0]};\n",
            "manifest.json": json.dumps(copying),
        }
        publish(name, version, needs={"orm": f"^{major}.0.0"}, npm={"stripe": f"^{major}.0.0"}, extra=extra)

    publish("orm", "1.0.0", extra={"query.ts": text()})
    release("billing", "1.0.0", 1, {})
    publish("mail", "1.0.0", needs={"orm": "^1.0.0"})
    assert cli("install billing@^1.0.0 mail@^1.0.0 --register --no-npm --yes -q").status == 0
    (project / BILLING).write_text(text(n10='"mine"'))
    (project / ORM).write_text(text(n15='"mine too"'))
    (project / PLUGINS / "billing" / "notes.ts").write_text("export {};\n")
    (project / PLUGINS / "orm" / "query.ts").chmod(0o755)

    publish("orm", "1.1.0", extra={"query.ts": text(n2="22")})
    release("billing", "1.1.0", 1, {"n2": "22"})
    publish("orm", "2.0.0", extra={"query.ts": text(n2="22", n5="55")})
    release("billing", "2.0.0", 2, {"n2": "22", "n18": "1818"})
    release("billing", "3.0.0", 2, {"n2": "22", "n10": "1010"})
    publish("mail", "2.0.0", needs={"orm": "^2.0.0"})
    cli("sync -q")
    return project


def test_edits_survive_an_update_a_conflict_and_a_way_out_and_two_undos_lead_back(
    shop: Path, cli: Cli
) -> None:
    start = whole(shop)

    # Within the ranges everything moves, and the edits come along.
    updated = cli("update --no-npm --yes")
    assert updated.status == 0, updated.err
    assert versions(shop) == {"billing": "1.1.0", "mail": "1.0.0", "orm": "1.1.0"}
    assert (shop / BILLING).read_text() == text(n2="22", n10='"mine"')
    assert (shop / ORM).read_text() == text(n2="22", n15='"mine too"')
    between = whole(shop)

    # The next major does not fit beside `mail`; that is explained, and nothing has changed.
    refused = cli("install billing@^2.0.0 --no-npm --yes")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.splitlines()[:5] == [
        "error: `billing ^2.0.0` and `mail ^1.0.0` do not fit together",
        "because: 1. you asked for `billing ^2.0.0`",
        "         2. the lockfile has `mail ^1.0.0`",
        "         3. `billing` 2.0.0 needs `orm ^2.0.0`",
        "         4. `mail` 1.0.0 needs `orm ^1.0.0`",
    ]
    assert whole(shop) == between

    # The very command that is offered works.
    offers = cli("install billing@^2.0.0 --json --yes").json["problem"]["extra"]["commands"]
    assert all(f"         {offer}   " in refused.err for offer in offers)
    (offered,) = [offer for offer in offers if "mail@" in offer]
    for line in ours(offered):
        taken = cli(f"{line} --no-npm --yes")
        assert taken.status == 0, taken.err
    assert versions(shop) == {"billing": "2.0.0", "mail": "2.0.0", "orm": "2.0.0"}
    assert (shop / BILLING).read_text() == text(n2="22", n10='"mine"', n18="1818")
    assert (shop / ORM).read_text() == text(n2="22", n5="55", n15='"mine too"')
    assert (shop / ROUTE).read_text() == "export const route = 2;\n"
    assert '"stripe": "^2.0.0"' in (shop / "package.json").read_text()

    # What differs from the releases is what the user wrote, and that alone.
    checked = cli("verify --json")
    assert checked.status == 1
    plugins = {plugin["name"]: plugin for plugin in checked.json["data"]["plugins"]}
    assert {name: plugin["state"] for name, plugin in plugins.items()} == {
        "billing": "edited",
        "mail": "intact",
        "orm": "edited",
    }
    assert [file["path"] for file in plugins["billing"]["files"]] == [f"{PLUGINS}/billing/notes.ts", BILLING]
    assert not any(plugin["markers"] for plugin in plugins.values())
    added = [
        line for line in cli("diff").out.splitlines() if line.startswith(("+", "-")) and line[1] != line[0]
    ]
    assert added == [
        "+export {};",
        "-export const n10 = 10;",
        '+export const n10 = "mine";',
        "-export const n15 = 15;",
        '+export const n15 = "mine too";',
    ]

    # Back, step by step.
    assert cli("undo --no-npm --yes").status == 0
    assert whole(shop) == between
    assert cli("undo --no-npm --yes").status == 0
    assert whole(shop) == start
    assert [change["title"] for change in cli("history --json").json["data"]["changes"]] == [
        "undo update",
        "undo install billing@^2.0.0 mail@^2.0.0",
        "install billing@^2.0.0 mail@^2.0.0",
        "update",
        "install billing@^1.0.0 mail@^1.0.0",
    ]


def test_a_conflict_resolved_by_hand_is_kept_by_a_forced_undo_that_leads_back(shop: Path, cli: Cli) -> None:
    start = whole(shop)

    # The release changed the line that the user did: markers, and a status that scripts see.
    met = cli("install billing@^3.0.0 mail@^2.0.0 --no-npm --yes")
    assert met.status == 1
    assert f"! to be resolved: {BILLING}" in met.out
    marked = (shop / BILLING).read_text()
    assert (
        '<<<<<<< yours\nexport const n10 = "mine";\n=======\nexport const n10 = 1010;\n>>>>>>> 3.0.0\n'
        in marked
    )
    assert cli("verify --json").json["data"]["plugins"][0]["markers"] == [BILLING]

    # By hand, the user's line stays; nothing is left to be resolved.
    resolved = text(n2="22", n10='"mine"')
    (shop / BILLING).write_text(resolved)
    assert cli("verify --json").json["data"]["plugins"][0]["markers"] == []
    after = whole(shop)

    # What was resolved since would be lost: an undo says so first, and keeps a copy when it is told to go on.
    refused = cli("undo --no-npm --yes")
    assert refused.status == 1
    assert f"changed: {PLUGINS}/billing" in refused.err
    assert whole(shop) == after
    assert cli("undo --no-npm --force --yes").status == 0
    assert whole(shop) == start
    assert resolved in [path.read_text() for path in (shop / ".donkeylabs").rglob("prices.ts")]


def test_other_ways_out_work_as_offered_too(shop: Path, cli: Cli) -> None:
    """Each from the same state: what one did is undone before the next is tried."""
    start = whole(shop)
    offers = cli("install billing@^2.0.0 --json --yes").json["problem"]["extra"]["commands"]
    assert len(offers) >= 2

    for offer in offers:
        lines = ours(offer)
        for line in lines:
            taken = cli(f"{line} --no-npm --yes")
            assert taken.status == 0, f"{offer}: {taken.err}"
        assert versions(shop) != {"billing": "1.0.0", "mail": "1.0.0", "orm": "1.0.0"}, offer
        for _ in lines:
            assert cli("undo --no-npm --yes").status == 0
        assert whole(shop) == start, offer


def test_ways_out_work_when_the_other_is_asked_for_in_one_version_alone(shop: Path, cli: Cli) -> None:
    assert cli("install mail@1.0.0 --yes -q").status == 0
    offers = cli("install billing@^2.0.0 --json --yes").json["problem"]["extra"]["commands"]
    assert any("mail@" in offer for offer in offers)

    for offer in offers:
        *first, last = ours(offer)
        for line in first:
            assert cli(f"{line} --no-npm --yes").status == 0, offer
        assert cli(f"{last} --no-npm --yes").status == 0, offer
        for _ in ours(offer):
            assert cli("undo --no-npm --yes").status == 0
