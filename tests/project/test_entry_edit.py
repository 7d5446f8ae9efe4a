"""Registrations go into a server entry and out of it again, and nothing else changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donkeytui.project.entry_edit import EntryEdit, add_registrations, remove_registrations
from donkeytui.project.server_entry import ENTRY_MAX, Registration

AUTH = Registration(
    name="auth",
    import_line='import { authPlugin } from "./plugins/auth";',
    register_line="server.registerPlugin(authPlugin);",
)
STRIPE = Registration(
    name="stripe",
    import_line='import stripePlugin from "./plugins/stripe";',
    register_line="server.registerPlugin(stripePlugin({ /* config */ }));",
)
BOTH = (AUTH, STRIPE)
FRAMEWORK = 'import { AppServer } from "@donkeylabs/server";\n'


def added(text: str, *registrations: Registration) -> str:
    edit = add_registrations(text, registrations or (AUTH,))
    assert edit.text is not None, edit.reason
    return edit.text


def removed(text: str, *registrations: Registration) -> str:
    edit = remove_registrations(text, registrations or (AUTH,))
    assert edit.text is not None, edit.reason
    return edit.text


def test_lines_follow_the_last_import_and_the_statement_that_makes_the_server() -> None:
    text = (
        FRAMEWORK
        + """\
import { db } from "./db";

// The one server.
export const server = new AppServer({
  db,
});

await server.start();
"""
    )

    edit = add_registrations(text, BOTH)

    assert edit == EntryEdit(
        added=("auth", "stripe"),
        text=FRAMEWORK
        + """\
import { db } from "./db";
import { authPlugin } from "./plugins/auth";
import stripePlugin from "./plugins/stripe";

// The one server.
export const server = new AppServer({
  db,
});
server.registerPlugin(authPlugin);
server.registerPlugin(stripePlugin({ /* config */ }));

await server.start();
""",
    )


def test_a_registration_follows_the_last_one_inside_a_function_in_the_style_of_the_file() -> None:
    text = """\
import { createServer } from '@donkeylabs/server'

async function main() {
\tconst app = await createServer({})
\tapp.registerPlugin(users).registerPlugin(email) // both
\t;(async () => {})()
\tawait app.start()
}
main()"""

    assert (
        added(text)
        == """\
import { createServer } from '@donkeylabs/server'
import { authPlugin } from './plugins/auth'

