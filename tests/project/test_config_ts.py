import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.project.config_ts import (
    ConfigReading,
    add_plugin_glob,
    glob_matches_root,
    plugins_root,
    read_config,
)

NEW = "./src/plugins/**/index.ts"

SHAPES = {
    "define": 'import { defineConfig } from "x";\nexport default defineConfig({ plugins: ["a/**"] });\n',
    "renamed define": 'import { defineConfig as d } from "x"; export default d({ plugins: ["a/**"] });',
    "namespace define": 'import * as x from "x"; export default x.defineConfig({ plugins: ["a/**"] });',
    "object": 'export default { plugins: ["a/**"] };',
    "constant": 'const config = { plugins: ["a/**"] };\nexport default config;',
    "typed constant": 'const config: Config = { plugins: ["a/**"] };\nexport default config satisfies C;',
    "defined constant": 'const config = defineConfig({ plugins: ["a/**"] });\nexport default config;',
    "export clause": 'const config = { plugins: ["a/**"] };\nexport { config as default };',
    "satisfies": 'export default { plugins: ["a/**"] } satisfies Config;',
    "as": 'export default ({ plugins: ["a/**"] as const } as Config);',
    "module exports": 'module.exports = { plugins: ["a/**"] };',
    "module exports of a call": "const { defineConfig } = x;\n"
    'module.exports = defineConfig({ plugins: ["a/**"] });',
    "export assignment": 'export = { plugins: ["a/**"] };',
    "plugins in a constant": 'const plugins = ["a/**"] as const;\nexport default { plugins };',
    "quoted key": "export default { 'plugins': ['a/**'] };",
    "template": "export default { plugins: [`a/**`] };",
    "glob in a constant": 'const GLOB = "a/**"; export default { plugins: [GLOB] };',
    "spread before": 'import base from "./base"; export default { ...base, plugins: ["a/**"] };',
    "comments": '// plugins: ["wrong"]\n'
    'export default { /* a */ plugins /**/ : [ /* d */ "a/**" /* e */ ] };',
    "carriage returns": 'export default {\r\n  plugins: [\r\n    "a/**",\r\n  ],\r\n};\r\n',
    "byte order mark": '\ufeffexport default { plugins: ["a/**"] };',
    "nested": 'export default { client: { plugins: ["wrong"] }, plugins: ["a/**"] };',
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_the_wild_is_read(text: str) -> None:
    reading = read_config(text)

    assert reading == ConfigReading(is_understood=True, plugin_globs=("a/**",))


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_the_wild_can_be_edited(text: str) -> None:
    edited = add_plugin_glob(text, NEW)

    assert edited is not None
    assert read_config(edited).plugin_globs == ("a/**", NEW)
    assert is_subsequence(text, edited)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "export const config = {};",
        "export default makeConfig();",
        "export default defineConfig(() => ({ plugins: [] }));",
        "export default defineConfig(base, {});",
        "export default merge({ plugins: [] });",
        "import config from './other'; export default config;",
        "export { default } from './other';",
        "export default [];",
        "export default class {}",
        "export default { plugins: 'a/**' };",
        "export default { plugins: getPlugins() };",
        "export default { plugins: [name] };",
        "export default { plugins: ['a', ...more] };",
        "export default { plugins: ['a'], ...base };",
        "export default { ...base };",
        "export default { plugins: ['a'], [key]: ['b'] };",
        "export default { plugins: ['a'], plugins: ['b'] };",
        "export default { get plugins() { return ['a'] } };",
        "let config = { plugins: ['a'] }; config = {}; export default config;",
        "const config = {}; config.plugins = ['a']; export default config;",
        "export default {}; module.exports = {};",
        "export default { plugins: ['a' 'b'] };",
        "export default { plugins: ['a'",
        "(" * 1_000,
        "x" * 1_100_000,
    ],
)
def test_other_shapes_are_left_alone_with_a_reason(text: str) -> None:
    reading = read_config(text)

    assert not reading.is_understood
    assert reading.reason
    assert add_plugin_glob(text, NEW) is None


def test_readable_globs_are_given_though_one_is_computed() -> None:
    assert read_config("export default { plugins: ['a/**', b, 'c/**'] };").plugin_globs == ("a/**", "c/**")


def test_entry_is_read_and_empty_when_computed() -> None:
    assert read_config("export default { entry: './src/main.ts' };").entry == "./src/main.ts"
    assert read_config("export default { entry: main() };").entry == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('import adapter from "@donkeylabs/adapter-sveltekit"; export default { adapter: adapter() };', True),
        ('import { vite } from "@donkeylabs/adapter-sveltekit/vite"; export default {};', True),
        ('export default { adapter: "@donkeylabs/adapter-sveltekit" };', True),
        ('import type { A } from "@donkeylabs/adapter-sveltekit"; export default {};', False),
        ('// import "@donkeylabs/adapter-sveltekit"\nexport default {};', False),
        ('import adapter from "@donkeylabs/adapter-sveltekit"; export default make(adapter);', True),
    ],
)
def test_sveltekit_is_told_by_its_adapter(text: str, expected: bool) -> None:
    assert read_config(text).uses_sveltekit is expected


