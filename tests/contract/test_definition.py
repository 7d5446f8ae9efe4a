import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.definition import (
    Definition,
    DefinitionReading,
    exported_names,
    read_definitions,
    read_imports,
)
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import NESTING_MAX, SOURCE_MAX, parse

IMPORT = 'import { createPlugin } from "@donkeylabs/server";\n'
BODY = '{ name: "users", dependencies: ["auth"], service: async (ctx) => ({}) }'

STYLES = {
    "plain": f"USERS.define({BODY});",
    "schema": f"USERS.withSchema<DB>().define({BODY});",
    "inline schema": f"USERS.withSchema<{{ users: {{ id: Generated<number> }} }}>().define({BODY});",
    "comments between links": "USERS // name: 'wrong'\n"
    f"  /* .define({{ name: 'wrong' }}) */\n  .withSchema<DB>()\n  // next\n  .define({BODY});",
    "single quotes": "USERS.define({ name: 'users', dependencies: ['auth'], service: () => 1 })",
    "template strings": "USERS.define({ name: `users`, dependencies: [`auth`], service: () => 1 })",
    "escapes": r'USERS.define({ name: "us\u0065\x72s", '
    r'dependencies: ["\u{61}uth"], service: () => 1 })',
    "quoted keys": "USERS.define"
    """({ "name": "users", 'dependencies': ["auth"], "service": () => 1 })""",
    "computed keys of a string": "USERS.define"
    '({ ["name"]: "users", ["dependencies"]: ["auth"], ["service"]: () => 1 })',
    "shorthand": 'const name = "users"; const dependencies = ["auth"]; const service = () => 1;\n'
    "USERS.define({ name, dependencies, service });",
    "spread of a constant": 'const base = { name: "users", dependencies: ["auth"] };\n'
    "USERS.define({ ...base, service: () => 1 });",
    "overridden spread": 'const base = { name: "wrong", dependencies: ["auth"], service() {} } as const;\n'
    'USERS.define({ ...base, name: "users" });',
    "unreadable spread before": 'import { common } from "./common";\n'
    f"USERS.define({{ ...common, ...{BODY} }});",
    "object in a constant": f"const definition = {BODY} as const;\nUSERS.define(definition);",
    "name in a constant": 'const NAME = "users" as const;\n'
    "USERS.define({ name: NAME, dependencies: ['auth'], service: () => 1 });",
    "name in a constant object": 'const NAMES = { users: "users" } as const;\n'
    "USERS.define"
    "({ name: NAMES.users, dependencies: ['auth'], service: () => 1 });",
    "dependencies in constants": "const FIRST = ['auth'] as const; const ALL = [...FIRST];\n"
    "USERS.define({ name: 'users', dependencies: ALL, service: () => 1 });",
    "as const": "USERS.define({ name: 'users' as const, dependencies: ['auth'] as const, service: () => 1 })",
    "as any": f"USERS.define({BODY} as any);",
    "satisfies": f"USERS.define({BODY} satisfies PluginDefinition);",
    "angle assertion": f"export const usersPlugin = <Plugin>createPlugin.define(<any>{BODY});",
    "whole call as": f"export const usersPlugin = (createPlugin.define({BODY}) as Plugin)!;",
    "method service": "USERS.define"
    "({ name: 'users', dependencies: ['auth'], async service(ctx) { return {} } })",
    "generator method": "USERS.define"
    "({ name: 'users', dependencies: ['auth'], service() { return { *names() { yield { name: 1 } } } } })",
    "fake names in comments": "// name: 'wrong'\n/* createPlugin.define({ name: 'wrong' }) */\n"
    "USERS.define"
    "({ /* name: 'wrong', */ name: 'users', // name: 'wrong'\n dependencies: ['auth'], service: () => 1 })",
    "fake definition in a string": "const text = `createPlugin.define({ name: 'wrong' })`;\n"
    f"USERS.define({BODY});",
    "nested names": "USERS.define({ events: { name: 'wrong' }, name: 'users', "
    "dependencies: ['auth'], client: { dependencies: ['x'] }, service: () => ({ name: 'wrong' }) })",
    "tagged template with types": "USERS.define({ name: 'users', "
    "dependencies: ['auth'], service: async ({ db }) => ({ count: async () => "
    "(await sql<{n: number}>`select ${count} as n`.execute(db)).rows }) })",
    "other define": f"z.define({{ name: 'wrong' }}); const x = app.createPlugin.define({{}});\n"
    f"USERS.define({BODY});",
    "base in a constant": "const base = createPlugin.withSchema<DB>();\n"
    f"export const usersPlugin = base.define({BODY});",
    "renamed constant": f"const create = createPlugin;\nexport const usersPlugin = create.define({BODY});",
    "export clause": f"const usersPlugin = createPlugin.define({BODY});\nexport {{ usersPlugin }};",
    "renaming export clause": f"const plugin = createPlugin.define({BODY});\n"
    "export { plugin as usersPlugin, plugin as default };",
    "exported alias": f"const p = createPlugin.define({BODY});\nexport const usersPlugin = p as Plugin;",
    "carriage returns": f"USERS\r\n  .define({BODY});\r\n",
    "name shadowed elsewhere": "const name = 'users';\nfunction f(name: X) { name = 'wrong' }\n"
    "USERS.define({ name, dependencies: ['auth'], service: () => 1 });",
}