async function main() {
\tconst app = await createServer({})
\tapp.registerPlugin(users).registerPlugin(email) // both
\tapp.registerPlugin(authPlugin)
\t;(async () => {})()
\tawait app.start()
}
main()"""
    )


def test_a_function_on_one_line_stays_on_one_line() -> None:
    text = FRAMEWORK + "async function main() { const server = new AppServer(); await server.start(); }\n"

    assert added(text).endswith(
        "{ const server = new AppServer(); server.registerPlugin(authPlugin); await server.start(); }\n"
    )


@pytest.mark.parametrize(
    "start",
    [
        "await server.start();",
        "server.start();",
        "server.use(r).listen(1);",
        "try { server.start() } catch {}",
    ],
)
def test_a_registration_never_comes_after_the_start(start: str) -> None:
    text = FRAMEWORK + f"const server = new AppServer();\n{start}\nserver.registerPlugin(late);\n"

    assert added(text).index("(authPlugin)") < added(text).index(start)


@pytest.mark.parametrize("start", ["server.registerPlugin(a).start();", "server.handleGenerateMode();"])
def test_a_chain_that_starts_and_the_generate_mode_come_after_it_too(start: str) -> None:
    text = FRAMEWORK + f"const server = new AppServer();\n{start}\n"

    assert added(text).index("(authPlugin)") < added(text).index(start)


def test_a_start_inside_a_function_runs_later_and_is_no_border() -> None:
    text = (
        FRAMEWORK + "const server = new AppServer();\nasync function go() { await server.start(); }\n"
        "server.registerPlugin(users);\ngo();\n"
    )

    assert "server.registerPlugin(users);\nserver.registerPlugin(authPlugin);\ngo();" in added(text)


@pytest.mark.parametrize(
    "statement",
    [
        "const server = new AppServer().registerPlugin(users);",
        "let server: AppServer = new AppServer({}) as AppServer;",
        "export const server = (await new AppServer<Db>({ a: [1] }))!;",
        "const port = 1, server = new AppServer({ port });",
        "const server = new AppServer({\n  a: await sql<number>`x`,\n});",
    ],
)
def test_ways_to_make_a_server(statement: str) -> None:
    text = FRAMEWORK + f"{statement}\nserver.start();\n"

    assert f"{statement}\nserver.registerPlugin(authPlugin);\nserver.start();\n" in added(text)


@pytest.mark.parametrize(
    "beginning",
    [
        'import { AppServer as Server } from "@donkeylabs/server";\nconst server = new Server();\n',
        'import * as ds from "@donkeylabs/server";\nconst server = new ds.AppServer();\n',
        'import { createServer as make } from "@donkeylabs/server";\nconst server = make();\n',
        'import { AppServer } from "@donkeylabs/server/core";\nconst server = new AppServer();\n',
        'const { AppServer } = require("@donkeylabs/server");\nconst server = new AppServer();\n',
        'const { AppServer: S } = await import("@donkeylabs/server");\nconst server = new S();\n',
        'const ds = require("@donkeylabs/server");\nconst server = new ds.AppServer();\n',
    ],
)
def test_the_framework_is_known_by_every_form_of_import(beginning: str) -> None:
    assert added(beginning).endswith("\nserver.registerPlugin(authPlugin);\n")


REQUIRED = 'const { AppServer } = require("@donkeylabs/server");\nconst server = new AppServer();\n'
IMPORT = AUTH.import_line


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", f"{IMPORT}\n"),
        ("\ufeff", f"\ufeff{IMPORT}\n"),
        ("#!/usr/bin/env bun\n", f"#!/usr/bin/env bun\n{IMPORT}\n"),
        ("'use strict';\n\n", f"'use strict';\n{IMPORT}\n\n"),
        ("// one\n/* two\n three */\n", f"// one\n/* two\n three */\n{IMPORT}\n"),
        ("/* beside */ ", f"{IMPORT}\n/* beside */ "),
    ],
)
def test_the_first_import_follows_what_belongs_to_the_beginning(head: str, expected: str) -> None:
    assert added(head + REQUIRED).startswith(expected + REQUIRED.partition("\n")[0])
    assert removed(added(head + REQUIRED)) == head + REQUIRED


@pytest.mark.parametrize(
    ("others", "module"),
    [
        ('import a from "./a.js";\nimport "../b.js";\n', "./plugins/auth/index.js"),
        ('import a from "./a.ts";\nimport z from "zod";\n', "./plugins/auth/index.ts"),
        ('import a from "./a.js";\nimport b from "./b";\n', "./plugins/auth"),
        ('import z from "zod/index.js";\n', "./plugins/auth"),
    ],
)
def test_an_extension_is_written_when_every_relative_import_has_it(others: str, module: str) -> None:
    text = FRAMEWORK + others + "const server = new AppServer();\n"

    assert f'import {{ authPlugin }} from "{module}";' in added(text)


@pytest.mark.parametrize(
    ("statement", "expression"),
    [
        ('import { authPlugin } from "./plugins/auth";', "authPlugin"),
        ('import { authPlugin as login, other } from "./plugins/auth/index.ts";', "login"),
        ('import * as auth from "./plugins/../plugins/auth/";', "auth.authPlugin"),
        ('import auth, { authPlugin } from "./plugins/auth/index";', "authPlugin"),
        ('const { authPlugin: login } = require("./plugins/auth");', "login"),
    ],
)
def test_an_import_that_is_there_is_used_under_its_name(statement: str, expression: str) -> None:
    text = FRAMEWORK + f"{statement}\nconst server = new AppServer();\n"

    assert added(text) == f"{text}server.registerPlugin({expression});\n"


@pytest.mark.parametrize(
    "registered",
    ["authPlugin", "(authPlugin as any)", "authPlugin({ key: 1 })", "authPlugin()({})", "auth"],
)
def test_a_registered_plugin_is_present_and_nothing_changes(registered: str) -> None:
    text = FRAMEWORK + f"{IMPORT}\nconst auth = authPlugin({{}});\nconst server = new AppServer();\n"
    text += f"server.registerPlugin({registered});\n"

    assert add_registrations(text, [AUTH]) == EntryEdit(text=text, present=("auth",))


def test_only_what_is_missing_is_added() -> None:
    text = FRAMEWORK + f"{IMPORT}\nconst server = new AppServer();\nserver.registerPlugin(authPlugin);\n"

    edit = add_registrations(text, BOTH)

    assert (edit.added, edit.present) == (("stripe",), ("auth",))
    assert edit.text is not None
    assert edit.text.count("authPlugin") == 2


def test_a_forgotten_import_is_added_to_its_registration() -> None:
    text = FRAMEWORK + "const server = new AppServer();\nserver.registerPlugin(authPlugin);\n"

    assert added(text) == text.replace(FRAMEWORK, f"{FRAMEWORK}{IMPORT}\n")


def test_a_type_import_is_no_import_of_the_plugin() -> None:
    text = (
        FRAMEWORK
        + 'import type { authPlugin as T } from "./plugins/auth";\nconst server = new AppServer();\n'
    )

    assert IMPORT in added(text)


def test_a_name_that_is_taken_is_avoided() -> None:
    text = FRAMEWORK + (
        'import { authPlugin } from "./old/auth";\nimport type { authPlugin2 } from "./types";\n'
        "const stripePlugin = 1;\nconst server = new AppServer();\n"
    )

    edited = added(text, *BOTH)

    assert 'import { authPlugin as authPlugin3 } from "./plugins/auth";\n' in edited
    assert 'import stripePlugin2 from "./plugins/stripe";\n' in edited
    assert edited.endswith(
        "server.registerPlugin(authPlugin3);\nserver.registerPlugin(stripePlugin2({ /* config */ }));\n"
    )
    assert removed(edited, *BOTH) == text


def test_a_plugin_named_twice_is_added_once() -> None:
    text = FRAMEWORK + "const server = new AppServer();\n"

    assert added(text, AUTH, AUTH) == added(text, AUTH)


MADE = f"{FRAMEWORK}const server = new AppServer();\n"
NOT_UNDERSTOOD = {
    "empty": ("", "nothing in it makes a server"),
    "server of another package": (
        'import { createServer } from "node:http";\nconst server = createServer();',
        "nothing in it makes a server",
    ),
    "shadowed class": (
        FRAMEWORK + "function f(AppServer) { const server = new AppServer(); }",
        "nothing in it makes a server",
    ),
    "imported server": (FRAMEWORK + 'import { server } from "./s";\nserver.start();', "nothing in it makes"),
    "two servers": (MADE + "const other = new AppServer();", "more than one server"),
    "server without a name": (FRAMEWORK + "new AppServer().start();", "not held in a variable"),
    "server in a field": (FRAMEWORK + "class A { server = new AppServer(); }", "not held in a variable"),
    "server in a loop": (FRAMEWORK + "while (x) { const server = new AppServer(); }", "in a loop"),
    "server replaced": (MADE + "server = wrap(server);", "an assignment changes `server`"),
    "for of": (MADE + "for (const p of all) server.registerPlugin(p);", "in a loop"),
    "forEach": (MADE + "all.forEach((p) => server.registerPlugin(p));", "in a loop"),
    "if": (MADE + "if (x) { server.registerPlugin(a); }", "under a condition"),
    "and": (MADE + "x && server.registerPlugin(a);", "under a condition"),
    "ternary": (MADE + "x ? server.registerPlugin(a) : 0;", "under a condition"),
    "optional": (MADE + "server?.registerPlugin(a);", "under a condition"),
    "spread": (MADE + "server.registerPlugin(...all);", "without naming a plugin"),
    "function": (MADE + "function f(p) { server.registerPlugin(p); }", "elsewhere than beside"),
    "another object": (MADE + "other.registerPlugin(a);", "otherwise than as a call on `server`"),
    "method taken": (MADE + "const { registerPlugin } = server;", "otherwise than as a call on `server`"),
    "another method between": (MADE + "server.core().registerPlugin(a);", "otherwise than as a call"),
    "unfinished call": (MADE + "server.registerPlugin(a", "syntax error"),
    "broken server": (FRAMEWORK + "const server = new AppServer({ a: ] });\n", "syntax error"),
    "no semicolon": (FRAMEWORK + "function f() { const server = new AppServer() }", "share a line"),
    "path alias": (MADE + 'import { authPlugin } from "@/plugins/auth";', "may be the same plugin"),
    "gathered": (MADE + 'import { authPlugin } from "./plugins";', "may be the same plugin"),
    "gathered namespace": (
        MADE + 'import * as all from "./plugins";\nserver.registerPlugin(all.authPlugin);',
        "may be the same plugin",
    ),
    "used otherwise": (
        MADE + f"{IMPORT}\nsetup(server, [authPlugin]);",
        "in another way than by registering",
    ),
    "too large": (MADE + "//" + "x" * ENTRY_MAX, "longer than"),
    "too deep": (MADE + "(" * 5000, "brackets are open"),
}


@pytest.mark.parametrize(("text", "reason"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_shape_that_is_not_understood_says_why(text: str, reason: str) -> None:
    edit = add_registrations(text, [AUTH])

    assert edit.text is None
    assert reason in edit.reason
    assert edit == EntryEdit(text=None, reason=edit.reason)


@pytest.mark.parametrize(
    "broken",
    [
        Registration(name="a", import_line="import a from './a';", register_line="server.registerPlugin(a);"),
        Registration(name="a", import_line='import a from "./a";', register_line="server.registerPlugin(b);"),
        Registration(
            name="a", import_line='import a from "./a";', register_line="server.registerPlugin(a;);"
        ),
        Registration(
            name="a", import_line='import a from "./a";', register_line="server.registerPlugin(a); evil();"
        ),
        Registration(
            name="a", import_line='import a from "./a";', register_line="server.registerPlugin(a); (evil());"
        ),
        Registration(
            name="a",
            import_line='import { class } from "./a";',
            register_line="server.registerPlugin(class);",
        ),
    ],
)
def test_lines_that_are_more_than_a_registration_are_not_written(broken: Registration) -> None:
    assert add_registrations(MADE, [broken]).text is None


def test_a_syntax_error_elsewhere_does_no_harm() -> None:
    broken = MADE + "server.start();\nconst a = 1 +* 2;\n"

    assert removed(added(broken)) == broken


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import { authPlugin, a } from", "import { a } from"),
        ("import { a, authPlugin } from", "import { a } from"),
        ("import { a, authPlugin as b, } from", "import { a, } from"),
        ("import a, { authPlugin } from", "import a from"),
        ("import {\n  authPlugin, // it\n  a,\n} from", "import {\n  a,\n} from"),
        ("import {\n  a,\n  authPlugin\n} from", "import {\n  a\n} from"),
    ],
)
def test_other_names_of_an_import_stay(before: str, after: str) -> None:
    rest = ' "./plugins/auth";\nconst server = new AppServer();\n'

    assert removed(FRAMEWORK + before + rest) == FRAMEWORK + after + rest


def test_a_registration_that_was_filled_in_goes_with_all_its_lines() -> None:
    text = FRAMEWORK + (
        '/* kept */\nimport pay from "./plugins/stripe/index.js"; // paid\n\n'
        "const server = new AppServer();\n"
        '// also kept\nserver.registerPlugin(\n  pay({\n    key: "x",\n  }),\n); // gone\nserver.start();\n'
    )

    assert removed(text, STRIPE) == FRAMEWORK + (
        "/* kept */\n\nconst server = new AppServer();\n// also kept\nserver.start();\n"
    )


def test_every_registration_of_the_plugin_goes() -> None:
    text = MADE + f"{IMPORT}\nserver.registerPlugin(authPlugin); server.registerPlugin(authPlugin);\nx();\n"

    assert removed(text) == MADE + "x();\n"


def test_what_is_not_there_is_not_removed() -> None:
    assert remove_registrations(MADE, BOTH) == EntryEdit(text=MADE)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("server.registerPlugin(authPlugin);\nexport { authPlugin };", "uses `authPlugin` elsewhere"),
        ("server.registerPlugin(authPlugin);\ntype A = typeof authPlugin;", "uses `authPlugin` elsewhere"),
        ("const a = authPlugin({});\nserver.registerPlugin(a);", "uses `authPlugin` elsewhere"),
        ("server.registerPlugin(authPlugin).registerPlugin(b);", "among other calls"),
        ("server.registerPlugin(b).registerPlugin(authPlugin);", "among other calls"),
        ("server.use(b).registerPlugin(authPlugin);", "among other calls"),
        ("for (const p of [authPlugin]) server.registerPlugin(p);", "in a loop"),
    ],
)
def test_a_plugin_that_is_used_elsewhere_is_not_removed(rest: str, reason: str) -> None:
    edit = remove_registrations(f"{MADE}{IMPORT}\n{rest}\n", [AUTH])

    assert edit.text is None
    assert reason in edit.reason


def test_a_required_plugin_is_not_removed() -> None:
    text = MADE + 'const { authPlugin } = require("./plugins/auth");\nserver.registerPlugin(authPlugin);\n'

    assert "does not come from an `import`" in remove_registrations(text, [AUTH]).reason


def test_a_statement_that_begins_a_line_leaves_the_rest_of_it() -> None:
    text = f"{MADE}{IMPORT}\n  server.registerPlugin(authPlugin); x();\n"

    assert removed(text) == f"{MADE}  x();\n"


def test_an_import_that_is_shadowed_at_the_place_is_made_again_under_another_name() -> None:
    text = f"{FRAMEWORK}{IMPORT}\nfunction f(authPlugin) {{\n  const server = new AppServer();\n}}\n"

    assert "  server.registerPlugin(authPlugin2);\n" in added(text)
    assert 'import { authPlugin as authPlugin2 } from "./plugins/auth";' in added(text)


def test_a_removal_that_would_join_two_statements_is_refused() -> None:
    text = f"{MADE}{IMPORT}\nfoo()\nserver.registerPlugin(authPlugin);\n(async () => {{}})()\n"

    edit = remove_registrations(text, [AUTH])

    assert edit.text is None
    assert "meaning of other lines" in edit.reason


IMPORTS = (
    "import { db } from './db'",
    "import type { T } from './t.js'",
    "import './side.js'",
    "import z from 'zod'",
)
STATEMENTS = (
    "{s}.use(routes)",
    "{s}.registerPlugin(users)",
    "{s}.registerPlugin(users).registerPlugin(pay({ a: [1] })) // two",
    "const answer = await sql`select 42`",
    "// a comment",
    "",
    "if (x) { log('hi') }",
)


@st.composite
def entries(draw: st.DrawFn) -> str:
    """A whole entry in one style."""
    server = draw(st.sampled_from(["server", "app"]))
    made = draw(st.sampled_from(["new AppServer()", "new AppServer({\n  db,\n})", "await createServer()"]))
    lines = draw(st.lists(st.sampled_from(STATEMENTS), max_size=4))
    lines.append(f"const {server} = {made}")
    lines += draw(st.lists(st.sampled_from(STATEMENTS), max_size=5))
    lines += draw(st.sampled_from([[], ["await {s}.start()"], ["{s}.listen(1)", "{s}.registerPlugin(late)"]]))
    first_call = lines.index(f"const {server} = {made}")
    lines[:first_call] = [line for line in lines[:first_call] if "{s}" not in line]
    indent = draw(st.sampled_from(["  ", "\t", "    "]))
    if draw(st.booleans()):
        body = [f"{indent}{part}" if part else "" for line in lines for part in line.split("\n")]
        lines = ["async function main() {", *body, "}", "main()"]
    head = ["import { AppServer, createServer } from '@donkeylabs/server'"]
    head = draw(st.permutations([*head, *draw(st.lists(st.sampled_from(IMPORTS), unique=True))]))
    text = "\n".join([*draw(st.sampled_from([[], ["#!/usr/bin/env bun"], ["// entry", ""]])), *head, *lines])
    text = text.replace("{s}", server) + draw(st.sampled_from(["", "\n", "\n\n"]))
    if draw(st.booleans()):
        text = text.replace(" // two", "; // two")
        text = "\n".join(f"{line};" if line.endswith(("'", ")", "`")) else line for line in text.split("\n"))
    if draw(st.booleans()):
        text = text.replace("'", '"')
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


ORDERS = st.sampled_from([(AUTH,), (STRIPE,), BOTH, (STRIPE, AUTH)])


@settings(max_examples=120, deadline=None)
@given(entries(), ORDERS)
def test_removing_undoes_adding_to_the_byte(text: str, wanted: tuple[Registration, ...]) -> None:
    edit = add_registrations(text, wanted)

    assert edit.reason == ""
    assert edit.text is not None
    assert edit.added == tuple(registration.name for registration in wanted)
    assert is_subsequence(text, edit.text)
    assert remove_registrations(edit.text, wanted) == EntryEdit(text=text, added=edit.added)


@settings(max_examples=60, deadline=None)
@given(entries(), ORDERS)
def test_adding_twice_is_adding_once(text: str, wanted: tuple[Registration, ...]) -> None:
    once = added(text, *wanted)

    assert add_registrations(once, wanted) == EntryEdit(
        text=once, present=tuple(registration.name for registration in wanted)
    )


@settings(max_examples=60, deadline=None)
@given(entries())
def test_new_lines_are_written_in_the_style_of_the_file(text: str) -> None:
    before, after = text.split("\n"), added(text).split("\n")
    new = [line for line in after if "authPlugin" in line]

    assert len(new) == 2
    assert len(after) == len(before) + 2
    assert ("'" in new[0]) == ("'@donkeylabs/server'" in text)
    assert {line.rstrip("\r").endswith(";") for line in new} == {"server';" in text or 'server";' in text}
    assert ("\r\n" in text) == ("\r\n" in added(text))
    assert added(text).count("\r\n") in (0, added(text).count("\n"))


WORDS = (
    *(
        "server",
        "app",
        ".registerPlugin(",
        "authPlugin",
        ")",
        ";",
        "\n",
        "\r\n",
        " ",
        "(",
        "{",
        "}",
        "[",
        "`",
        "'",
    ),
    *(
        "const server = new AppServer();",
        FRAMEWORK,
        IMPORT,
        "server.registerPlugin(authPlugin);",
        "/*",
        "*/",
        "//",
    ),
    *(
        "server.start();",
        "import ",
        "async function f() {",
        "await ",
        "if (x) ",
        "\u2028",
        "\ufeff",
        "é",
        "\ud800",
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join) | st.text(max_size=80), st.booleans())
def test_any_text_is_edited_or_left_alone_with_a_reason(text: str, is_made: bool) -> None:
    text = MADE + text if is_made else text
    add, remove = add_registrations(text, BOTH), remove_registrations(text, BOTH)

    assert (add.text is None) == bool(add.reason)
    assert (remove.text is None) == bool(remove.reason)
    if add.text is not None:
        assert is_subsequence(text, add.text)
        assert not add_registrations(add.text, BOTH).added
    if remove.text is not None:
        assert is_subsequence(remove.text, text)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_not_understood(data: bytes) -> None:
    assert add_registrations(data.decode("latin-1"), [AUTH]).reason


@pytest.mark.parametrize(
    "tail",
    [
        "a.b" + ".b" * 30_000,
        "server" + ".registerPlugin(a)" * 3_000,
        "const x = " + "{a:" * 400 + "1" + "}" * 400 + ";",
        "x(" * 490 + ")" * 490,
        "".join(f"const a{n} = a{n + 1};\n" for n in range(3_000)) + "server.registerPlugin(a0);",
        "a(1);\n" * 6_000,
        "// " + "/*`${" * 40_000,
    ],
    ids=["members", "chain", "objects", "calls", "constants", "statements", "comment"],
)
def test_large_and_deep_text_comes_back(tail: str) -> None:
    edit = add_registrations(MADE + tail, [AUTH])

    assert (edit.text is None) == bool(edit.reason)


def is_subsequence(part: str, whole: str) -> bool:
    """Whether `whole` is `part` with text added and none taken away or changed."""
    rest = iter(whole)
    return all(character in rest for character in part)
