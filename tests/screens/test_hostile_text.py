"""A registry's words reach the screen as text and as nothing else."""

import asyncio
import unicodedata
from typing import Any

import pytest
from rich.segment import Segment
from textual.color import Color

from donkeytui.session import open_session
from donkeytui.settings import Settings
from donkeytui.tui.app import DonkeyApp
from donkeytui.tui.lines.readme import Readme
from donkeytui.tui.text import ControlFilter
from registry_server.contract.wire import Author, ReleaseDependencies
from tests.support.builders import FixedClock, document, release
from tests.support.screens import seen, settled

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07\x1b]52;c;aGk=\x07 \x9b2J \x7f \u202eevil\u2066 "
    "[/nope] [@click=app.exit]x[/] \\[b + a [/ b"
)


def controls(text: str) -> set[str]:
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} | {
        c for c in text if c in "\u202e\u2066\u200e\u200f"
    }


@pytest.mark.parametrize("keys", [["right"], ["right", "right"], []], ids=["releases", "depends", "readme"])
def test_hostile_metadata_is_shown_as_text_on_every_tab(
    settings: Settings, clock: FixedClock, keys: list[str]
) -> None:
    shown = release(
        "1.0.0",
        description=HOSTILE,
        yanked=True,
        yank_reason=HOSTILE,
        framework=HOSTILE[:5],
        dependencies=ReleaseDependencies(plugins=("users@^1.0.0",), packages={HOSTILE: HOSTILE}),
    )
    hostile = document(
        "evil",
        shown,
        description=HOSTILE,
        display_name=HOSTILE,
        author=Author(name=HOSTILE),
        categories=(HOSTILE,),
        tags=(HOSTILE,),
        license=HOSTILE,
    )

    async def look() -> str:
        async with open_session(settings, clock=clock) as session:
            session.catalogue.replace([hostile], epoch="e", cursor=1)
            session.catalogue.confirm(clock())
            kept = session.readme_cache / f"{shown.checksum.removeprefix('sha256:')}.md"
            kept.parent.mkdir(parents=True)
            kept.write_text(f"# {HOSTILE}\n\n{HOSTILE}\n\n```\n{HOSTILE}\n```\n", "utf-8")
            app = DonkeyApp(session)
            async with app.run_test(size=(120, 40)) as pilot:
                await settled(pilot)
                await pilot.press("enter", *keys)
                await settled(pilot)
                return seen(pilot)

    text = asyncio.run(look())

    assert "evil" in text
    assert "[@click=app.exit]" in text
    assert controls(text) == set()


def test_a_readme_has_no_controls_links_or_html_left() -> None:
    lines = Readme(
        f"<script>x</script>\n\n[a](javascript:x) ![i](https://example.org/i.png)\n\n{HOSTILE}\n"
    ).lay_out(60)
    text = "\n".join("".join(part.text for part in line) for line in lines)

    assert controls(text) == set()
    assert "<script>" in text
    assert "[image: i]" in text


def test_the_second_wall_cleans_what_any_widget_draws() -> None:
    segments: list[Any] = [Segment("plain"), Segment("a\x1b[31mb\x9b"), Segment("", control=[(1,)])]  # type: ignore[list-item]

    filtered = ControlFilter().apply(segments, Color(0, 0, 0))

    assert [segment.text for segment in filtered[:2]] == ["plain", "a␛[31mb\ufffd"]
    assert filtered[2].control
