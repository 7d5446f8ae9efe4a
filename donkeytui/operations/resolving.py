"""Ask the solver in the words of a project, and tell its answer or its refusal in those of a person."""

import asyncio
import shlex
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec
from msgspec import Struct, structs

from donkeytui.events import Notice, Report, StageFinished, StageStarted
from donkeytui.install.engines import read_engines
from donkeytui.operations.releases import document_of
from donkeytui.problems import ResolutionFailed
from donkeytui.project.lockfile import Lockfile
from donkeytui.resolution.explain import Conflict, explain
from donkeytui.resolution.request import Environment, GaveUp, Mode, Note, Request, Resolved, Wish
from donkeytui.resolution.solver import Unsolvable, solve
from donkeytui.resolution.universe import Universe
from donkeytui.resolution.ways_out import WayOut, ways_out
from donkeytui.session import Session
from registry_server.contract.problems import ProblemError
from registry_server.contract.ranges import parse_range
from registry_server.contract.versions import Version, parse_version

BUDGET_SECONDS = 20.0
EXPLAIN_SECONDS = 3.0
WAYS_OUT_SECONDS = 1.0


class Question(Struct, frozen=True, kw_only=True):
    """What a project asks of the solver."""

    wishes: tuple[Wish, ...]
    lockfile: Lockfile
    free: frozenset[str] = frozenset()
    held: dict[str, str] = {}
    mode: Mode = "keep"
    framework: Version | None = None
    ignores_engines: bool = False
    ignores_cool_down: bool = False
    asked: tuple[str, ...] = ()
    """Requirements as they were typed."""
    updates: tuple[str, ...] = ()
    package_manager: str = "bun"
    is_pruning: bool = False
    """Locked plugins that nobody asks for and nothing needs are left out of the answer."""


class Refusal(Struct, frozen=True, kw_only=True):
    """Why nothing fits, and what would: the same for the command line, `--json` and the app."""

    conflict: Conflict
    ways_out: tuple[WayOut, ...]
    commands: tuple[str, ...]
    """One for each way out."""


async def resolve(session: Session, question: Question, report: Report) -> Resolved:
    """Raises `ResolutionFailed` with the derivation and the ways out; cancelling ends the search."""
    report(StageStarted(stage="resolve"))
    environment = await _environment(session, question)
    is_cancelled = threading.Event()
    try:
        return await session.in_thread(_resolve, session, question, environment, is_cancelled)
    except asyncio.CancelledError:
        is_cancelled.set()
        raise
    finally:
        report(StageFinished(stage="resolve"))


def notice_of(note: Note) -> Notice:
    """A note of the solver as a sentence."""
    code, subject = note.kind, f"`{note.name}` {note.version} {note.detail}"
    if note.kind == "young-taken":
        return Notice(severity="warning", code=code, text=subject)
    return Notice(severity="note", code=code, text=f"{subject}, using {note.taken}")


async def _environment(session: Session, question: Question) -> Environment:
    """The framework is in the project; the engines are asked only when something is to be solved."""
    if question.ignores_engines:
        return Environment(framework=question.framework)
    engines = await read_engines(session.settings.environment, session.settings.cache_dir / "engines")
    return Environment(framework=question.framework, bun=_version(engines.bun), node=_version(engines.node))


def _version(text: str) -> Version | None:
    try:
        return parse_version(text)
    except ProblemError:
        return None


def _request(session: Session, question: Question, environment: Environment) -> Request:
    rule = session.settings.cool_down
    has_rule = bool(rule.hours) and not question.ignores_cool_down
    return Request(
        wishes=question.wishes,
        locked=question.lockfile.versions,
        free=question.free,
        held=question.held,
        mode=question.mode,
        environment=environment,
        mature_before=session.clock() - timedelta(hours=rule.hours) if has_rule else None,
        is_cool_down_strict=rule.is_strict,
        cool_down_exempt=rule.exempt,
        cool_down_hours=rule.hours,
    )


