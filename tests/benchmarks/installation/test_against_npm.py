"""The script runs, tiny and without npm, so that it cannot rot; its figures are nobody's business here."""

from pathlib import Path

import pytest

from tests.benchmarks.installation.against_npm import Figures, main, table
from tests.support.npm_registry import NpmMissing, install_verdaccio
from tests.support.sample_plugins import sample_plugin


@pytest.mark.network
def test_our_side_runs_from_publishing_to_an_install_with_nothing_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--plugins", "2", "--lines", "1", "--runs", "1"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 plugins of ")
    assert [line[:24].strip() for line in lines[2:]] == ["cold cache", "warm cache", "nothing to do"]


def test_the_goal_is_judged_by_the_cold_cache_alone() -> None:
    theirs = Figures(cold=0.9, warm=0.1, again=0.1)

    assert "0.33 of npm: reached" in table(Figures(cold=0.3, warm=0.2, again=0.2), theirs)
    assert "0.33 of npm: not reached" in table(Figures(cold=0.31, warm=0.01, again=0.01), theirs)


def test_without_npm_there_is_neither_ratio_nor_verdict() -> None:
    text = table(Figures(cold=0.3, warm=0.2, again=0.1), None)

    assert "300 ms" in text
    assert "npm" not in text


def test_what_the_machine_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NpmMissing, match="there is no `node`"):
        install_verdaccio(tmp_path / "verdaccio")


def test_a_sample_plugin_is_of_the_size_the_goal_speaks_of() -> None:
    assert 18_000 <= len(sample_plugin(7).package) <= 22_000
