"""Versions of Bun and Node: asked once, and again when the program has changed."""

import asyncio
from pathlib import Path

import pytest

from donkeytui.install.engines import Engines, read_engines


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def engines(tmp_path: Path) -> Engines:
    return asyncio.run(read_engines({"PATH": str(tmp_path / "bin")}, tmp_path / "cache" / "engines"))


def test_a_program_is_asked_once(tmp_path: Path) -> None:
    program(tmp_path / "bin", "bun", f'echo asked >> "{tmp_path}/asked"; echo 1.2.3')

    assert engines(tmp_path) == engines(tmp_path) == Engines(bun="1.2.3", node="")
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_program_that_changed_is_asked_again(tmp_path: Path) -> None:
    program(tmp_path / "bin", "node", "echo v20.1.0")
    before = engines(tmp_path)
    program(tmp_path / "bin", "node", "echo v22.10.0")

    assert (before.node, engines(tmp_path).node) == ("20.1.0", "22.10.0")


@pytest.mark.parametrize("script", ["exit 1", "true", "kill $$"])
def test_a_program_that_does_not_answer_is_unknown(tmp_path: Path, script: str) -> None:
    program(tmp_path / "bin", "bun", script)

    assert engines(tmp_path).bun == ""


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[]", b'["x"]', b"\xff", b"[" * 20_000])
def test_a_damaged_memory_is_none(tmp_path: Path, content: bytes) -> None:
    program(tmp_path / "bin", "bun", "echo 1.2.3")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "engines.bun").write_bytes(content)

    assert engines(tmp_path).bun == "1.2.3"
