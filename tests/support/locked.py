"""Lockfiles in a few words, for what reads nothing but them."""

from pathlib import Path

from donkeytui.project.lockfile import LOCKFILE_NAME, LockedPlugin, Lockfile, render_lockfile


def lock(project: Path, *lines: str) -> None:
    """Writes a lockfile: `auth@^1.0.0 > users mail` was asked for and needs two; `!` behind it is a pin.

    Everything is at 1.0.0, and needed in `^1.0.0`.
    """
    plugins: dict[str, LockedPlugin] = {}
    for line in lines:
        text, _, needs = line.partition(" > ")
        is_pinned = text.endswith(" !")
        name, _, range_ = text.removesuffix(" !").partition("@")
        plugins[name] = LockedPlugin(
            version="1.0.0",
            resolved=f"embedded:/api/plugins/{name}/1.0.0/download",
            integrity="sha256:" + "0" * 64,
            dependencies=dict.fromkeys(needs.split(), "^1.0.0"),
            range=range_ or None,
            pinned=is_pinned,
        )
    (project / LOCKFILE_NAME).write_text(render_lockfile(Lockfile(plugins=plugins)), "utf-8")
