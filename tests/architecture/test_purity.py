"""Calls that imports cannot show: pure modules open nothing, print nothing and know no clock."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = (
    *sorted((ROOT / "registry_server/contract").glob("*.py")),
    *sorted((ROOT / "donkeytui/resolution").glob("*.py")),
    *(ROOT / "registry_server/search" / f"{name}.py" for name in ("document", "query", "words", "highlight")),
    *(
        path
        for path in sorted((ROOT / "donkeytui/project").glob("*.py"))
        if path.name not in ("snapshot.py", "plugin_files.py")
    ),
    *(
        ROOT / "donkeytui/install" / f"{name}.py"
        for name in ("plan", "planning", "notices", "npm_plan", "copies", "stage")
    ),
    *(ROOT / "donkeytui" / name for name in ("charts.py", "events.py", "problems.py")),
    *(path for path in sorted((ROOT / "donkeytui/authoring").glob("*.py")) if path.name != "source.py"),
)
BANNED_CALLS = {"open", "print", "input", "exec", "eval"}
BANNED_ATTRIBUTES = {
    "now",
    "utcnow",
    "today",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "unlink",
}


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_module_touches_nothing(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]

    names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    attributes = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}

    assert not names & BANNED_CALLS
    assert not attributes & BANNED_ATTRIBUTES


SOURCES = [
    path for package in ("donkeytui", "registry_server") for path in sorted((ROOT / package).rglob("*.py"))
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_widgets_take_lines_and_no_bare_text() -> None:
    """Textual's own text widgets read markup; in the app only the search field is one of them."""
    found = {
        (path.name, name.name)
        for path in (ROOT / "donkeytui/tui").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "textual.widgets"
        for name in node.names
    }

    assert found == {("browse.py", "Input"), ("main.py", "ContentSwitcher")}
