"""Hostile archives that can be read: layout, sizes, manifests, files that do not belong into a plugin."""

import json
from collections.abc import Iterator
from functools import partial

from registry_server.contract.archive import ENTRY_MAX_BYTES, MANIFEST_MAX_BYTES
from tests.support.builders import plugin_files
from tests.support.plugin_archives import (
    FILES,
    LAST,
    PLUGIN,
    ROOT,
    Hostile,
    blocks,
    hostile,
    named,
    sealed,
    unread,
    with_files,
)
from tests.support.tar_builder import archive, folder, header, member


def layout() -> Iterator[tuple[str, Hostile]]:
    two = {"two top folders": "other/x.ts", "the manifest in another top folder": "other/package.json"}
    for name, path in two.items():
        yield (
            name,
            Hostile(
                build=partial(archive, PLUGIN, member(path.encode(), FILES["package.json"])),
                code="invalid-package",
                word="there is no package.json",
                code_at_install="archive-unsafe",
                word_at_install="there is no package.json",
            ),
        )
    yield (
        "a folder too many above",
        Hostile(
            build=partial(archive, blocks(FILES, root=f"{ROOT}/inner")),
            code="invalid-package",
            word="there is no package.json",
            code_at_install="archive-unsafe",
            word_at_install="there is no package.json",
        ),
    )
    yield (
        "no index.ts",
        hostile(
            partial(archive, blocks({"package.json": FILES["package.json"]})),
            "there is no index.ts",
            "invalid-package",
        ),
    )
    yield (
        "no package.json",
        unread(partial(archive, blocks({"index.ts": FILES["index.ts"]})), "there is no package.json"),
    )
    yield "twin top folders", hostile(partial(sealed, member(b"AUTH-1.0.0/x.ts")), "are twins")
    yield (
        "a file as the top folder",
        hostile(partial(archive, member(ROOT.encode()), PLUGIN), "lies below a file"),
    )
    yield "an archive of nothing", hostile(partial(archive), "holds no file")
    yield "an archive of folders", hostile(partial(archive, folder(b"auth-1.0.0/")), "holds no file")


def caps() -> Iterator[tuple[str, Hostile]]:
    code = "package-too-large"
    large, json_large = "larger than a file may be", b" " * (MANIFEST_MAX_BYTES + 1)
    yield (
        "a file above the cap",
        hostile(partial(sealed, header(LAST, ENTRY_MAX_BYTES + 1), end=b""), large, code),
    )
    yield (
        "a file of eight gibibytes",
        hostile(partial(sealed, header(LAST, 0o77777777777), end=b""), large, code),
    )
    for name in ("package.json", "manifest.json"):
        yield f"a {name} above the cap", hostile(partial(with_files, **{name: json_large}), large, code)


# Manifests.

