"""Quarantine in the app's lines: sign, word and reason, never colour alone."""

import pytest

from donkeytui.operations.installed import InstalledList, InstalledPlugin
from donkeytui.tui.lines.detail import dependency_lines, header_lines, release_lines
from donkeytui.tui.lines.installed import installed_line, ordered
from donkeytui.tui.lines.listing import ProjectState
from donkeytui.tui.text import Line
from tests.support.builders import document, release

REASON = "it sends keys away"
NOTHING = ProjectState()


def texts(lines: list[Line]) -> list[str]:
    return ["".join(part.text for part in line).strip() for line in lines]


def installed(
    name: str, *, problems: tuple[str, ...] = (), newest_in_range: str = "1.1.0"
) -> InstalledPlugin:
    return InstalledPlugin(
        name=name,
        version="1.1.0",
        range="^1.0.0",
        needed_by=(),
        newest_in_range=newest_in_range,
        newest="1.1.0",
        problems=problems,
        quarantine=REASON if "quarantined" in problems else "",
    )


def test_the_header_says_why_the_release_is_in_quarantine() -> None:
    plugin = document("auth", release("1.0.0", quarantine=REASON))

    assert f"✗ quarantined: {REASON}" in texts(header_lines(plugin, plugin.versions[0], NOTHING, 100))


def test_the_header_of_another_release_says_it_of_the_installed_one() -> None:
    plugin = document("auth", release("1.0.0", quarantine=REASON), release("1.1.0"))
    state = ProjectState(installed={"auth": "1.0.0"})

    shown = texts(header_lines(plugin, plugin.versions[0], state, 100))
    assert f"✗ 1.0.0 in this project is quarantined: {REASON}" in shown
    assert not any(
        "quarantined" in text for text in texts(header_lines(plugin, plugin.versions[0], NOTHING, 99))
    )


def test_among_releases_quarantine_is_told_before_what_the_author_said() -> None:
    plugin = document(
        "auth",
        release("1.0.0", yanked=True, yank_reason="wrong files"),
        release("1.1.0", yanked=True, yank_reason="wrong files", quarantine=REASON),
        release("1.2.0", deprecated=True, deprecation="use users"),
        release("1.3.0"),
    )

    newest, *rest = texts(release_lines(plugin, NOTHING, 100))
    assert not newest.endswith(("quarantined", "yanked", "deprecated"))
    assert [text.split("  ")[-1] for text in rest] == [
        "! deprecated",
        "use users",
        "✗ quarantined",
        REASON,
        "✗ yanked",
        "wrong files",
    ]


@pytest.mark.parametrize(("here", "sign"), [({}, "✗ quarantined"), ({"users": "1.0.0"}, "✓ 1.0.0 here")])
def test_a_needed_plugin_in_quarantine_is_not_said_to_be_installed(here: dict[str, str], sign: str) -> None:
    plugin = document("auth", release("1.0.0", "users@^1.0.0"))
    users = document("users", release("1.0.0", quarantine=REASON), quarantine=REASON)

    lines = texts(
        dependency_lines(plugin, plugin.versions[0], ProjectState(installed=here), {"users": users}, None)
    )
    assert next(text for text in lines if text.startswith("users")).endswith(sign)


def test_what_is_in_quarantine_leads_the_installed_list_with_its_word() -> None:
    plugins = (
        installed("aa", problems=("yanked",)),
        installed("zz", problems=("quarantined",)),
        installed("bb"),
    )
    rows = ordered(InstalledList(root="", plugins_root="", plugins=plugins, yours=()))

    assert [plugin.name for plugin in rows] == ["zz", "aa", "bb"]
    assert "✗ quarantined" in texts([installed_line(rows[0], 100, NOTHING)])[0]


@pytest.mark.parametrize(("newest", "said"), [("1.0.0", "↓ update 1.0.0"), ("1.2.0", "↑ update 1.2.0")])
def test_the_way_out_says_which_direction_it_goes(newest: str, said: str) -> None:
    plugin = installed("auth", problems=("quarantined",), newest_in_range=newest)

    assert texts([installed_line(plugin, 120, NOTHING)])[0].endswith(said)


def test_the_mark_of_an_installed_plugin_says_quarantine_before_an_update_and_after_what_is_staged() -> None:
    state = ProjectState(installed={"auth": "1.1.0"}, updates={"auth": "1.0.0"})

    assert state.mark("auth").text == "↓ 1.0.0"
    quarantined = ProjectState(installed=state.installed, updates=state.updates, quarantined={"auth"})
    assert quarantined.mark("auth").text == "✗ quarantined"
    staged = ProjectState(installed=state.installed, quarantined={"auth"}, staged={"auth": "remove"})
    assert staged.mark("auth").text == "- remove"