EDITS = [
    ('{ plugins: ["a"] }', '{ plugins: ["a", "NEW"] }'),
    ("{ plugins: ['a'] }", "{ plugins: ['a', 'NEW'] }"),
    ('{ plugins: ["a",] }', '{ plugins: ["a", "NEW",] }'),
    ('{ plugins: [ "a" ] }', '{ plugins: [ "a", "NEW" ] }'),
    ('{plugins:["a","b"]}', '{plugins:["a","b", "NEW"]}'),
    (
        '{\n  plugins: [\n    "a",\n    "b",\n  ],\n}',
        '{\n  plugins: [\n    "a",\n    "b",\n    "NEW",\n  ],\n}',
    ),
    ('{\n\tplugins: [\n\t\t"a"\n\t]\n}', '{\n\tplugins: [\n\t\t"a",\n\t\t"NEW"\n\t]\n}'),
    (
        '{\r\n  plugins: [\r\n    "a",\r\n  ],\r\n}',
        '{\r\n  plugins: [\r\n    "a",\r\n    "NEW",\r\n  ],\r\n}',
    ),
    ('{\n  plugins: [\n    "a", // one\n  ],\n}', '{\n  plugins: [\n    "a", // one\n    "NEW",\n  ],\n}'),
    ('{\n  plugins: [\n    "a" // one\n  ],\n}', '{\n  plugins: [\n    "a", // one\n    "NEW"\n  ],\n}'),
    ('{ plugins: ["a", // one\n] }', '{ plugins: ["a", // one\n"NEW",\n] }'),
    ('{ plugins: ["a" /* one */] }', '{ plugins: ["a", /* one */ "NEW"] }'),
    ('{ plugins: ["a",\n  // "b",\n] }', '{ plugins: ["a", "NEW",\n  // "b",\n] }'),
    ("{ plugins: [] }", '{ plugins: ["NEW"] }'),
    ("{ plugins: [ ] }", '{ plugins: ["NEW" ] }'),
    ("{ plugins: [/* none */] }", '{ plugins: [/* none */ "NEW"] }'),
    ("{\n  plugins: [\n  ],\n}", '{\n  plugins: [\n    "NEW",\n  ],\n}'),
    ("{\n  plugins: [\n    // none\n  ],\n}", '{\n  plugins: [\n    // none\n    "NEW",\n  ],\n}'),
    ("{}", '{ plugins: ["NEW"] }'),
    ("{ }", '{ plugins: ["NEW"] }'),
    ("{\n}", '{\n  plugins: ["NEW"],\n}'),
    ("{ outDir: 'x' }", "{ outDir: 'x', plugins: ['NEW'] }"),
    ('{\n    outDir: "x",\n}', '{\n    outDir: "x",\n    plugins: ["NEW"],\n}'),
    ('{\r\n  outDir: "x"\r\n}', '{\r\n  outDir: "x",\r\n  plugins: ["NEW"]\r\n}'),
    (
        "{\n  adapter: adapter({\n    a: 1,\n  }), // é\n}",
        '{\n  adapter: adapter({\n    a: 1,\n  }), // é\n  plugins: ["NEW"],\n}',
    ),
]


@pytest.mark.parametrize(("before", "after"), EDITS)
@pytest.mark.parametrize("frame", ["export default OBJECT;", "/* ü */ export default defineConfig(OBJECT);"])
def test_glob_is_added_in_the_style_of_the_file(before: str, after: str, frame: str) -> None:
    text = frame.replace("OBJECT", before)

    assert add_plugin_glob(text, "NEW") == frame.replace("OBJECT", after)


def test_glob_in_a_constant_array_is_added_there() -> None:
    text = "const plugins = ['a'];\nexport default { plugins };\n"

    assert add_plugin_glob(text, "b") == "const plugins = ['a', 'b'];\nexport default { plugins };\n"


def test_glob_that_is_there_changes_nothing() -> None:
    assert (
        add_plugin_glob("export default { plugins: ['a', 'b'] };", "a")
        == "export default { plugins: ['a', 'b'] };"
    )


def test_array_with_a_hole_is_left_alone() -> None:
    assert add_plugin_glob("export default { plugins: ['a',,] };", "b") is None


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["./src/plugins/**/index.ts"], "src/plugins"),
        (["src/server/plugins/*/index.ts"], "src/server/plugins"),
        (["./lib//./extra/**/*.ts", "./src/plugins/**"], "lib/extra"),
        (["./src/plugins-*/index.ts"], "src"),
        (["./src/{a,b}/**"], "src"),
        (["./src/plugins"], "src/plugins"),
        (["./src/plugins/"], "src/plugins"),
        (["!./src/old/**", "./src/new/**"], "src/new"),
    ],
)
def test_plugins_root_is_the_fixed_part_of_the_first_glob(globs: list[str], expected: str) -> None:
    assert plugins_root(ConfigReading(is_understood=True, plugin_globs=tuple(globs))) == expected