_MANIFEST = FILES["package.json"].decode()
_START = '{\n  "name": "auth",'
assert _MANIFEST.startswith(_START)
_REST = _MANIFEST.removeprefix(_START)
_UNREAD_JSON: dict[str, tuple[bytes, str]] = {
    "a key twice": (f'{{"name": "other", "name": "auth",{_REST}'.encode(), "`name` twice"),
    "a key twice, once escaped": (
        f'{{"n\\u0061me": "other", "name": "auth",{_REST}'.encode(),
        "`name` twice",
    ),
    "a key twice inside": (f'{{"x": {{"a": 1, "a": 2}}, "name": "auth",{_REST}'.encode(), "`a` twice"),
    "NaN": (f'{{"x": NaN, "name": "auth",{_REST}'.encode(), "NaN"),
    "Infinity": (f'{{"x": Infinity, "name": "auth",{_REST}'.encode(), "Infinity"),
    "minus Infinity": (f'{{"x": -Infinity, "name": "auth",{_REST}'.encode(), "-Infinity"),
    "nested too deep": (f'{{"x": {"[" * 64}{"]" * 64}, "name": "auth",{_REST}'.encode(), "nested deeper"),
    "nested without an end": (b"[" * 100_000, "nested deeper"),
    "a comma too many": (_MANIFEST.rstrip()[:-1].encode() + b",}", "not JSON"),
    "a comment": (b"// mine\n" + _MANIFEST.encode(), "not JSON"),
    "single quotes": (_MANIFEST.replace('"', "'").encode(), "not JSON"),
    "two documents": (_MANIFEST.encode() * 2, "not JSON"),
    "a NUL behind": (_MANIFEST.encode() + b"\0", "not JSON"),
    "a control character inside": (_MANIFEST.replace("made for", "made\x01for").encode(), "not JSON"),
    "nothing": (b"", "not JSON"),
    "a list": (b"[]", "not an object"),
    "null": (b"null", "not an object"),
    "a number": (b"1", "not an object"),
    "a text": (b'"auth"', "not an object"),
    "a number of 5,000 digits": (
        f'{{"x": {"9" * 5000}, "name": "auth",{_REST}'.encode(),
        "a number of 5000 digits",
    ),
    "a number without measure": (
        f'{{"x": 1e999, "name": "auth",{_REST}'.encode(),
        "1e999, which is too large",
    ),
    "UTF-16, little end first": (b"\xff\xfe" + _MANIFEST.encode("utf-16-le"), "not UTF-8"),
    "UTF-16, big end first": (b"\xfe\xff" + _MANIFEST.encode("utf-16-be"), "not UTF-8"),
    "UTF-16 without a mark": (_MANIFEST.encode("utf-16-le"), "not JSON"),
    "UTF-32": (_MANIFEST.encode("utf-32"), "not UTF-8"),
    "Latin-1": (_MANIFEST.replace("Ada", "\xc4da").encode("latin-1"), "not UTF-8"),
    "two marks of byte order": (b"\xef\xbb\xbf" * 2 + _MANIFEST.encode(), "not JSON"),
    "half a surrogate pair": (f'{{"x": "\\ud800", "name": "auth",{_REST}'.encode(), "half a surrogate pair"),
    "half a surrogate pair as a key": (
        f'{{"\\udfff": 1, "name": "auth",{_REST}'.encode(),
        "half a surrogate",
    ),
    "no name": (b'{"version": "1.0.0"}', "`name` is missing"),
    "a name that is no text": (f'{{"name": ["auth"],{_REST}'.encode(), "`name` is not text"),
    "no version": (b'{"name": "auth"}', "`version` is missing"),
    "a version that is no text": (b'{"name": "auth", "version": 1}', "`version` is not text"),
}
_NAMES_OF_PLUGINS = (
    "../auth",
    "a/b",
    "/auth",
    "au th",
    "-auth",
    "..",
    "node_modules/x",
    "@me/auth",
    "\u0430uth",
)
_VERSIONS = ("1.0", "v1.0.0", "01.0.0", "1.0.0/../..", "latest", "1.0.0-", "^1.0.0", "1" * 300 + ".0.0")
_NPM = {
    "git": ("left-pad", "git+ssh://git@example.invalid/x.git"),
    "an address": ("left-pad", "https://example.invalid/x.tgz"),
    "a file": ("left-pad", "file:../../x"),
    "a link": ("left-pad", "link:../x"),
    "an alias": ("left-pad", "npm:evil@1"),
    "a repository": ("left-pad", "someone/something"),
    "a tag": ("left-pad", "latest"),
    "an option": ("left-pad", "--registry=https://example.invalid"),
    "a name that is an option": ("--global", "^1.0.0"),
    "a name upwards": ("../left-pad", "^1.0.0"),
}
_INSTALLED_MANIFEST = "manifest.json"


def _manifest(**fields: object) -> bytes:
    return with_files(**{"package.json": json.dumps({**json.loads(_MANIFEST), **fields}).encode()})


def framework_manifest(data: bytes) -> bytes:
    return with_files(**{_INSTALLED_MANIFEST: data})


def manifests() -> Iterator[tuple[str, Hostile]]:
    for name, (data, word) in _UNREAD_JSON.items():
        yield f"package.json: {name}", unread(partial(with_files, **{"package.json": data}), word)
    for text in _NAMES_OF_PLUGINS:
        yield f"plugin called {text!a}", unread(partial(_manifest, name=text), "name")
    yield (
        "plugin called with an invisible character",
        hostile(partial(_manifest, name="auth\u202e"), "`name` has control or invisible", "invalid-package"),
    )
    for text in _VERSIONS:
        yield f"version {text[:20]}", unread(partial(_manifest, version=text), "version")
    for name, (package, wanted) in _NPM.items():
        yield (
            f"npm dependency: {name}",
            hostile(partial(_manifest, dependencies={package: wanted}), package, "invalid-package"),
        )
    framework: dict[str, tuple[bytes, str]] = {
        "a key twice": (b'{"copy": [], "copy": []}', "`copy` twice"),
        "no JSON": (b"{", "not JSON"),
        "a list": (b"[]", "not an object"),
        "NaN": (b'{"x": NaN}', "NaN"),
        "nested too deep": (b"[" * 5000, "nested deeper"),
        "UTF-16": ("{}".encode("utf-16"), "not UTF-8"),
    }
    for name, (data, word) in framework.items():
        yield f"manifest.json: {name}", hostile(partial(framework_manifest, data), word, "invalid-package")


# Files that do not belong into a plugin, and files for elsewhere in the project.

