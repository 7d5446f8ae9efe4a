"""Code that is dangerous, and texts that look like secrets; what only looks so is left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.problems import Finding, InvalidPackage
from registry_server.contract.scan import scan_secrets, scan_source
from registry_server.contract.typescript import parse


def scan(text: str, path: str = "index.ts") -> list[Finding]:
    return list(scan_source(path, parse(text)))


def codes(text: str, path: str = "index.ts") -> list[str]:
    return [finding.code for finding in scan(text, path)]


@pytest.mark.parametrize(
    "text",
    [
        "eval(input)",
        "eval('1 + 1')",
        "const x = await eval(`${code}`);",
        "(eval)(code)",
        "new Function('a', 'return a')",
        "Function('return this')()",
        "class A { run() { return eval(this.code); } }",
        "eval // comment\n (code)",
    ],
)
def test_text_run_as_code_is_an_error(text: str) -> None:
    assert codes(text)[0] == "eval"
    assert scan(text)[0].severity == "error"


@pytest.mark.parametrize(
    "text",
    [
        "redis.eval(script, 1, key)",
        "await this.redis.eval(`return 1`)",
        "model.eval()",
        "const evaluate = 1; evaluate(2)",
        "// eval(code)",
        "const s = 'eval(code)';",
        "const s = `eval(${x})`;",
        "interface A { eval(code: string): void }",
        "type F = Function;",
        "x instanceof Function",
        "/eval(x)/.test(y)",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "sql.raw(`SELECT * FROM users WHERE id = ${id}`)",
        "sql.raw('SELECT ' + column)",
        "sql.raw(('SELECT ' + column) as string)",
        "sql . raw (`${x}`)",
        "CompiledQuery.raw(`DELETE FROM ${table}`)",
        "sql.raw(`a ${x}`, other)",
    ],
)
def test_composed_sql_is_an_error(text: str) -> None:
    assert codes(text) == ["raw-sql"]


@pytest.mark.parametrize(
    "text",
    [
        "sql`SELECT * FROM users WHERE id = ${id}`",
        "sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(name)}`.execute(db)",
        "sql.raw('PRAGMA foreign_keys = ON')",
        "sql.raw(`PRAGMA journal_mode = WAL`)",
        "sql.raw()",
        "other.raw(`${x}`)",
        "String.raw`${x}`",
        "// sql.raw(`${x}`)",
    ],
)
def test_bound_and_constant_sql_is_fine(text: str) -> None:
    assert codes(text) == []


def test_a_finding_says_where() -> None:
    (finding,) = scan("const a = 1;\n\neval(a);\n", "lib/run.ts")

    assert (finding.path, finding.line, finding.text) == ("lib/run.ts", 3, "`eval(...)` runs text as code")
    assert finding.hint


# Secrets. No line of this file may look like one, so each is put together here.

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG3iJ6lM9o"
SECRETS = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "Q3EXAMPLX7ABCDEF"[:16],
    "a GitHub token": "ghp" + "_" + LETTERS[:36],
    "a Stripe secret key": "sk" + "_live_" + LETTERS[:24],
    "a Slack token": "xoxb" + "-" + LETTERS[:24],
    "an npm token": "npm" + "_" + LETTERS[:36],
    "a Google API key": "AIza" + LETTERS[:35],
    "a registry token": "dkt" + "_" + LETTERS[:36],
}
OTHER_SPELLINGS = [
    "-----BEGIN " + "PRIVATE KEY-----",
    "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "ASIA" + "Q3EXAMPLX7ABCDEF"[:16],
    "gho" + "_" + LETTERS[:36],
    "github" + "_pat_" + (LETTERS * 2)[:70],
    "rk" + "_live_" + LETTERS[:24],
]


@pytest.mark.parametrize("what", SECRETS)
@pytest.mark.parametrize("path", ["index.ts", "README.md", "tests/a.test.ts", "assets/config.yaml"])
def test_a_secret_is_an_error_in_any_file(what: str, path: str) -> None:
    (finding,) = scan_secrets(path, f"first line\nkey = '{SECRETS[what]}'\n")

    assert (finding.severity, finding.code, finding.path, finding.line) == ("error", "secret", path, 2)
    assert finding.text == f"this looks like {what}"
    assert SECRETS[what] not in finding.text + finding.hint


@pytest.mark.parametrize("text", OTHER_SPELLINGS)
def test_other_spellings_of_secrets(text: str) -> None:
    assert [finding.code for finding in scan_secrets("a.ts", text)] == ["secret"]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "AKIA" + "SHORT",
        "sk" + "_test_" + LETTERS[:24],
        "sk" + "_live_...",
        "ghp" + "_" + "xxx",
        "process.env.AWS_ACCESS_KEY_ID",
        "npm" + "_config_registry",
        "dkt" + "_your_token_here",
    ],
)
def test_what_no_real_secret_looks_like_is_left_alone(text: str) -> None:
    assert list(scan_secrets("a.ts", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "const password = 'correct-horse-battery';",
        'const config = { apiKey: "k2J9-aa81-Qx77" };',
        "this.secret = 'a7f1c9d2e4';",
        "const dbPassword = process.env.DB_PASSWORD ?? 'hunter2-hunter2';",
        "const accessToken = read() || ('s3cr3t-value-1' as string);",
        "const o = { 'private_key': 'a7f1c9d2e4' }",
    ],
)
def test_a_literal_that_looks_secret_is_a_warning(text: str) -> None:
    (finding,) = scan(text)

    assert (finding.severity, finding.code) == ("warning", "secret-looking")
    assert "hunter2" not in finding.text


@pytest.mark.parametrize(
    "text",
    [
        "const password = process.env.PASSWORD;",
        "const password = '';",
        "const password = 'short';",
        "const apiKey = 'your-api-key-here';",
        "const secret = 'changeme-please';",
        "const password = 'example-password';",
        "const apiKey = '<insert the key>';",
        "const passwordField = 'correct-horse-battery';",
        "const label = { password_hint: 'correct-horse-battery' };",
        "const password = hash('correct-horse-battery');",
        "const password: string | undefined = undefined;",
    ],
)
def test_placeholders_and_values_read_elsewhere_are_no_secret(text: str) -> None:
    assert codes(text) == []


def test_tests_may_have_passwords() -> None:
    text = "const password = 'correct-horse-battery';"

    assert codes(text, "tests/auth.test.ts") == codes(text, "auth.test.ts") == []
    assert codes("eval(x)", "tests/auth.test.ts") == ["eval"]


FRAGMENTS = st.sampled_from(
    [
        "eval(",
        "sql.raw(",
        "`${",
        "}`",
        ")",
        "(",
        "password",
        "=",
        "'longer-than-7'",
        "??",
        "||",
        "new ",
        ";",
        "\n",
        "as",
        ":",
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(FRAGMENTS, max_size=30).map(" ".join) | st.text(max_size=80))
def test_any_text_is_scanned(text: str) -> None:
    try:
        source = parse(text)
    except InvalidPackage:
        return
    for finding in (*scan_source("a.ts", source), *scan_secrets("a.ts", text)):
        assert 1 <= finding.line <= text.count("\n") + 1
