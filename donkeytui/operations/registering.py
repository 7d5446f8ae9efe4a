"""The server entry: which plugins it registers, and text edits that add or take out some."""

import contextlib
from collections.abc import Collection, Mapping

from msgspec import Struct

from donkeytui.events import Notice
from donkeytui.install.plan import Edit, Wanted, edit_of
from donkeytui.install.stage import read_plugin
from donkeytui.operations.packages import package_of, release_download
from donkeytui.project.entry_edit import add_registrations, remove_registrations
from donkeytui.project.server_entry import Registration, registration
from donkeytui.project.snapshot import ProjectSnapshot, read_text
from donkeytui.session import Session
from registry_server.contract.definition import Definition, read_definitions
from registry_server.contract.problems import ProblemError


class EntryChange(Struct, frozen=True, kw_only=True):
    """What registering means for the entry; both empty when it says everything already."""

    edit: Edit | None = None
    notices: tuple[Notice, ...] = ()


async def plan_entry(session: Session, snapshot: ProjectSnapshot, goal: Mapping[str, Wanted]) -> EntryChange:
    """The entry with all of `goal` registered, and what goes taken out. New packages are fetched for it."""
    gone = [name for name in snapshot.lockfile.plugins if name not in goal]
    order = needed_first({name: wanted.dependencies for name, wanted in goal.items()})
    wanted = {name: await _definition(session, snapshot, name, goal[name]) for name in order}
    return await session.in_thread(_change_entry, snapshot, wanted, gone)


def _change_entry(
    snapshot: ProjectSnapshot, wanted: Mapping[str, Definition], gone: Collection[str]
) -> EntryChange:
    if not snapshot.entry.integrity:
        text = f"there is no server entry to edit, as {snapshot.entry.path} would be"
        return EntryChange(notices=(_not_edited(text, ""),) if wanted else ())
    out = remove_registrations(
        snapshot.entry.text, _registrations(snapshot, installed_definitions(snapshot, gone))
    )
    into = add_registrations(
        out.text if out.text is not None else snapshot.entry.text, _registrations(snapshot, wanted)
    )
    reasons = dict.fromkeys(change.reason for change in (out, into) if change.text is None)
    notices = tuple(
        _not_edited(
            f"{snapshot.entry.path} is left as it is: {reason}", "the lines to add are shown at the end"
        )
        for reason in reasons
    )
    after = into.text if into.text is not None else out.text
    if after is None or after == snapshot.entry.text:
        return EntryChange(notices=notices)
    return EntryChange(edit=edit_of(snapshot.entry, after), notices=notices)


def missing_registrations(
    snapshot: ProjectSnapshot, wanted: Mapping[str, Definition]
) -> tuple[Registration, ...]:
    """Those of `wanted` the entry lacks, as far as it is understood."""
    registrations = _registrations(snapshot, wanted)
    found = add_registrations(snapshot.entry.text, registrations)
    return tuple(each for each in registrations if found.text is None or each.name not in found.present)


def left_registrations(snapshot: ProjectSnapshot, gone: Mapping[str, Definition]) -> tuple[Registration, ...]:
    """Those of `gone` the entry still has, as far as it is understood."""
    registrations = _registrations(snapshot, gone)
    found = remove_registrations(snapshot.entry.text, registrations)
    return tuple(each for each in registrations if each.name in found.added)


def installed_definitions(snapshot: ProjectSnapshot, names: Collection[str]) -> dict[str, Definition]:
    """From the folders as they are; a plugin whose definition cannot be read is left out."""
    found: dict[str, Definition] = {}
    for name in names:
        with contextlib.suppress(ProblemError):
            index = read_text(snapshot.root, f"{snapshot.plugins_root}/{name}/index.ts")
            reading = read_definitions(index.text)
            if len(reading.definitions) == 1:
                found[name] = reading.definitions[0]
    return found


def needed_first(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Names so that a plugin comes after those it needs; within a circle by name."""
    ordered: dict[str, None] = {}
    waiting = sorted(needs)
    while waiting:
        ready = [name for name in waiting if all(n in ordered for n in needs[name] if n in needs)]
        for name in ready or waiting[:1]:
            ordered[name] = None
        waiting = [name for name in waiting if name not in ordered]
    return list(ordered)


async def _definition(session: Session, snapshot: ProjectSnapshot, name: str, wanted: Wanted) -> Definition:
    locked = snapshot.lockfile.plugins.get(name)
    if locked is not None and locked.integrity == wanted.release.checksum:
        there = installed_definitions(snapshot, [name])
        if name in there:
            return there[name]
    data = await package_of(session, release_download(session, name, wanted.release))
    return (await session.in_thread(read_plugin, name, wanted.release.version, data)).definition


def _registrations(snapshot: ProjectSnapshot, definitions: Mapping[str, Definition]) -> list[Registration]:
    return [
        registration(name, definition, entry=snapshot.entry.path, plugins_root=snapshot.plugins_root)
        for name, definition in definitions.items()
    ]


def _not_edited(text: str, hint: str) -> Notice:
    return Notice(severity="warning", code="entry-not-edited", text=text, hint=hint)