_REFUSED_FILES = (
    *(".npmrc", "bunfig.toml", ".env", ".env.local", ".env.production", ".mcp.json", ".aider.conf.yml"),
    *(".cursor/rules/x.md", ".vscode/tasks.json", ".idea/workspace.xml", ".claude/settings.json"),
    *("node_modules/left-pad/index.js", "lib/node_modules/left-pad/index.js"),
    *(".NPMRC", "Bunfig.toml", ".Env", "Node_Modules/x.js", ".VSCODE/tasks.json", ".n\u034fpmrc"),
    *("lib/.npmrc", "lib/.env", "lib/.claude/settings.json", "CLAUDE.md", "AGENTS.md", "GEMINI.md"),
    *(".cursorrules", ".windsurfrules", ".github/copilot-instructions.md", ".zed/settings.json"),
)
_COPY_TARGETS = {
    "../outside.txt": "`..`",
    "public/../../outside.txt": "`..`",
    "/etc/cron.d/outside": "absolute",
    "//server/share/x": "absolute",
    "C:/outside.txt": "`:`",
    "public\\..\\x": "holds `\\`",
    "public/con": "Windows device",
    "public/x\u202e.txt": "a format character",
    "public/x.": "a dot or space",
    "public//x.txt": "empty component",
    ".env": "hidden files",
    ".git/hooks/pre-commit": "git's own folder",
    ".github/workflows/ci.yml": "hidden files",
    ".npmrc": "hidden files",
    "public/.htaccess": "hidden files",
    ".donkeylabs/journal.json": "hidden files",
    "node_modules/left-pad/index.js": "`node_modules`",
    "packages/a/Node_Modules/b.js": "`node_modules`",
    "package.json": "`package.json`",
    "PACKAGE.JSON": "`package.json`",
    "packages/a/package.json": "`package.json`",
    "donkeylabs.config.ts": "configuration",
    "donkeylabs-lock.json": "lock file",
    "AGENTS.md": "coding agents",
    "packages/a/CLAUDE.md": "coding agents",
    "GEMINI.md": "coding agents",
    "package\ufe0f.json": "`package.json`",
    "tsconfig.json": "configuration",
    "jsconfig.json": "configuration",
    "tsconfig.base.json": "configuration",
    "bunfig.toml": "configuration",
    "bun.lock": "lock file",
    "\uff42un.lock": "lock file",
    "package-lock.json": "lock file",
    "pnpm-workspace.yaml": "configuration",
    "yarn.lock": "lock file",
}


def copying(*pairs: tuple[str, str]) -> bytes:
    """With a manifest.json that sends files elsewhere: (from, to)."""
    rules = [{"from": source, "to": target} for source, target in pairs]
    return framework_manifest(json.dumps({"copy": rules}).encode())


def elsewhere() -> Iterator[tuple[str, Hostile]]:
    code = "invalid-package"
    for path in _REFUSED_FILES:
        part = next(name for name in path.split("/") if name != "lib")
        yield f"file {path}", hostile(partial(named, path), f"`{part}`", code)
    for target, word in _COPY_TARGETS.items():
        yield f"copy to {target!a}", hostile(partial(copying, ("README.md", target)), word, code)
    sources = ("../outside.txt", "/etc/passwd", "nowhere.txt", "C:/x")
    for source in sources:
        yield (
            f"copy from {source}",
            hostile(partial(copying, (source, "public/x.txt")), "not in the package", code),
        )
    yield (
        "copy to one place twice",
        hostile(
            partial(copying, ("README.md", "public/x"), ("LICENSE", "public/X")),
            "one place for two files",
            code,
        ),
    )
    yield (
        "copy to a file and below it",
        hostile(
            partial(copying, ("README.md", "public/x"), ("LICENSE", "public/x/y")),
            "one place for two files",
            code,
        ),
    )
    yield (
        "copy without a target",
        hostile(
            partial(framework_manifest, b'{"copy": [{"from": "README.md"}]}'), "without its two paths", code
        ),
    )
    yield (
        "copy everything over the project",
        hostile(partial(copying, ("README.md", ".")), "component", code),
    )
    yield (
        "copy to more places than may be",
        hostile(
            partial(copying, *(("README.md", f"public/{number}") for number in range(101))),
            "at most 100",
            code,
        ),
    )
    yield (
        "copy to a path of 2,000 characters",
        hostile(partial(copying, ("README.md", "p" * 2000)), "more than 1024 characters", code),
    )


def _other(name: str, version: str) -> bytes:
    files = {path: text.encode() for path, text in plugin_files(name, version).items()}
    return archive(blocks(files))


OTHERS = {
    "another plugin": partial(_other, "mail", "1.0.0"),
    "another version": partial(_other, "auth", "2.0.0"),
    "a later build of the version": partial(_other, "auth", "1.0.0+2"),
    "another plugin of another version": partial(_other, "mail", "2.0.0"),
    "a name with a letter more": partial(_other, "auths", "1.0.0"),
}
"""Fine as packages, and not what was asked for: only who knows what was asked for can refuse them."""
