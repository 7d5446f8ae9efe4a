"""The script runs, tiny and without Verdaccio, so that it cannot rot; its figures mean nothing here."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.server.compare import keystrokes, main, milliseconds


@pytest.mark.network
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CPU and memory are read from /proc")
def test_our_side_is_measured_from_details_to_publishes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # wrk counts in whole seconds

    main(["--plugins", "2", "--releases", "2", "--seconds", "0.05", "--publishes", "3"])

    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines()[3:]]
    assert titles == ["detail", "search", "again", "download", "304", "publish", "memory"]


def test_no_keystroke_is_asked_twice() -> None:
    typed = keystrokes(["auth-0001", "auth-0002"])

    assert len(typed) == len(set(typed))
    assert "/api/plugins?q=auth-" in typed


@pytest.mark.parametrize(("text", "expected"), [("870.00us", 0.87), ("1.50ms", 1.5), ("2.00s", 2000.0)])
def test_latencies_of_wrk_are_read_in_every_unit(text: str, expected: float) -> None:
    assert milliseconds(text) == pytest.approx(expected)