def written(style: str) -> str:
    return STYLES[style].replace("USERS", "export const usersPlugin = createPlugin")


def only(source: str) -> Definition:
    reading = read_definitions(source)

    assert reading.faults == ()
    assert len(reading.definitions) == 1
    return reading.definitions[0]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_the_wild_is_read(style: str) -> None:
    definition = only(IMPORT + written(style))

    assert definition.name == "users"
    assert definition.dependencies == ("auth",)
    assert definition.has_service
    assert definition.export_name == "usersPlugin"
    assert not definition.is_factory
    assert not definition.is_returned
    assert {"name", "dependencies", "service"} <= set(definition.fields)


@pytest.mark.parametrize(
    "source",
    [
        'import { createPlugin as make } from "@donkeylabs/server"; make',
        'import * as donkey from "@donkeylabs/server"; donkey.createPlugin',
        'import donkey from "@donkeylabs/server"; donkey.createPlugin',
        'import donkey = require("@donkeylabs/server"); donkey.createPlugin',
        'const { createPlugin: make } = await import("@donkeylabs/server"); make',
        'const { createPlugin } = require("@donkeylabs/server"); createPlugin',
    ],
)
def test_create_plugin_is_known_under_any_name(source: str) -> None:
    assert only(f"{source}.withSchema<DB>().define({BODY})").name == "users"


@pytest.mark.parametrize(
    "chain",
    [
        "createPlugin.withConfig<C>().define",
        "createPlugin.withSchema<DB>().withConfig<C>().define",
        "createPlugin.withConfig<C>().withSchema<DB>().define",
        "createPlugin.withConfig<{ key: string }>()/* c */.define",
    ],
)
def test_with_config_anywhere_in_the_chain_makes_a_factory(chain: str) -> None:
    assert only(f"{IMPORT}export const usersPlugin = {chain}({BODY});").is_factory


def test_with_config_in_a_constant_makes_a_factory() -> None:
    source = (
        f"const base = createPlugin.withConfig<C>();\n\nexport const usersPlugin = base\n  .define({BODY});"
    )
    definition = only(IMPORT + source)

    assert definition.is_factory
    assert definition.line == 5


def test_factory_called_in_place_is_an_object_again() -> None:
    definition = only(
        f"{IMPORT}export const usersPlugin = createPlugin.withConfig<C>().define({BODY})({{ a: 1 }});"
    )

    assert not definition.is_factory
    assert definition.export_name == "usersPlugin"


@pytest.mark.parametrize(
    "source",
    [
        f"export function usersPlugin() {{ return createPlugin.define({BODY}); }}",
        f"export function usersPlugin() {{ const plugin = createPlugin.define({BODY}); return plugin; }}",
        f"export const usersPlugin = () => createPlugin.define({BODY});",
        f"export const usersPlugin = () => {{ if (a) {{ return createPlugin.define({BODY}); }} }};",
        f"export const usersPlugin = function () {{ return createPlugin.define({BODY}); }};",
        f"function make() {{ return (createPlugin.define({BODY})); }}\nexport {{ make as usersPlugin }};",
    ],
)
def test_function_that_returns_the_definition_is_named_and_marked(source: str) -> None:
    definition = only(IMPORT + source)

    assert definition.is_returned
    assert definition.export_name == "usersPlugin"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("export default createPlugin.define(BODY);", "default"),
        ("const users = createPlugin.define(BODY);\nexport default users;", "default"),
        ("export const usersPlugin = createPlugin.define(BODY);\nexport default usersPlugin;", "usersPlugin"),
        ("export default function make() { return createPlugin.define(BODY); }", "default"),
        ("const users = createPlugin.define(BODY);", ""),
        ("createPlugin.define(BODY);", ""),
        ("register(createPlugin.define(BODY));", ""),
        (
            "function f() { const usersPlugin = createPlugin.define(BODY); }\nexport const usersPlugin = 1;",
            "",
        ),
        ("export const other = 1, users = createPlugin.define(BODY);", "users"),
        ("const a = createPlugin.define(BODY);\nexport { a as first, a as usersPlugin };", "usersPlugin"),
        ("const a = createPlugin.define(BODY);\nexport type { a as usersPlugin };", ""),
    ],
)
def test_export_name_is_what_others_can_import(source: str, expected: str) -> None:
    assert only(IMPORT + source.replace("BODY", BODY)).export_name == expected