@pytest.mark.parametrize(
    "glob",
    [
        "",
        "../../elsewhere/**/index.ts",
        "src/../../elsewhere/**",
        "./../x/**",
        "/etc/**",
        "//host/share/**",
        "C:/Windows/**",
        "..\\x\\**",
        "\\\\host\\share/**",
        "**/index.ts",
        "*/index.ts",
        "./**",
        "~/../x/**",
        ".git/hooks/**",
        ".donkeylabs/**",
        "node_modules/x/**",
        "src/con/**",
        "src/\x1b31m/**",
        "src/\u202e/**",
        "./src/plugins/users/index.ts",
        "a/" * 600 + "**",
    ],
)
def test_hostile_or_aimless_glob_gives_the_default_root(glob: str) -> None:
    reading = ConfigReading(is_understood=True, plugin_globs=(glob, "other/**"))
    sveltekit = ConfigReading(is_understood=True, plugin_globs=(glob,), uses_sveltekit=True)

    assert plugins_root(reading) == "src/plugins"
    assert plugins_root(sveltekit) == "src/server/plugins"


def test_default_roots_follow_the_adapter() -> None:
    assert plugins_root(ConfigReading(is_understood=False)) == "src/plugins"
    assert plugins_root(ConfigReading(is_understood=False, uses_sveltekit=True)) == "src/server/plugins"


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("./src/plugins/**/index.ts", True),
        ("src/plugins/**/index.ts", True),
        ("./src/plugins/*/index.ts", True),
        ("./src/plugins/**", True),
        ("./src/**/*.ts", True),
        ("**/index.ts", True),
        ("./src/plugins/us*s/index.t?", True),
        ("./src/plugins/**/**/index.ts", True),
        ("./src/plugins/users/**/index.ts", True),
        ("./src/{plugins,modules}/**/index.{ts,js}", True),
        ("./src/plugins/users/index.ts", True),
        ("./src/plugins/*", False),
        ("./src/plugins/**/plugin.ts", False),
        ("./src/server/plugins/**/index.ts", False),
        ("./src/plugins/auth/**", False),
        ("./src/plugins/*/*/index.ts", False),
        ("./src/plugins", False),
        ("src/plugins/user?/index.ts.bak", False),
        ("../src/plugins/**/index.ts", False),
        ("", False),
        ("{a,b}" * 10, False),
    ],
)
def test_globs_find_a_plugin_or_not(glob: str, expected: bool) -> None:
    assert glob_matches_root([glob], "src/plugins", "users") is expected


def test_exclusion_takes_a_plugin_out_again() -> None:
    globs = ["./src/plugins/**/index.ts", "!./src/plugins/old/**"]

    assert glob_matches_root(globs, "src/plugins", "users")
    assert not glob_matches_root(globs, "src/plugins", "old")
    assert not glob_matches_root([], "src/plugins", "users")


def test_glob_of_many_wildcards_is_matched_in_no_time() -> None:
    assert not glob_matches_root(
        ["*a" * 400, "**/" * 300 + "x", "{a,{b,{c,d}}}" * 60], "src/plugins", "a" * 60
    )


WORDS = [
    *(
        "export default ",
        "{",
        "}",
        "[",
        "]",
        "plugins",
        ":",
        ",",
        '"a"',
        "'b'",
        "...",
        "x",
        "defineConfig(",
        ")",
    ),
    *(
        "// c\n",
        "/* d */",
        "\n",
        "\r\n",
        "  ",
        "const c = ",
        ";",
        "as const",
        "module.exports = ",
        "é",
        "\ufeff",
    ),
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=30).map("".join) | st.text(max_size=100), st.text(max_size=20)
)
def test_any_text_is_edited_by_adding_only_or_left_alone(text: str, glob: str) -> None:
    edited = add_plugin_glob(text, glob)

    if edited is not None:
        assert is_subsequence(text, edited)
        assert read_config(edited).is_understood
        assert glob in read_config(edited).plugin_globs


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(
        st.tuples(
            st.sampled_from(['"a"', "'b'", "`c`"]), st.sampled_from(["", " ", "\n  ", "/*x*/", "//x\n"])
        )
    ),
    comma=st.sampled_from(["", ",", " , ", ", // y\n", ",\n"]),
    start=st.sampled_from(["", " ", "\n    ", "// z\n", "\r\n\t"]),
)
def test_any_array_of_strings_can_be_edited(items: list[tuple[str, str]], comma: str, start: str) -> None:
    listing = ",".join(f"{start}{item}{behind}" for item, behind in items)
    text = f"export default {{ plugins: [{listing}{comma if items else ''}] }};"
    edited = add_plugin_glob(text, NEW)

    assert edited is not None
    assert is_subsequence(text, edited)
    assert read_config(edited).plugin_globs == (*read_config(text).plugin_globs, NEW)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_plugins_root_never_leaves_the_project(glob: str) -> None:
    root = plugins_root(ConfigReading(is_understood=True, plugin_globs=(glob,)))

    assert root
    assert not root.startswith(("/", "\\"))
    assert ".." not in root.split("/")


def is_subsequence(before: str, after: str) -> bool:
    """Whether `after` is `before` with text added and none taken away or changed."""
    rest = iter(after)
    return all(character in rest for character in before)