def _resolve(
    session: Session, question: Question, environment: Environment, is_cancelled: threading.Event
) -> Resolved:
    universe = Universe(lambda name: document_of(session, question.lockfile, name))
    request = _request(session, question, environment)
    answer = solve(request, universe, keep_going=_budget(session, BUDGET_SECONDS, is_cancelled))
    match answer:
        case Resolved():
            wishes = () if question.is_pruning else _loose(question, answer)
            keep_going = _budget(session, BUDGET_SECONDS, is_cancelled)
            return _with_loose(request, universe, answer, wishes, keep_going=keep_going)
        case Unsolvable():
            conflict = explain(answer, keep_going=_budget(session, EXPLAIN_SECONDS, is_cancelled))
            keep_going = _budget(session, WAYS_OUT_SECONDS, is_cancelled)
            raise _refused(question, conflict, ways_out(request, universe, conflict, keep_going=keep_going))
        case GaveUp():
            raise _gave_up(answer)


def _loose(question: Question, answer: Resolved) -> tuple[Wish, ...]:
    """For what nobody asks for and nothing needs: it stays where it is, unless an update names it.

    Wished for only when all else is settled: what is left behind forbids nothing.
    """
    return tuple(
        Wish(name=name, range=parse_range("*" if name in question.updates else version), source="lockfile")
        for name, version in question.lockfile.versions.items()
        if name not in answer.pins
    )


def _with_loose(
    request: Request,
    universe: Universe,
    answer: Resolved,
    wishes: tuple[Wish, ...],
    *,
    keep_going: Callable[[], bool],
) -> Resolved:
    """The answer with all of `wishes`, or, where not all fit, with as many as do."""
    groups = (wishes, *((wish,) for wish in wishes)) if wishes else ()
    for group in groups:
        asked = structs.replace(request, wishes=(*request.wishes, *group))
        match solve(asked, universe, keep_going=keep_going):
            case Resolved() as more if group == wishes:
                return more
            case Resolved() as more:
                request, answer = asked, more
            case GaveUp() as gave_up:
                # What there was no time to look at must not go for that.
                raise _gave_up(gave_up)
            case Unsolvable():
                pass
    return answer


def _budget(session: Session, seconds: float, is_cancelled: threading.Event) -> Callable[[], bool]:
    end = session.ticks() + seconds
    return lambda: not is_cancelled.is_set() and session.ticks() < end


def _refused(question: Question, conflict: Conflict, ways: tuple[WayOut, ...]) -> ResolutionFailed:
    commands = tuple(_command(way, question) for way in ways)
    numbered = [f"{number}. {fact}" for number, fact in enumerate(conflict.facts, 1)]
    offers = [f"{command}   {way.text}" for command, way in zip(commands, ways, strict=True)]
    if offers:
        hint = "one of these works:\n" + "\n".join(offers)
    else:
        hint = f"donkeytui info {conflict.plugins[-1]} shows its releases" if conflict.plugins else ""
    return ResolutionFailed(
        conflict.title,
        detail="\n".join(numbered if len(numbered) > 1 else conflict.facts),
        hint=hint,
        extra=msgspec.to_builtins(Refusal(conflict=conflict, ways_out=ways, commands=commands)),
    )


def _command(way: WayOut, question: Question) -> str:
    """What was asked for, in the changed way that was solved."""
    again = _again(question, {})
    match way.kind:
        case "drop":
            # With what only it needs, which would otherwise stay, and stay in the way.
            return f"donkeytui uninstall {way.name} --prune{again and f' && {again}'}"
        case "unpin":
            return f"donkeytui unpin {way.name}{again and f' && {again}'}"
        case "younger":
            return f"{again or f'donkeytui install {way.name}'} --no-cool-down"
        case "framework":
            return f"{question.package_manager} add {shlex.quote(way.requirement)}{again and f' && {again}'}"
        case "other-range" | "prerelease" | "deprecated-exact":
            asked = (way.requirement, *way.also)
            return _again(question, {text.partition("@")[0]: text for text in asked})


def _again(question: Question, instead: Mapping[str, str]) -> str:
    """The command that asked, with other requirements for some plugins; empty when it named none."""
    asked = {text.partition("@")[0]: text for text in question.asked} | dict(instead)
    updates = [name for name in question.updates if name not in asked]
    if asked:
        return f"donkeytui install {shlex.join(asked.values())}"
    return f"donkeytui update {shlex.join(updates)}" if updates else ""


def _gave_up(answer: GaveUp) -> ResolutionFailed:
    tightest = ", ".join(f"`{wish.name} {wish.range.text}`" for wish in answer.tightest[:5])
    return ResolutionFailed(
        "no answer was found in the time there was",
        detail=f"given up after {answer.conflicts} conflicts; the tightest requests were {tightest}",
        hint="ask for narrower ranges of those",
    )
