"""A plan as a file: made here, read and agreed on, applied elsewhere or later.

The file holds the request and the plan. Applying it makes the plan anew from the request, on the
project and the catalogue as they are then, and goes on only when both are the same: so a file that
somebody altered can do nothing that a plan made on the spot would not, and one that was overtaken is
refused with what has moved.
"""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, structs

from donkeytui.events import Report, silent
from donkeytui.install.plan import InstallPlan
from donkeytui.operations.changes import Changes, plan_changes
from donkeytui.problems import PlanFileInvalid, PlanStale
from donkeytui.session import Session
from registry_server.contract.foreign import clean

PLAN_FILE_MAX_BYTES = 32 << 20


class PlanFile(Struct, frozen=True, kw_only=True):
    format: Literal["donkeytui-plan/1"] = "donkeytui-plan/1"
    request: Changes
    plan: InstallPlan


def render_plan_file(request: Changes, plan: InstallPlan) -> str:
    """Canonical JSON with a final newline. The project's own place on this machine is left out.

    Raises `PlanFileInvalid` when an edited file is not UTF-8.
    """
    document = PlanFile(request=request, plan=structs.replace(plan, root=""))
    try:
        encoded = msgspec.json.encode(document, order="sorted")
    except UnicodeEncodeError as error:
        odd = [edit.path for edit in plan.edits if not _is_text(edit.before + edit.after)]
        raise PlanFileInvalid(
            "the plan cannot be kept in a file",
            detail=f"it edits what is not UTF-8: {', '.join(odd)}",
            hint="save that file as UTF-8, or apply the plan without keeping it",
        ) from error
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def write_plan_file(path: Path, text: str) -> None:
    """Raises `PlanFileInvalid` when it cannot be written."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PlanFileInvalid(
            f"{clean(str(path), 200)} cannot be written",
            detail=str(error.strerror),
            hint="name a file in a folder that is there",
        ) from error


def read_plan_file(path: Path) -> PlanFile:
    """Raises `PlanFileInvalid`."""
    try:
        with path.open("rb") as file:
            data = file.read(PLAN_FILE_MAX_BYTES + 1)
        if len(data) > PLAN_FILE_MAX_BYTES:
            raise ValueError(f"it is larger than {PLAN_FILE_MAX_BYTES} bytes")
        return msgspec.json.decode(data, type=PlanFile)
    except OSError as error:
        raise PlanFileInvalid(
            f"{clean(str(path), 200)} cannot be read",
            detail=str(error.strerror),
            hint="donkeytui plan --out FILE",
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PlanFileInvalid(
            f"{clean(str(path), 200)} is no plan",
            detail=clean(str(error), 200),
            hint="make one with donkeytui plan --out FILE",
        ) from error


async def plan_from_file(session: Session, file: PlanFile, report: Report = silent) -> InstallPlan:
    """The plan, made anew and found the same. Raises `PlanStale`, and what planning raises."""
    plan = await plan_changes(session, file.request, report)
    moved = _differences(file.plan, plan)
    if moved:
        raise PlanStale(
            "the plan in the file is not what would be done here and now",
            detail=f"it differs in: {', '.join(moved)}",
            hint="make it again: the project or the catalogue has moved since",
        )
    return plan


def _differences(then: InstallPlan, now: InstallPlan) -> list[str]:
    pairs = (
        ("the project's files", then.basis, now.basis),
        ("the plugins folder", then.plugins_root, now.plugins_root),
        ("the steps", then.steps, now.steps),
        ("the packages", _integrities(then), _integrities(now)),
        ("the edited files", then.edits, now.edits),
        ("the copied files", then.files, now.files),
        ("your edits of plugins", _merges(then), _merges(now)),
        ("the lockfile", then.lockfile, now.lockfile),
    )
    return [what for what, before, after in pairs if before != after]


def _integrities(plan: InstallPlan) -> list[tuple[str, str, str]]:
    return [(each.name, each.version, each.integrity) for each in plan.downloads]


def _merges(plan: InstallPlan) -> list[tuple[str, str, str, object]]:
    return [(each.name, each.side, each.base.integrity, each.files) for each in plan.merges]
