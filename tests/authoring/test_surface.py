"""What others can see of a plugin, told from its source and never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donkeytui.authoring.definition_parts import Names
from donkeytui.authoring.judging import judge
from donkeytui.authoring.surface import Surface, surface_of, surface_of_release
from registry_server.contract.archive import Entry
from registry_server.contract.wire import Contents, Engine, ReleaseDependencies
from tests.support.builders import plugin_files, release

HEAD = 'import { createPlugin } from "@donkeylabs/server";\n'


def surface(index: str = "", **files: str) -> Surface:
    """Of a plugin with this index.ts; `service_ts` stands for service.ts."""
    sources = plugin_files("auth")
    if index:
        sources["index.ts"] = index
    sources |= {name.replace("_ts", ".ts"): text for name, text in files.items()}
    entries = {path: Entry(data=text.encode()) for path, text in sources.items()}
    return surface_of(entries, judge(entries))


def plugin(fields: str, *, chain: str = "createPlugin", before: str = "") -> str:
    return f'{HEAD}{before}\nexport const authPlugin = {chain}.define({{ name: "auth", {fields} }});\n'


@pytest.mark.parametrize(
    ("service", "before", "methods"),
    [
        ("service: () => ({ a() {}, b: 1, 'c': 2 })", "", {"a", "b", "c"}),
        ("async service(ctx) { return { a: 1 }; }", "", {"a"}),
        ("service: async () => { const s = { a: 1 }; return s; }", "", {"a"}),
        ("service: function () { if (x) { return { a: 1 }; } return { a: 2 }; }", "", {"a"}),
        ("service: () => ({ a: 1 } as const)", "", {"a"}),
        ("service: () => make()", "function make() { return { a: 1 }; }", {"a"}),
        ("service: async () => await make()", "const make = async () => ({ a: 1 });", {"a"}),
        ("service: make", "const make = () => ({ a: 1 });", {"a"}),
        ("service", "function service() { return { a: 1 }; }", {"a"}),
        ("service: () => new S()", "class S { #p() {} private q() {} a() {} constructor() {} }", {"a"}),
        ("service: () => make()", 'import { make } from "./service";', {"far"}),
        ("service: () => other()", 'import { make as other } from "./service";', {"far"}),
        ("service: () => ({ ...rest, a: 1 })", "const rest = f();", None),
        ("service: () => ({ [key]: 1 })", "", None),
        ("service: () => (x ? { a: 1 } : { b: 1 })", "", None),
        ("service: () => { if (x) { return { a: 1 }; } return { b: 2 }; }", "", None),
        ("service: () => make()", 'import { make } from "elsewhere";', None),
        ("service: () => make()", "function make() { return make(); }", None),
        ("service: () => new S()", "class S extends T { a() {} }", None),
        ("service: build()", "", None),
    ],
)
def test_methods_of_the_service(service: str, before: str, methods: set[str] | None) -> None:
    found = surface(
        plugin(service, before=before), service_ts="export function make() { return { far: 1 }; }\n"
    )

    assert found.methods == (None if methods is None else frozenset(methods))


@pytest.mark.parametrize("field", ["events", "handlers", "customErrors"])
def test_events_handlers_and_errors(field: str) -> None:
    def names(fields: str, before: str = "") -> Names:
        found = surface(plugin(f"service: () => ({{}}), {fields}", before=before))
        return {"events": found.events, "handlers": found.handlers, "customErrors": found.errors}[field]

    assert names(f'{field}: {{ a: 1, "b.c": 2 }}') == {"a", "b.c"}
    assert names(f"{field}: table", "const table = { a: 1 };") == {"a"}
    assert names("") == frozenset()
    assert names(f"{field}: build()") is None


@pytest.mark.parametrize(
    ("given", "before", "required"),
    [
        ("{ key: string; limit?: number }", "", {"key"}),
        ("Config", "interface Config { key: string; limit?: number; run(): void }", {"key", "run"}),
        ("Config", "type Config = { key: string };", {"key"}),
        ("Config", 'import type { Config } from "./types";', {"far"}),
        ("Partial<Config>", "", None),
        ("Config", "type Config = A & B;", None),
        ("Nowhere", "", None),
    ],
)
def test_what_a_config_must_have(given: str, before: str, required: set[str] | None) -> None:
    index = plugin("service: () => ({})", chain=f"createPlugin.withConfig<{given}>()", before=before)
    found = surface(index, types_ts="export interface Config { far: string }\n")

    assert found.is_factory is True
    assert found.required_config == (None if required is None else frozenset(required))


def test_exports_with_those_that_a_star_brings() -> None:
    index = plugin("service: () => ({})") + 'export * from "./types";\nexport function hello() {}\n'
    found = surface(
        index,
        types_ts='export * from "./more";\nexport const a = 1;\nexport default 1;\n',
        more_ts="export const b = 1;\nexport type T = string;\n",
    )

    assert found.exports == {"authPlugin", "hello", "a", "b"}
    assert surface(index + 'export * from "zod";\n').exports is None
    assert surface(plugin("service: f") + 'export * from "./index";\n').exports == {"authPlugin"}


def test_files_are_code_that_is_installed() -> None:
    found = surface(
        **{"a_ts": "", "logo.png": "", "migrations/001_a_ts": "export const up = 1;", "tests/b_ts": ""}
    )

    assert found.files == {"index.ts", "a.ts"}
    assert found.migrations == {"001_a.ts"}


def test_a_source_that_cannot_be_read_has_a_surface_of_nothing() -> None:
    found = surface("(" * 1000)

    assert (found.exports, found.methods, found.events, found.is_factory) == (None, None, None, None)


def test_stars_in_circles_and_in_great_numbers_cost_little() -> None:
    """Each of 30 files brings the next one twenty times over: 20^30 ways."""
    files = {
        f"f{n}_ts": f'export * from "./f{n + 1}";\n' * 20 + f"export const a{n} = 1;\n" for n in range(30)
    }
    files |= {"f30_ts": 'export * from "./index";\n'}
    found = surface(plugin("service: () => ({})") + 'export * from "./f0";\n', **files)

    assert found.exports == {"authPlugin", *(f"a{n}" for n in range(30))}


def test_calls_in_great_numbers_are_not_all_followed() -> None:
    """Each of 7 functions calls the next one eleven times over: 11^7 ways."""
    calls = [f"function s{n}(x) {{ {f'if (x) return s{n + 1}(x);' * 11} }}" for n in range(7)]
    before = "\n".join([*calls, "function s7() { return {}; }"])

    assert surface(plugin("service: () => s0()", before=before)).methods is None
    assert surface(plugin("service: () => s6()", before=before)).methods == frozenset()


@given(st.text(alphabet="{}()[]<>=;:,.*?'\"` \nabdefinrstuvcxport", max_size=120), st.text(max_size=40))
def test_no_source_is_an_accident(index: str, other: str) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in (index, other)]
    surface(plugin("service: () => make()") + clean[0], service_ts=clean[1])
    surface(clean[0] or " ")


def test_a_release_of_the_catalogue_has_what_the_catalogue_says() -> None:
    found = surface_of_release(
        release(
            "1.0.0",
            "users@^1",
            framework=">=2",
            engine=Engine(bun=">=1.1"),
            contents=Contents(labels=("network",), migrations=("001_a.ts",)),
            dependencies=ReleaseDependencies(plugins=("email@*", "users@^1 || ^2")),
        )
    )

    assert found.plugins == (("email", "*"), ("users", "^1 || ^2"))
    assert dict(found.engines) == {"the framework": ">=2", "bun": ">=1.1", "node": "*"}
    assert (found.labels, found.migrations, found.env_vars) == ({"network"}, {"001_a.ts"}, frozenset())
    assert (found.exports, found.methods, found.files) == (None, None, None)
    assert surface_of_release(release("1.0.0")).labels is None
