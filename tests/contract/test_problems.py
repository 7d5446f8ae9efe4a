"""Every problem has one stable code, crosses the wire as itself, and says how a program ends."""

import re

import msgspec
import pytest

import donkeytui.problems as client_problems  # registers the client's own problems
from registry_server.contract.problems import (
    Finding,
    Problem,
    ProblemError,
    error_from_problem,
    problem_classes,
)

EVERY = problem_classes()
FINDING = Finding(severity="error", code="eval", text="`eval(...)` runs text as code", path="a.ts", line=3)


def subclasses(kind: type[ProblemError]) -> set[type[ProblemError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(subclasses(other) for other in direct))


def test_every_subclass_is_registered_once_under_its_own_code() -> None:
    product = {
        kind
        for kind in subclasses(ProblemError)
        if kind.__module__.startswith(("registry_server", "donkeytui"))
    }

    assert product == {kind for kind in EVERY if kind in product}
    assert len({kind.code for kind in EVERY}) == len(EVERY)
    assert client_problems.NotAProject in EVERY


def test_a_code_cannot_be_taken_twice() -> None:
    with pytest.raises(TypeError, match="share the code 'version-exists'"):
        type("Other", (ProblemError,), {"code": "version-exists"})


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
class TestEveryProblem:
    def test_its_code_is_its_name_in_words(self, kind: type[ProblemError]) -> None:
        assert kind.code == re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()

    def test_it_has_an_exit_status_of_the_table(self, kind: type[ProblemError]) -> None:
        assert kind.exit_status in (1, 3, 4)

    def test_it_has_an_http_status_of_a_failure(self, kind: type[ProblemError]) -> None:
        assert 400 <= kind.http_status < 600

    def test_it_survives_the_wire(self, kind: type[ProblemError]) -> None:
        error = kind("`auth` is gone", detail="since 1.2.0", hint="donkeytui sync", findings=(FINDING,))
        received = msgspec.json.decode(msgspec.json.encode(error.problem), type=Problem)
        again = error_from_problem(received)

        assert type(again) is kind
        assert again.problem == error.problem
        assert str(again) == "`auth` is gone"
        assert again.problem.type == f"urn:donkeylabs:problem:{kind.code}"


def test_an_unknown_code_gives_a_plain_problem_that_says_the_same() -> None:
    problem = Problem(code="from-the-future", title="it says no", status=499, hint="wait")
    error = error_from_problem(problem)

    assert type(error) is ProblemError
    assert error.problem == problem
    assert error.exit_status == 1


def test_empty_fields_stay_off_the_wire() -> None:
    sent = msgspec.json.decode(msgspec.json.encode(ProblemError("it says no").problem))

    assert sorted(sent) == ["code", "status", "title", "type"]
