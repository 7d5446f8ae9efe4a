"""Capability labels: each with what earns it, and with what only looks like it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_server.contract.capabilities import labels_of
from registry_server.contract.modules import read_imports
from registry_server.contract.problems import InvalidPackage
from registry_server.contract.typescript import parse


def labels(text: str) -> set[str]:
    source = parse(text)
    return set(labels_of(source, read_imports(source)))


EARNED = {
    "network": [
        "await fetch(url)",
        "const request = fetch; request(url)",
        "const request = options.fetch ?? fetch",
        "globalThis.fetch(url)",
        "globalThis['fetch'](url)",
        "const { fetch: get } = globalThis",
        "const client = { fetch }",
        "new WebSocket(url)",
        "new EventSource(url)",
        "Bun.serve({ fetch: () => new Response() })",
        "await Bun?.connect({ hostname })",
        "const { connect } = Bun",
        "import { serve } from 'bun'",
        "export { serve } from 'bun'",
        "import * as runtime from 'bun'; runtime.listen({})",
        "import runtime from 'bun'; runtime.serve({})",
        "(await import('bun')).serve({})",
        "const { serve } = require('bun')",
        "import { connect } from 'node:net'",
        "import tls from 'tls'",
        "import 'dns/promises'",
        "import http = require('http')",
        "const https = require('node:https')",
        "const socket = await import('node:dgram')",
        "export * from 'node:http2'",
        "import axios from 'axios'",
        "import { request } from 'undici'",
        "import got from 'got'",
        "import x from 'https://elsewhere.example/x.js'",
        "declare const fetch: (url: string) => Promise<Response>; fetch(url)",
        "declare function fetch(url: string): unknown; fetch(url)",
        "type Request = (fetch: string) => void; fetch(url)",
        "interface Client { send(fetch: string): void } fetch(url)",
        "function send(this: void, fetch: string): void;\nfunction send(a: string) {}\nfetch(url)",
        "function a(fetch) { return fetch(1) } fetch(url)",
    ],
    "files": [
        "import { readFile } from 'node:fs/promises'",
        "import fs from 'fs'",
        "const fs = require('fs')",
        "const name = 'node:fs'; await import(name)",
        "await Bun.file(path).text()",
        "await Bun.write(path, data)",
        "const bun = Bun; bun.write(path, data)",
        "declare const Bun: any; Bun.write(path, data)",
        "import { file } from 'bun'",
        "import { Database } from 'bun:sqlite'",
    ],
    "process": [
        "import { spawn } from 'node:child_process'",
        "import { spawn } from 'child_process'",
        "import cluster from 'node:cluster'",
        "Bun.spawn(['ls'])",
        "globalThis.Bun.spawnSync(['ls'])",
        "await Bun.$`ls`",
        "import { $ } from 'bun'; await $`ls`",
        "import { dlopen } from 'bun:ffi'",
        "import { execa } from 'execa'",
    ],
    "environment": [
        "const key = process.env.KEY",
        "const { KEY } = process.env",
        "const { env } = process",
        "const { env = {} } = process",
        "const f = ({ env } = process) => env",
        "Bun.env.KEY",
        "import.meta.env.KEY",
        "process['env'].KEY",
        "import process from 'node:process'; process.env.KEY",
        "import { env } from 'node:process'",
        "import { KEY } from '$env/static/private'",
    ],
    "eval": [
        "import vm from 'node:vm'",
        "import { runInNewContext } from 'vm'",
        "setTimeout('run()', 10)",
        "setInterval(`run(${x})`, 10)",
        "setTimeout('run(' + x + ')', 10)",
        "const code = 'run()'; setTimeout(code)",
        "globalThis.setTimeout('run()')",
        "globalThis.eval(code)",
        "(0, eval)(code)",
        "const run = eval; run(code)",
        "globalThis.Function('return 1')()",
        "const F = Function; new F('return 1')",
        "(() => {}).constructor('return 1')()",
        "[].constructor.constructor('return 1')()",
        "Object.getPrototypeOf(async function () {}).constructor('await 1')",
        "await import('data:text/javascript,run()')",
    ],
    "dynamic-import": [
        "await import(name)",
        "await import(`./${name}.ts`)",
        "require(name)",
        "import.meta.require(name)",
        "import { createRequire } from 'node:module'",
    ],
}

LOOK_ALIKES = {
    "network": [
        "function send(fetch) { return fetch(url) }",
        "const send = (fetch: typeof globalThis.fetch) => fetch(url)",
        "const send = fetch => fetch(url)",
        "import { fetch } from './client'; fetch(url)",
        "import { fetch as get } from './client'; get(url)",
        "export { fetch } from './client'",
        "const fetch = async () => 1; fetch(url)",
        "class A { fetch() {} run() { return this.fetch() } }",
        "ctx.fetch(url)",
        "ctx.serve(1); ctx.sql`x`; ctx.redis.get(x)",
        "const { fetch } = ctx",
        "const { serve } = ctx.bun",
        "const client = { fetch: 1 }",
        "let send: typeof fetch",
        "const send = x as typeof fetch",
        "interface A { fetch(url: string): void }",
        "// fetch(url)",
        "const text = 'fetch(url)'",
        "import type { Socket } from 'node:net'",
        "type Socket = import('node:net').Socket",
        "import { x } from './http'",
        "import { x } from 'https-proxy-like'",
        "import { type serve } from 'bun'",
        "import type { serve } from 'bun'",
        "function require(name) {} require('node:net')",
    ],
    "files": [
        "import { join } from 'node:path'",
        "ctx.file(path); ctx.write(path)",
        "file(path); write(path)",
        "function a(Bun) { return Bun.file(x) }",
        "import { Bun } from './bun'; Bun.write(x)",
        "let opened: typeof Bun.file",
        "Bun.password.hash(x); Bun.randomUUIDv7()",
        "import * as runtime from './bun'; runtime.file(x)",
    ],
    "process": [
        "import { x } from './child_process'",
        "ctx.spawn(x)",
        "const $ = (x) => x; $`ls`",
        "ctx.$`ls`",
        "process.exit(1)",
        "process.kill(process.pid)",
    ],
    "environment": [
        "ctx.env.KEY",
        "const { env } = ctx",
        "env.KEY",
        "process.uptime()",
        "function a(process) { return process.env }",
        "import.meta.url",
        "const process = { env: {} }; process.env.KEY",
    ],
    "eval": [
        "redis.eval(script)",
        "setTimeout(() => run(), 10)",
        "setTimeout(run, 10)",
        "const run = () => 1; setTimeout(run)",
        "ctx.setTimeout('run()')",
        "function a(setTimeout) { setTimeout('run()') }",
        "x instanceof Function",
        "z.instanceof(Function)",
        "Function.prototype.call",
        "let run: Function",
        "new this.constructor(1)",
        "x.constructor.name",
        "import vm from './vm'",
    ],
    "dynamic-import": [
        "await import('./lazy')",
        "await import(`./lazy`)",
        "require('./lazy')",
        "ctx.import(name); ctx.require(name)",
        "function a(require) { require(name) }",
        "type X = import('./x').X",
    ],
}


@pytest.mark.parametrize(("label", "text"), [(label, text) for label in EARNED for text in EARNED[label]])
def test_code_earns_its_label(label: str, text: str) -> None:
    assert label in labels(text)


@pytest.mark.parametrize(
    ("label", "text"), [(label, text) for label in LOOK_ALIKES for text in LOOK_ALIKES[label]]
)
def test_what_only_looks_like_it_earns_nothing(label: str, text: str) -> None:
    assert labels(text) == set()


def test_one_file_may_earn_several_labels() -> None:
    text = "import 'node:fs'; const key = process.env.KEY; await fetch(key); await import(key);"

    assert labels(text) == {"files", "environment", "network", "dynamic-import"}


def test_a_literal_import_is_labelled_by_what_it_loads_alone() -> None:
    assert labels("await import('node:fs')") == {"files"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("function g(fetch) {" + "fetch();" * 25_000 + "}", id="more names than are followed"),
        pytest.param(
            "const a0 = Bun;" + "".join(f"const a{i + 1} = a{i};" for i in range(60)) + "a60.serve({})",
            id="further than is followed",
        ),
        pytest.param("type A = (fetch: string) => void;\n" * 300 + "fetch()", id="too many declarations"),
    ],
)
def test_where_it_cannot_be_told_the_label_is_given(text: str) -> None:
    assert labels(text) == {"network"}


FRAGMENTS = st.sampled_from(
    [
        *("fetch", "Bun", "process", "constructor", ".env", ".serve", "['file']", "?.", "(", ")", "{", "}"),
        *("const ", "= ", "import ", "from 'bun'", "=>", "function ", "declare ", "type ", ": ", "`${", "}`"),
        *(";", "\n", ","),
    ]
)


@settings(max_examples=120, deadline=None)
@given(st.lists(FRAGMENTS, max_size=25).map("".join) | st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    try:
        found = labels(text)
    except InvalidPackage:
        return

    assert found <= EARNED.keys()
