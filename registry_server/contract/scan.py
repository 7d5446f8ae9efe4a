"""Findings in TypeScript source: raw SQL, eval, child processes, secrets.

Judged on the syntax tree, because text search cannot tell `eval(` from `redis.eval(`, or a bound
`` sql`${id}` `` from `sql.raw(`${id}`)`. Secrets are told by formats that only real ones have.
"""

import re
from collections.abc import Iterator

from registry_server.contract.problems import Finding
from registry_server.contract.typescript import WRAPPERS, Node, Source, line_of, members, unwrap

_CALLS = frozenset(("call_expression", "new_expression"))
_ASSIGNMENTS = {
    "variable_declarator": ("name", "value"),
    "pair": ("key", "value"),
    "assignment_expression": ("left", "right"),
}
"""Nodes that give a value to a name, with the fields of both."""
_MAY_BE_TEXT = WRAPPERS | {"binary_expression", "string"}
_EVALUATORS = frozenset(("eval", "Function"))
_RAW_SQL = frozenset(("sql.raw", "CompiledQuery.raw"))
_SECRETS = (
    ("a private key", ("-----BEGIN ",), r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP )?PRIVATE KEY"),
    ("an AWS access key", ("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,})\b",
    ),
    ("a Stripe secret key", ("k_live_",), r"\b[sr]k_live_[0-9A-Za-z]{20,}\b"),
    ("a Slack token", ("xox",), r"\bxox[baprs]-[0-9A-Za-z-]{20,}\b"),
    ("an npm token", ("npm_",), r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("a Google API key", ("AIza",), r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a registry token", ("dkt_",), r"\bdkt_[0-9A-Za-z]{36}\b"),
)
"""What it is, texts one of which it has, and its form. Most files have none of the texts."""
_SECRET_NAME = re.compile(r"(?i)(?:password|passwd|secret|api_?key|private_?key|access_?token)\Z")
_PLACEHOLDER = re.compile(
    r"(?i)\A(?:|.{0,7}|.*(?:example|changeme|your[-_ ]|test|dummy|placeholder|<|\*{3}).*)\Z"
)


def scan_source(path: str, source: Source) -> Iterator[Finding]:
    """Findings of one parsed source file."""
    is_test = path.startswith("tests/") or ".test." in path
    for step in source.steps:
        if step.type in _CALLS:
            yield from _scan_call(path, source, step.node)
        elif step.type in _ASSIGNMENTS and not is_test:
            yield from _scan_assignment(path, source, step.node, *_ASSIGNMENTS[step.type])


def scan_secrets(path: str, text: str) -> Iterator[Finding]:
    """Texts that only a real secret looks like; in any file, tests included."""
    for what, keys, form in _SECRETS:
        match = re.search(form, text) if any(key in text for key in keys) else None
        if match is not None:
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(
                severity="error",
                code="secret",
                path=path,
                line=line,
                text=f"this looks like {what}",
                hint="take it out, and revoke it: it may have been seen",
            )


def _scan_call(path: str, source: Source, node: Node) -> Iterator[Finding]:
    called = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    if called is None:
        return
    name = "".join(source.text(unwrap(called))[:100].split())
    if name in _EVALUATORS and unwrap(called).type == "identifier":
        yield Finding(
            severity="error",
            code="eval",
            path=path,
            line=line_of(node),
            text=f"`{name}(...)` runs text as code",
            hint="write the code out, or look values up in an object",
        )
    elif name in _RAW_SQL and _is_composed(node):
        yield Finding(
            severity="error",
            code="raw-sql",
            path=path,
            line=line_of(node),
            text=f"`{name}` with a composed text lets input into the SQL",
            hint="use a tagged sql`...`, which binds its values",
        )


def _is_composed(call: Node) -> bool:
    arguments = call.child_by_field_name("arguments")
    first = unwrap(members(arguments)[0]) if arguments is not None and members(arguments) else None
    if first is None:
        return False
    if first.type == "template_string":
        return any(child.type == "template_substitution" for child in first.named_children)
    return first.type == "binary_expression"


def _scan_assignment(
    path: str, source: Source, node: Node, left_field: str, right_field: str
) -> Iterator[Finding]:
    right = node.child_by_field_name(right_field)
    if right is None or right.type not in _MAY_BE_TEXT:
        return
    left = node.child_by_field_name(left_field)
    if left is None:
        return
    value = _literal(unwrap(right))
    if value is None or not _SECRET_NAME.search(source.text(left).strip("\"'")):
        return
    text = source.text(value).strip("\"'`")
    if not _PLACEHOLDER.match(text) and "\n" not in text:
        yield Finding(
            severity="warning",
            code="secret-looking",
            path=path,
            line=line_of(node),
            text=f"`{source.text(left)[:40]}` has a literal that looks like a secret",
            hint="read it from the environment or the plugin's config",
        )


def _literal(node: Node) -> Node | None:
    """The string itself, or the one behind `||` or `??`."""
    while node.type == "binary_expression":
        right = node.child_by_field_name("right")
        if right is None:
            return None
        node = unwrap(right)
    return node if node.type == "string" else None
