"""What only a running interpreter can tell: which modules a command really loads."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("textual", "rich", "httpx", "starlette", "sqlite_utils", "granian", "tantivy", "tree_sitter")


def modules_after(code: str, folder: Path) -> set[str]:
    """Top-level modules and our own, loaded once `code` has run in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=True,
    )
    return set(done.stderr.splitlines())


def call(arguments: list[str]) -> str:
    return f"from donkeytui.cli.run import run\nrun({arguments!r}, open_app=lambda settings: 0)"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["registry", "--help"], ["install", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert not modules_after(call(arguments), tmp_path) & set(HEAVY)


def test_one_shot_commands_never_load_the_app(tmp_path: Path) -> None:
    loaded = modules_after(call(["search", "auth"]), tmp_path)

    assert "donkeytui.operations.search" in loaded
    assert not {name for name in loaded if name.startswith(("textual", "donkeytui.tui"))}


def test_search_from_a_fresh_catalogue_opens_no_registry(tmp_path: Path) -> None:
    modules_after(call(["search", "auth"]), tmp_path)

    loaded = modules_after(call(["search", "auth"]), tmp_path)

    assert not loaded & {"httpx", "starlette", "sqlite_utils", "registry_server.http"}


def test_packages_map_themselves_and_import_nothing(tmp_path: Path) -> None:
    loaded = modules_after("import donkeytui, registry_server", tmp_path)

    assert not {n for n in loaded if n.startswith(("donkeytui.", "registry_server."))}
