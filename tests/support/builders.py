"""Small real things: plugin packages, projects, documents."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from registry_server.contract.archive import Entry, pack
from registry_server.contract.wire import Author, PluginDocument, Release, ReleaseDependencies

MOMENT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = MOMENT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(part.title() for part in rest)


def plugin_files(
    name: str,
    version: str = "1.0.0",
    *,
    needs: Mapping[str, str] | None = None,
    npm: Mapping[str, str] | None = None,
    description: str = "A plugin made for a test.",
    is_factory: bool = False,
    framework: str = ">=2.0.0",
    extra: Mapping[str, str] | None = None,
    **donkeylabs: object,
) -> dict[str, str]:
    """The source files of a valid plugin."""
    manifest = {
        "name": name,
        "version": version,
        "description": description,
        "license": "MIT",
        "author": "Ada Lovelace",
        "dependencies": dict(npm or {}),
        "donkeylabs": {"plugins": dict(needs or {}), "framework": framework, **donkeylabs},
    }
    chain = "createPlugin.withConfig<{ key: string }>()" if is_factory else "createPlugin"
    index = (
        'import { createPlugin } from "@donkeylabs/server";\n\n'
        f"export const {camel(name)}Plugin = {chain}.define({{\n"
        f'  name: "{name}",\n'
        f"  dependencies: {json.dumps(list(needs or {}))} as const,\n"
        f"  service: async (ctx) => ({{ version: () => {json.dumps(version)} }}),\n"
        "});\n"
    )
    return {
        "package.json": json.dumps(manifest, indent=2) + "\n",
        "index.ts": index,
        "README.md": f"# {name}\n\n{description}\n",
        "LICENSE": "MIT\n",
        "tests/index.test.ts": 'import { test } from "bun:test";\ntest("is there", () => {});\n',
        **(extra or {}),
    }


def package(name: str, version: str = "1.0.0", **options: object) -> bytes:
    """The packed archive of `plugin_files`."""
    files = plugin_files(name, version, **options)  # type: ignore[arg-type]
    entries = {path: Entry(data=text.encode()) for path, text in files.items()}
    return pack(entries, name=name, version=version)


def write_plugin(folder: Path, name: str, version: str = "1.0.0", **options: object) -> Path:
    """The source files on disk; returns the folder."""
    for path, text in plugin_files(name, version, **options).items():  # type: ignore[arg-type]
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return folder


CONFIG = """import { defineConfig } from "@donkeylabs/server";

export default defineConfig({
  plugins: ["./src/server/plugins/**/index.ts"],
  outDir: ".@donkeylabs/server",
});
"""

PACKAGE_JSON = """{
  "name": "shop",
  "private": true,
  "dependencies": {
    "@donkeylabs/server": "latest"
  }
}
"""


def write_project(root: Path, *, config: str = CONFIG, package_json: str = PACKAGE_JSON) -> Path:
    """A minimal DonkeyLabs project."""
    (root / "src" / "server").mkdir(parents=True)
    (root / "src" / "server" / "index.ts").write_text('import { AppServer } from "@donkeylabs/server";\n')
    (root / "donkeylabs.config.ts").write_text(config, newline="")
    (root / "package.json").write_text(package_json, newline="")
    return root


def tree(root: Path) -> dict[str, bytes]:
    """Every file of a project but our own working folder, for comparing before with after."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".donkeylabs" not in path.relative_to(root).parts
    }


def release(version: str, *needs: str, **fields: object) -> Release:
    """A release as the feed has it; `needs` are requirements, `users@^1.0.0`."""
    values: dict[str, object] = {
        "checksum": "sha256:" + "0" * 64,
        "size": 1,
        "package_url": "",
        "created_at": MOMENT,
        "dependencies": ReleaseDependencies(plugins=needs),
        **fields,
    }
    return Release(version=version, **values)  # type: ignore[arg-type]


def document(name: str, *releases: Release, **fields: object) -> PluginDocument:
    """A plugin as the feed has it; releases in ascending order."""
    values: dict[str, object] = {
        "display_name": name,
        "description": "",
        "author": Author(name="Ada Lovelace"),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "latest_version": releases[-1].version if releases else "",
        **fields,
    }
    return PluginDocument(id="1", name=name, versions=tuple(reversed(releases)), **values)  # type: ignore[arg-type]
