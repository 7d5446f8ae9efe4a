"""The files of a new plugin, by the framework's conventions.

`index.ts` is thin, and `service.ts` has the logic and imports nothing at run time, so that its tests
run under plain bun before anything is installed. What is made is small and whole: it passes
`validate`, compiles, and each part is there to be replaced.
"""

import json
import re

from msgspec import Struct

from donkeytui.authoring.licences import licence_text
from registry_server.contract.manifest import (
    CATEGORIES_MAX,
    DESCRIPTION_MAX,
    LABEL_HINT,
    TAGS_MAX,
    label_fault,
)
from registry_server.contract.names import camel_name, check_name, lookalike_key
from registry_server.contract.problems import InvalidManifest, InvalidName

FIRST_VERSION = "0.1.0"
FRAMEWORK = ">=2.0.0"
DISPLAY_NAME_MAX = 80
AUTHOR_MAX = 100
LICENSE_MAX = 100
LINE_MAX = 100
"""Characters in a line of code, as the usual formatters break it."""

_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+() -]*\Z")
_BETWEEN_WORDS = re.compile(r"-|(?<=[a-z0-9])(?=[A-Z])")


class NewPlugin(Struct, frozen=True, kw_only=True):
    """What an author wants to begin with."""

    name: str
    display_name: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    license: str = "MIT"
    author: str = ""
    has_schema: bool = False
    has_config: bool = False
    has_tests: bool = True
    needs: tuple[tuple[str, str], ...] = ()
    """Plugin dependencies: name and range."""
    year: int = 0
    """Of the copyright line."""


def check_new(wanted: NewPlugin) -> None:
    """Raises `InvalidName` or `InvalidManifest` for what no package.json could say."""
    check_name(wanted.name)
    if wanted.name[0].isdigit():
        raise InvalidName(
            f"`{wanted.name}` cannot begin with a digit",
            detail=f"its export would be `{camel_name(wanted.name)}Plugin`, which TypeScript cannot read",
            hint="choose a name that begins with a letter",
        )
    if any(lookalike_key(name) == lookalike_key(wanted.name) for name, _ in wanted.needs):
        raise InvalidName(f"`{wanted.name}` cannot need itself", hint="leave it out of --needs")
    faults = (
        label_fault(wanted.categories, "categories", CATEGORIES_MAX),
        label_fault(wanted.tags, "tags", TAGS_MAX),
    )
    for fault in filter(None, faults):
        raise InvalidManifest(fault, hint=LABEL_HINT)
    texts = (
        ("display name", wanted.display_name, DISPLAY_NAME_MAX),
        ("description", wanted.description, DESCRIPTION_MAX),
        ("author", wanted.author, AUTHOR_MAX),
        ("licence", wanted.license, LICENSE_MAX),
    )
    for what, text, limit in texts:
        if len(text) > limit:
            raise InvalidManifest(
                f"the {what} has {len(text)} characters, at most {limit} are allowed", hint="make it shorter"
            )
        if not text.isprintable():
            raise InvalidManifest(f"the {what} has control or invisible characters", hint="leave them out")
    if not _LICENSE.match(wanted.license):
        raise InvalidManifest(
            f"`{wanted.license}` is not a licence", hint="an SPDX identifier, for example MIT or Apache-2.0"
        )


def usual_display_name(name: str) -> str:
    """`rateLimit` and `rate-limit` in words: `Rate Limit`."""
    return " ".join(word[:1].upper() + word[1:] for word in _BETWEEN_WORDS.split(name))


def usual_description(name: str) -> str:
    return f"{usual_display_name(name)} for DonkeyLabs."


def make_plugin(wanted: NewPlugin) -> dict[str, str]:
    """Path to text. `wanted` has passed `check_new`."""
    words = _Words(wanted)
    files = {
        "CHANGELOG.md": f"# Changelog\n\n## {FIRST_VERSION}\n\n- First release.\n",
        "LICENSE": licence_text(
            wanted.license, holder=_person(wanted.author) or f"the authors of {wanted.name}", year=wanted.year
        ),
        "README.md": _readme(words),
        "index.ts": _index(words),
        "package.json": _manifest(words),
        "service.ts": _service(words),
    }
    if wanted.has_schema:
        files["schema.ts"] = _schema(words)
        files[f"migrations/001_create_{words.table}.ts"] = _migration(words)
    if wanted.has_tests:
        files[f"tests/{wanted.name}.test.ts"] = _tests(words)
    return dict(sorted(files.items()))


