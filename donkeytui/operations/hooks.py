"""Post-install commands of plugins: never run by themselves, only what a person approved, word for word.

An approval binds plugin, version and the command's text, and lies in the user's own data folder: a
project cannot bring one. Commands come from packages that match the lockfile, never from a catalogue.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from donkeytui.events import OutputLine, Report, StageFinished, StageStarted, silent
from donkeytui.install.tools import find_tool, run
from donkeytui.operations.apply import Hook
from donkeytui.operations.carrying import pristine
from donkeytui.operations.project import check_installed, open_project
from donkeytui.problems import HookRefused
from donkeytui.session import Session
from donkeytui.whole_file import write_whole
from registry_server.contract.foreign import clean

TIME_LIMIT_SECONDS = 300.0
APPROVALS = "approved-hooks.json"
APPROVALS_MAX_BYTES = 1 << 20
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM")
"""The environment a hook gets; anything else may be a secret."""


class HookState(Struct, frozen=True, kw_only=True):
    hook: Hook
    is_approved: bool


class _Approvals(Struct, frozen=True, kw_only=True):
    approved: tuple[Hook, ...] = ()


async def list_hooks(
    session: Session, names: tuple[str, ...] = (), report: Report = silent
) -> tuple[HookState, ...]:
    """Of `names`, or of everything installed. Raises what fetching raises for a package not at hand."""
    snapshot = await open_project(session, report)
    check_installed(snapshot.lockfile, names)
    approved = await session.in_thread(_read, _store(session))
    found: list[HookState] = []
    for name in dict.fromkeys(names or snapshot.lockfile.plugins):
        command = (await pristine(session, snapshot, name)).contents.postinstall
        if command:
            version = snapshot.lockfile.plugins[name].version
            hook = Hook(plugin=name, version=version, command=command)
            found.append(HookState(hook=hook, is_approved=hook in approved))
    return tuple(found)


async def approve_hook(session: Session, hook: Hook) -> None:
    """Remembers that a person has read the command and said yes."""
    approved = await session.in_thread(_read, _store(session))
    if hook not in approved:
        await session.in_thread(_write, _store(session), (*approved, hook))


async def run_hook(
    session: Session, hook: Hook, report: Report = silent, *, seconds: float = TIME_LIMIT_SECONDS
) -> None:
    """In the project's folder, without a shell, without input, for `seconds` at most.

    Raises `HookRefused` when it is not approved, not of an installed release, cannot be started, or fails.
    """
    snapshot = await open_project(session, report)
    root = snapshot.root
    if snapshot.lockfile.versions.get(hook.plugin) != hook.version:
        raise HookRefused(
            f"`{hook.plugin}` {hook.version} is not what this project has installed",
            hint=f"donkeytui hooks {hook.plugin} shows what it has",
        )
    if hook not in await session.in_thread(_read, _store(session)):
        raise HookRefused(
            f"the hook of `{hook.plugin}` {hook.version} is not approved",
            detail=clean(hook.command, 1000),
            hint=f"donkeytui hooks {hook.plugin} --run shows it and asks",
        )
    environment = {k: v for k, v in session.settings.environment.items() if k in PASSED_ON}
    arguments = _arguments(hook)
    path = _program(root, arguments[0], environment)
    if path is None:
        raise HookRefused(
            f"the hook of `{hook.plugin}` needs `{clean(arguments[0], 80)}`, which is not installed here",
            hint="install it, or do by hand what the hook would do",
        )
    report(StageStarted(stage="hook"))
    try:
        finished = await run(
            (path, *arguments[1:]),
            root,
            environment,
            lambda line: report(OutputLine(stage="hook", text=line)),
            seconds=seconds,
        )
    except OSError as error:
        raise HookRefused(
            f"the hook of `{hook.plugin}` cannot be started", detail=str(error.strerror)
        ) from error
    finally:
        report(StageFinished(stage="hook"))
    if finished.status != 0:
        ending = f"ended with {finished.status}"
        if finished.is_too_slow:
            ending = f"was stopped after {seconds / 60:g} minutes"
        raise HookRefused(
            f"the hook of `{hook.plugin}` {ending}",
            detail=clean(hook.command, 1000),
            hint="the plugin stays installed; mend the cause and run it again",
        )


def _program(root: Path, name: str, environment: Mapping[str, str]) -> str | None:
    """A path is one in the project, wherever the user stands."""
    if "/" not in name:
        return find_tool(name, environment)
    place = root / name
    return str(place) if place.is_file() and os.access(place, os.X_OK) else None


def _arguments(hook: Hook) -> list[str]:
    try:
        if "\0" in hook.command:
            raise ValueError("it holds a NUL")
        arguments = shlex.split(hook.command)
    except ValueError as error:
        raise HookRefused(
            f"the hook of `{hook.plugin}` is no command", detail=f"{error}: {clean(hook.command, 200)}"
        ) from error
    if not arguments:
        raise HookRefused(f"the hook of `{hook.plugin}` is empty")
    return arguments


def _store(session: Session) -> Path:
    return session.settings.data_dir / APPROVALS


def _read(store: Path) -> tuple[Hook, ...]:
    """Whoever damages the store loses approvals, and gains none."""
    try:
        with store.open("rb") as file:
            return msgspec.json.decode(file.read(APPROVALS_MAX_BYTES), type=_Approvals).approved
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return ()


def _write(store: Path, approved: tuple[Hook, ...]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_Approvals(approved=approved)), indent=2)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        write_whole(store, text, is_private=True)
    except OSError as error:
        raise HookRefused(
            "the approval cannot be kept",
            detail=f"{error.strerror}: {store}",
            hint="mend the folder's rights",
        ) from error
