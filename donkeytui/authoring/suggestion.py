"""Two surfaces become the next version, with the reasons in sentences.

What somebody may use and that is gone, or what must be given and was not, makes a major version;
what is new a minor one; everything else a patch. What cannot be told on either side says nothing.
Below 1.0.0 a `^` range holds the minor number, so each level is one place further right there.

Source: semver.org items 4, 6, 7 and 8; the node-semver README, section "Caret Ranges".
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from donkeytui.authoring.definition_parts import Names
from donkeytui.authoring.surface import Surface
from registry_server.contract.problems import InvalidRange
from registry_server.contract.range_sets import intersect_ranges, is_within
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import Version, parse_version

Level = Literal["patch", "minor", "major"]
LEVELS: tuple[Level, ...] = ("patch", "minor", "major")
REASONS_MAX = 20


class Suggestion(Struct, frozen=True, kw_only=True):
    level: Level
    version: str
    """The least version of that level behind the last release."""
    reasons: tuple[str, ...]
    """Why it is that level and none below it."""
    before: str
    """The release it was compared with."""
    is_met: bool
    """The version the author has chosen is as high already."""
    is_partial: bool = False
    """Only what the catalogue knows of that release was compared: its package is not at hand."""


class _Change(Struct, frozen=True):
    level: Level
    text: str


def suggest_version(before: Surface, after: Surface) -> Suggestion:
    """`after.version` is what package.json says now."""
    found = list(_changes(before, after))
    level: Level = "patch"
    for change in found:
        level = max(level, change.level, key=LEVELS.index)
    reasons = [change.text for change in found if change.level == level]
    if not reasons:
        reasons = ["nothing that others can see was added or taken away"]
    base = parse_version(before.version)
    version = next_version(base, level)
    if base.major == 0 and level != "patch" and not base.is_prerelease:
        number = "minor" if level == "major" else "last"
        reach = "does not reach" if level == "major" else "reaches"
        reasons.append(f"below 1.0.0 that raises the {number} number: `^{base.text}` {reach} {version}")
    return Suggestion(
        level=level,
        version=version,
        reasons=tuple(reasons[:REASONS_MAX]),
        before=before.version,
        is_met=parse_version(after.version) >= parse_version(version),
    )


def next_version(base: Version, level: Level) -> str:
    """The least version behind `base` that says `level`.

    Behind a prerelease comes the next prerelease: it promises nothing that could be broken.
    """
    major, minor, patch = base.key[:3]
    if base.is_prerelease:
        return f"{major}.{minor}.{patch}-{_next_identifiers(base)}"
    if level == "major":
        return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
    if level == "minor" and major:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def raised(base: Version, level: Level) -> str:
    """`base` with one number raised, as asked for by name: below 1.0.0 too."""
    major, minor, patch = base.key[:3]
    if base.is_prerelease and level == "patch":
        return f"{major}.{minor}.{patch}"
    if level == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == "minor" else f"{major}.{minor}.{patch + 1}"


def _next_identifiers(base: Version) -> str:
    identifiers = [value for _, value in base.key[4]]
    last = identifiers[-1]
    counted = [*identifiers[:-1], last + 1] if isinstance(last, int) else [*identifiers, 1]
    return ".".join(str(value) for value in counted)


def _changes(before: Surface, after: Surface) -> Iterator[_Change]:
    kinds = (
        (before.exports, after.exports, "`index.ts` exports `{}` no longer", "`index.ts` exports `{}` too"),
        (before.methods, after.methods, "the service has no `{}` any more", "the service has `{}` too"),
        (before.events, after.events, "the event `{}` is gone", "there is an event `{}`"),
        (before.handlers, after.handlers, "the handler `{}` is gone", "there is a handler `{}`"),
        (before.errors, after.errors, "the error `{}` is gone", "there is an error `{}`"),
    )
    for was, now, gone, new in kinds:
        yield from _told("major", _more(now, was), gone)
        yield from _told("minor", _more(was, now), new)
    yield from _config_changes(before, after)
    yield from _range_changes(before, after)
    yield from _told("minor", _more(before.files, after.files), "there is a file `{}`")
    sets = (
        (before.migrations, after.migrations, "there is a migration `{}`"),
        (before.labels, after.labels, "its code reaches something it did not: {}"),
        (before.env_vars, after.env_vars, "it asks for the environment variable `{}`"),
    )
    for was, now, new in sets:
        yield from _told("minor", _more(was, now), new)
    if after.has_hook and before.has_hook is False:
        yield _Change("minor", "it has a post-install command")


def _config_changes(before: Surface, after: Surface) -> Iterator[_Change]:
    if before.is_factory is not None and after.is_factory is not None:
        if after.is_factory and not before.is_factory:
            yield _Change("major", "it is registered with a config, and was without")
            return
        if before.is_factory and not after.is_factory:
            yield _Change("major", "it is registered without a config, and was with one")
            return
    new = _more(before.required_config, after.required_config)
    yield from _told("major", new, "the config must have `{}`")


def _range_changes(before: Surface, after: Surface) -> Iterator[_Change]:
    was = dict(before.engines)
    for what, wanted in after.engines:
        if _is_less(was.get(what, wanted), wanted):
            yield _Change("major", f"it needs {what} {wanted}, and {was[what]} was enough")
    was = dict(before.plugins)
    for name, wanted in after.plugins:
        if name not in was:
            yield _Change("minor", f"it needs the plugin `{name}`")
        elif _is_less(was[name], wanted):
            level: Level = "minor" if _have_common(was[name], wanted) else "major"
            yield _Change(level, f"it needs `{name}` {wanted}, and {was[name]} was enough")


def _is_less(before: str, after: str) -> bool:
    """Whether a version that was allowed is not any more."""
    try:
        return not is_within(parse_range(before), parse_range(after))
    except InvalidRange:
        return False


def _have_common(a: str, b: str) -> bool:
    try:
        return intersect_ranges(a, b) is not None
    except InvalidRange:
        return True


def _more(fewer: Names, more: Names) -> list[str]:
    """What the second has beyond the first; nothing when either cannot be told."""
    return [] if fewer is None or more is None else sorted(more - fewer)


def _told(level: Level, names: list[str], text: str) -> Iterator[_Change]:
    return (_Change(level, text.format(name)) for name in names)