def faults(source: str) -> list[tuple[str, int]]:
    return [(fault.about, fault.line) for fault in read_definitions(source).faults]


@pytest.mark.parametrize(
    "value",
    [
        "prefix + 'users'",
        "`${prefix}users`",
        "process.env.NAME",
        "getName()",
        "a ? 'users' : 'other'",
        "imported",
        "unknown",
        "changed",
        "undefined",
        "NAMES[0]",
        "circular",
    ],
)
def test_computed_name_is_reported_never_guessed(value: str) -> None:
    source = (
        'import { createPlugin, imported } from "@donkeylabs/server";\n'
        "let changed = 'users'; changed = 'other';\n"
        "const circular = other; const other = circular; const NAMES = ['users'];\n"
        f"export const usersPlugin = createPlugin.define({{\n  name: {value},\n  service: () => 1 }});"
    )
    reading = read_definitions(source)

    assert faults(source) == [("name", 5)]
    assert reading.definitions[0].name == ""
    assert reading.definitions[0].has_service


def test_parameter_is_no_constant_of_the_same_name() -> None:
    source = (
        'const name = "users";\n'
        "export const make = (name: string) => createPlugin.define({ name, service: () => 1 });\n"
        "export const make2 = name => createPlugin.define({ name, service: () => 1 });"
    )

    assert faults(source) == [("name", 2), ("name", 3)]


def test_constant_object_that_is_written_to_is_not_trusted() -> None:
    source = "const d = { name: 'users', service() {} };\nd.name = 'other';\ncreatePlugin.define(d);"

    assert faults(source) == [("definition", 3)]


def test_getter_is_a_computed_name() -> None:
    assert faults("createPlugin.define({ get name() { return 'users' }, service() {} })") == [("name", 1)]


def test_missing_name_is_a_fault() -> None:
    assert faults("\ncreatePlugin.define({ service() {} })") == [("name", 2)]


@pytest.mark.parametrize(
    "value", ["names", "[name]", "['a', ...more]", "['a', b ? 'c' : 'd']", "['a'].concat(x)", "'auth'"]
)
def test_computed_dependencies_are_reported(value: str) -> None:
    source = f"createPlugin.define({{ name: 'users',\ndependencies: {value}, service() {{}} }})"

    assert faults(source) == [("dependencies", 2)]
    assert read_definitions(source).definitions[0].dependencies == ()
    assert read_definitions(source).definitions[0].name == "users"


def test_spread_from_elsewhere_after_the_fields_puts_them_in_doubt() -> None:
    source = (
        'import { common } from "./common";\n'
        "createPlugin.define({ name: 'users', dependencies: [], service() {},\n ...common })"
    )

    assert faults(source) == [("name", 3), ("dependencies", 3)]


def test_spread_from_elsewhere_may_hold_the_service() -> None:
    source = "createPlugin.define({ ...common, name: 'users', dependencies: [] })"

    assert faults(source) == [("service", 1)]


def test_no_service_is_a_fact_and_no_fault() -> None:
    reading = read_definitions("createPlugin.define({ name: 'users' })")

    assert reading.faults == ()
    assert not reading.definitions[0].has_service


@pytest.mark.parametrize("argument", ["", "make()", "definition", "...all", "[]", "'users'"])
def test_argument_that_is_no_object_is_a_fault(argument: str) -> None:
    assert faults(f"\ncreatePlugin.define({argument})") == [("definition", 2)]


def test_fields_come_in_order_and_once() -> None:
    source = (
        "const b = { version: '1', name: 'x' };\n"
        "createPlugin.define({ ...b, name: 'y', async init() {}, 'events': {} })"
    )

    assert read_definitions(source).definitions[0].fields == ("version", "name", "init", "events")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "export const x = 1;",
        "z.define({ name: 'users' });",
        "const createPlugin = z.object(); createPlugin.define({ name: 'users' });",
        "import { createPlugin } from 'x'; function f(createPlugin) { createPlugin.define({ name: 'a' }) }",
        "createPlugin.define;",
        "createPlugin.withSchema<DB>();",
        "import * as donkey from 'x'; donkey.other.define({ name: 'users' });",
        "// createPlugin.define({ name: 'users' })",
        "\u0000\ud800 ???",
    ],
)
def test_file_without_a_definition_has_none(source: str) -> None:
    assert read_definitions(source) == DefinitionReading(definitions=(), faults=())


