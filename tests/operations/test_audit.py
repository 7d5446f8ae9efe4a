"""What the registry says now of what is installed, worst first."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from donkeytui.operations.audit import AuditReport, audit
from donkeytui.project.lockfile import LOCKFILE_NAME
from donkeytui.settings import CoolDown
from registry_server.contract.wire import Deprecation, PluginUpdate
from registry_server.operations import lifecycle
from registry_server.operations.accounts import Caller
from registry_server.registry import Registry
from tests.support.builders import MOMENT, FixedClock
from tests.support.workshop import PLUGINS, Workshop


@pytest.fixture
def shop(project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]) -> Workshop:
    publish("users")
    publish("auth", needs={"users": "^1.0.0"})
    shop = Workshop(project, in_session)
    shop.apply("auth")
    return shop


def audited(shop: Workshop, **settings: Any) -> AuditReport:
    report: AuditReport = shop.run(audit, settings)
    return report


def found(shop: Workshop, **settings: Any) -> list[tuple[str, str, str]]:
    return [
        (finding.severity, finding.plugin, finding.code) for finding in audited(shop, **settings).findings
    ]


def test_a_healthy_project_has_no_findings(shop: Workshop) -> None:
    report = audited(shop)

    assert (report.checked, report.findings, report.has_errors) == (2, (), False)


def test_a_yanked_release_must_go_and_the_reason_is_told(
    shop: Workshop, registry: Registry, owner: Caller
) -> None:
    lifecycle.yank(registry, owner, "users", "1.0.0", reason="leaks keys")

    report = audited(shop)

    (finding,) = report.findings
    assert (finding.severity, finding.code) == ("error", "yanked")
    assert finding.text == "it was withdrawn by its author: leaks keys"
    assert report.has_errors


def test_a_withdrawal_of_a_minute_ago_counts_however_young_the_catalogue_is(
    shop: Workshop, registry: Registry, owner: Caller
) -> None:
    assert found(shop, stale_after_seconds=900) == []
    lifecycle.yank(registry, owner, "users", "1.0.0", reason="leaks keys")

    assert found(shop, stale_after_seconds=900) == [("error", "users", "yanked")]


def test_a_deprecated_release_is_a_warning_and_no_error(
    shop: Workshop, registry: Registry, owner: Caller
) -> None:
    message = Deprecation(version="1.0.0", message="use accounts")
    lifecycle.update_plugin(registry, owner, "users", PluginUpdate(deprecation=message))

    report = audited(shop)

    assert [finding.text for finding in report.findings] == ["it is deprecated: use accounts"]
    assert not report.has_errors


def test_other_bytes_than_the_lockfile_names_are_an_error(shop: Workshop) -> None:
    path = shop.root / LOCKFILE_NAME
    document = json.loads(path.read_text())
    document["plugins"]["users"]["integrity"] = "sha256:" + "0" * 64
    path.write_text(json.dumps(document))

    assert found(shop) == [("error", "users", "other-bytes")]


def test_a_release_that_the_registry_does_not_have_is_a_warning(shop: Workshop) -> None:
    path = shop.root / LOCKFILE_NAME
    text = path.read_text().replace('"users"', '"lusers"').replace("/users/", "/lusers/")
    path.write_text(text)
    (shop.root / PLUGINS / "users").rename(shop.root / PLUGINS / "lusers")

    assert ("warning", "lusers", "unknown") in found(shop)


def test_missing_files_are_an_error_and_edited_ones_a_note(shop: Workshop) -> None:
    shutil.rmtree(shop.file("users"))
    shop.write(f"{PLUGINS}/auth/mine.ts", "mine\n")

    assert found(shop) == [("error", "users", "missing"), ("note", "auth", "edited")]


def test_a_hook_and_what_the_code_uses_are_noted(shop: Workshop, publish: Callable[..., Any]) -> None:
    code = 'import { spawn } from "node:child_process";\nexport const run = spawn;\n'
    publish("tool", hooks={"postinstall": "bun run setup"}, extra={"run.ts": code})
    shop.apply("tool")

    notes = {finding.code: finding.text for finding in audited(shop).findings}

    assert notes["hook"] == "it has a hook: bun run setup"
    assert notes["capabilities"].startswith("its code uses: ")


def test_a_release_within_the_cool_down_is_noted_with_what_is_left(shop: Workshop, clock: FixedClock) -> None:
    clock.now = MOMENT + timedelta(hours=20)

    report = audited(shop, cool_down=CoolDown(hours=24, exempt=frozenset({"auth"})))

    assert [(each.plugin, each.text) for each in report.findings] == [
        ("users", "it is younger than your cool-down, by 4 h")
    ]


def test_after_the_cool_down_nothing_is_noted(shop: Workshop, clock: FixedClock) -> None:
    clock.now = MOMENT + timedelta(hours=24)

    assert found(shop, cool_down=CoolDown(hours=24)) == []


def test_the_worst_comes_first(shop: Workshop, registry: Registry, owner: Caller) -> None:
    lifecycle.yank(registry, owner, "users", "1.0.0", reason="")
    message = Deprecation(version="1.0.0", message="old")
    lifecycle.update_plugin(registry, owner, "auth", PluginUpdate(deprecation=message))
    shop.write(f"{PLUGINS}/auth/mine.ts", "mine\n")

    assert [severity for severity, _, _ in found(shop)] == ["error", "warning", "note"]


def test_an_empty_project_has_nothing_to_check(
    project: Path, in_session: Callable[..., Any], publish: Callable[..., Any]
) -> None:
    publish("users")

    report = audited(Workshop(project, in_session))

    assert (report.checked, report.findings) == (0, ())