class _Words:
    """The name as TypeScript and SQL spell it."""

    def __init__(self, wanted: NewPlugin) -> None:
        self.wanted = wanted
        self.camel = camel_name(wanted.name)
        self.pascal = self.camel[:1].upper() + self.camel[1:]
        self.table = "_".join(word.lower() for word in _BETWEEN_WORDS.split(wanted.name)) + "_entries"
        self.display = wanted.display_name or usual_display_name(wanted.name)
        self.description = wanted.description or usual_description(wanted.name)
        self.given = [
            *(["db: ctx.db"] if wanted.has_schema else []),
            *(["greeting: ctx.config.greeting"] if wanted.has_config else []),
        ]
        """What the service is made with."""


def _person(author: str) -> str:
    return author.partition("<")[0].strip()


def _manifest(words: _Words) -> str:
    wanted = words.wanted
    manifest: dict[str, object] = {
        "name": wanted.name,
        "version": FIRST_VERSION,
        "description": words.description,
        "license": wanted.license,
    }
    if wanted.author:
        manifest["author"] = wanted.author
    manifest["donkeylabs"] = {
        "displayName": words.display,
        "categories": list(wanted.categories),
        "tags": list(wanted.tags),
        "plugins": dict(sorted(wanted.needs)),
        "framework": FRAMEWORK,
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _index(words: _Words) -> str:
    wanted = words.wanted
    lines = ['import { createPlugin } from "@donkeylabs/server";']
    if wanted.has_schema:
        lines.append('import type { DB } from "./schema";')
    lines += [
        f'import {{ create{words.pascal}Service, type {words.pascal}Service }} from "./service";',
        "",
        f'export type {{ {words.pascal}Service }} from "./service";',
        "",
    ]
    if wanted.has_config:
        lines += [
            f"export interface {words.pascal}Config {{",
            "  /** The word in front of a name. */",
            "  greeting: string;",
            "}",
            "",
        ]
    chain = f"export const {words.camel}Plugin = createPlugin"
    links = [
        *([".withSchema<DB>()"] if wanted.has_schema else []),
        *([f".withConfig<{words.pascal}Config>()"] if wanted.has_config else []),
    ]
    lines.append(f"{chain}{''.join(links)}.define({{")
    lines.append(f"  name: {json.dumps(wanted.name)},")
    if wanted.needs:
        names = ", ".join(json.dumps(name) for name in sorted(name for name, _ in wanted.needs))
        lines += ["  // Their services are in `ctx.deps`.", f"  dependencies: [{names}] as const,"]
    given = f"{{ {', '.join(words.given)} }}" if words.given else ""
    context = "ctx" if words.given else ""
    head = f"  service: async ({context}): Promise<{words.pascal}Service> =>"
    made = f"create{words.pascal}Service({given}),"
    body = [f"{head} {made}"] if len(head) + len(made) < LINE_MAX else [head, f"    {made}"]
    lines += ["", *body, "});"]
    return "\n".join(lines) + "\n"


def _service(words: _Words) -> str:
    wanted = words.wanted
    lines: list[str] = []
    if wanted.has_schema:
        lines += ['import type { Kysely } from "kysely";', 'import type { DB } from "./schema";', ""]
    if words.given:
        lines.append(f"export interface {words.pascal}Dependencies {{")
        lines += ["  db: Kysely<DB>;"] * wanted.has_schema
        lines += ["  greeting: string;"] * wanted.has_config
        lines += ["}", ""]
    lines.append(f"export type {words.pascal}Service = ReturnType<typeof create{words.pascal}Service>;")
    names = ", ".join(pair.partition(":")[0] for pair in words.given)
    parameter = f"{{ {names} }}: {words.pascal}Dependencies" if words.given else ""
    lines += ["", f"export function create{words.pascal}Service({parameter}) {{", "  return {"]
    greeting = "greeting" if wanted.has_config else '"Hello"'
    lines += [
        "    greet(name: string): string {",
        f"      return `${{{greeting}}}, ${{tidy(name)}}!`;"
        if wanted.has_config
        else "      return `Hello, ${tidy(name)}!`;",
        "    },",
    ]
    if wanted.has_schema:
        lines += _table_methods(words)
    lines += [
        "  };",
        "}",
        "",
        "/** Without blanks around it, and with one where there are several. */",
        "export function tidy(text: string): string {",
        '  return text.trim().replace(/\\s+/g, " ");',
        "}",
    ]
    return "\n".join(lines) + "\n"


def _table_methods(words: _Words) -> list[str]:
    table = json.dumps(words.table)
    return [
        "",
        "    async add(text: string): Promise<string> {",
        "      const id = crypto.randomUUID();",
        "      const created_at = new Date().toISOString();",
        f"      await db.insertInto({table}).values({{ id, text: tidy(text), created_at }}).execute();",
        "      return id;",
        "    },",
        "",
        "    async list(): Promise<string[]> {",
        f'      const rows = await db.selectFrom({table}).select("text").orderBy("created_at").execute();',
        "      return rows.map((row) => row.text);",
        "    },",
    ]


def _schema(words: _Words) -> str:
    return (
        "/** What `donkeylabs generate` reads from the migrations of this plugin. */\n"
        "export interface DB {\n"
        f"  {words.table}: {words.pascal}EntriesTable;\n"
        "}\n\n"
        f"export interface {words.pascal}EntriesTable {{\n"
        "  id: string;\n"
        "  text: string;\n"
        "  created_at: string;\n"
        "}\n"
    )


def _migration(words: _Words) -> str:
    return (
        'import type { Kysely } from "kysely";\n\n'
        "export async function up(db: Kysely<any>): Promise<void> {\n"
        "  await db.schema\n"
        f"    .createTable({json.dumps(words.table)})\n"
        "    .ifNotExists()\n"
        '    .addColumn("id", "text", (column) => column.primaryKey().notNull())\n'
        '    .addColumn("text", "text", (column) => column.notNull())\n'
        '    .addColumn("created_at", "text", (column) => column.notNull())\n'
        "    .execute();\n"
        "}\n\n"
        "export async function down(db: Kysely<any>): Promise<void> {\n"
        f"  await db.schema.dropTable({json.dumps(words.table)}).ifExists().execute();\n"
        "}\n"
    )


def _tests(words: _Words) -> str:
    wanted = words.wanted
    lines = ['import { expect, test } from "bun:test";']
    names = f"create{words.pascal}Service, tidy"
    lines.append(f'import {{ {names} }} from "../service";')
    if wanted.has_schema:
        lines += [
            "",
            "// Without a database: what needs one is tried in a project.",
            f'const db = {{}} as Parameters<typeof create{words.pascal}Service>[0]["db"];',
        ]
    given = [*(["db"] if wanted.has_schema else []), *(['greeting: "Hello"'] if wanted.has_config else [])]
    argument = f"{{ {', '.join(given)} }}" if given else ""
    lines += [
        "",
        'test("greets by name", () => {',
        f"  const service = create{words.pascal}Service({argument});",
        "",
        '  expect(service.greet(" Ada ")).toBe("Hello, Ada!");',
        "});",
        "",
        'test("takes superfluous blanks away", () => {',
        '  expect(tidy("  a \\n b ")).toBe("a b");',
        "});",
    ]
    return "\n".join(lines) + "\n"


def _readme(words: _Words) -> str:
    wanted = words.wanted
    config = '{ greeting: "Hello" }' if wanted.has_config else ""
    plugin = f"{words.camel}Plugin"
    registered = f"{plugin}({config})" if wanted.has_config else plugin
    lines = [
        f"# {words.display}",
        "",
        words.description,
        "",
        "## Install it",
        "",
        "```sh",
        f"donkeytui install {wanted.name}",
        "```",
        "",
        "## Register it",
        "",
        "```ts",
        f'import {{ {plugin} }} from "./plugins/{wanted.name}";',
        "",
        f"server.registerPlugin({registered});",
        "```",
        "",
    ]
    if wanted.has_config:
        lines += ["| Setting | Meaning |", "|---|---|", "| `greeting` | the word in front of a name |", ""]
    lines += ["## Use it", "", "| Method | What it does |", "|---|---|"]
    lines.append("| `greet(name)` | a greeting |")
    if wanted.has_schema:
        lines += [
            "| `add(text)` | keeps a text, and gives its id |",
            "| `list()` | all texts, the oldest first |",
        ]
    if wanted.has_tests:
        lines += ["", "## Test it", "", "```sh", "bun test", "```"]
    return "\n".join(lines) + "\n"