def test_several_definitions_are_all_reported_with_their_lines() -> None:
    reading = read_definitions("createPlugin.define({ name: 'a' });\n\ncreatePlugin.define({ name: 'b' });")

    assert [(found.name, found.line) for found in reading.definitions] == [("a", 1), ("b", 3)]


IMPORTS = """\
import a from "a";
import { b, type B2 } from './b';
import * as c from `c`;
import "side-effect";
import type { D } from "d";
import { type E, type F } from "e";
import f = require("f");
export { g } from "g";
export * from "h";
export * as i from "i";
export type { J } from "j";
const k = await import("k"); const l = require('l');
const m = await import(`m`); const n = await import(name); require("o" + p);
let q: import("q").Q;
import data from "./data.json" with { type: "json" };
import type R from "r";
// import s from "s";
const t = 'import u from "u"';
redis.require("v"); const w = redis.import("w");
import { default as x } from "x"; import type from "y"; import { type } from "z";
"""


def test_imports_of_all_kinds_are_read() -> None:
    found = [
        (each.module, each.line, "type" if each.is_type_only else "", "dynamic" if each.is_dynamic else "")
        for each in read_imports(IMPORTS)
        if each.is_literal
    ]

    assert found == [
        ("a", 1, "", ""),
        ("./b", 2, "", ""),
        ("side-effect", 4, "", ""),
        ("d", 5, "type", ""),
        ("e", 6, "type", ""),
        ("f", 7, "", ""),
        ("g", 8, "", ""),
        ("h", 9, "", ""),
        ("i", 10, "", ""),
        ("j", 11, "type", ""),
        ("k", 12, "", "dynamic"),
        ("l", 12, "", "dynamic"),
        ("m", 13, "", "dynamic"),
        ("q", 14, "type", "dynamic"),
        ("./data.json", 15, "", ""),
        ("r", 16, "type", ""),
        ("x", 20, "", ""),
        ("y", 20, "", ""),
        ("z", 20, "", ""),
    ]


def test_computed_imports_have_no_module() -> None:
    computed = [each for each in read_imports(IMPORTS) if not each.is_literal]

    assert [(each.module, each.line, each.is_dynamic) for each in computed] == [
        ("", 13, True),
        ("", 13, True),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("export async function up(db: Kysely<any>): Promise<void> {}", {"up"}),
        ("export const up = async () => {}, down = 1;", {"up", "down"}),
        ("const up = 1; function down() {}\nexport { up, down as undo };", {"up", "undo"}),
        ("export { up } from './shared';", {"up"}),
        ("export * from './shared';", {"*"}),
        ("export * as up from './shared';", {"up"}),
        ("export default { up() {} };", {"default"}),
        ("export const { up, a: { down }, ...rest } = make();", {"up", "down", "rest"}),
        ("export class A {} export enum B { X } export abstract class C {}", {"A", "B", "C"}),
        (
            "export type up = 1; export interface down {} export type { x } from 'y'; export { type z };",
            set(),
        ),
        ("function up() {} // export { up }", set()),
        ("namespace inner { export function up() {} }", set()),
        (
            "export function up() { return sql<{n: number}>`select ${1}` }\nexport const down = 1",
            {"up", "down"},
        ),
        ("export function* up() {}", {"up"}),
    ],
)
def test_exported_names_are_values_of_the_module(source: str, expected: set[str]) -> None:
    assert exported_names(source) == expected


def test_a_parsed_source_is_taken_as_it_is() -> None:
    parsed = parse(IMPORT + written("plain"))

    assert read_definitions(parsed).definitions[0].name == "users"
    assert len(read_imports(parsed)) == 1
    assert exported_names(parsed) == {"usersPlugin"}


# Hostile sources.


