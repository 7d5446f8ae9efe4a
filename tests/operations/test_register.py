"""--register through the whole path: the server entry registers what is there, and nothing that is not."""

from collections.abc import Callable
from typing import Any

import pytest

from donkeytui.problems import PlanStale
from tests.support.builders import tree
from tests.support.workshop import Workshop, kinds, told

ENTRY = "src/server/index.ts"
PLAIN = """import { AppServer } from "@donkeylabs/server";

const server = new AppServer({ port: 3000 });

await server.start();
"""


@pytest.fixture
def shop(project: Any, in_session: Callable[..., Any]) -> Workshop:
    shop = Workshop(project, in_session)
    shop.write(ENTRY, PLAIN)
    return shop


def lines(shop: Workshop) -> list[str]:
    return shop.read(ENTRY).splitlines()


def test_a_new_plugin_and_what_it_needs_are_registered_needed_ones_first(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("users")
    publish("auth", needs={"users": "*"})

    plan = shop.plan("auth", is_registering=True)
    report = shop.carry_out(plan)

    assert ENTRY in [edit.path for edit in plan.edits]
    calls = [line for line in lines(shop) if "registerPlugin" in line]
    assert calls == ["server.registerPlugin(usersPlugin);", "server.registerPlugin(authPlugin);"]
    assert 'import { authPlugin } from "./plugins/auth";' in lines(shop)
    assert shop.read(ENTRY).index("registerPlugin") < shop.read(ENTRY).index("server.start")
    assert report.next_steps.registrations == ()


def test_a_factory_is_called_with_a_place_for_its_config(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth", is_factory=True)

    shop.apply("auth", is_registering=True)

    assert "server.registerPlugin(authPlugin({ /* config */ }));" in lines(shop)


def test_an_uninstall_takes_the_registration_out_again(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("users")
    publish("auth", needs={"users": "*"})
    before = tree(shop.root)
    shop.apply("auth", is_registering=True)

    report = shop.apply(uninstall=("auth", "users"), is_registering=True)

    assert shop.read(ENTRY) == PLAIN
    assert report.next_steps.removals == ()
    assert set(tree(shop.root)) - {"donkeylabs-lock.json"} == set(before)


def test_without_register_the_lines_are_told_and_the_entry_stays(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")

    report = shop.apply("auth")

    (registration,) = report.next_steps.registrations
    assert report.next_steps.entry == ENTRY
    assert registration.import_line == 'import { authPlugin } from "./plugins/auth";'
    assert registration.register_line == "server.registerPlugin(authPlugin);"
    assert shop.read(ENTRY) == PLAIN


def test_an_uninstall_without_register_says_what_to_take_out(
    shop: Workshop, publish: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    publish("auth")
    shop.apply("auth", is_registering=True)
    registered = shop.read(ENTRY)

    result = cli("uninstall auth --yes --no-npm")

    assert result.status == 0
    assert f"Take out of {ENTRY}: the import and registerPlugin of auth" in result.err
    assert shop.read(ENTRY) == registered


def test_an_uninstall_of_what_was_never_registered_says_nothing_of_the_entry(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    shop.apply("auth")

    assert shop.apply(uninstall=("auth",)).next_steps.removals == ()


def test_what_is_registered_already_is_not_registered_twice(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    shop.apply("auth", is_registering=True)
    registered = shop.read(ENTRY)

    plan = shop.plan("auth", is_registering=True)

    assert plan.is_empty
    assert shop.read(ENTRY) == registered


def test_what_the_user_registered_by_hand_is_seen(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    text = PLAIN.replace(
        "await server", "server.registerPlugin(\n  authPlugin, // mine\n);\nawait server"
    ).replace("\n\nconst", '\nimport { authPlugin } from "./plugins/auth/index";\n\nconst', 1)
    shop.write(ENTRY, text)

    report = shop.apply("auth")

    assert report.next_steps.registrations == ()
    assert shop.plan(is_registering=True).is_empty


def test_register_alone_adds_what_an_earlier_install_left_out(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    shop.apply("auth")

    plan = shop.plan(is_registering=True)
    shop.carry_out(plan)

    assert [edit.path for edit in plan.edits] == [ENTRY]
    assert "server.registerPlugin(authPlugin);" in lines(shop)


def test_an_exchange_is_one_edit(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    publish("login")
    shop.apply("auth", is_registering=True)

    plan = shop.plan("login", uninstall=("auth",), is_registering=True)
    shop.carry_out(plan)

    assert kinds(plan) == {"auth": "remove", "login": "install"}
    calls = [line for line in lines(shop) if "registerPlugin" in line]
    assert calls == ["server.registerPlugin(loginPlugin);"]
    assert "authPlugin" not in shop.read(ENTRY)


def test_windows_line_endings_stay(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.write(ENTRY, PLAIN.replace("\n", "\r\n"))

    shop.apply("auth", is_registering=True)

    text = shop.read(ENTRY)
    assert "server.registerPlugin(authPlugin);\r\n" in text
    assert text.count("\n") == text.count("\r\n")
    shop.apply(uninstall=("auth",), is_registering=True)
    assert shop.read(ENTRY) == PLAIN.replace("\n", "\r\n")


def test_a_missing_entry_is_told_and_the_plugin_installed(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    (shop.root / ENTRY).unlink()

    plan = shop.plan("auth", is_registering=True)
    report = shop.carry_out(plan)

    assert told(plan, "entry-not-edited") == [
        "there is no server entry to edit, as src/server/index.ts would be"
    ]
    assert not (shop.root / ENTRY).exists()
    assert [registration.name for registration in report.next_steps.registrations] == ["auth"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("export {};\n", "server"),
        (
            PLAIN.replace("await server", "for (const p of all) server.registerPlugin(p);\nawait server"),
            "loop",
        ),
        (PLAIN.replace("const server", "const [server]"), "server"),
    ],
    ids=["no server", "loop", "pattern"],
)
def test_an_entry_of_another_shape_is_left_as_it_is(
    shop: Workshop, publish: Callable[..., Any], text: str, reason: str
) -> None:
    publish("auth")
    shop.write(ENTRY, text)

    plan = shop.plan("auth", is_registering=True)
    report = shop.carry_out(plan)

    (sentence,) = told(plan, "entry-not-edited")
    assert sentence.startswith(f"{ENTRY} is left as it is: ")
    assert reason in sentence
    assert shop.read(ENTRY) == text
    assert [registration.name for registration in report.next_steps.registrations] == ["auth"]
    assert shop.versions == {"auth": "1.0.0"}


def test_the_entry_that_the_config_names_is_edited(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("auth")
    shop.write("src/main.ts", PLAIN)
    shop.replace("donkeylabs.config.ts", "outDir", 'entry: "./src/main.ts",\n  outDir')

    shop.apply("auth", is_registering=True)

    assert 'import { authPlugin } from "./server/plugins/auth";' in shop.read("src/main.ts")
    assert shop.read(ENTRY) == PLAIN


def test_an_entry_that_changed_after_the_plan_makes_it_stale(
    shop: Workshop, publish: Callable[..., Any]
) -> None:
    publish("auth")
    plan = shop.plan("auth", is_registering=True)
    shop.write(ENTRY, PLAIN + "// mine\n")

    with pytest.raises(PlanStale) as caught:
        shop.carry_out(plan)

    assert caught.value.problem.detail == f"changed: {ENTRY}"
    assert shop.read(ENTRY) == PLAIN + "// mine\n"
    assert not shop.file("auth").exists()


def test_a_circle_of_plugins_is_registered_once_each(shop: Workshop, publish: Callable[..., Any]) -> None:
    publish("left", needs={"right": "*"})
    publish("right", needs={"left": "*"})

    shop.apply("left", is_registering=True)

    calls = [line for line in lines(shop) if "registerPlugin" in line]
    assert sorted(calls) == ["server.registerPlugin(leftPlugin);", "server.registerPlugin(rightPlugin);"]
