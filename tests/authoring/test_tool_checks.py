"""The author's own tools: run where they are, told where they are not, and never blocking."""

import asyncio
from pathlib import Path

import pytest

from donkeytui.operations.tool_checks import FINDINGS_MAX, LINES_KEPT, ToolChecks, run_tools
from tests.support.builders import write_plugin, write_project
from tests.support.tools import Tools

PLACE = "src/server/plugins/auth"


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "shop")
    write_plugin(root / PLACE, "auth")
    (root / "tsconfig.json").write_text("{}")
    return root


def run(root: Path, tools: Tools, seconds: float = 60.0) -> ToolChecks:
    return asyncio.run(run_tools(root / PLACE, tools.path, seconds=seconds))


def states(checks: ToolChecks) -> dict[str, tuple[str, str]]:
    return {run.tool: (run.state, run.why) for run in checks.runs}


def printing(*lines: str, status: int = 0) -> str:
    return f"print({chr(10).join(lines)!r})\nsys.exit({status})"


def test_tools_that_are_not_installed_are_told_and_nothing_is_found(root: Path, tools: Tools) -> None:
    checks = run(root, tools)

    assert states(checks) == {
        "tsc": ("not-run", "tsc is not installed here"),
        "bun test": ("not-run", "bun is not installed here"),
    }
    assert checks.findings == ()


def test_without_a_tsconfig_and_tests_nothing_is_run(root: Path, tools: Tools) -> None:
    tools.add("tsc")
    tools.add("bun")
    (root / "tsconfig.json").unlink()
    (root / PLACE / "tests" / "index.test.ts").unlink()
    (root / PLACE / "tests").rmdir()
    checks = run(root, tools)

    assert states(checks) == {
        "tsc": ("not-run", "there is no tsconfig.json"),
        "bun test": ("not-run", "there is no tests/"),
    }
    assert tools.calls("tsc") == tools.calls("bun") == []


def test_both_run_where_they_are_and_write_nothing(root: Path, tools: Tools) -> None:
    tools.add("tsc")
    tools.add("bun")
    checks = run(root, tools)

    assert states(checks) == {"tsc": ("passed", ""), "bun test": ("passed", "")}
    assert checks.findings == ()
    (tsc,), (bun,) = tools.calls("tsc"), tools.calls("bun")
    assert tsc["folder"] == str(root)
    assert tsc["arguments"][:3] == ["-p", str(root / "tsconfig.json"), "--noEmit"]
    assert (bun["folder"], bun["arguments"], bun["input"]) == (str(root / PLACE), ["test"], "")


def test_the_project_s_own_tsc_comes_before_the_one_on_the_path(root: Path, tools: Tools) -> None:
    tools.add("tsc")
    own = Tools(root / "node_modules" / ".bin")
    own.add("tsc")
    run(root, tools)

    assert len(own.calls("tsc")) == 1
    assert tools.calls("tsc") == []


def test_a_tsc_or_tsconfig_above_the_project_is_not_the_project_s(root: Path, tools: Tools) -> None:
    (root / "tsconfig.json").rename(root.parent / "tsconfig.json")
    above = Tools(root.parent / "node_modules" / ".bin")
    above.add("tsc")

    assert states(run(root, tools))["tsc"] == ("not-run", "there is no tsconfig.json")
    assert above.calls("tsc") == []


def test_the_nearest_tsconfig_counts(root: Path, tools: Tools) -> None:
    tools.add("tsc")
    (root / PLACE / "tsconfig.json").write_text("{}")
    run(root, tools)

    assert tools.calls("tsc")[0]["folder"] == str(root / PLACE)


def test_type_errors_of_the_plugin_are_warnings_and_those_of_others_are_not(root: Path, tools: Tools) -> None:
    tools.add(
        "tsc",
        printing(
            f"{PLACE}/index.ts(3,7): error TS2304: Cannot find name 'x'.",
            "  an explanation of it",
            "src/server/index.ts(1,1): error TS2307: Cannot find module 'y'.",
            status=2,
        ),
    )
    checks = run(root, tools)

    assert [(f.severity, f.code, f.path, f.line, f.text) for f in checks.findings] == [
        ("warning", "type-error", "index.ts", 3, "TS2304: Cannot find name 'x'.")
    ]
    assert states(checks)["tsc"] == ("failed", "1 type error")


def test_a_project_that_fails_elsewhere_is_no_fault_of_the_plugin(root: Path, tools: Tools) -> None:
    tools.add("tsc", printing("src/server/index.ts(1,1): error TS2307: Cannot find module 'y'.", status=2))
    checks = run(root, tools)

    assert states(checks)["tsc"] == ("passed", "")
    assert checks.findings == ()


def test_many_type_errors_are_told_in_part(root: Path, tools: Tools) -> None:
    lines = [f"{PLACE}/index.ts({n},1): error TS1: no {n}." for n in range(1, FINDINGS_MAX + 4)]
    tools.add("tsc", printing(*lines, status=2))
    checks = run(root, tools)

    assert len(checks.findings) == FINDINGS_MAX + 1
    assert checks.findings[-1].text == "and 3 more type errors"


def test_a_tsc_that_cannot_work_is_a_warning(root: Path, tools: Tools) -> None:
    tools.add("tsc", printing("error TS5023: Unknown compiler option.", status=1))
    checks = run(root, tools)

    assert [(finding.code, finding.text) for finding in checks.findings] == [
        ("tsc-failed", "`tsc` could not check the types: it ended with status 1")
    ]
    assert checks.runs[0].lines == ("error TS5023: Unknown compiler option.",)


def test_failing_tests_are_one_warning_with_the_first_of_them(root: Path, tools: Tools) -> None:
    lines = ["bun test v1.3", "", "(pass) a", "(fail) signs in [0.4ms]", *(f"line {n}" for n in range(40))]
    tools.add("bun", printing(*lines, status=1))
    checks = run(root, tools)

    assert [(f.severity, f.code, f.path, f.text) for f in checks.findings] == [
        ("warning", "tests-fail", "tests", "`bun test` failed: (fail) signs in [0.4ms]")
    ]
    assert len(checks.runs[1].lines) == LINES_KEPT
    assert checks.runs[1].why == "it ended with status 1"


def test_a_tool_that_does_not_end_is_ended(root: Path, tools: Tools) -> None:
    tools.add("bun", "import time\ntime.sleep(600)")
    checks = run(root, tools, seconds=1.0)

    assert states(checks)["bun test"] == ("failed", "it had not ended after 1 seconds")
    assert checks.findings[0].code == "tests-fail"


def test_a_tool_that_cannot_be_started_is_a_warning(root: Path, tools: Tools) -> None:
    tools.write("tsc", "#!/nowhere/node\n")
    tools.write("bun", "#!/nowhere/bun\n")
    checks = run(root, tools)

    assert [run.state for run in checks.runs] == ["failed", "failed"]
    assert "cannot be started: No such file" in checks.findings[0].text


def test_what_a_tool_writes_addresses_no_terminal(root: Path, tools: Tools) -> None:
    tools.add("bun", printing("(fail) \x1b[31mred\x1b[0m \u202eback", status=1))
    checks = run(root, tools)

    assert all(text.isprintable() for text in (checks.findings[0].text, *checks.runs[1].lines))
