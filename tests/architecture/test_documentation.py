"""What the README promises: every verb, its shell commands run, its pictures are there."""

import re
from pathlib import Path

from donkeytui.cli.group import ALIASES, VERBS
from registry_server.cli.group import COMMANDS
from registry_server.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_verb_and_alias_is_in_the_readme() -> None:
    missing = [
        name for name in (*VERBS, *ALIASES) if f"`{name}" not in README and f"donkeytui {name}" not in README
    ]

    assert missing == []


def test_every_picture_of_the_readme_exists() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)

    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []


def test_the_two_commands_stand_in_the_readme() -> None:
    assert "python3 -m pip install . && donkeytui" in README
    assert "python3 -m pip install -e '.[dev]' && python3 -m pytest" in README


def test_every_variable_is_documented() -> None:
    sources = [
        path for package in ("donkeytui", "registry_server") for path in (ROOT / package).rglob("*.py")
    ]
    used = {
        name
        for path in sources
        for name in re.findall(r"\b(?:DONKEYTUI|REGISTRY_SERVER)_[A-Z_]+", path.read_text())
    }

    assert {name for name in used if name not in README} == set()


def test_every_setting_and_command_of_the_server_is_documented() -> None:
    settings = [name for name in SETTINGS if not name.startswith("limits.")]
    rules = [name.partition(".")[2] for name in SETTINGS if name.startswith("limits.")]

    missing = [name for name in (*settings, *rules, *COMMANDS) if f"`{name}" not in README]
    assert missing == []
