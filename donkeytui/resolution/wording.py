"""How requirements and runs of releases are written in sentences.

What authors wrote may be long or hold line breaks, which the grammar of ranges allows.
"""

from donkeytui.resolution.universe import Plugin

RUNS_MAX = 3
RANGE_SHOWN_MAX = 64


def requirement(name: str, range_text: str) -> str:
    """`auth ^2.0.0`; the name alone where any version will do."""
    return name if range_text in ("", "*") else f"{name} {shown_range(range_text)}"


def shown_range(text: str) -> str:
    on_one_line = " ".join(text.replace("\ufeff", " ").split())
    if len(on_one_line) <= RANGE_SHOWN_MAX:
        return on_one_line
    return on_one_line[: RANGE_SHOWN_MAX - 1] + "…"


def span(plugin: Plugin, mask: int) -> str:
    """`2.0.0 to 2.4.1`, runs collapsed; at most three pieces."""
    runs: list[list[str]] = []
    is_open = False
    for at, candidate in enumerate(plugin.candidates):
        if not mask >> (at + 1) & 1:
            is_open = False
        elif is_open:
            runs[-1].append(candidate.version.text)
        else:
            runs.append([candidate.version.text])
            is_open = True
    if len(runs) > RUNS_MAX:
        return f"{runs[0][0]} to {runs[-1][-1]} (not all)"
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