BOMBS = {
    "large": "x" * (SOURCE_MAX + 1),
    "parentheses": "(" * (NESTING_MAX + 1),
    "arrays": "x = " + "[" * 50_000 + "]" * 50_000,
    "blocks": "{" * 100_000,
    "templates": "`${" * 20_000,
    "type arguments": "a<b," * 20_000,
    "type arguments closed in comments": "a<b,/*>*/" * 20_000,
    "type arguments behind a regular expression": "if (x) /\"'`/;" + "a<b," * 20_000,
    "operators": "+|" * 10_000,
    "assertions": "<a><a>**let " * 5_000,
    "arrows": "!;=>" * 10_000,
    "open regular expressions": "/[" * 20_000,
    "open comments": "a/*" * 20_000,
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_source_that_would_exhaust_the_parser_is_refused(source: str) -> None:
    with pytest.raises(InvalidPackage) as caught:
        read_definitions(source)

    assert caught.value.problem.detail
    assert caught.value.problem.hint


CHAINS = {
    "members": "a" + ".b" * 3_000,
    "calls": "a" + "()" * 3_000,
    "defines": "createPlugin.define({})" + ".define({})" * 800,
    "sums": "x = a" + " + a" * 5_000,
    "else": "if (a) b(); else " * 1_500 + "c()",
    "doubling spreads": "".join(f"const a{n} = {{ ...a{n + 1}, ...a{n + 1} }};\n" for n in range(100))
    + "createPlugin.define(a0)",
    "doubling arrays": "".join(f"const a{n} = [...a{n + 1}, ...a{n + 1}];\n" for n in range(100))
    + "createPlugin.define({ name: 'x', dependencies: a0 })",
    "one name": "const a = 1;\n" * 2_000 + "a = 2;\n" * 2_000,
    "circle": "const a = { ...a }; createPlugin.define(a);" + "createPlugin.define(a);" * 800,
    "wide spreads": "const a = { "
    + ", ".join(f"k{n}: 1" for n in range(3_000))
    + " };\n"
    + "createPlugin.define({ ...a });" * 300,
    "functions": "export const a = () => " * 800 + "createPlugin.define({})",
}


@pytest.mark.parametrize("source", CHAINS.values(), ids=CHAINS)
def test_long_chains_and_doubling_constants_stay_cheap(source: str) -> None:
    read_definitions(source)
    read_imports(source)
    exported_names(source)


HONEST = {
    "divisions": "const half = total / 2; const x = i++ / 2; const y = n! / 3 /* < */ / 4;",
    "regular expressions": "if (/[\"'`(]/.test(a)) { b = a.replace(/\\/\\*/g, '').split(/[/\"]/) }",
    "markup": "const html = `<div>${a < b ? `<p>${c}</p>` : ''}</div>`;",
    "brackets in strings": "const tokens = [" + '"(", ' * 2_000 + "];",
    "loops": "for (let i = 0; i < n; i++) {}\n" * 500,
    "no semicolons": "const a = b < c\n" * 500,
    "columns": "type T = { " + "a: Generated<Array<number>>; " * 500 + "};",
    "numbers": "x = [" + "1, " * 3_000 + "];",
    "rulers": "// " + "-" * 5_000 + "\n/* " + "*" * 5_000 + " */",
}


@pytest.mark.parametrize("source", HONEST.values(), ids=HONEST)
def test_honest_code_that_looks_deep_is_read(source: str) -> None:
    assert only(f"{source}\nexport const usersPlugin = createPlugin.define({BODY});").name == "users"


def test_deep_nesting_below_the_limit_needs_no_recursion() -> None:
    depth = NESTING_MAX - 5
    assert depth < sys.getrecursionlimit()
    value = f"{'(' * depth}'users'{')' * depth}"
    source = f"const x = {'[' * depth}{']' * depth}; createPlugin.define({{ name: {value} }});"

    assert only(source).name == "users"


FRAGMENTS = st.sampled_from(
    [
        *(
            "createPlugin",
            ".define(",
            ".withConfig<C>()",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
            ",",
            ";",
            ":",
            "...",
        ),
        *(
            "name",
            "'users'",
            "`a${",
            "`",
            '"',
            "'",
            "/*",
            "*/",
            "//",
            "\n",
            "\\",
            "/",
            "=>",
            "=",
            "export ",
            "const a",
        ),
        *(
            "import ",
            " from 'x'",
            "require(",
            "default ",
            "as any",
            "function f(",
            "return ",
            "{ a",
            "type ",
            "\x00",
            "é",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAGMENTS, max_size=60).map("".join) | st.text(max_size=300))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        read_definitions(source)
        read_imports(source)
        exported_names(source)
    except InvalidPackage:
        pass


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_any_name_in_quotes_is_read_back(name: str) -> None:
    escaped = "".join(f"\\u{{{ord(character):x}}}" for character in name)
    expected = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    assert only(f"createPlugin.define({{ name: '{escaped}' }})").name == expected
