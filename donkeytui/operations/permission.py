"""Leave to go ahead: what a plan may not do under --locked and --frozen, and what others still need."""

from msgspec import structs

from donkeytui.install.plan import InstallPlan
from donkeytui.problems import LockfileOutdated, PluginNeeded
from donkeytui.project.lockfile import LOCKFILE_NAME, LockedPlugin, Lockfile


def check_not_needed(lockfile: Lockfile, removed: set[str], *, along: set[str]) -> None:
    for name in sorted(removed):
        needed_by = [other for other in lockfile.dependents(name) if other not in removed | along]
        if needed_by:
            askers = " and ".join(f"`{other}` {lockfile.plugins[other].version}" for other in needed_by)
            verb = "needs" if len(needed_by) == 1 else "need"
            raise PluginNeeded(
                f"`{name}` cannot be uninstalled: {askers} {verb} it",
                hint=f"donkeytui uninstall {name} {' '.join(needed_by)}, or --force",
            )


def as_locked(before: Lockfile, plan: InstallPlan, *, flag: str) -> InstallPlan:
    """The plan, if it keeps what the lockfile says; how the file is written does not count."""
    after = plan.lockfile
    differing = sorted(
        f"`{name}`"
        for name in {*before.plugins, *after.plugins}
        if _essence(before.plugins.get(name)) != _essence(after.plugins.get(name))
    )
    differing += ["npm packages"] if before.npm != after.npm else []
    if differing:
        raise LockfileOutdated(
            f"{LOCKFILE_NAME} would change, and {flag} says it may not",
            detail=f"it would change for {', '.join(differing[:10])}",
            hint=f"run it without {flag}, look at the plan, and commit the lockfile",
        )
    edits = tuple(edit for edit in plan.edits if edit.path != LOCKFILE_NAME)
    return structs.replace(plan, edits=edits)


def _essence(plugin: LockedPlugin | None) -> LockedPlugin | None:
    return structs.replace(plugin, tree="", copies={}) if plugin else None
